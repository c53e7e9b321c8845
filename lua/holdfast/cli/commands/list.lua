-- SPDX-License-Identifier: MIT
--
-- The commands, in the order in which `holdfast --help` lists them.  Each is a file beside this one, named like the
-- command, that returns a table.  Its help is made of that table, and of the arguments that it declares.

local NAMES = {
  "get", "ls", "filter", "take", "count",
  "put", "rm",
  "stat", "verify", "rescue", "set",
  "export", "import", "copy",
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
---@field run fun(args: table): integer  does it, and returns the exit code; raises error objects

---@type holdfast.cli.Command[]
local M = {}

for i, name in ipairs(NAMES) do
  M[i] = require("holdfast.cli.commands." .. name)
  M[i].name = name
end

return M
