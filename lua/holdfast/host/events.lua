-- SPDX-License-Identifier: MIT
--
-- Who gets which events.  A listener that raises is reported and changes nothing else: the others get the event, and
-- none gets it twice.  What no one listens for is silent, but for errors, which then go to standard error.

local calls = require "holdfast.host.scheduler.call"
local core = require "holdfast.core"
local newTable = require "table.new"
local watchdog = require "holdfast.host.scheduler.watchdog"

local M = {}

local LISTENER_MS = 60000 -- how long a listener of errors may compute

local listeners = {
  signalLive = {}, signalBacktest = {}, partial = {}, risk = {}, error = {}, minute = {}, done = {}, progress = {},
}

--- Adds a listener.
---@param kind "signalLive"|"signalBacktest"|"partial"|"risk"|"error"|"minute"|"done"|"progress"
---@param what string  the function of the host that was called, for the error
---@param fn fun(event: table)
---@return fun() stop  ends the listening
---@raise invalid_argument
function M.listen(kind, what, fn)
  if type(fn) ~= "function" then
    error(core.error("invalid_argument", ("host.%s: give a function, not a %s"):format(what, type(fn))), 0)
  end
  watchdog.interruptible(fn)
  -- A new list, so that one that is gone through just now stays as it is.
  local list, entry = { unpack(listeners[kind]) }, { fn = fn }
  list[#list + 1] = entry
  listeners[kind] = list
  return function()
    local rest = {}
    for _, other in ipairs(listeners[kind]) do
      if other ~= entry then rest[#rest + 1] = other end
    end
    listeners[kind] = rest
  end
end

--- Whether anybody listens.
---@param kind string
function M.has(kind) return listeners[kind][1] ~= nil end

--- Ends all listening.
function M.clear()
  for kind in pairs(listeners) do listeners[kind] = {} end
end

-- Counted first, so that the new table need not grow, which would take as long again.
local function copy(value)
  if type(value) ~= "table" then return value end
  local metatable = getmetatable(value)
  if metatable and core.isError(value) then return value end
  local list, count = #value, 0
  for _ in pairs(value) do count = count + 1 end
  local new = newTable(list, math.max(count - list, 0)) -- a list may have holes
  for k, v in pairs(value) do
    if type(v) == "table" then v = copy(v) end
    new[k] = v
  end
  return metatable and setmetatable(new, metatable) or new
end
M.copy = copy

-- Fields of errors that tell where in the host they happened.
local WHERE = { "strategyName", "symbol", "exchangeName", "when", "source" }

local function describe(failure)
  return ("holdfast.host: %s\n"):format(failure.message)
end

-- Standard error, where nobody listens: what is the same as before, but for times, is shown again only when it has come
-- ten times as often.
local last, times, shown

local function show(failure)
  local key = failure.message:gsub("%d+", "0")
  if key ~= last then last, times, shown = key, 0, 1 end
  times = times + 1
  if times < shown then return end
  shown = times * 10
  io.stderr:write(times == 1 and describe(failure)
    or ("holdfast.host: %s (such a thing for the %dth time)\n"):format(failure.message, times))
end

local watching -- a function of the host's own

--- Has one function of the host called for each failure that is told, before the listeners are.
---@param fn? fun(failure: table, where: table)  as listeners of errors get it, not to be changed, and as report() does;
---  must not raise.  nil: none any more
function M.watch(fn) watching = fn end

--- Tells of a failure that ends nothing: the host goes on.
---@param raised any          what was raised
---@param where table         {strategyName=, symbol=, exchangeName=, when=, source=}: what was being done
function M.report(raised, where)
  local failure = core.isError(raised) and raised or core.error("script", tostring(raised))
  local event = {
    error = failure, code = failure.code, message = failure.message, cause = failure.cause,
    traceback = failure.traceback, retryable = failure.retryable,
  }
  for _, field in ipairs(WHERE) do event[field] = where[field] end
  if watching then watching(event, where) end
  local list = listeners.error
  if not list[1] then show(event) end
  local function late() return core.error("timeout", "it has computed for a minute") end
  local function failed(again)
    io.stderr:write(describe(event), "holdfast.host: and a listener of errors raised: ", tostring(again), "\n")
  end
  -- Nobody waits for one that waits: whatever went wrong, the host goes on.
  for _, entry in ipairs(list) do calls.detach(LISTENER_MS, late, failed, entry.fn, M.copy(event)) end
end

--- Has all listeners called, each with an event of its own, which it may change.
---@param kind string
---@param event table
---@param call fun(what: string, fn: function, ...)  calls a function of the user and reports what it raises
function M.emit(kind, event, call)
  for _, entry in ipairs(listeners[kind]) do call("a listener", entry.fn, copy(event)) end
end

return M
