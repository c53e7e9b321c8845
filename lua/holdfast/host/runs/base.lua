-- SPDX-License-Identifier: MIT
--
-- What a live run and a backtest have in common: one strategy on one symbol, and its events for everybody.

local checks = require "holdfast.host.checks"
local contexts = require "holdfast.host.scheduler.context"
local core = require "holdfast.core"
local events = require "holdfast.host.events"
local hash = require "holdfast.util.hash"
local loop = require "holdfast.host.scheduler.loop"
local registry = require "holdfast.host.registry"
local reminder = require "holdfast.host.scheduler.reminder"
local risk = require "holdfast.host.state.risk"
local signal = require "holdfast.host.state.signal"

---@class holdfast.host.Run
---@field symbol string
---@field strategy table   of addStrategy
---@field exchange table   of addExchange
---@field frame? table     of addFrame; nil in live mode
---@field backtest boolean
---@field context holdfast.host.Context
---@field kind "signalLive"|"signalBacktest"  who receives its events
local Run = {}
Run.__index = Run

local FAULT_MS = 50000 -- less than a minute: ticks are not quite a minute apart
local faults = setmetatable({}, { __mode = "k" }) -- risk profile -> holdfast.host.Reminder

local FIELDS = { strategyName = true, exchangeName = true, frameName = true }

-- Fills in what every run has.
---@param self table
---@param what string       "Live.run", for errors
---@param symbol string
---@param given table       {strategyName=, exchangeName= [, frameName=]}
---@param backtest boolean
---@raise invalid_argument
function Run.init(self, what, symbol, given, backtest)
  if type(symbol) ~= "string" or symbol == "" then
    checks.refuse("%s: give a symbol such as \"BTCUSDT\", not %s", what, symbol == "" and "an empty string" or "a "
      .. type(symbol))
  end
  if checks.isReserved(symbol) then
    checks.refuse("%s: symbols that begin with backtest/ are those of backtests: choose another one", what)
  end
  if type(given) ~= "table" then
    checks.refuse("%s: give {strategyName=, exchangeName=%s} after the symbol, not a %s", what,
      backtest and ", frameName=" or "", type(given))
  end
  for field in pairs(given) do
    if not FIELDS[field] or field == "frameName" and not backtest then
      checks.refuse("%s: there is no option '%s': strategyName, exchangeName%s exist", what, tostring(field),
        backtest and ", frameName" or "")
    end
  end
  self.symbol, self.backtest, self.kind = symbol, backtest, backtest and "signalBacktest" or "signalLive"
  self.strategy = registry.find("strategy", given.strategyName, what)
  self.exchange = registry.find("exchange", given.exchangeName, what)
  if backtest then self.frame = registry.find("frame", given.frameName, what) end
  for _, name in ipairs(self.strategy.risks) do registry.find("risk", name, what) end
  self.context = self:identity { exchange = self.exchange }
end

-- A table with what tells this run from others, in all events and payloads.
---@param fields table  receives it
function Run:identity(fields)
  fields.symbol, fields.strategyName = self.symbol, self.strategy.strategyName
  fields.exchangeName, fields.frameName = self.exchange.exchangeName, self.frame and self.frame.frameName
  fields.backtest = self.backtest
  return fields
end

-- Tells of a failure of this run.
---@param raised any
---@param source string  what was being done
function Run:report(raised, source)
  events.report(raised, self:identity { when = self.context.when, source = source })
end

-- ------------------------------------------------------------------ events

-- An event about a signal.  The same transition makes the same event, whichever process makes it.
--
-- A live event's id ends in a hash of the rest of it.  A store that was restored from an older copy, or copied for a
-- second host, goes on from a signal whose end was delivered before, and ends it again, at another price.  No host can
-- know that of its store, so it is the content that must tell the two apart: equal ids are equal events, by
-- construction.
-- Events of backtests are delivered once, to whoever asked for them, and are spared it.
---@param action string
---@param row table      of the signal
---@param price number
---@param when number
---@param more? table
---@param what? string   in the id; the action if left out
function Run:event(action, row, price, when, more, what)
  local event = { -- as identity() has it, but with room for all that comes into it
    action = action, signal = signal.copy(row), currentPrice = price, timestamp = when, symbol = self.symbol,
    strategyName = self.strategy.strategyName, exchangeName = self.exchange.exchangeName, backtest = self.backtest,
    frameName = self.frame and self.frame.frameName, id = nil,
  }
  if more then
    for k, v in pairs(more) do event[k] = v end
  end
  local id = row.id .. ":" .. (what or action)
  event.id = self.backtest and id or id .. ":" .. hash.ofValue(event)
  return event
end

function Run:scheduledEvent(row)
  return self:event("scheduled", row, row.scheduledPrice or row.priceOpen, row.scheduledAt)
end

function Run:openedEvent(row) return self:event("opened", row, row.priceOpen, row.pendingAt) end

-- An end that somebody has asked for says which request it was, and what was noted with it.
local function withRequest(fields, request)
  if request then fields.requestId, fields.note = request.id, request.note end
  return fields
end

function Run:closedEvent(row, reason, price, when, request)
  return self:event("closed", row, price, when,
    withRequest({ closeReason = reason, closeTimestamp = when, pnl = signal.pnl(row, price) }, request))
end

function Run:cancelledEvent(row, reason, price, when, request)
  return self:event("cancelled", row, price, when, withRequest({ reason = reason, closeTimestamp = when }, request))
end

-- Events of the levels that a price has reached and that are not in `entry` yet; and the entry's new lists.
---@return table[]? events  nil: none
---@return integer[]? profitLevels
---@return integer[]? lossLevels
function Run:reached(row, entry, price, when)
  local way, percent = signal.progress(row, price)
  if percent < 10 then return end
  local field = way == "profit" and "profitLevels" or "lossLevels"
  local levels = { unpack(entry[field]) }
  local new = signal.newLevels(levels, percent)
  if not new[1] then return end
  local list = {}
  for i, level in ipairs(new) do
    list[i] = self:event("partial", row, price, when,
      { way = way, level = level, revenuePercent = percent }, ("%s:%d"):format(way, level))
  end
  return list, way == "profit" and levels or entry.profitLevels, way == "loss" and levels or entry.lossLevels
end

-- --------------------------------------------------------------- delivering

-- Calls a function of the user for what it does, and reports what it raises.  Live runs have one that can wait.
---@param what string
---@param fn function
function Run:call(what, fn, ...)
  local ok, raised = xpcall(fn, core.traceback, ...)
  if not ok then self:report(raised, what) end
end

-- A callback of the strategy, if it has it.
function Run:callback(name, ...)
  local fn = self.strategy.callbacks[name]
  if fn then self:call("callbacks." .. name, fn, ...) end
end

local deliverers = {}

-- The callbacks that tell of one signal: (symbol, row, price, when, backtest).
for action, name in pairs { scheduled = "onSchedule", opened = "onOpen", closed = "onClose", cancelled = "onCancel" } do
  deliverers[action] = function(self, e)
    self:callback(name, self.symbol, e.signal, e.currentPrice, e.timestamp, self.backtest)
  end
end

function deliverers.partial(self, e)
  self:callback(e.way == "profit" and "onPartialProfit" or "onPartialLoss", self.symbol, e.signal, e.level,
    e.currentPrice, e.timestamp, self.backtest)
end

-- Hands an event to the strategy and all listeners.  Each gets one of its own.
function Run:deliver(event)
  if next(self.strategy.callbacks) then
    local own = events.copy(event)
    deliverers[event.action](self, own)
    if event.action ~= "partial" then
      self:callback("onTick", self.symbol, own, event.currentPrice, event.timestamp, self.backtest)
    end
  end
  self:emit(event.action == "partial" and "partial" or self.kind, event)
end

-- Has the listeners of a kind called.
function Run:emit(kind, event)
  if events.has(kind) then events.emit(kind, event, function(what, fn, each) self:call(what, fn, each) end) end
end

-- Tells that it has ended.
function Run:tellDone() self:emit("done", self:identity {}) end

-- Tells of a minute in which nothing changed.
---@param action "idle"|"waiting"|"active"
function Run:tellTick(action, row, price, when)
  if not row then self:callback("onIdle", self.symbol, price, when, self.backtest) end
  local onTick, listens = self.strategy.callbacks.onTick, not self.backtest and events.has(self.kind)
  if not onTick and not listens then return end
  local event = self:identity {
    action = action, signal = row and signal.copy(row), currentPrice = price, timestamp = when,
    paused = self.hands and self.hands.pause ~= nil or nil,
  }
  if onTick then self:call("callbacks.onTick", onTick, self.symbol, events.copy(event), price, when, self.backtest) end
  if listens then self:emit(self.kind, event) end
end

-- Has getSignal asked and makes a row of what it gives.  What is wrong with it is reported: then there is none.
---@param price number
---@param when number
---@param last? string  the id of the signal before it
---@param ok boolean    what calling it came to
---@param given any
---@return table? row
function Run:signalOf(price, when, last, ok, given)
  if not ok then
    self:report(given, "getSignal")
    return
  end
  if given == nil then return end
  local valid, row = pcall(signal.new, given, self.context, price, when, last)
  if valid then return row end
  self:report(row, "getSignal")
end

-- What validations of a risk profile are given.
function Run:riskPayload(name, row, price, when)
  return self:identity {
    riskName = name, currentPrice = price, timestamp = when, currentSignal = signal.copy(row),
  }
end

-- Whether the risk profiles would let a signal open, which does not take their slots.
---@param book holdfast.host.Book
---@param keyOf fun(name: string): string  under which the slots of a profile are stored
---@return boolean
function Run:mayOpen(book, keyOf, row, price)
  for _, name in ipairs(self.strategy.risks) do
    local payload = self:riskPayload(name, row, price, row.scheduledAt)
    local reason, fault, slots, count = self:within(risk.check, book, name, keyOf(name), row, payload)
    if reason then
      self:tellRisk(name, { payload = payload, reason = reason, fault = fault, slots = slots, count = count })
      return false
    end
  end
  return true
end

-- Tells that a validation has failed: for each profile once in a minute, however many are refused.  The minute is one
-- of the clock by which the host lives, and for a backtest, whose minutes are short, of real time.
function Run:reportFault(name, fault)
  local profile = registry.find("risk", name, "risk")
  local due = faults[profile] or reminder.new(FAULT_MS)
  faults[profile] = due
  local isDue, skipped = due:isDue(self.backtest and os.time() * 1000 or loop.elapsed())
  if not isDue then return end
  if skipped > 0 then
    local message = ("%s (and so were %d more since the last such error)"):format(fault.message, skipped)
    fault = core.error(fault.code, message, { cause = fault.cause, retryable = fault.retryable })
  end
  self:report(fault, "risk '" .. name .. "'")
end

---@class holdfast.host.Decision
---@field payload table    what validations got
---@field reason? string   why it was refused
---@field fault? holdfast.Error  a validation has failed
---@field slots holdfast.host.Slot[]  of what was open, the first `count` of them
---@field count integer

-- Tells a profile's listeners and callbacks how it decided; or that a validation has failed, which is not a decision.
---@param name string
---@param decision holdfast.host.Decision
function Run:tellRisk(name, decision)
  local payload, reason = decision.payload, decision.reason
  if decision.fault then return self:reportFault(name, decision.fault) end
  if reason and events.has("risk") then
    risk.complete(payload, decision.slots, decision.count)
    local event = events.copy(payload)
    event.reason = reason
    self:emit("risk", event)
  end
  local callbacks = registry.find("risk", name, "risk").callbacks
  local fn = reason and callbacks.onRejected or not reason and callbacks.onAllowed
  if not fn then return end
  risk.complete(payload, decision.slots, decision.count)
  self:call("risk '" .. name .. "'", fn, self.symbol, payload, reason)
end

-- Runs a function with this run's context in this coroutine.
function Run:within(fn, ...)
  local before = contexts.set(self.context)
  local function finish(ok, ...)
    contexts.set(before)
    if not ok then error((...), 0) end
    return ...
  end
  return finish(pcall(fn, ...))
end

return Run
