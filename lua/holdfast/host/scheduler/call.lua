-- SPDX-License-Identifier: MIT
--
-- Calls of functions of the user, which may raise, wait, or do so for ever.

local contexts = require "holdfast.host.scheduler.context"
local core = require "holdfast.core"
local loop = require "holdfast.host.scheduler.loop"
local watchdog = require "holdfast.host.scheduler.watchdog"

local M = {}

local function pack(...) return { n = select("#", ...), ... } end

local function protect(fn, ...) return pack(xpcall(fn, core.traceback, ...)) end

--- Calls a function of the user: in a coroutine of its own, since it may wait, and not for ever.
---@param ms number       how long it may take; math.huge: as long as it likes
---@param late fun(): any  makes what is raised when it takes longer; what the function does later is ignored
---@param fn function
---@param context? table  a holdfast.host.Context
---@param ... any  arguments of fn
---@return boolean ok
---@return any ...        what it returned, or what it raised (strings with their traceback)
function M.wait(ms, late, fn, context, ...)
  local result, wake, over
  local co = coroutine.create(function(...)
    contexts.set(context)
    -- Twice protected: one that is too late may be told so once more just when it has ended.
    local ok, got = pcall(protect, fn, ...)
    if not ok then got = { n = 2, false, got } end
    if over then return end
    result = got
    if wake then wake() end
  end)
  if ms ~= math.huge then watchdog.set(co, ms, late) end
  watchdog.resume(co, ...)
  if not result then
    local cancel
    loop.wait(function(w)
      wake = w
      if ms == math.huge then return end
      cancel = loop.after(ms, function()
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
---@param ... any  arguments of fn
---@return any ...  what it returned
---@raise what it raised
function M.run(fn, context, ...)
  local co, isMain = coroutine.running()
  if co and not isMain then return fn(...) end
  local function finish(ok, ...)
    if not ok then error((...), 0) end
    return ...
  end
  return finish(M.wait(math.huge, function() end, fn, context, ...))
end

--- Calls a function of the user and does not wait for it where it waits: nobody depends on it.
---@param ms number   how long it may compute
---@param late fun(): any
---@param failed fun(raised: any)  receives what it raises
---@param fn function
---@param ... any  arguments of fn
function M.detach(ms, late, failed, fn, ...)
  local co = coroutine.create(function(...)
    local ok, raised = xpcall(fn, core.traceback, ...)
    if not ok then failed(raised) end
  end)
  watchdog.set(co, ms, late)
  local ok, raised = pcall(watchdog.resume, co, ...)
  if not ok then failed(raised) end
end

return M
