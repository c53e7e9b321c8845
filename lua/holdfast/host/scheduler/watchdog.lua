-- SPDX-License-Identifier: MIT
--
-- How long functions of the user may compute: one that never returns would stop everybody else for ever.  A hook of
-- the interpreter looks at the time that the processor has worked.

local config = require "holdfast.host.config"
local core = require "holdfast.core"

local M = {}

--- How long a function of the user may take, and what is raised when it takes longer.
---@param describe fun(): string  which function
---@return number ms
---@return fun(): holdfast.Error late
function M.ofUser(describe)
  local seconds = config.values.CC_MAX_SIGNAL_GENERATION_SECONDS
  return seconds * 1000, function()
    return core.error("timeout", ("%s has not returned in %g s: nobody waits for it any more"):format(describe(),
      seconds))
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

-- As it was before; hands on what comes after that.
local function restore(before, hook, mask, count, ...)
  debug.sethook(hook, mask, count)
  watch = before
  return ...
end

--- Calls a function that may not compute for longer than `ms`: then `late()` is raised in it, again and again, until it
--- has ended, whatever it catches.
---@param ms number
---@param late fun(): any
---@param fn function
---@param ... any  arguments of fn
---@return any ...  what pcall gives
function M.call(ms, late, fn, ...)
  local before, hook, mask, count = watch, debug.gethook()
  watch = { ms = ms, late = late, limit = nil, raised = 0 }
  debug.sethook(look, "", HOOK_COUNT)
  return restore(before, hook, mask, count, pcall(fn, ...))
end

local limits = setmetatable({}, { __mode = "k" }) -- coroutine -> { ms, late }

--- Limits how long a coroutine may compute each time that it is resumed here.
---@param co thread
---@param ms number
---@param late fun(): any
function M.set(co, ms, late) limits[co] = { ms = ms, late = late } end

local function resumeNow(co, ...)
  local ok, raised = coroutine.resume(co, ...)
  if not ok then error(debug.traceback(co, tostring(raised)), 0) end
end

--- Resumes a coroutine, within its limit if it has one.
---@param co thread
---@param ... any  what it is resumed with
---@raise what ended it
function M.resume(co, ...)
  local limit = limits[co]
  if not limit then return resumeNow(co, ...) end
  local ok, raised = M.call(limit.ms, limit.late, resumeNow, co, ...)
  if not ok then error(raised, 0) end
end

--- Lets a function be ended that never returns nor waits.  Compiled code cannot be interrupted, so it is interpreted
--- from now on, and so are the functions in it; those that it calls from elsewhere are not.
---@param fn function
function M.interruptible(fn) pcall(jit.off, fn, true) end -- functions in C cannot be

--- Has it compiled again.
---@param fn function
function M.compiled(fn) pcall(jit.on, fn, true) end

return M
