-- SPDX-License-Identifier: MIT
--
-- Brings a position in memory to what is durable: at the start of a run, and after a write that failed.  What a process
-- that was killed had begun is finished, by the rules at the head of position.lua.

local adapters = require "holdfast.adapters"
local commits = require "holdfast.host.state.commit"
local core = require "holdfast.core"
local loop = require "holdfast.host.scheduler.loop"
local outbox = require "holdfast.host.state.outbox"
local risk = require "holdfast.host.state.risk"
local signal = require "holdfast.host.state.signal"
local trades = require "holdfast.host.state.trades"

local signals, schedules = adapters.PersistSignalAdapter, adapters.PersistScheduleAdapter

local M = {}

-- Reads one of the rows.  What is not ours, or cannot be read, is left as it is.
---@return table? row
---@return string? problem
---@return string? kind  of problem: it is reported once, though its words may change
local function readRow(position, read, what)
  local ok, row = pcall(read, position.name, position.symbol)
  if not ok then
    if not commits.isUnreadable(row) then error(row, 0) end
    return nil, ("%s of '%s' on %s cannot be read: %s"):format(what, position.name, position.symbol, row.message), what
  end
  if row == nil then return end
  local wrong = signal.wrongRow(row)
  if not wrong and row.strategyName ~= position.name then wrong = "its strategy is '" .. row.strategyName .. "'" end
  if not wrong and row.symbol ~= position.symbol then wrong = "its symbol is " .. row.symbol end
  if not wrong and row.exchangeName ~= position.exchangeName then
    wrong = ("its exchange is '%s', and this run's is '%s'"):format(row.exchangeName, position.exchangeName)
  end
  if not wrong then return row end
  local problem = ("%s of '%s' on %s is not this run's: %s"):format(what, position.name, position.symbol, wrong)
  return nil, problem, problem
end

-- Which expired slots of others are of positions that are not open any more.
local function goneElsewhere(name, when)
  local gone = {}
  for _, slot in ipairs(risk.expired(risk.adapter, name, when)) do
    local ok, row = pcall(signals.readSignalData, slot.strategyName, slot.symbol)
    gone[slot.signalId] = ok and not (type(row) == "table" and row.id == slot.signalId)
  end
  return gone
end

-- Makes the slots of the risk profiles true: own ones as the open signal says, expired ones of others gone.
local function makeSlotsTrue(position, when)
  local row = position.row
  for _, name in ipairs(position.run.strategy.risks) do
    local ok, raised = pcall(risk.adapter.read, name)
    if not ok and not commits.isUnreadable(raised) then error(raised, 0) end
    if not ok then position.run:report(raised, "restore") end
  end
  local steps = position:settleSteps(row)
  for _, name in ipairs(position.run.strategy.risks) do
    local gone = goneElsewhere(name, when)
    steps[#steps + 1] = {
      adapter = "PersistRiskAdapter", shared = name,
      run = function()
        risk.prune(risk.adapter, name, when, function(slot)
          return not gone[slot.signalId] or slot.strategyName == position.name and slot.symbol == position.symbol
        end)
      end,
    }
  end
  commits.run(steps)
end

--- Makes the slots of the risk profiles true.  Where that fails it keeps signals from opening, not from being watched
--- and closed.
---@param position holdfast.host.Position
---@param when number
function M.slots(position, when)
  local ok, raised = pcall(makeSlotsTrue, position, when)
  position.slotsStale = not ok
  if not ok then position.run:report(raised, "PersistRiskAdapter") end
end

-- Removes the trade of a signal that has not ended: its end was of a copy of the store that is not there any more.
local function withdrawTrade(row)
  if row and trades.isThere(row) then commits.run { trades.removal(row) } end
end

local silentIn -- the minute in which the store of trades was out of reach: one run waits for it, and not each

--- Forgets that the store of trades was out of reach: it may be another one.
function M.forget() silentIn = nil end

--- Makes the trades true: written of what is over, none of what is not.  Where that fails it keeps nothing from being
--- watched and closed, nor, where the store is out of reach, the other runs waiting.
---@param position holdfast.host.Position
---@param when number
function M.trades(position, when)
  if silentIn == when then
    position.tradesStale = true
    return
  end
  local ok, raised = pcall(function()
    position:writeTrades()
    withdrawTrade(position.row)
    withdrawTrade(position.waiting)
  end)
  position.tradesStale = not ok
  if ok then return end
  if commits.isSilent(raised) then silentIn = when end
  position.run:report(raised, "PersistTradeAdapter")
end

-- What the outbox does not know yet of the rows, since the writing ended before it; and what is left of a closing or
-- cancelling.
---@return table? row
---@return table? waiting
---@return holdfast.host.Entry entry
---@return holdfast.host.Step[] steps
local function reconcile(position, row, waiting, entry, when)
  local steps = {}
  local function isOver(r) return r and entry.id == r.id and (entry.stage == "closed" or entry.stage == "cancelled") end
  if isOver(row) then
    steps[#steps + 1] = position:signalStep(nil)
    row = nil
  end
  if isOver(waiting) or waiting and row and waiting.id == row.id then
    steps[#steps + 1] = position:scheduleStep(nil)
    waiting = nil
  end
  if row and (entry.id ~= row.id or entry.stage ~= "opened") then
    local event = position.run:openedEvent(row)
    entry = entry.id == row.id and outbox.withEvent(entry, event, { stage = "opened", at = row.pendingAt })
      or position:entryOf(entry, row, "opened", row.pendingAt, event)
    steps[#steps + 1] = position:outboxStep(entry)
  elseif waiting and not row and entry.id ~= waiting.id then
    entry = position:entryOf(entry, waiting, "scheduled", waiting.scheduledAt, position.run:scheduledEvent(waiting))
    steps[#steps + 1] = position:outboxStep(entry)
  elseif not row and (entry.stage == "opened" or entry.stage == "scheduled" and not waiting) then
    position.run:report(core.error("not_found", ("the signal %s was %s and its row is gone: somebody has cleared it, "
      .. "and it is taken as ended"):format(entry.id, entry.stage), { entityName = "signal" }), "restore")
    entry = outbox.with(entry, { stage = "closed", at = math.max(entry.at, when - 60000) })
    steps[#steps + 1] = position:outboxStep(entry)
  end
  return row, waiting, entry, steps
end

-- What the position is read of.
local function catchUp(position)
  local name, symbol = position.name, position.symbol
  commits.catchUp {
    { adapter = "PersistSignalAdapter", run = function() signals.readSignalData(name, symbol) end },
    { adapter = "PersistScheduleAdapter", run = function() schedules.readScheduleData(name, symbol) end },
    { adapter = "PersistPartialAdapter", run = function() outbox.read(symbol, name) end },
  }
end

--- Reads what is durable, finishes what was begun, and delivers what was not.  Sets `blocked` where there is state
--- that is not ours.
---@param position holdfast.host.Position
---@param when number
---@raise io, unavailable, ...  try again
function M.position(position, when)
  catchUp(position)
  local row, problem, kind = readRow(position, signals.readSignalData, "the signal")
  local waiting, second, secondKind = readRow(position, schedules.readScheduleData, "the scheduled signal")
  if not problem then problem, kind = second, secondKind end
  local ok, entry = pcall(outbox.read, position.symbol, position.name)
  if not ok then
    if not commits.isUnreadable(entry) then error(entry, 0) end
    if not problem then problem, kind = "the outbox of its signals cannot be read: " .. entry.message, "outbox" end
  end
  if problem then
    if position.reminder:isDue(loop.elapsed(), kind) then
      position.run:report(core.error("conflict", problem .. "; it is left alone, and nothing is done on this symbol "
        .. "until it is removed", { retryable = false }), "restore")
    end
    position.blocked = kind
    return
  end
  position.blocked = nil
  position.reminder:forget()
  entry = entry or outbox.new(position.name, position.exchangeName, position.symbol)
  local steps
  row, waiting, entry, steps = reconcile(position, row, waiting, entry, when)
  local function apply()
    position.row, position.waiting, position.entry, position.stale = row, waiting, entry, false
  end
  if steps[1] then position:commit(steps, apply) else apply() end
  M.trades(position, when)
  M.slots(position, when)
  position.delivery:deliver(true)
end

return M
