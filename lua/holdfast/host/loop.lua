-- SPDX-License-Identifier: MIT
--
-- Time and coroutines.  There are two kinds of clock: that of the machine, with libuv (lua-luv) waiting; and one that
-- somebody else moves, a test or a C program that has a loop of its own.
--
-- Whatever waits is a coroutine, or the script itself outside of any.  Then it is the waiting script that runs the
-- others, until what it waits for has come.

local core = require "holdfast.core"

local M = {}

local ready, readyFirst, readyLast = {}, 1, 0 -- functions to call as soon as possible
local pumping = false
local live = 0 -- tasks that have not ended

local clock -- see setClock

-- ------------------------------------------------------------------- clocks

--- A clock that stands still until it is moved.
---@class holdfast.host.ManualClock
local Manual = {}
Manual.__index = Manual

--- Makes one.
---@param start number  ms since the epoch
---@return holdfast.host.ManualClock
function M.manualClock(start)
  if type(start) ~= "number" then
    error(core.error("invalid_argument", "manualClock: give its first time, in milliseconds since the epoch"), 0)
  end
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
  M.soon(sleeper.fn)
  return true
end

--- Moves the clock to a time; all that was due until then is done, in order, before it returns.
---@param time number  ms since the epoch
function Manual:advanceTo(time)
  if type(time) ~= "number" or time ~= time then
    error(core.error("invalid_argument", "advanceTo: give a time in milliseconds since the epoch"), 0)
  end
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
  return setmetatable({ uv = uv }, Real)
end

function Real:now()
  local seconds, microseconds = self.uv.gettimeofday()
  return seconds * 1000 + math.floor(microseconds / 1000)
end

function Real:after(ms, fn)
  local timer = self.uv.new_timer()
  local function stop()
    if timer then
      timer:close()
      timer = nil
    end
  end
  timer:start(math.max(0, math.ceil(ms)), 0, function()
    stop()
    M.soon(fn)
    M.drain()
  end)
  return stop
end

function Real:step() return self.uv.run("once") end

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
  clock = new
end

local function theClock()
  clock = clock or realClock()
  return clock
end

--- Milliseconds since the epoch.
---@return number
function M.now() return theClock():now() end

-- --------------------------------------------------------------- coroutines

--- Has a function called by whoever runs the loop.
function M.soon(fn)
  readyLast = readyLast + 1
  ready[readyLast] = fn
end

--- Calls all that is ready.
function M.drain()
  if pumping then return end
  pumping = true
  while readyFirst <= readyLast do
    local fn = ready[readyFirst]
    ready[readyFirst] = nil
    readyFirst = readyFirst + 1
    local ok, raised = pcall(fn)
    if not ok then io.stderr:write("holdfast.host: ", tostring(raised), "\n") end -- a defect: tasks catch their own
  end
  pumping = false
end

local function resume(co)
  local ok, raised = coroutine.resume(co)
  if not ok then error(debug.traceback(co, tostring(raised)), 0) end
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
  arrange(function() end)
  if pumping then
    error(core.error("busy", "waiting is not possible here: this function was called by the loop itself"), 0)
  end
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
  local done, target = false, theClock()
  M.wait(function(wake)
    target:after(ms, function()
      done = true
      wake()
    end)
  end, function() return done end)
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
  if getmetatable(theClock()) == Real then M.kick() end
  return task
end

-- Under libuv that somebody else runs, what is ready must be noticed without us.
function M.kick()
  local target = theClock()
  if target.kicked then return end
  target.kicked = true
  target:after(0, function() target.kicked = false end)
end

--- Waits until a task has ended.
function M.join(task)
  M.wait(function(wake) table.insert(task.waiters, wake) end, function() return task.done end)
end

--- Runs until every task has ended.
function M.run()
  while live > 0 do
    local before = live
    M.wait(function() end, function() return live < before end)
  end
end

--- How many tasks have not ended.
function M.count() return live end

return M
