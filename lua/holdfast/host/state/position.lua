-- SPDX-License-Identifier: MIT
--
-- The state of one strategy on one symbol in live mode, and its transitions.  It is in four places: the signal, the
-- scheduled signal, the slots of its risk profiles, and its entry in the outbox.  What is in memory follows what is
-- durable, never the other way round: a transition that failed has not happened, and what is true is read again.
--
-- In one store, a transition is one transaction.  In stores without them its writes come in an order from which
-- restore() can tell how far they came:
--
--   opening     risk slots, signal, scheduled signal, outbox    the signal decides: it opened once that is there
--   scheduling  scheduled signal, outbox                        the scheduled signal decides
--   closing     outbox, signal, risk slots                      the outbox decides: what is left of it is cleared
--   cancelling  outbox, scheduled signal                        the outbox decides

local adapters = require "holdfast.adapters"
local core = require "holdfast.core"
local events = require "holdfast.host.events"
local outbox = require "holdfast.host.state.outbox"
local loop = require "holdfast.host.scheduler.loop"
local reminder = require "holdfast.host.scheduler.reminder"
local risk = require "holdfast.host.state.risk"
local signal = require "holdfast.host.state.signal"
local commits = require "holdfast.host.state.commit"

local HOUR = 3600000

local signals, schedules = adapters.PersistSignalAdapter, adapters.PersistScheduleAdapter

---@class holdfast.host.Position
---@field run holdfast.host.Run
---@field row? table      of the open signal
---@field waiting? table  of the scheduled one
---@field entry holdfast.host.Entry
---@field stale boolean   what is in memory may not be true: restore() first
---@field slotsStale boolean  so may the slots of the risk profiles be: restoreSlots() first
---@field delivered table<string, "some"|"all">  to whom, by id, what the outbox still has was delivered here
---@field over? boolean    the run has ended: others write the outbox now
---@field keeps? table<string, true>  actions whose events are acknowledged by acknowledge() alone
---@field reminder holdfast.host.Reminder  of `blocked`
---@field blocked? string why nothing may be done: there is state that is not ours
local Position = {}
Position.__index = Position

---@param run holdfast.host.Run
---@return holdfast.host.Position
function Position.new(run)
  return setmetatable({
    run = run, symbol = run.symbol, name = run.strategy.strategyName, exchangeName = run.exchange.exchangeName,
    stale = true, slotsStale = false, delivered = {}, reminder = reminder.new(HOUR),
  }, Position)
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

-- Does the steps; when that fails, nobody knows what is true.  Whatever was waited for before, the lock must be ours
-- still.
function Position:commit(steps)
  self.run:checkLock()
  local ok, raised = pcall(commits.run, steps)
  if ok then return end
  self.stale = true
  error(raised, 0)
end

-- An entry with one more event that is to be delivered.
local function entryWith(entry, event, changes)
  local list = { unpack(entry.events) }
  list[#list + 1] = event
  changes.events = list
  return outbox.with(entry, changes)
end

-- The first entry of a signal, in place of an entry whose events may not be acknowledged yet.
function Position:entryOf(before, row, stage, at, event)
  local entry = outbox.new(self.name, self.exchangeName, self.symbol)
  entry.events = before and before.events or entry.events
  return entryWith(entry, event, { id = row.id, stage = stage, at = at, askedAt = row.scheduledAt })
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

--- A signal begins to wait for its price.
function Position:schedule(row)
  local entry = self:entryOf(self.entry, row, "scheduled", row.scheduledAt, self.run:scheduledEvent(row))
  self:commit { self:scheduleStep(row), self:outboxStep(entry) }
  self.waiting, self.entry = row, entry
  self:deliver()
end

--- A signal opens; `row` has its pendingAt.  All its risk profiles must agree.
---@param row table
---@param price number
---@return boolean opened  false: a profile has refused, and nothing has happened
function Position:open(row, price)
  local event = self.run:openedEvent(row)
  local entry = self.waiting and entryWith(self.entry, event, { stage = "opened", at = row.pendingAt })
    or self:entryOf(self.entry, row, "opened", row.pendingAt, event)
  local steps, refused, decided = {}, false, {}
  for _, name in ipairs(self.run.strategy.risks) do
    local payload = self.run:riskPayload(name, row, price, row.pendingAt)
    steps[#steps + 1] = {
      adapter = "PersistRiskAdapter", shared = name,
      run = function()
        local reason, fault = self.run:within(risk.take, risk.adapter, name, name, row, payload)
        -- It read what another process was writing: no answer, but one to ask for again.
        if core.isError(fault, "conflict") and fault.retryable then error(fault, 0) end
        decided[name] = { payload = payload, reason = reason, fault = fault }
        if reason then
          refused = true
          error(core.error("conflict", ("risk profile '%s': %s"):format(name, reason), { retryable = false }), 0)
        end
      end,
    }
  end
  steps[#steps + 1] = self:signalStep(row)
  if self.waiting then steps[#steps + 1] = self:scheduleStep(nil) end
  steps[#steps + 1] = self:outboxStep(entry)
  local ok, raised = pcall(self.commit, self, steps)
  if not ok and not refused then error(raised, 0) end
  if refused then
    -- Gives back those that were taken before it, where no transaction has done so.
    self.stale = false
    if self.run.strategy.risks[2] then self:commit(self:settleSteps(nil)) end
  else
    self.row, self.waiting, self.entry = row, nil, entry
    self.run:callback("onWrite", self.symbol, signal.copy(row), row.priceOpen, row.pendingAt, false)
  end
  for name, each in pairs(decided) do self.run:tellRisk(name, each.payload, each.reason, each.fault) end
  if refused then return false end
  self:deliver()
  return true
end

--- Its price has reached levels.
---@param list table[]  events
function Position:reach(list, profitLevels, lossLevels, when)
  local all = { unpack(self.entry.events) }
  for _, event in ipairs(list) do all[#all + 1] = event end
  local entry = outbox.with(self.entry,
    { at = when, profitLevels = profitLevels, lossLevels = lossLevels, events = all })
  self:commit { self:outboxStep(entry) }
  self.entry = entry
  self:deliver()
end

--- The open signal ends.
function Position:close(reason, price, when)
  local event = self.run:closedEvent(self.row, reason, price, when)
  local entry = entryWith(self.entry, event, { stage = "closed", at = when })
  local steps = { self:outboxStep(entry), self:signalStep(nil) }
  local slots = self:settleSteps(nil)
  if commits.isTogether("PersistSignalAdapter", "PersistRiskAdapter") then
    for _, step in ipairs(slots) do steps[#steps + 1] = step end
    slots = {}
  end
  self:commit(steps)
  self.row, self.entry = nil, entry
  -- It has closed, also where the store of the slots is down: they are given back when it is up.
  local ok, raised = pcall(commits.run, slots)
  if not ok then
    self.slotsStale = true
    self.run:report(raised, "PersistRiskAdapter")
  end
  if self.waiting then self.stale = true end -- not ours, but there
  self.run:callback("onWrite", self.symbol, nil, price, when, false)
  self:deliver()
end

--- The scheduled signal ends without having opened.
function Position:cancel(reason, price, when)
  local event = self.run:cancelledEvent(self.waiting, reason, price, when)
  local entry = entryWith(self.entry, event, { stage = "cancelled", at = when })
  self:commit { self:outboxStep(entry), self:scheduleStep(nil) }
  self.waiting, self.entry = nil, entry
  self:deliver()
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
  self:commit(steps)
  self.row, self.waiting, self.entry = row, waiting, entry
end

--- Remembers that getSignal was asked.  At first in memory only: asking again for the same minute does no harm.
function Position:asked(when, mustLast)
  self.entry = outbox.with(self.entry, { askedAt = when })
  if mustLast then self:flushSoon() end
end

--- Remembers that a risk profile refused what getSignal gave: asked again for the same minute, it might not, since
--- others give slots back.
function Position:refused(when)
  local entry = outbox.with(self.entry, { askedAt = when, at = when })
  self:commit { self:outboxStep(entry) }
  self.entry = entry
end

-- --------------------------------------------------------------- delivering

--- Delivers what is durable and was not delivered yet.  A listener acknowledges by returning.
---@param again? boolean  a process that was killed may have delivered it
function Position:deliver(again)
  for _, event in ipairs(self.entry.events) do
    local before = self.delivered[event.id]
    if before ~= "all" then
      self.delivered[event.id] = "some"
      if again or before == "some" then
        event = events.copy(event)
        event.redelivered = true
      end
      self.run:deliver(event)
      self.delivered[event.id] = "all"
    end
  end
  self:removeAcknowledged(function(event) return not (self.keeps and self.keeps[event.action]) end)
end

--- What was delivered is acknowledged only now; see `keeps`.
---@param id string  of the event
function Position:acknowledge(id)
  if self.entry and not self.over then self:removeAcknowledged(function(event) return event.id == id end) end
end

-- Takes those out of the outbox that were delivered to all and are acknowledged.
function Position:removeAcknowledged(isAcknowledged)
  local rest = {}
  for _, event in ipairs(self.entry.events) do
    if self.delivered[event.id] == "all" and isAcknowledged(event) then
      self.delivered[event.id] = nil
    else
      rest[#rest + 1] = event
    end
  end
  if #rest == #self.entry.events then return end
  self.entry = outbox.with(self.entry, { events = rest })
  self:flushSoon()
end

local dirty, arranged = {}, false

local function flush()
  arranged = false
  local bySymbol, list, steps = {}, {}, {}
  for position in pairs(dirty) do
    if not position.stale then
      local entries = bySymbol[position.symbol]
      if not entries then
        entries = {}
        bySymbol[position.symbol] = entries
      end
      entries[#entries + 1] = position.entry
      list[#list + 1] = position
    end
  end
  for symbol, entries in pairs(bySymbol) do
    steps[#steps + 1] = {
      adapter = "PersistPartialAdapter", shared = symbol, run = function() outbox.write(symbol, entries) end,
    }
  end
  dirty = {}
  local ok, raised = pcall(commits.run, steps)
  if ok then return end
  for _, position in ipairs(list) do dirty[position] = true end -- with what comes next
  if list[1] then list[1].run:report(raised, "PersistPartialAdapter") end
end

--- Has the entry written when nothing else is to be done, together with those of others.
function Position:flushSoon()
  dirty[self] = true
  if arranged then return end
  arranged = true
  loop.whenIdle(flush)
end

--- Has it written now, if it has to be, for the last time.  What is not noted is delivered again: whoever has the
--- lock next may have written other things by the next flush.
---@param lost boolean  somebody else has the lock already: nothing is written any more
function Position:flush(lost)
  if dirty[self] and not lost then flush() end
  dirty[self] = nil
  self.over = true
end

-- --------------------------------------------------------------- restoring

-- Reads one of the rows.  What is not ours, or cannot be read, is left as it is.
---@return table? row
---@return string? problem
---@return string? kind  of problem: it is reported once, though its words may change
function Position:readRow(read, what)
  local ok, row = pcall(read, self.name, self.symbol)
  if not ok then
    if not commits.isUnreadable(row) then error(row, 0) end
    return nil, ("%s of '%s' on %s cannot be read: %s"):format(what, self.name, self.symbol, row.message), what
  end
  if row == nil then return end
  local wrong = signal.wrongRow(row)
  if not wrong and row.strategyName ~= self.name then wrong = "its strategy is '" .. row.strategyName .. "'" end
  if not wrong and row.symbol ~= self.symbol then wrong = "its symbol is " .. row.symbol end
  if not wrong and row.exchangeName ~= self.exchangeName then
    wrong = ("its exchange is '%s', and this run's is '%s'"):format(row.exchangeName, self.exchangeName)
  end
  if not wrong then return row end
  local problem = ("%s of '%s' on %s is not this run's: %s"):format(what, self.name, self.symbol, wrong)
  return nil, problem, problem
end

-- Which expired slots of others are of positions that are still open.
local function openElsewhere(name, when)
  local open = {}
  for _, slot in ipairs(risk.expired(risk.adapter, name, when)) do
    local ok, row = pcall(signals.readSignalData, slot.strategyName, slot.symbol)
    open[slot.signalId] = not ok or type(row) == "table" and row.id == slot.signalId
  end
  return open
end

-- Makes the slots of the risk profiles true: own ones as the open signal says, expired ones of others gone.
local function makeSlotsTrue(self, when)
  local row = self.row
  for _, name in ipairs(self.run.strategy.risks) do
    local ok, raised = pcall(risk.adapter.read, name)
    if not ok and not commits.isUnreadable(raised) then error(raised, 0) end
    if not ok then self.run:report(raised, "restore") end
  end
  local steps = self:settleSteps(row)
  for _, name in ipairs(self.run.strategy.risks) do
    local open = openElsewhere(name, when)
    steps[#steps + 1] = {
      adapter = "PersistRiskAdapter", shared = name,
      run = function()
        risk.prune(risk.adapter, name, when, function(slot)
          return open[slot.signalId] or slot.strategyName == self.name and slot.symbol == self.symbol
        end)
      end,
    }
  end
  commits.run(steps)
end

--- The same, for whoever goes on if it fails: it keeps signals from opening, not from being watched and closed.
---@param when number
function Position:restoreSlots(when)
  local ok, raised = pcall(makeSlotsTrue, self, when)
  self.slotsStale = not ok
  if not ok then self.run:report(raised, "PersistRiskAdapter") end
end

-- What the outbox does not know yet of the rows, since the writing ended before it; and what is left of a closing or
-- cancelling.
---@return table? row
---@return table? waiting
---@return holdfast.host.Entry entry
---@return holdfast.host.Step[] steps
function Position:reconcile(row, waiting, entry, when)
  local steps = {}
  local function isOver(r) return r and entry.id == r.id and (entry.stage == "closed" or entry.stage == "cancelled") end
  if isOver(row) then
    steps[#steps + 1] = self:signalStep(nil)
    row = nil
  end
  if isOver(waiting) or waiting and row and waiting.id == row.id then
    steps[#steps + 1] = self:scheduleStep(nil)
    waiting = nil
  end
  if row and (entry.id ~= row.id or entry.stage ~= "opened") then
    local event = self.run:openedEvent(row)
    entry = entry.id == row.id and entryWith(entry, event, { stage = "opened", at = row.pendingAt })
      or self:entryOf(entry, row, "opened", row.pendingAt, event)
    steps[#steps + 1] = self:outboxStep(entry)
  elseif waiting and not row and entry.id ~= waiting.id then
    entry = self:entryOf(entry, waiting, "scheduled", waiting.scheduledAt, self.run:scheduledEvent(waiting))
    steps[#steps + 1] = self:outboxStep(entry)
  elseif not row and (entry.stage == "opened" or entry.stage == "scheduled" and not waiting) then
    self.run:report(core.error("not_found", ("the signal %s was %s and its row is gone: somebody has cleared it, "
      .. "and it is taken as ended"):format(entry.id, entry.stage), { entityName = "signal" }), "restore")
    entry = outbox.with(entry, { stage = "closed", at = math.max(entry.at, when - 60000) })
    steps[#steps + 1] = self:outboxStep(entry)
  end
  return row, waiting, entry, steps
end

--- Reads what is durable, finishes what was begun, and delivers what was not.  Sets `blocked` where there is state
--- that is not ours.
---@param when number
---@raise io, unavailable, ...  try again
function Position:restore(when)
  local row, problem, kind = self:readRow(signals.readSignalData, "the signal")
  local waiting, second, secondKind = self:readRow(schedules.readScheduleData, "the scheduled signal")
  if not problem then problem, kind = second, secondKind end
  local ok, entry = pcall(outbox.read, self.symbol, self.name)
  if not ok then
    if not commits.isUnreadable(entry) then error(entry, 0) end
    if not problem then problem, kind = "the outbox of its signals cannot be read: " .. entry.message, "outbox" end
  end
  if problem then
    if self.reminder:isDue(loop.elapsed(), kind) then
      self.run:report(core.error("conflict", problem .. "; it is left alone, and nothing is done on this symbol until "
        .. "it is removed", { retryable = false }), "restore")
    end
    self.blocked = kind
    return
  end
  self.blocked = nil
  self.reminder:forget()
  entry = entry or outbox.new(self.name, self.exchangeName, self.symbol)
  local steps
  row, waiting, entry, steps = self:reconcile(row, waiting, entry, when)
  if steps[1] then self:commit(steps) end
  self.row, self.waiting, self.entry, self.stale = row, waiting, entry, false
  self:restoreSlots(when)
  self:deliver(true)
end

return Position
