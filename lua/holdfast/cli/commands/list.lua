-- SPDX-License-Identifier: MIT
--
-- The commands, in the order in which `holdfast --help` lists them.  Each is a file beside this one, named like the
-- command, that returns a table.  Its help is made of that table, and of the arguments that it declares.

local NAMES = {
  "get", "ls", "filter", "take", "count", "log", "watch",
  "put", "rm", "purge",
  "status", "stat", "verify", "rescue", "set", "index",
  "export", "import", "copy", "follow", "promote", "candles",
  "backup", "restore", "compact",
  "host", "report",
  "run", "test", "repl",
}

---@class holdfast.cli.Command
---@field name string           that of its file, which is not repeated in it
---@field summary string        a line for the overview
---@field description string    for its own help
---@field examples string[]     follow it there
---@field runsScript? boolean   its first argument is a script, to which all words after it belong
---@field arguments fun(command: table)  declares arguments and options on the argparse command; options.lua has those
---  that several share
---@field run fun(args: table, cli: {main: fun(words: string[]): integer, names: string[]}): integer  does it, and
---  returns the exit code; raises error objects.  `cli` is the command itself, for one that calls others

local M = {}

--- Their names.
M.names = NAMES

local known = {}
for _, name in ipairs(NAMES) do known[name] = true end

local function load(name)
  local command = require("holdfast.cli.commands." .. name)
  command.name = name
  return command
end

--- The commands that these words may mean: the one that they begin with, or all of them.  To load all takes a third of
--- the time that the command needs to start.
---@param words string[]  the words of the command line
---@return holdfast.cli.Command[]
function M.of(words)
  if known[words[1]] then return { load(words[1]) } end
  local all = {}
  for i, name in ipairs(NAMES) do all[i] = load(name) end
  return all
end

return M
