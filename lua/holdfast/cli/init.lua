-- SPDX-License-Identifier: MIT
--
-- The command `holdfast`.  src/main.c calls main() with the words of the command line and exits with its result.  What
-- there is to do stands in commands/.  Exit codes are decided in one place, exitCode() below.

local argparse = require "argparse"
local core = require "holdfast.core"
local interruption = require "holdfast.cli.console.interruption"
local list = require "holdfast.cli.commands.list"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"

-- As they are now: the script that raised an error may have replaced them.
local collectgarbage, getmetatable, pcall, type, xpcall = collectgarbage, getmetatable, pcall, type, xpcall

local OVERVIEW = [[
Keeps JSON entities, grouped by entity name, in a store that a directory (LMDB)
or a URL names: ./data, lmdb:./data, memory:]]

local EXPLANATION = [[
Examples:
   holdfast put ./data signal BTC '{"side":"long","price":42000}'
   holdfast filter ./data signal 'v.side == "long"'
   holdfast export ./data | gzip > backup.jsonl.gz

Exit codes:
   0   done; finding nothing to list is fine too
   1   the answer is no: not found, corruption found by verify, stores that differ, a script raised,
       a host that is late or gone
   2   the call is wrong: option, argument, URL, JSON or import line
   3   the store failed: missing, unreadable, full, read-only, ... or the output did
   130, 143   copy was interrupted by SIGINT, SIGTERM

'holdfast COMMAND --help' explains each command.]]

local M = {}

-- How a call of the command can end before there is anything to run; raised by argparse's callbacks.
local Ending = {}

local function helpFlag(parser)
  parser:flag("-h --help"):description("Show this help and exit."):action(function()
    error(setmetatable({ text = parser:get_help() }, Ending), 0)
  end)
end

local function addCommand(parser, definition)
  local command = parser:command(definition.name):add_help(false):summary(definition.summary)
    :description(definition.description)
    :epilog("Examples:\n   " .. table.concat(definition.examples, "\n   "))
  command:help_description_margin(25)
  definition.arguments(command)
  options.common(command)
  helpFlag(command)
end

local function newParser(commands)
  local parser = argparse("holdfast", OVERVIEW, EXPLANATION):add_help(false):command_target("command")
  parser:help_description_margin(16):help_max_width(100)
  parser:flag("--json"):description("Machine-readable output, for every command.")
  parser:flag("--version"):description("Show the version and exit."):action(function()
    error(setmetatable({ text = "holdfast " .. core.version }, Ending), 0)
  end)
  helpFlag(parser)
  for _, command in ipairs(commands) do addCommand(parser, command) end
  parser.error = function(where, message)
    local hint = where._parent and string.format("'holdfast %s --help' explains the command", where._name)
      or "'holdfast --help' lists the commands"
    error(setmetatable({ text = where:get_usage(), message = message, hint = hint, failed = true }, Ending), 0)
  end
  return parser
end

-- Words after the script's name belong to the script, also those that look like options.
local function protectScriptArguments(words, byName)
  local function runsScript(name) return byName[name] ~= nil and byName[name].runsScript == true end
  local command
  for i, word in ipairs(words) do
    local isOption = word:sub(1, 1) == "-" and word ~= "-"
    if word == "--" or (not command and not isOption and not runsScript(word)) then return end
    if not isOption then
      if command then
        table.insert(words, i + 1, "--")
        return
      end
      command = word
    end
  end
end

local function wantsJson(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "--json" then return true end
  end
  return false
end

local exits = { not_found = 1, conflict = 1, script = 1, invalid_argument = 2, invalid_value = 2 }

-- The exit code for an error; `exit` in the error object where the command knows better.
local function exitCode(err)
  return type(err.exit) == "number" and err.exit or exits[err.code] or 3
end

-- Anything that is raised becomes an error object with a traceback, but for our own signals.
local function handler(raised)
  if raised == output.nobodyReads or getmetatable(raised) == Ending or interruption.is(raised) then return raised end
  return core.traceback(raised)
end

-- Help, the version, or a wrong call.
local function finish(ending, asJson)
  if not ending.failed then
    output.line(ending.text)
    output.flush()
    return 0
  end
  local err = core.error("invalid_argument", ending.message:gsub("\n", ". "))
  err.where = nil
  err.hint = ending.hint
  if not asJson then io.stderr:write(ending.text, "\n") end
  output.complain(err, asJson)
  return 2
end

--- Runs the command and returns its exit code.
---@param words string[]  the words of the command line
---@return integer
function M.main(words)
  output.guard(words)
  local commands, byName = list.of(words), {}
  for _, command in ipairs(commands) do byName[command.name] = command end
  protectScriptArguments(words, byName)
  local asJson = wantsJson(words)
  local outcome -- the command while it runs, then its exit code
  local ok, raised = xpcall(function()
    output.start()
    local args = newParser(commands):parse(words)
    args.json = asJson or nil -- before the command or after it
    outcome = byName[args.command]
    outcome = outcome.run(args, { main = M.main, names = list.names })
    output.flush()
  end, handler)
  if ok then return outcome end
  if getmetatable(raised) == Ending then
    ok, raised = pcall(finish, raised, asJson)
    if ok then return raised end
  end
  if raised == output.nobodyReads then return 0 end
  if interruption.endsWith(raised) then error(interruption.raised, 0) end -- to the prompt, which has called us
  if not core.isError(raised) then -- there was no memory for more: what the work has used is free now
    collectgarbage()
    raised = core.toError(raised)
    if type(outcome) == "table" and outcome.runsScript then raised.exit = 1 end
  end
  -- A failure inside some Lua that is not the user's own code: the way there is all there is to go by.
  if raised.code == "script" and raised.showTraceback == nil then raised.showTraceback = raised.where == nil end
  output.complain(raised, asJson)
  return exitCode(raised)
end

return M
