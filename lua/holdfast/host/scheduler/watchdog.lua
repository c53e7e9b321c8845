-- SPDX-License-Identifier: MIT
--
-- How long functions of the user may compute: one that never returns would stop everybody else for ever.  A hook of
-- the interpreter looks at the time that the processor has worked.

local config = require "holdfast.host.config"
local core = require "holdfast.core"

local M = {}

--- How long a function of the user may take.
---@return number ms
function M.ofUser() return config.values.CC_MAX_SIGNAL_GENERATION_SECONDS * 1000 end

--- What is raised when it takes longer.
---@param describe fun(): string  which function
---@return fun(): holdfast.Error late
function M.lateOf(describe)
  return function()
    return core.error("timeout", ("%s has not returned in %g s: nobody waits for it any more"):format(describe(),
      config.values.CC_MAX_SIGNAL_GENERATION_SECONDS))
  end
end

local HOOK_COUNT = 1000000 -- instructions between two looks at the clock
local HOOK_COUNT_LATE = 1000 -- and once it is late: enough for us to take note of it

-- The time begins with the first look, since asking for it costs as much as many a function does, and those 1,000,000
-- instructions are some milliseconds.

---@class holdfast.host.Watch
---@field ms number
---@field late fun(): any
---@field limit? number   of os.clock(), from the first look on
---@field raised integer  how often

local watch ---@type holdfast.host.Watch  of what runs now

local function look()
  local own, now = watch, os.clock()
  own.limit = own.limit or now + own.ms / 1000
  if now <= own.limit then return end
  -- Where it is caught again and again, the next one comes at once: outside of what catches.
  own.raised = own.raised + 1
  debug.sethook(look, "", own.raised % 4 == 3 and 1 or HOOK_COUNT_LATE)
  error(own.late(), 0)
end

local limits = setmetatable({}, { __mode = "k" }) ---@type table<thread, holdfast.host.Watch>  one at a time for each

--- Limits how long a coroutine may compute each time that it is resumed here.
---@param co thread
---@param ms number  math.huge: as long as it likes
---@param late? fun(): any  nil: until it is set again, it is not resumed
function M.set(co, ms, late)
  local own = limits[co]
  if ms == math.huge then
    limits[co] = nil
  elseif own then
    own.ms, own.late = ms, late
  else
    limits[co] = { ms = ms, late = late, limit = nil, raised = 0 }
  end
end

local running ---@type thread?  what was resumed here last, and runs

--- Whether a coroutine runs that was resumed here, and so is the host's.
---@return boolean
function M.isInside() return running ~= nil and running == coroutine.running() end

local function resumeNow(co, ...)
  local before = running
  running = co
  local ok, raised = coroutine.resume(co, ...)
  running = before
  if not ok then error(debug.traceback(co, tostring(raised)), 0) end
end

--- Resumes a coroutine, within its limit if it has one.
---@param co thread
---@param ... any  what it is resumed with
---@return boolean inTime  its limit was not reached
---@raise what ended it
function M.resume(co, ...)
  local own = limits[co]
  if not own then
    resumeNow(co, ...)
    return true
  end
  local before, hook, mask, count = watch, debug.gethook()
  own.limit, own.raised = nil, 0
  watch = own
  debug.sethook(look, "", HOOK_COUNT)
  local ok, raised = pcall(resumeNow, co, ...)
  debug.sethook(hook, mask, count)
  watch = before
  if not ok then error(raised, 0) end
  return own.raised == 0
end

--- Lets a function be ended that never returns nor waits.  Compiled code cannot be interrupted, so it is interpreted
--- from now on, and so are the functions in it; those that it calls from elsewhere are not.
---@param fn function
function M.interruptible(fn) pcall(jit.off, fn, true) end -- functions in C cannot be

--- Has it compiled again.
---@param fn function
function M.compiled(fn) pcall(jit.on, fn, true) end

return M
