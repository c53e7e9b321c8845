-- SPDX-License-Identifier: MIT
--
-- The state of one strategy on one symbol in live mode, and its transitions.  It is in four places: the signal, the
-- scheduled signal, the slots of its risk profiles, and its entry in the outbox.  What is in memory follows what is
-- durable, never the other way round: a transition that failed has not happened, and what is true is read again.
--
-- In one store, a transition is one transaction, or part of one that others share (together.lua): the run waits for it,
-- and meanwhile the entry in the outbox stays as it is.  In stores without them its writes come in an order from which
-- restore.lua can tell how far they came:
--
--   opening     risk slots, signal, scheduled signal, outbox    the signal decides: it opened once that is there
--   scheduling  scheduled signal, outbox                        the scheduled signal decides
--   closing     outbox, signal, trade, risk slots               the outbox decides: what is left of it is done
--   cancelling  outbox, scheduled signal, trade                 the outbox decides
--
-- The event of an end stays in the outbox until its trade is durable.  A store of trades that is down keeps nobody from
-- closing, nor from being told.

local adapters = require "holdfast.adapters"
local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local Delivery = require "holdfast.host.state.delivery"
local outbox = require "holdfast.host.state.outbox"
local pauses = require "holdfast.host.state.pauses"
local reminder = require "holdfast.host.scheduler.reminder"
local requests = require "holdfast.host.state.requests"
local risk = require "holdfast.host.state.risk"
local signal = require "holdfast.host.state.signal"
local together = require "holdfast.host.state.together"
local trades = require "holdfast.host.state.trades"

local HOUR = 3600000

local signals, schedules = adapters.PersistSignalAdapter, adapters.PersistScheduleAdapter

---@class holdfast.host.Position
---@field run holdfast.host.Run
---@field row? table      of the open signal
---@field waiting? table  of the scheduled one
---@field entry holdfast.host.Entry
---@field stale boolean   what is in memory may not be true: restore first
---@field pending boolean  a transition is on its way: what is in memory is what was before it
---@field slotsStale boolean  so may the slots of the risk profiles be: restore them first
---@field tradesStale boolean  so may the trades be: restore them
---@field delivery holdfast.host.Delivery
---@field scopes string[]  of the pauses that concern it
---@field reminder holdfast.host.Reminder  of `blocked`
---@field blocked? string why nothing may be done: there is state that is not ours
local Position = {}
Position.__index = Position

---@param run holdfast.host.Run
---@return holdfast.host.Position
function Position.new(run)
  local self = setmetatable({
    run = run, symbol = run.symbol, name = run.strategy.strategyName, exchangeName = run.exchange.exchangeName,
    stale = true, pending = false, slotsStale = false, tradesStale = false, reminder = reminder.new(HOUR),
  }, Position)
  self.scopes, self.delivery = pauses.scopes(self.name, self.symbol), Delivery.new(self)
  return self
end

-- ------------------------------------------------------------------- steps

function Position:signalStep(row)
  return { adapter = "PersistSignalAdapter", run = function() signals.writeSignalData(row, self.name, self.symbol) end }
end

function Position:scheduleStep(row)
  return {
    adapter = "PersistScheduleAdapter",
    run = function() schedules.writeScheduleData(row, self.name, self.symbol) end,
  }
end

function Position:outboxStep(entry)
  return {
    adapter = "PersistPartialAdapter", shared = self.symbol,
    run = function() outbox.write(self.symbol, { entry }) end,
  }
end

-- Steps that make the slots of all risk profiles agree with `row`, or with nothing being open.
function Position:settleSteps(row)
  local steps = {}
  for _, name in ipairs(self.run.strategy.risks) do
    steps[#steps + 1] = {
      adapter = "PersistRiskAdapter", shared = name,
      run = function() risk.settle(risk.adapter, name, self.name, self.symbol, row) end,
    }
  end
  return steps
end

-- Steps that write the trades of ends.
---@param list table[]  their events
function Position:tradeSteps(list)
  local steps = {}
  for i, event in ipairs(list) do steps[i] = trades.step(trades.of(event, self.run.strategy.risks)) end
  return steps
end

-- Whether it was a step that raised it to refuse: nothing has happened then.
local function isRefusal(raised, steps)
  for _, step in ipairs(steps) do
    if step.refusal ~= nil and step.refusal == raised then return true end
  end
  return requests.isGone(raised)
end

-- What is done in place of steps that have raised something, in the same commit.
---@class holdfast.host.Instead
---@field isFor fun(raised: any): boolean   whether it is done where that was raised
---@field steps fun(): holdfast.host.Step[]
---@field apply fun()  makes what is in memory true, as soon as they are durable

-- Does the steps; when that fails, nobody knows what is true.  Whatever was waited for before, the lock must be ours
-- still.
---@param steps holdfast.host.Step[]  a step that refuses says so in its field `refusal`: what it raises
---@param apply? fun()  makes what is in memory true, as soon as they are durable
---@param instead? holdfast.host.Instead
---@raise what has kept them from being done, also where something else was done in their place
function Position:commit(steps, apply, instead)
  self.pending = true
  together.run {
    steps = steps,
    check = function() self.run:checkLock() end,
    instead = instead and function(raised) return instead.isFor(raised) and instead.steps() or nil end,
    ended = function(outcome, raised)
      if outcome == "done" then
        if apply then apply() end
      elseif outcome == "instead" then
        instead.apply()
      elseif outcome == "failed" and not isRefusal(raised, steps) then
        self.stale = true
      end
      self.pending = false
      self.delivery:resume()
    end,
  }
end

-- Does the steps of an end.  Its trade is written after `step`, one of them, where one transaction covers both;
-- otherwise tryTrades() does it.  Where it is the trade that fails, which has undone that transaction, the rest is done
-- without it.
function Position:commitEnd(steps, step, entry, apply)
  local list, failure, isUntraded, all = {}, nil, false, {}
  if not self.tradesStale and commits.isSurelyTogether(step.adapter, "PersistTradeAdapter") then
    list = self:untraded(entry)
  end
  for _, each in ipairs(steps) do
    all[#all + 1] = each
    for _, trade in ipairs(each == step and self:tradeSteps(list) or {}) do
      all[#all + 1] = { adapter = trade.adapter, run = function()
        local ok, raised = pcall(trade.run)
        if ok then return end
        failure = raised
        error(raised, 0)
      end }
    end
  end
  local ok, raised = pcall(self.commit, self, all, function()
    apply()
    self.delivery:noteTrades(list)
  end, {
    -- A store that has no room says so at the end of the transaction; without the trade it may have.
    isFor = function(raised)
      return failure ~= nil and raised == failure or list[1] ~= nil and core.isError(raised, "full")
    end,
    steps = function() return steps end,
    apply = function()
      apply()
      isUntraded = true
    end,
  })
  if ok then return end
  if not isUntraded then error(raised, 0) end
  self.tradesStale = true
  self.run:report(raised, "PersistTradeAdapter")
end

-- The events of ends without their trades.  What is none of ours, though it is in the outbox, has no trade: that is
-- told, and must not keep anything from ending.
function Position:untraded(entry)
  local list = {}
  for _, event in ipairs(self.delivery:untraded(entry)) do
    local problem = trades.problemOf(event)
    if problem then
      self.delivery:noteTrades { event }
      self.run:report(core.error("corrupt", ("no trade is kept of the event %s in the outbox: %s"):format(event.id,
        problem), { entityName = "partial", entityId = self.symbol }), "PersistTradeAdapter")
    else
      list[#list + 1] = event
    end
  end
  return list
end

--- Writes the trades of the ends in the outbox that are not known to have theirs.
---@raise io, unavailable, ...
function Position:writeTrades()
  local list = self:untraded(self.entry)
  commits.run(self:tradeSteps(list))
  self.delivery:noteTrades(list)
end

-- The same; where it fails, or has, it has ended all the same, and they are written when that can be.
function Position:tryTrades()
  if self.tradesStale then return end
  local ok, raised = pcall(self.writeTrades, self)
  if ok then return end
  self.tradesStale = true
  self.run:report(raised, "PersistTradeAdapter")
end

-- The first entry of a signal, in place of an entry whose events may not be acknowledged yet.
function Position:entryOf(before, row, stage, at, event)
  local entry = outbox.new(self.name, self.exchangeName, self.symbol)
  entry.events = before and before.events or entry.events
  return outbox.withEvent(entry, event, { id = row.id, stage = stage, at = at, askedAt = row.scheduledAt })
end

-- Raises where the id of a new signal is that of another one: before anything is stored under it.
function Position:checkId(row)
  if row.id == self.entry.id then
    error(core.error("invalid_value", ("getSignal: the id %s is that of the last signal: each needs a new one"):format(
      row.id)), 0)
  end
  outbox.checkId(self.symbol, row.id, self.name)
end

-- ------------------------------------------------------------- transitions

-- Refuses in a step.
local function refuse(step, ...)
  step.refusal = core.error("conflict", string.format(...), { retryable = false })
  error(step.refusal, 0)
end

-- The first step of whatever opens something, or is to: it refuses where a pause holds.
function Position:pauseStep(when)
  local step = { adapter = "PersistHostAdapter" }
  function step.run()
    if pauses.read(self.scopes, when) then refuse(step, "it is paused") end
  end
  return step
end

-- What is done where a risk profile refuses what getSignal gave: that is remembered.  Asked again for the same minute,
-- it might not refuse it, since others give slots back.
---@param isFor fun(raised: any): boolean
---@return holdfast.host.Instead
function Position:noting(when, isFor)
  local entry
  return {
    isFor = isFor,
    steps = function()
      entry = outbox.with(self.entry, { askedAt = when, at = when })
      return { self:outboxStep(entry) }
    end,
    apply = function() self.entry = entry end,
  }
end

-- A step that writes trades where it can, and nothing where it cannot.  What it gives says whether it has.
function Position:tryingTrades(list)
  local isDone = false
  local function writeAll()
    for _, step in ipairs(self:tradeSteps(list)) do step.run() end
  end
  return { adapter = "PersistTradeAdapter", run = function() isDone = pcall(core.transaction, writeAll) end },
    function() return isDone end
end

-- What is done where a risk profile refuses what waits: it is cancelled.  Its trade goes along where that can fail
-- alone; otherwise tryTrades() writes it.
---@param isFor fun(raised: any): boolean
---@return holdfast.host.Instead
function Position:cancelling(price, when, isFor)
  local entry, event, isTraded
  local function steps()
    event = self.run:cancelledEvent(self.waiting, "risk", price, when)
    local step = self:scheduleStep(nil)
    local trade, isWritten = self:tryingTrades { event }
    local new, all = self:ending(event, "cancelled", when, nil, step)
    if not self.tradesStale and commits.canSurelyNest { step, trade } then all[#all + 1] = trade end
    entry, isTraded = new, isWritten
    return all
  end
  return {
    isFor = isFor, steps = steps,
    apply = function()
      self.waiting, self.entry = nil, entry
      if isTraded() then self.delivery:noteTrades { event } end
    end,
  }
end

-- What is done where one of the risk profiles refuses what is to open.
---@param takes holdfast.host.Step[]  that ask them
---@return holdfast.host.Instead
function Position:insteadOfOpening(row, price, takes)
  local function isRefused(raised) return isRefusal(raised, takes) end
  local instead = self.waiting and self:cancelling(price, row.pendingAt, isRefused)
    or self:noting(row.pendingAt, isRefused)
  if takes[2] and not commits.hasTransactions "PersistRiskAdapter" then
    local steps = instead.steps
    function instead.steps()
      local all = self:settleSteps(nil) -- gives back those that were taken before it
      for _, step in ipairs(steps()) do all[#all + 1] = step end
      return all
    end
  end
  return instead
end

--- A signal begins to wait for its price.
---@param row table
---@param price number
---@return boolean scheduled  false: a risk profile would not let it open now, which is remembered; or
---@return boolean isPaused   a pause holds, and nothing has happened
function Position:schedule(row, price)
  local entry = self:entryOf(self.entry, row, "scheduled", row.scheduledAt, self.run:scheduledEvent(row))
  local decided = {}
  local pause, checks = self:pauseStep(row.scheduledAt),
    self:riskSteps(risk.check, row, price, row.scheduledAt, decided)
  local steps = { pause, unpack(checks) }
  steps[#steps + 1] = self:scheduleStep(row)
  steps[#steps + 1] = self:outboxStep(entry)
  local function isRefused(raised) return isRefusal(raised, checks) end
  local ok, raised = pcall(self.commit, self, steps, function() self.waiting, self.entry = row, entry end,
    self:noting(row.scheduledAt, isRefused))
  if not ok and raised == pause.refusal then return false, true end
  if not ok and not isRefused(raised) then error(raised, 0) end
  if not ok then
    for name, each in pairs(decided) do
      if each.reason then self.run:tellRisk(name, each) end
    end
    return false, false
  end
  self.delivery:deliver()
  return true, false
end

-- Steps that ask each of the risk profiles, by risk.take or risk.check.  What they decide is in `decided`, by name.
function Position:riskSteps(ask, row, price, when, decided)
  local steps = {}
  for _, name in ipairs(self.run.strategy.risks) do
    local payload = self.run:riskPayload(name, row, price, when)
    local step = { adapter = "PersistRiskAdapter", shared = name }
    function step.run()
      if step == steps[1] then -- it may have been tried before
        for each in pairs(decided) do decided[each] = nil end
      end
      local reason, fault, open, count = self.run:within(ask, risk.adapter, name, name, row, payload)
      -- It read what another process was writing: no answer, but one to ask for again.
      if core.isError(fault, "conflict") and fault.retryable then error(fault, 0) end
      decided[name] = { payload = payload, reason = reason, fault = fault, slots = open, count = count }
      if reason then refuse(step, "risk profile '%s': %s", name, reason) end
    end
    steps[#steps + 1] = step
  end
  return steps
end

--- A signal opens; `row` has its pendingAt.  All its risk profiles must agree, and no pause may hold.
---@param row table
---@param price number
---@return boolean opened    false: a profile has refused, which is remembered, and what waited is cancelled; or
---@return boolean isPaused  a pause holds, and nothing has happened
function Position:open(row, price)
  local wasWaiting = self.waiting ~= nil
  local event = self.run:openedEvent(row)
  local entry = self.waiting and outbox.withEvent(self.entry, event, { stage = "opened", at = row.pendingAt })
    or self:entryOf(self.entry, row, "opened", row.pendingAt, event)
  local decided = {}
  local takes, steps = self:riskSteps(risk.take, row, price, row.pendingAt, decided), {}
  local pause = self:pauseStep(row.pendingAt)
  steps[1] = pause
  for _, step in ipairs(takes) do steps[#steps + 1] = step end
  steps[#steps + 1] = self:signalStep(row)
  if self.waiting then steps[#steps + 1] = self:scheduleStep(nil) end
  steps[#steps + 1] = self:outboxStep(entry)
  local ok, raised = pcall(self.commit, self, steps,
    function() self.row, self.waiting, self.entry = row, nil, entry end, self:insteadOfOpening(row, price, takes))
  if not ok and raised == pause.refusal then return false, true end
  if not ok and not isRefusal(raised, takes) then error(raised, 0) end
  if ok and self.run.strategy.callbacks.onWrite then
    self.run:callback("onWrite", self.symbol, signal.copy(row), row.priceOpen, row.pendingAt, false)
  end
  for name, each in pairs(decided) do self.run:tellRisk(name, each) end
  if wasWaiting and not ok then self:tryTrades() end -- it was cancelled
  self.delivery:deliver()
  return ok, false
end

--- Its price has reached levels.
---@param list table[]  events
function Position:reach(list, profitLevels, lossLevels, when)
  local all = { unpack(self.entry.events) }
  for _, event in ipairs(list) do all[#all + 1] = event end
  local entry = outbox.with(self.entry,
    { at = when, profitLevels = profitLevels, lossLevels = lossLevels, events = all })
  self:commit({ self:outboxStep(entry) }, function() self.entry = entry end)
  self.delivery:deliver()
end

-- The entry of a signal that ends, and the steps of that: with the answer, where somebody has asked for it.
function Position:ending(event, stage, when, request, step)
  local changes = { stage = stage, at = when }
  if not request then
    local entry = outbox.withEvent(self.entry, event, changes)
    return entry, { self:outboxStep(entry), step }
  end
  local answer = requests.answerTo(request, "done", when, ("%s at %s"):format(stage, event.currentPrice), event.id)
  changes.byRequest = { id = request.id, answer = answer }
  local entry = outbox.withEvent(self.entry, event, changes)
  return entry, requests.around(request, answer, { self:outboxStep(entry), step })
end

--- The open signal ends.
---@param reason string
---@param price number
---@param when number
---@param request? holdfast.host.Request  that asks for it
function Position:close(reason, price, when, request)
  local event = self.run:closedEvent(self.row, reason, price, when, request)
  local step = self:signalStep(nil)
  local entry, steps = self:ending(event, "closed", when, request, step)
  local slots = self:settleSteps(nil)
  if commits.isSurelyTogether("PersistSignalAdapter", "PersistRiskAdapter") then
    for _, each in ipairs(slots) do steps[#steps + 1] = each end
    slots = {}
  end
  self:commitEnd(steps, step, entry, function()
    self.row, self.entry = nil, entry
    if request then requests.forget() end -- it may have been read again since
  end)
  self:tryTrades()
  -- It has closed, also where the store of the slots is down: they are given back when it is up.
  local ok, raised = pcall(commits.run, slots)
  if not ok then
    self.slotsStale = true
    self.run:report(raised, "PersistRiskAdapter")
  end
  if self.waiting then self.stale = true end -- not ours, but there
  self.run:callback("onWrite", self.symbol, nil, price, when, false)
  self.delivery:deliver()
end

--- The scheduled signal ends without having opened.
---@param reason string
---@param price number
---@param when number
---@param request? holdfast.host.Request  that asks for it
function Position:cancel(reason, price, when, request)
  local event = self.run:cancelledEvent(self.waiting, reason, price, when, request)
  local step = self:scheduleStep(nil)
  local entry, steps = self:ending(event, "cancelled", when, request, step)
  self:commitEnd(steps, step, entry, function()
    self.waiting, self.entry = nil, entry
    if request then requests.forget() end
  end)
  self:tryTrades()
  self.delivery:deliver()
end

--- The last minute that was lived: nothing is done in one up to it.
---@return number
function Position:lived()
  local row, waiting = self.row, self.waiting
  return math.max(self.entry.at, row and row.pendingAt or 0, waiting and waiting.scheduledAt or 0)
end

-- A row whose times are not later than `when`.
local function notLater(row, when)
  local copy = signal.copy(row)
  copy.scheduledAt, copy.pendingAt = math.min(row.scheduledAt, when), math.min(row.pendingAt, when)
  return copy
end

--- Goes on from a minute before those that were lived, by a clock that was wrong: what began in them begins now, and
--- nothing else changes.  Where the writing ends before the outbox, it is done once more.
---@param when number
function Position:resume(when)
  local row, waiting = self.row and notLater(self.row, when), self.waiting and notLater(self.waiting, when)
  local entry, before = self.entry, when - 60000
  entry = outbox.with(entry, { at = math.min(entry.at, before), askedAt = math.min(entry.askedAt, before) })
  local steps = {}
  if row then steps[#steps + 1] = self:signalStep(row) end
  if waiting then steps[#steps + 1] = self:scheduleStep(waiting) end
  steps[#steps + 1] = self:outboxStep(entry)
  self:commit(steps, function() self.row, self.waiting, self.entry = row, waiting, entry end)
end

--- Remembers that getSignal was asked.  At first in memory only: asking again for the same minute does no harm.
function Position:asked(when, mustLast)
  self.entry = outbox.with(self.entry, { askedAt = when })
  if mustLast then self.delivery:flushSoon() end
end

return Position
