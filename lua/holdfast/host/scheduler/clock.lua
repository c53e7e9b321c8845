-- SPDX-License-Identifier: MIT
--
-- The two kinds of clock: one that somebody else moves, a test or a C program that has a loop of its own; and that of
-- the machine, with libuv (lua-luv) waiting.  Both have now(), elapsed(), which nobody sets, after(ms, fn), which gives
-- a function that cancels it, and step(), which waits for what is due next.  What is due is called by whoever runs the
-- loop (loop.lua).

local core = require "holdfast.core"

local M = {}

---@type { enqueue: fun(fn: function), drain: fun(), mayWait: fun(what: string) }
local runner

--- Says who calls what is due; loop.lua does, once.
---@param given { enqueue: fun(fn: function), drain: fun(), mayWait: fun(what: string) }
function M.runBy(given) runner = given end

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
function M.manual(start)
  checkTime("manualClock", start)
  return setmetatable({ time = start, sleepers = {}, count = 0 }, Manual)
end

---@return number  ms since the epoch
function Manual:now() return self.time end

---@return number  ms since some moment: the time that has passed
function Manual:elapsed() return self.time end

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
  runner.enqueue(sleeper.fn)
  return true
end

--- Moves the clock to a time; all that was due until then is done, in order, before it returns.
---@param time number  ms since the epoch
function Manual:advanceTo(time)
  checkTime("advanceTo", time)
  runner.mayWait("advanceTo")
  runner.drain()
  while self:step(time) do runner.drain() end
  self.time = math.max(self.time, time)
end

--- Moves the clock by so many milliseconds.
---@param ms number
function Manual:advance(ms) self:advanceTo(self.time + ms) end

--- That of the machine, with libuv waiting.
---@class holdfast.host.RealClock
local Real = {}
Real.__index = Real

--- Makes one.
---@return holdfast.host.RealClock
---@raise unavailable  there is no lua-luv
function M.real()
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

function Real:elapsed() return self.uv.hrtime() / 1e6 end

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
    runner.enqueue(fn)
    runner.drain()
    if core.inTransaction() then self:after(10, function() end) end -- nothing was done: once more, when it is over
    if self.stepping then self.uv.stop() end
  end)
  return stop
end

--- Has a function called once a descriptor can be read.
---@param fd integer
---@param fn function
---@return fun() cancel
function Real:readable(fd, fn)
  local poll = self.uv.new_poll(fd)
  local function stop()
    if not poll then return end
    poll:stop()
    poll:close() -- unlike a timer it is of this descriptor alone
    poll = nil
  end
  poll:start("r", function()
    stop()
    runner.enqueue(fn)
    runner.drain()
    if core.inTransaction() then self:after(10, function() end) end
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

--- Whether it is one that somebody moves.
---@param clock table
function M.isManual(clock) return getmetatable(clock) == Manual end

--- Whether it is that of the machine.
---@param clock table
function M.isReal(clock) return getmetatable(clock) == Real end

return M
