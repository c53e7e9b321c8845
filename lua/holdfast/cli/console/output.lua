-- SPDX-License-Identifier: MIT
--
-- Where results and complaints go: results to stdout, whole lines through one buffer;
-- errors to stderr, as text for people or as JSON.  A result that cannot be written is
-- an error like any other; a reader who has left (`| head`) is none.

local core = require "holdfast.core"
local text = require "holdfast.cli.console.text"

-- As they are now: the script that raised an error may have replaced them.
local error, io, ipairs, math, pairs, pcall, setmetatable, string, table, tostring, type =
  error, io, ipairs, math, pairs, pcall, setmetatable, string, table, tostring, type

local EPIPE = 32

local M = {}

--- Raised when nobody reads our output any more: the command ends, and has nothing to say.
M.nobodyReads = setmetatable({}, { __tostring = function() return "nobody reads the output" end })

local function check(ok, message, number)
  if ok then return end
  if number == EPIPE then error(M.nobodyReads, 0) end
  error(core.error("io", "cannot write the output: " .. tostring(message)), 0)
end

--- Makes stdout collect lines where it is not a terminal.
function M.start()
  io.stdout:setvbuf(require("holdfast.cli.system.terminal").isTerminal(1) and "line" or "full", 65536)
end

--- Writes a line of result.
---@param line string
function M.line(line)
  check(io.stdout:write(line, "\n"))
end

--- Writes text as it is, such as what moves a terminal's cursor.
---@param written string
function M.text(written)
  check(io.stdout:write(written))
end

--- Writes one entity: its value, or with --json an object with its id.
---@param args {json?: boolean}
---@param id string
---@param json string
function M.entity(args, id, json)
  M.line(args.json and text.object("id", id, "value", text.raw(json)) or text.oneLine(json))
end

--- Sends what has been collected on its way.
function M.flush()
  check(io.stdout:flush())
  check(not require("holdfast.cli.system.files").hasFailed(io.stdout), "a write to it has failed")
end

-- Text of what a script may have put into an error.
local function shown(value)
  local ok, found = pcall(tostring, value)
  return ok and type(found) == "string" and found or "(a " .. type(value) .. ")"
end

local function hasText(value) return type(value) == "string" and value ~= "" end

local secrets = {} -- URLs that have some

--- Notes the words of the command line: what is complained of is shown without the passwords in them.
---@param words string[]
function M.guard(words)
  for _, word in ipairs(words) do
    if core.redact(word) ~= word then secrets[#secrets + 1] = word end
  end
end

local function redact(said)
  for _, url in ipairs(secrets) do said = core.redact(said, url) end
  return said
end

local REDACTED = { "message", "cause", "hint", "traceback" }

-- The error with texts that may be shown.
local function redacted(err)
  if #secrets == 0 then return err end
  local copy = {}
  for name, value in pairs(err) do copy[name] = value end
  for _, name in ipairs(REDACTED) do
    local value = copy[name]
    if type(value) == "table" and err.code ~= "script" then value = shown(value) end
    copy[name] = type(value) == "string" and redact(value) or value
  end
  return copy
end

-- Text of an error for a person.
local function describe(err)
  local lines = { "holdfast: " .. shown(err.message) }
  if err.code == "script" and type(err.cause) == "string" and err.cause:find("stack traceback:", 1, true) then
    lines[#lines + 1] = err.cause -- of the method of a class, rather than our own
  elseif hasText(err.traceback) and err.showTraceback then
    lines[#lines + 1] = err.traceback
  elseif err.cause and err.cause ~= "" and err.code ~= "script" then
    lines[#lines + 1] = "  cause: " .. shown(err.cause):gsub("\n", "\n  ")
  end
  if err.hint then lines[#lines + 1] = "  " .. shown(err.hint) end
  return table.concat(lines, "\n")
end

-- A member of the JSON object: numbers and truth as they are, anything else as text.
local function member(value)
  if value == nil or type(value) == "boolean" then return value end
  if type(value) == "number" and value == value and math.abs(value) ~= math.huge then return value end
  return text.utf8(shown(value))
end

local function machineText(err)
  local cause = err.code ~= "script" and err.cause or nil
  return text.object("error", text.raw(text.object(
    "code", member(err.code), "message", member(shown(err.message)),
    "entityName", member(err.entityName), "entityId", member(err.entityId), "backend", member(err.backend),
    "line", member(err.line), "imported", member(err.imported), "copied", member(err.copied),
    "cause", cause and cause ~= "" and member(shown(cause)) or nil,
    "hint", member(err.hint),
    "traceback", hasText(err.traceback) and err.showTraceback and member(err.traceback) or nil,
    "retryable", err.retryable == true)))
end

-- Made before they are needed: what is said where nothing else can be.
local NO_MEMORY = "not enough memory" -- as LuaJIT raises it
local LAST_WORDS = {
  [true] = "holdfast: Lua ran out of memory\n",
  [false] = "holdfast: what was raised cannot be shown\n",
}
local LAST_OBJECTS = {
  [true] = '{"error":{"code":"no_memory","message":"Lua ran out of memory","retryable":false}}\n',
  [false] = '{"error":{"code":"script","message":"what was raised cannot be shown","retryable":false}}\n',
}

--- Writes an error to stderr.
---@param err table  an error object; `hint`, `line`, `imported`, `copied` and `showTraceback` may have been added
---@param asJson boolean
function M.complain(err, asJson)
  io.stdout:flush()
  local ok, said = pcall(function() return (asJson and machineText or describe)(redacted(err)) end)
  if ok then
    io.stderr:write(said, "\n")
  else
    local lacksMemory = said == NO_MEMORY or core.isError(said, "no_memory") -- Lua's, or C's below it
    io.stderr:write((asJson and LAST_OBJECTS or LAST_WORDS)[lacksMemory])
  end
end

--- Tells a person, on stderr, what programs need not know.
---@param args {json?: boolean}
---@param message string  a format
---@param ... any         for it
function M.note(args, message, ...)
  if not args.json then io.stderr:write("holdfast: ", string.format(message, ...), "\n") end
end

--- Writes a warning to stderr: something that the user should know, and that ends nothing.
---@param message string
---@param asJson? boolean
function M.warn(message, asJson)
  io.stdout:flush()
  message = redact(message)
  io.stderr:write(asJson and text.object("warning", message) or "holdfast: warning: " .. message, "\n")
end

return M
