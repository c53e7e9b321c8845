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

-- Coroutines in which a function was called that neither waited nor was late are used again: nobody can have them in
-- mind, but for who was given one by coroutine.running(), and what that one resumes is not a call of ours.
local FREE_MAX = 16
local free, freeCount = {}, 0

---@class holdfast.host.Worker
---@field co thread
---@field isCalled boolean  it was given a function that it has not begun yet
---@field result? table     { n=, ok, ... }, once that has ended
---@field hasWaited boolean
---@field isOver boolean    it was late: nobody waits for the result any more
---@field wake? fun()

local function carryOut(worker, fn, context, ...)
  contexts.set(context)
  -- Twice protected: one that is too late may be told so once more just when it has ended.
  local ok, got = pcall(protect, fn, ...)
  if not ok then got = { n = 2, false, got } end
  if worker.isOver then return end
  worker.result = got
  if worker.wake then worker.wake() end
end

local function take(worker, given, ...)
  if given ~= worker or not worker.isCalled then return false end
  worker.isCalled = false
  carryOut(worker, ...)
  contexts.set(nil)
  return worker.hasWaited
end

-- Between calls there is nothing on the stack that would keep from being collected what they were about.
local function serve(worker)
  repeat until take(worker, coroutine.yield())
end

local function newWorker()
  local worker = {
    co = coroutine.create(serve), isCalled = false, result = nil, hasWaited = false, isOver = false, wake = nil,
  }
  coroutine.resume(worker.co, worker)
  return worker
end

-- Begins a call in a coroutine of its own.
---@return holdfast.host.Worker worker  one that has ended may be used again: its result is that of the last call
---@return table? result  of this call, once it has ended
local function begin(ms, late, fn, context, ...)
  local worker = free[freeCount]
  if worker then
    free[freeCount], freeCount = nil, freeCount - 1
  else
    worker = newWorker()
  end
  worker.isCalled = true
  watchdog.set(worker.co, ms, late)
  local inTime = watchdog.resume(worker.co, worker, fn, context, ...)
  local result = worker.result
  if not result then
    worker.hasWaited = true
  elseif inTime and freeCount < FREE_MAX then
    worker.result = nil
    watchdog.set(worker.co, ms, nil)
    freeCount = freeCount + 1
    free[freeCount] = worker
  end
  return worker, result
end

--- Calls a function of the user: in a coroutine of its own, since it may wait, and not for ever.
---@param ms number       how long it may take; math.huge: as long as it likes
---@param late fun(): any  makes what is raised when it takes longer; what the function does later is ignored
---@param fn function
---@param context? table  a holdfast.host.Context
---@param ... any  arguments of fn
---@return boolean ok
---@return any ...        what it returned, or what it raised (strings with their traceback)
function M.wait(ms, late, fn, context, ...)
  local worker, result = begin(ms, late, fn, context, ...)
  if not result then
    local cancel
    loop.wait(function(w)
      worker.wake = w
      if ms == math.huge then return end
      cancel = loop.after(ms, function()
        worker.isOver = true
        w()
      end)
    end, function() return worker.result or worker.isOver end)
    if cancel then cancel() end
    if worker.isOver then return false, late() end
    result = worker.result
  end
  return unpack(result, 1, result.n)
end

--- Calls a function of the user that must not wait.
---@param ms number       how long it may compute
---@param late fun(): any
---@param fn function
---@param context? table  a holdfast.host.Context
---@param ... any  arguments of fn
---@return table? result  { n=, ok, ... }, as above; nil: it waits, and what it does later is ignored
function M.now(ms, late, fn, context, ...)
  local worker, result = begin(ms, late, fn, context, ...)
  if not result then worker.isOver = true end
  return result
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
