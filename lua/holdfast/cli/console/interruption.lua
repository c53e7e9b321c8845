-- SPDX-License-Identifier: MIT
--
-- Work that SIGINT or SIGTERM ends at a good moment.  Between watch() and unwatch() a signal is only noted; the work
-- asks for it with check() where it may end, runs under handler(), and says with complain() how it ended.  A second
-- signal ends the process.

local core = require "holdfast.core"
local interrupt = require "holdfast.cli.interrupt" -- in src/interrupt.c
local output = require "holdfast.cli.console.output"

-- As they are now: the script that raised an error may have replaced them.
local error, getmetatable, setmetatable = error, getmetatable, setmetatable

local Interruption = { __tostring = function() return "interrupted" end } -- the metatable of what is raised

local M = {}

--- From here on a signal is noted.
M.listen = interrupt.watch

--- From here on a signal ends the process again; signal() still gives the one that was noted.
M.unwatch = interrupt.unwatch

--- The signal that was noted.
---@type fun(): integer?
M.signal = interrupt.signal

--- What SIGINT has running code raise at the prompt.
M.raised = setmetatable({}, Interruption)

local held = false

--- Runs fn(...) so that SIGINT ends it, and not the process.
---@return boolean ended  whether that has happened
---@return boolean ok     and what pcall() gives
---@return any ...
function M.guarded(fn, ...)
  interrupt.hold(M.raised)
  held = true
  local function settle(...)
    held = false
    return interrupt.signal() ~= nil, ...
  end
  return settle(interrupt.run(fn, ...))
end

--- Whether it was SIGINT, for guarded(), that had this raised: what was raised for it may have been caught on the way.
---@param raised any
---@return boolean
function M.endsWith(raised) return M.is(raised) or (held and interrupt.signal() ~= nil) end

local STRIDE = 256

--- Raises where a signal has come.
---@param count? integer  of what is done again and again: there is a look at every 256th only
function M.check(count)
  if count and count % STRIDE ~= 0 then return end
  if interrupt.signal() then error(setmetatable({}, Interruption), 0) end
end

--- Whether it was check() that raised this.
---@param raised any
---@return boolean
function M.is(raised) return getmetatable(raised) == Interruption end

--- For xpcall: an error object with a traceback, but for what is none.
---@param raised any
function M.handler(raised)
  if M.is(raised) or raised == output.nobodyReads then return raised end
  return core.traceback(raised)
end

--- Says that a signal ended the work.
---@param args {json?: boolean}
---@param facts {hint?: string, copied?: integer, cause?: any}  what else is said of it
---@return integer code  to exit with
function M.complain(args, facts)
  local err = { code = "interrupted", message = "interrupted" }
  for name, value in pairs(facts) do err[name] = value end
  output.complain(err, args.json)
  return 128 + interrupt.signal()
end

return M
