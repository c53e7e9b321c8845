-- SPDX-License-Identifier: MIT
--
-- Time and coroutines.  There are two kinds of clock: that of the machine, with libuv (lua-luv) waiting; and one that
-- somebody else moves, a test or a C program that has a loop of its own.
--
-- Whatever waits is a coroutine, or the script itself outside of any.  Then it is the waiting script that runs the
-- others, until what it waits for has come.

local contexts = require "holdfast.host.context"
local core = require "holdfast.core"

local M = {}

local ready, readyFirst, readyLast = {}, 1, 0 -- functions to call as soon as possible
local idle = {} -- functions to call once nothing is ready
local moments = {} -- who sleeps until when: see M.sleepUntil
local pumping = false
local live = 0 -- tasks that have not ended

local clock -- see setClock

-- What runs meanwhile would be part of the transaction, and undone with it.
local function refuseTransaction(what)
  if core.inTransaction() then
    error(core.error("busy", what .. ": not inside a transaction, where nothing else may happen: do it outside"), 0)
  end
end

local function enqueue(fn)
  readyLast = readyLast + 1
  ready[readyLast] = fn
end

-- ------------------------------------------------------------------- clocks

local function checkTime(what, time)
  if type(time) ~= "number" or time ~= time then
    error(core.error("invalid_argument", ("%s: give a time in milliseconds since the epoch, not %s"):format(what,
      type(time) == "number" and "nan" or "a " .. type(time))), 0)
  end
  if time < 1e11 and time > 1e8 then
    error(core.error("invalid_argument", ("%s: %d looks like seconds: times are milliseconds since the epoch"):format(
      what, time)), 0)
  end
end

--- A clock that stands still until it is moved.
---@class holdfast.host.ManualClock
local Manual = {}
Manual.__index = Manual

--- Makes one.
---@param start number  ms since the epoch
---@return holdfast.host.ManualClock
function M.manualClock(start)
  checkTime("manualClock", start)
  return setmetatable({ time = start, sleepers = {}, count = 0 }, Manual)
end

---@return number  ms since the epoch
function Manual:now() return self.time end

function Manual:after(ms, fn)
  self.count = self.count + 1
  local sleeper = { due = self.time + math.max(ms, 0), number = self.count, fn = fn }
  local list = self.sleepers
  local i = #list
  while i > 0 and list[i].due > sleeper.due do i = i - 1 end -- most are due late
  table.insert(list, i + 1, sleeper)
  return function() sleeper.fn = nil end
end

-- Moves to the next moment at which something is due, if there is one until `limit`.
function Manual:step(limit)
  local sleeper = self.sleepers[1]
  while sleeper and not sleeper.fn do -- cancelled
    table.remove(self.sleepers, 1)
    sleeper = self.sleepers[1]
  end
  if not sleeper or sleeper.due > (limit or math.huge) then return false end
  table.remove(self.sleepers, 1)
  self.time = math.max(self.time, sleeper.due)
  enqueue(sleeper.fn)
  return true
end

--- Moves the clock to a time; all that was due until then is done, in order, before it returns.
---@param time number  ms since the epoch
function Manual:advanceTo(time)
  checkTime("advanceTo", time)
  if pumping then
    error(core.error("busy", "advanceTo: the clock cannot be moved by what runs because it was moved"), 0)
  end
  refuseTransaction("advanceTo")
  M.drain()
  while self:step(time) do M.drain() end
  self.time = math.max(self.time, time)
end

--- Moves the clock by so many milliseconds.
---@param ms number
function Manual:advance(ms) self:advanceTo(self.time + ms) end

local Real = {}
Real.__index = Real

local function realClock()
  local found, uv = pcall(require, "luv")
  if not found then
    error(core.error("unavailable", "the host needs libuv for real time: install the package lua-luv, "
      .. "or give it a clock with host.setClock(host.manualClock(ms))"), 0)
  end
  return setmetatable({ uv = uv, free = {} }, Real)
end

function Real:now()
  local seconds, microseconds = self.uv.gettimeofday()
  return seconds * 1000 + math.floor(microseconds / 1000)
end

function Real:after(ms, fn)
  self.uv.update_time() -- it counts from when the loop last looked, which may be long ago
  -- Timers are kept and not closed: lua-luv crashes when the state ends while one is being closed.
  local timer = table.remove(self.free) or self.uv.new_timer()
  local function stop()
    if timer then
      timer:stop()
      table.insert(self.free, timer)
      timer = nil
    end
  end
  timer:start(math.max(0, math.ceil(ms)), 0, function()
    stop()
    enqueue(fn)
    M.drain()
    if self.stepping then self.uv.stop() end
  end)
  return stop
end

-- Before 1.45, libuv in this mode calls the timers that are due and then still waits for the next one: hence the
-- stop() in what they call.
function Real:step()
  self.stepping = true
  local more = self.uv.run("once")
  self.stepping = false
  return more
end

--- Gives the host another clock; nil is that of the machine.
---@param new? holdfast.host.ManualClock
---@raise invalid_argument, busy
function M.setClock(new)
  if live > 0 then
    error(core.error("busy", "setClock: something runs by the present clock: stop it first"), 0)
  end
  if new ~= nil and getmetatable(new) ~= Manual then
    error(core.error("invalid_argument", "setClock: give a clock made by host.manualClock, or nil"), 0)
  end
  clock, moments = new, {}
end

local function theClock()
  clock = clock or realClock()
  return clock
end

--- Milliseconds since the epoch.
---@return number
function M.now() return theClock():now() end

-- --------------------------------------------------------------- coroutines

-- Under libuv that somebody else runs, what is ready must be noticed without us.
local function kick()
  if pumping or getmetatable(theClock()) ~= Real or clock.kicked then return end
  clock.kicked = true
  clock:after(0, function() end)
end

--- Has a function called by whoever runs the loop.
function M.soon(fn)
  enqueue(fn)
  kick()
end

--- Has a function called once, when nothing is ready: what many have asked for meanwhile can be done together.
function M.whenIdle(fn) idle[#idle + 1] = fn end

local function call(fn)
  local ok, raised = pcall(fn)
  if not ok then io.stderr:write("holdfast.host: ", tostring(raised), "\n") end -- a defect: tasks catch their own
end

--- Calls all that is ready.
function M.drain()
  if pumping or core.inTransaction() then return end -- in a script's transaction nothing else may happen: later
  pumping = true
  if clock then clock.kicked = false end
  repeat
    while readyFirst <= readyLast do
      local fn = ready[readyFirst]
      ready[readyFirst] = nil
      readyFirst = readyFirst + 1
      call(fn)
    end
    local list = idle
    idle = {}
    for _, fn in ipairs(list) do call(fn) end
  until readyFirst > readyLast and not idle[1]
  pumping = false
end

local HOOK_COUNT = 1000000 -- instructions between two looks at the clock
local HOOK_COUNT_LATE = 1000 -- and once it is late: enough for us to take note of it

--- Calls a function that may not compute for longer than `ms`: then `late()` is raised in it, again and again, until it
--- has ended, whatever it catches.
---@param ms number
---@param late fun(): any
---@return any ...  what pcall gives
function M.limited(ms, late, fn, ...)
  local hook, mask, count = debug.gethook()
  local limit, raised = os.clock() + ms / 1000, 0
  local function look()
    if os.clock() <= limit then return end
    -- Where it is caught again and again, the next one comes at once: outside of what catches.
    raised = raised + 1
    debug.sethook(look, "", raised % 4 == 3 and 1 or HOOK_COUNT_LATE)
    error(late(), 0)
  end
  debug.sethook(look, "", HOOK_COUNT)
  local function finish(...)
    debug.sethook(hook, mask, count)
    return ...
  end
  return finish(pcall(fn, ...))
end

local guarded = setmetatable({}, { __mode = "k" }) -- coroutine -> { ms, late }

local function resumeNow(co, ...)
  local ok, raised = coroutine.resume(co, ...)
  if not ok then error(debug.traceback(co, tostring(raised)), 0) end
end

local function resume(co, ...)
  local limit = guarded[co]
  if not limit then return resumeNow(co, ...) end
  local ok, raised = M.limited(limit.ms, limit.late, resumeNow, co, ...)
  if not ok then error(raised, 0) end
end

--- Waits until `isDone()`, which somebody makes true and then calls the function that `arrange` was given.
---@param arrange fun(wake: fun())
---@param isDone fun(): boolean
function M.wait(arrange, isDone)
  local co, isMain = coroutine.running()
  if co and not isMain then
    arrange(function() M.soon(function() if coroutine.status(co) == "suspended" then resume(co) end end) end)
    while not isDone() do coroutine.yield() end
    return
  end
  if pumping then
    error(core.error("busy", "waiting is not possible here: this function was called by the loop itself"), 0)
  end
  refuseTransaction("waiting")
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

-- The sleepers of a moment, in order; made when the first one comes.
local function momentAt(time)
  local moment = moments[time]
  if moment then return moment end
  moment = { count = 0 }
  moments[time] = moment
  local target = theClock()
  local function due()
    -- A timer may come a little early: nobody may be woken before the time.
    local left = time - target:now()
    if left > 0 then
      moment.cancel = target:after(left, due)
      return
    end
    if moments[time] == moment then moments[time] = nil end
    for _, finish in ipairs(moment) do finish() end
  end
  moment.cancel = target:after(time - target:now(), due)
  return moment
end

--- Waits until a time; others run meanwhile.  All who wait for the same moment are woken together, by one timer, and
--- before anything else is done.
---@param time number  ms since the epoch
---@param arrange? fun(finish: fun())  receives a function that ends the waiting early
function M.sleepUntil(time, arrange)
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
    moment[#moment + 1] = finish
    if arrange then arrange(finish) end
  end, function() return done end)
end

local function pack(...) return { n = select("#", ...), ... } end

--- Lets guard() end a function that never returns nor waits.  Compiled code cannot be interrupted, so it is interpreted
--- from now on, and so are the functions in it; those that it calls from elsewhere are not.
function M.interruptible(fn) pcall(jit.off, fn, true) end -- functions in C cannot be

--- Has it compiled again.
function M.compiled(fn) pcall(jit.on, fn, true) end

--- Calls a function of the user: in a coroutine of its own, since it may wait, and not for ever.
---@param ms number       how long it may take; math.huge: as long as it likes
---@param late fun(): any  makes what is raised when it takes longer; what the function does later is ignored
---@param fn function
---@param context? table  a holdfast.host.Context
---@return boolean ok
---@return any ...        what it returned, or what it raised (strings with their traceback)
function M.guard(ms, late, fn, context, ...)
  local result, wake, over
  local co = coroutine.create(function(...)
    contexts.set(context)
    local got = pack(xpcall(fn, core.traceback, ...))
    if over then return end
    result = got
    if wake then wake() end
  end)
  if ms ~= math.huge then guarded[co] = { ms = ms, late = late } end
  resume(co, ...)
  if not result then
    local cancel
    M.wait(function(w)
      wake = w
      if ms == math.huge then return end
      cancel = theClock():after(ms, function()
        over = true
        w()
      end)
    end, function() return result or over end)
    if cancel then cancel() end
    if over then return false, late() end
  end
  return unpack(result, 1, result.n)
end

--- Calls a function that may wait, from wherever: outside of any coroutine it gets one.
---@param fn function
---@param context? table
---@return any ...  what it returned
---@raise what it raised
function M.call(fn, context, ...)
  local co, isMain = coroutine.running()
  if co and not isMain then return fn(...) end
  local function finish(ok, ...)
    if not ok then error((...), 0) end
    return ...
  end
  return finish(M.guard(math.huge, function() end, fn, context, ...))
end

--- Calls a function of the user and does not wait for it where it waits: nobody depends on it.
---@param ms number   how long it may compute
---@param late fun(): any
---@param failed fun(raised: any)  receives what it raises
---@param fn function
function M.detach(ms, late, failed, fn, ...)
  local co = coroutine.create(function(...)
    local ok, raised = xpcall(fn, core.traceback, ...)
    if not ok then failed(raised) end
  end)
  guarded[co] = { ms = ms, late = late }
  resume(co, ...)
end

--- Starts a coroutine.  It begins when whoever called waits.
---@param body fun(task: table)  must not raise
---@return table task  {done: boolean}; `task.onDone(fn)`
function M.spawn(body)
  local task = { done = false, waiters = {} }
  live = live + 1
  task.co = coroutine.create(function()
    local ok, raised = xpcall(body, debug.traceback, task)
    task.done, live = true, live - 1
    for _, wake in ipairs(task.waiters) do wake() end
    if not ok then error(raised, 0) end
  end)
  M.soon(function() resume(task.co) end)
  return task
end

--- Waits until a task has ended.
function M.join(task)
  M.wait(function(wake) table.insert(task.waiters, wake) end, function() return task.done end)
end

-- A script that ends while something runs by the machine's clock has most likely forgotten to wait for it.
local ending = newproxy(true)
getmetatable(ending).__gc = function()
  if live > 0 and getmetatable(clock) == Real then
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
  if getmetatable(clock) == Real and not coroutine.running() then clock.uv.run("nowait") end
end

--- How many tasks have not ended.
function M.count() return live end

return M
