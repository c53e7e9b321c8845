-- SPDX-License-Identifier: MIT
--
-- Work that SIGINT or SIGTERM ends at a good moment.  Between watch() and unwatch() a signal is only noted; the work
-- asks for it with check() where it may end, runs under handler(), and says with complain() how it ended.  A second
-- signal ends the process.

local core = require "holdfast.core"
local interrupt = require "holdfast.cli.interrupt" -- in src/main.c
local output = require "holdfast.cli.console.output"

local Interruption = {} -- the metatable of what is raised

local M = {}

--- From here on a signal is noted.
M.listen = interrupt.watch

--- From here on a signal ends the process again; signal() still gives the one that was noted.
M.unwatch = interrupt.unwatch

--- The signal that was noted.
---@type fun(): integer?
M.signal = interrupt.signal

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
