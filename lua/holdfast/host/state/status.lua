-- SPDX-License-Identifier: MIT
--
-- How the live runs of this process are, for other processes to see: `status/STRATEGY/SYMBOL` of PersistHostAdapter has
-- the last minute that a run has lived, the price, the open position and the waiting signal as of then, the slots of
-- its risk profiles, and what has failed of late.
--
-- All are written together, once in CC_STATUS_INTERVAL_MINUTES minutes, when the runs have lived theirs and nothing
-- else is to be done, and with what else is written then (idle.lua).  A run that waits for its exchange keeps the
-- others from it for 20 seconds only; its own note then says until when it has lived.  Nothing depends on what is
-- written here: where the store refuses it, that is told once an hour, and the next minute tries again.  In a store
-- without transactions each note is a flush of its own: there they are written one after the other, and what else
-- comes meanwhile is done in between.
--
-- A run that ends takes its note with it, unless something of it is open or waits: then the note says when it ended.

local adapter = require "holdfast.adapters".PersistHostAdapter
local clock = require "holdfast.util.clock"
local commits = require "holdfast.host.state.commit"
local config = require "holdfast.host.config"
local core = require "holdfast.core"
local events = require "holdfast.host.events"
local idle = require "holdfast.host.state.idle"
local loop = require "holdfast.host.scheduler.loop"
local process = require "holdfast.util.process"
local reminder = require "holdfast.host.scheduler.reminder"
local risk = require "holdfast.host.state.risk"
local signal = require "holdfast.host.state.signal"

local M = {}

local MINUTE, HOUR, DAY = 60000, 3600000, 86400000
local KIND, VERSION = "status", 1
local HOST = "PersistHostAdapter"
local WAIT_MS = 20000 -- for runs that are in the middle of their minute
local PACE_MS = 100 -- of real time between two notes, where a program plays minutes as fast as it can
local MOST_FAILURES, MESSAGE_MAX = 5, 300

---@class holdfast.host.Failure  of late, and like it: they differ in numbers only
---@field at number      ms: the last time
---@field count integer  how often
---@field source string
---@field code string
---@field message string  cut to 300 bytes

---@class holdfast.host.Status
---@field run holdfast.host.LiveRun
---@field known table        what stays as it is: who runs it, and since when
---@field minute? number     the last one that was lived
---@field price? number      the last one that was seen
---@field failures holdfast.host.Failure[]  the latest one last
---@field isTicking boolean
---@field isEnding boolean   its last note is to be written
---@field ended boolean      and was, or could not be: nothing is written any more
---@field wake? fun()
local Status = {}
Status.__index = Status

local running = {} -- all of them, in the order in which they began
local ticking = 0 -- how many are in the middle of a minute
local ending = 0
local writtenIn, writtenAt -- the minute of the last note, and when that was, in ms of real time
local refused -- what of a note could not be stored
local isWriting = false -- notes are being written one after the other
local down = reminder.new(HOUR)

-- ---------------------------------------------------------------- failures

local function isText(text) return (pcall(core.json.encode, text)) end

-- A text that can be stored.
local function plain(text)
  text = text:sub(1, MESSAGE_MAX)
  if isText(text) then return text end
  return (text:gsub("[\128-\255]", "?"))
end

local function keyOf(failure) return failure.source .. failure.code .. failure.message:gsub("%d+", "0") end

function Status:failed(event)
  local failure = {
    at = math.floor(loop.now()), count = 1, source = plain(tostring(event.source)), code = tostring(event.code),
    message = plain(event.message),
  }
  local key = keyOf(failure)
  for i, other in ipairs(self.failures) do
    if keyOf(other) == key then
      failure.count = other.count + 1
      table.remove(self.failures, i)
      break
    end
  end
  table.insert(self.failures, failure)
  if #self.failures > MOST_FAILURES then table.remove(self.failures, 1) end
end

local function note(event, where)
  if where.backtest then return end
  for _, status in ipairs(running) do
    local run = status.run
    if run.symbol == event.symbol and run.strategy.strategyName == event.strategyName then status:failed(event) end
  end
end

-- ----------------------------------------------------------------- content

local function percentOf(price, distance) return distance / price * 100 end

-- The open position at a price.
local function positionOf(row, price)
  local sign = row.position == "long" and 1 or -1
  return {
    id = row.id, position = row.position, priceOpen = row.priceOpen, priceTakeProfit = row.priceTakeProfit,
    priceStopLoss = row.priceStopLoss, minuteEstimatedTime = row.minuteEstimatedTime, openedAt = row.pendingAt,
    pnl = price and signal.pnl(row, price).pnlPercentage,
    toTakeProfit = price and percentOf(price, (row.priceTakeProfit - price) * sign),
    toStopLoss = price and percentOf(price, (price - row.priceStopLoss) * sign),
  }
end

-- The signal that waits, at a price.
local function waitingOf(row, price)
  local sign = row.position == "long" and 1 or -1
  return {
    id = row.id, position = row.position, priceOpen = row.priceOpen, priceTakeProfit = row.priceTakeProfit,
    priceStopLoss = row.priceStopLoss, scheduledAt = row.scheduledAt,
    till = row.scheduledAt + config.values.CC_SCHEDULE_AWAIT_MINUTES * MINUTE,
    toOpen = price and percentOf(price, (price - row.priceOpen) * sign),
  }
end

local function ofLate(failures, now)
  local list = core.json.array {}
  for _, failure in ipairs(failures) do
    if now - failure.at < DAY then list[#list + 1] = failure end
  end
  return list
end

-- How many slots of the run's risk profiles are taken; nil where it has none.  `known` has those that were counted for
-- this note; what cannot be read is left out, and is for the run to report.
local function slotsOf(run, known)
  local slots
  for _, name in ipairs(run.strategy.risks) do
    if known[name] == nil then
      local ok, list = pcall(risk.adapter.read, name)
      known[name] = ok and #list
    end
    slots = slots or {}
    slots[name] = known[name] or nil
  end
  return slots
end

-- What is written of a run.
function Status:entity(now, wall, slots)
  local run, known, real = self.run, self.known, loop.isReal()
  local position = run.position
  local row, waiting = position.row, position.waiting
  return {
    version = VERSION, strategyName = run.strategy.strategyName, symbol = run.symbol,
    exchangeName = plain(run.exchange.exchangeName), pid = known.pid, host = known.host, holder = known.holder,
    lock = known.lock, startedAt = known.startedAt,
    minute = self.minute, price = self.price, writtenAt = wall, interval = config.values.CC_STATUS_INTERVAL_MINUTES,
    clockTime = not real and now or nil, manual = not real or nil,
    position = row and positionOf(row, self.price), waiting = waiting and waitingOf(waiting, self.price),
    slots = slotsOf(run, slots), stale = position.stale or nil, blocked = position.blocked,
    failures = ofLate(self.failures, now), paused = run.hands.pause ~= nil or nil, stopping = run.stopping or nil,
    endedAt = self.isEnding and wall or nil,
  }
end

-- Whether nobody needs to know of it any more, once it has ended.
function Status:isOver()
  local position = self.run.position
  return config.values.CC_STATUS_INTERVAL_MINUTES == 0
    or not (position.row or position.waiting or position.stale or position.blocked)
end

-- ----------------------------------------------------------------- writing

local function realMs() return clock.now() * 1000 end

local function isPaced() return loop.isReal() or not writtenAt or realMs() - writtenAt >= PACE_MS end

local writes = {}

-- Whether a minute has come in which notes are to be written.
local function isTime()
  local interval = config.values.CC_STATUS_INTERVAL_MINUTES
  if interval == 0 or isWriting or not running[1] then return false end
  local minute = math.floor(loop.now() / MINUTE)
  local isNew = not writtenIn or minute < writtenIn or minute >= writtenIn + interval
  return isNew and isPaced()
end

function writes.isDue() return ending > 0 or ticking == 0 and isTime() end

-- Of one run.  What of it cannot be stored keeps nothing of the others from it.
local function stepOf(status, entity)
  local name = status.run.strategy.strategyName .. "/" .. status.run.symbol
  return {
    adapter = HOST,
    run = function()
      if status.ended then return end
      local ok, raised = pcall(adapter.writeHostData, entity, KIND, name)
      if ok then return end
      -- A text that is none in JSON, or a name that is too long with what stands before it.
      if not core.isError(raised, "invalid_value") and not core.isError(raised, "invalid_argument") then
        error(raised, 0)
      end
      refused = raised
    end,
  }
end

-- Whether each note is a flush of its own, and there is time to do other things in between.
local function isSlow()
  if ending > 0 or not loop.isReal() then return false end
  local ok, isOne = pcall(commits.isTogether, HOST, HOST)
  return ok and not isOne
end

-- Tells of what was raised, once an hour.
local function tell(raised)
  local first = running[1]
  if not raised then
    down:forget()
  elseif first and down:isDue(loop.elapsed(), raised.code) then
    first.run:report(raised, HOST)
  end
end

-- Writes notes from the `i`th on, one after the other.
local function writeNext(steps, i)
  loop.after(1, function() -- after 0, libuv would look at nothing else before it
    local ok, raised = pcall(steps[i].run)
    raised, refused = not ok and raised or refused, nil
    tell(raised)
    isWriting = ok and steps[i + 1] ~= nil and ending == 0
    if isWriting then writeNext(steps, i + 1) end
  end)
end

function writes.steps()
  local now = math.floor(loop.now())
  local wall = loop.isReal() and now or clock.wall()
  local slots, steps, all = {}, {}, isTime()
  if all then writtenIn, writtenAt = math.floor(now / MINUTE), realMs() end
  for _, status in ipairs(running) do
    local isGone = status.isEnding and status:isOver()
    if all or status.isEnding then
      steps[#steps + 1] = stepOf(status, not isGone and status:entity(now, wall, slots) or nil)
    end
  end
  if not steps[2] or not isSlow() then return steps end
  isWriting = true
  writeNext(steps, 1)
  return {}
end

-- Lets those end that have waited for their last note.
local function letGo()
  local rest = {}
  for _, status in ipairs(running) do
    if status.isEnding then
      status.ended, ending = true, ending - 1
      if status.wake then status.wake() end
    else
      rest[#rest + 1] = status
    end
  end
  running = rest
end

function writes.ended(raised)
  raised, refused = raised or refused, nil
  tell(raised)
  letGo()
end

idle.join(writes)

-- ------------------------------------------------------------------- minutes

local timer, isLooking -- a function that cancels it; whether look() is arranged

local function cancel()
  if timer then timer() end
  timer = nil
end

-- Some runs are in the middle of a minute, and maybe for long: the others are not kept waiting by them.
local function waitFor(ms)
  timer = loop.after(ms, function()
    timer = nil
    if ticking == 0 then return end
    if isTime() then idle.arrange(writes) end
    waitFor(MINUTE)
  end)
end

local function look()
  isLooking = false
  if ticking > 0 then
    if not timer then waitFor(WAIT_MS) end
    return
  end
  cancel()
  if writes.isDue() then idle.arrange(writes) end
end

local function lookSoon()
  if isLooking then return end
  isLooking = true
  loop.whenIdle(look)
end

--- Makes that of a run, which has not begun.
---@param run holdfast.host.LiveRun
---@return holdfast.host.Status
function M.new(run)
  return setmetatable({ run = run, failures = {}, isTicking = false, isEnding = false, ended = false }, Status)
end

-- Who runs it, in the words of its lock file, or, for a store in memory, like those.
local function holderOf(lock)
  local ok, holder = pcall(core.leaseHolder, lock.key)
  if lock.lease and ok and holder and holder ~= "" then return holder end
  return ("process %d (%s, since %s)"):format(process.id(), lock.who, lock.since)
end

--- The run begins: it has its lock.
---@param lock holdfast.host.Lock
function Status:start(lock)
  local holder = holderOf(lock)
  self.known = {
    pid = process.id(), host = holder:match "^process %d+ on host (.-) %(", holder = holder,
    lock = lock.lease and isText(lock.key) and lock.key or nil,
    startedAt = loop.isReal() and math.floor(loop.now()) or clock.wall(),
  }
  running[#running + 1] = self
  events.watch(note)
end

--- A minute begins.
function Status:begin()
  self.isTicking, ticking = true, ticking + 1
  lookSoon()
end

--- The exchange has said what the price is.
---@param price number
function Status:sees(price) self.price, self.seesPrice = price, true end

--- The minute is over.
---@param when number
---@param lived boolean  without a failure
function Status:done(when, lived)
  if lived and self.seesPrice then self.minute = when end
  self.isTicking, self.seesPrice, ticking = false, false, ticking - 1
  if ticking == 0 then lookSoon() end
end

local function forget(status)
  for i, other in ipairs(running) do
    if other == status then return table.remove(running, i) end
  end
end

--- The run ends: waits until its last note is written, with those of others that end.
---@param lost boolean  another process has the lock already: nothing is written any more
function Status:finish(lost)
  if self.isTicking then self:done(0, false) end
  if not self.known then return end -- it has never begun
  if lost then
    self.ended = true
    forget(self)
  else
    self.isEnding, ending = true, ending + 1
    idle.arrange(writes)
    loop.wait(function(wake) self.wake = wake end, function() return self.ended end)
  end
  if running[1] then return end
  cancel()
  events.watch(nil)
  writtenIn, writtenAt = nil, nil
end

return M
