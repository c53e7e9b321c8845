-- SPDX-License-Identifier: MIT
--
-- The loop: what waits, and what runs meanwhile.  Whatever waits is a coroutine, or the script itself outside of any.
-- Then it is the waiting script that runs the others, until what it waits for has come.

local clocks = require "holdfast.host.scheduler.clock"
local core = require "holdfast.core"
local heap = require "holdfast.host.scheduler.heap"
local machine = require "holdfast.util.clock"
local watchdog = require "holdfast.host.scheduler.watchdog"
local watching = require "holdfast.watching"

local M = {}

local ready, readyFirst, readyLast = {}, 1, 0 -- functions to call as soon as possible
local idle = {} -- functions to call once nothing is ready
local latest -- when they are called though something is ready: see M.stopwatch
local moments = {} -- who sleeps until when: see M.sleepUntil
local pumping = false
local live = 0 -- tasks that have not ended

local clock -- see setClock

-- Raises where nothing else may happen: in what the loop itself calls, and in a transaction of the script's, of which
-- whatever runs meanwhile would be part, and undone with it.
local function mayWait(what)
  if pumping then error(core.error("busy", what .. ": not in what the loop itself has called"), 0) end
  if core.inTransaction() then
    error(core.error("busy", what .. ": not inside a transaction, where nothing else may happen: do it outside"), 0)
  end
end

local function enqueue(fn)
  readyLast = readyLast + 1
  ready[readyLast] = fn
end

-- -------------------------------------------------------------------- clock

--- Gives the host another clock; nil is that of the machine.
---@param new? holdfast.host.ManualClock
---@raise invalid_argument, busy
function M.setClock(new)
  if live > 0 then
    error(core.error("busy", "setClock: something runs by the present clock: stop it first"), 0)
  end
  if new ~= nil and not clocks.isManual(new) then
    error(core.error("invalid_argument", "setClock: give a clock made by host.manualClock, or nil"), 0)
  end
  clock, moments = new, {}
end

local function theClock()
  clock = clock or clocks.real()
  return clock
end

--- Milliseconds since the epoch.
---@return number
function M.now() return theClock():now() end

--- Milliseconds since some moment, by a clock that nobody sets: for how long something has lasted.
---@return number
function M.elapsed() return theClock():elapsed() end

--- Milliseconds of real time since some moment: how long something takes here, also where a program moves the clock.
---@return number
function M.stopwatch()
  if clocks.isReal(theClock()) then return clock:elapsed() end
  return machine.now() * 1000
end

--- Whether time is that of the machine, which may be wrong and be put right, and not a program's own.
---@return boolean
function M.isReal() return clocks.isReal(theClock()) end

--- Has a function called after so many milliseconds.
---@param ms number
---@param fn function
---@return fun() cancel
function M.after(ms, fn) return theClock():after(ms, fn) end

-- --------------------------------------------------------------- coroutines

-- Under libuv that somebody else runs, what is ready must be noticed without us.
local function kick()
  if pumping or not clocks.isReal(theClock()) or clock.kicked then return end
  clock.kicked = true
  clock:after(0, function() end)
end

--- Has a function called by whoever runs the loop.
---@param fn function
function M.soon(fn)
  enqueue(fn)
  kick()
end

--- Has a function called once, when nothing is ready: what many have asked for meanwhile can be done together.
---@param fn function
---@param ms? number  of M.stopwatch: for how long it waits at most, but for what is computing then
function M.whenIdle(fn, ms)
  idle[#idle + 1] = fn
  if ms then latest = math.min(latest or math.huge, M.stopwatch() + ms) end
end

local function call(fn)
  local ok, raised = pcall(fn)
  if not ok then io.stderr:write("holdfast.host: ", tostring(raised), "\n") end -- a defect: tasks catch their own
end

--- Calls all that is ready.
function M.drain()
  if pumping or core.inTransaction() then return end -- in a script's transaction nothing else may happen: later
  pumping = true
  heap.relax()
  if clock then clock.kicked = false end
  repeat
    while readyFirst <= readyLast do
      local fn = ready[readyFirst]
      ready[readyFirst] = nil
      readyFirst = readyFirst + 1
      call(fn)
      if latest and M.stopwatch() >= latest then break end
    end
    local list = idle
    idle, latest = {}, nil
    for _, fn in ipairs(list) do call(fn) end
  until readyFirst > readyLast and not idle[1]
  heap.restore()
  pumping = false
end

clocks.runBy { enqueue = enqueue, drain = M.drain, mayWait = mayWait }

--- Waits until `isDone()`, which somebody makes true and then calls the function that `arrange` was given.
---@param arrange fun(wake: fun())
---@param isDone fun(): boolean
function M.wait(arrange, isDone)
  local co, isMain = coroutine.running()
  if co and not isMain then
    arrange(function() M.soon(function() if coroutine.status(co) == "suspended" then watchdog.resume(co) end end) end)
    while not isDone() do coroutine.yield() end
    return
  end
  mayWait "waiting"
  arrange(function() end)
  while true do
    M.drain()
    if isDone() then return end
    if not theClock():step() and readyFirst > readyLast and not isDone() then
      error(core.error("invalid_argument", "this would wait for ever: nothing runs that could end it"), 0)
    end
  end
end

--- Waits; others run meanwhile.
---@param ms number
function M.sleep(ms)
  if type(ms) ~= "number" or ms ~= ms or ms < 0 then
    error(core.error("invalid_argument", ("sleep: give milliseconds, not %s"):format(tostring(ms))), 0)
  end
  local done, target = false, theClock()
  M.wait(function(wake)
    target:after(ms, function()
      done = true
      wake()
    end)
  end, function() return done end)
end

-- Waits until a descriptor can be read, for so many milliseconds at most, or until the function is called that
-- `arrange` receives; others run meanwhile.  False: nothing of the host's runs here, or its clock is not that of the
-- machine, and waiting is the affair of whoever asks.
local function waitReadable(fd, ms, arrange)
  local co, isMain = coroutine.running()
  local isScript = not co or isMain
  if not clock or not clocks.isReal(clock) or pumping and isScript then return false end
  if isScript and live == 0 or not isScript and not watchdog.isInside() then return false end
  local done, cancelTime = false, nil
  local cancelRead
  M.wait(function(wake)
    local function finish()
      done = true
      cancelRead() -- at once: who ends it may be about to close the descriptor
      wake()
    end
    cancelRead = clock:readable(fd, finish)
    if ms < math.huge then cancelTime = clock:after(ms, finish) end
    if arrange then arrange(finish) end
  end, function() return done end)
  if cancelTime then cancelTime() end
  return true
end

watching.waitBy(waitReadable)

local EARLY_MS = 1000

local function isBefore(a, b) return a.rank < b.rank end

-- The sleepers of a moment; made when the first one comes.
local function momentAt(time)
  local moment = moments[time]
  if moment then return moment end
  moment = { count = 0, isSorted = true }
  moments[time] = moment
  local target = theClock()
  local function due()
    -- A timer may come a little early: nobody may be woken before the time, unless the clock was set back meanwhile.
    local left = time - target:now()
    if left > 0 and left < EARLY_MS then
      moment.cancel = target:after(left, due)
      return
    end
    if moments[time] == moment then moments[time] = nil end
    if not moment.isSorted then table.sort(moment, isBefore) end
    for _, sleeper in ipairs(moment) do sleeper.finish() end
  end
  moment.cancel = target:after(time - target:now(), due)
  return moment
end

--- Waits until a time; others run meanwhile.  All who wait for the same moment are woken together, by one timer, in the
--- order of their ranks, and before anything else is done.
---@param time number  ms since the epoch
---@param rank number  each has one of its own
---@param arrange? fun(finish: fun())  receives a function that ends the waiting early
function M.sleepUntil(time, rank, arrange)
  local done = false
  M.wait(function(wake)
    local moment = momentAt(time)
    moment.count = moment.count + 1
    local function finish()
      if done then return end
      done = true
      moment.count = moment.count - 1
      if moment.count == 0 and moments[time] == moment then
        moments[time] = nil
        moment.cancel()
      end
      wake()
    end
    local last = moment[#moment]
    if last and last.rank > rank then moment.isSorted = false end
    moment[#moment + 1] = { rank = rank, finish = finish }
    if arrange then arrange(finish) end
  end, function() return done end)
end

--- Starts a coroutine.  It begins when whoever called waits.
---@param body fun()  must not raise
---@return { done: boolean, waiters: function[] } task
function M.spawn(body)
  local task = { done = false, waiters = {} }
  live = live + 1
  local co = coroutine.create(function()
    local ok, raised = xpcall(body, debug.traceback)
    task.done, live = true, live - 1
    for _, fn in ipairs(task.waiters) do fn() end
    if not ok then error(raised, 0) end
  end)
  M.soon(function() watchdog.resume(co) end)
  return task
end

--- Has a function called when a task has ended.
---@param task { done: boolean, waiters: function[] }
---@param fn fun()
function M.onEnd(task, fn) table.insert(task.waiters, fn) end

--- Waits until a task has ended.
---@param task { done: boolean, waiters: function[] }
function M.join(task)
  M.wait(function(wake) M.onEnd(task, wake) end, function() return task.done end)
end

-- A script that ends while something runs by the machine's clock has most likely forgotten to wait for it.
local ending = newproxy(true)
getmetatable(ending).__gc = function()
  if live > 0 and clocks.isReal(clock) then
    io.stderr:write(("holdfast.host: the script has ended while %d ran: let it wait with host.run()\n"):format(live))
  end
end
M.ending = ending -- lives as long as this module

--- Runs until every task has ended.
function M.run()
  local co, isMain = coroutine.running()
  if co and not isMain then
    error(core.error("busy", "host.run waits for all that runs, and so is not for what runs itself: call it at the "
      .. "end of the script"), 0)
  end
  while live > 0 do
    local before = live
    M.wait(function() end, function() return live < before end)
  end
  -- Handles of the user's that are being closed are gone then: lua-luv crashes if the state ends before.
  if clocks.isReal(clock) and not coroutine.running() then clock.uv.run("nowait") end
end

--- How many tasks have not ended.
function M.count() return live end

return M
