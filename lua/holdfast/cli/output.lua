-- SPDX-License-Identifier: MIT
--
-- Where results and complaints go: results to stdout, whole lines through one buffer;
-- errors to stderr, as text for people or as JSON.  A result that cannot be written is
-- an error like any other; a reader who has left (`| head`) is none.

local core = require "holdfast.core"
local text = require "holdfast.cli.text"

local EPIPE = 32

local M = {}

--- Raised when nobody reads our output any more: the command ends, and has nothing to say.
M.nobodyReads = setmetatable({}, { __tostring = function() return "nobody reads the output" end })

local function check(ok, message, number)
  if ok then return end
  if number == EPIPE then error(M.nobodyReads, 0) end
  error(core.error("io", "cannot write the output: " .. tostring(message)), 0)
end

--- Makes stdout collect lines where it is no terminal.
function M.start()
  io.stdout:setvbuf(require("holdfast.cli.terminal").isTerminal(1) and "line" or "full", 65536)
end

--- Writes a line of result.
---@param line string
function M.line(line)
  check(io.stdout:write(line, "\n"))
end

--- Sends what has been collected on its way.
function M.flush()
  check(io.stdout:flush())
end

-- Text of an error for a person.
local function describe(err)
  local lines = { "holdfast: " .. err.message }
  if err.code == "script" and type(err.cause) == "string" and err.cause:find("stack traceback:", 1, true) then
    lines[#lines + 1] = err.cause -- of the method of a class, rather than our own
  elseif err.traceback and err.showTraceback then
    lines[#lines + 1] = err.traceback
  elseif err.cause and err.cause ~= "" and err.code ~= "script" then
    lines[#lines + 1] = "  cause: " .. tostring(err.cause):gsub("\n", "\n  ")
  end
  if err.hint then lines[#lines + 1] = "  " .. err.hint end
  return table.concat(lines, "\n")
end

local function machineText(err)
  local cause = err.code ~= "script" and err.cause or nil
  return text.object("error", text.raw(text.object(
    "code", err.code, "message", err.message,
    "entityName", err.entityName, "entityId", err.entityId, "backend", err.backend,
    "line", err.line, "imported", err.imported, "copied", err.copied,
    "cause", cause and cause ~= "" and tostring(cause) or nil,
    "hint", err.hint, "traceback", err.traceback and err.showTraceback and err.traceback or nil,
    "retryable", err.retryable)))
end

--- Writes an error to stderr.
---@param err table  an error object; `hint`, `line`, `imported`, `copied` and `showTraceback` may have been added
---@param asJson boolean
function M.complain(err, asJson)
  io.stdout:flush()
  local ok, shown = pcall(asJson and machineText or describe, err)
  if not ok then shown = "holdfast: " .. tostring(err.message) end -- such as text that is not UTF-8
  io.stderr:write(shown, "\n")
end

--- Writes a warning to stderr: something that the user should know, and that ends nothing.
---@param message string
---@param asJson? boolean
function M.warn(message, asJson)
  io.stdout:flush()
  io.stderr:write(asJson and text.object("warning", message) or "holdfast: warning: " .. message, "\n")
end

return M
