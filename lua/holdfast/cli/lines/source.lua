-- SPDX-License-Identifier: MIT
--
-- Where an import comes from, looked through before anything of it is written: whether it is whole, and whether it may
-- be written at all.  A pipe can be read once only: what it is shows on the way.

local core = require "holdfast.core"
local entries = require "holdfast.cli.lines.entries"
local jsonlines = require "holdfast.cli.lines.jsonlines"
local marks = require "holdfast.cli.lines.marks"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"

local STANDARD = "the standard input"

local M = {}

--- Raises that the lines are not those of whole exports.
---@param path? string     of the file; nil: the standard input
---@param problem string
---@param hint string      what has become of the lines
function M.refuseCut(path, problem, hint)
  local name = path or STANDARD
  local err = core.error("invalid_value", string.format("%s is not a whole export: %s", name, problem))
  err.hint = hint .. "; --partial imports what is there"
  error(err, 0)
end

-- Goes back to where the lines begin: reading on from anywhere else would leave out lines, and nobody would know.
local function back(file, path, start)
  local at, message, number = file:seek("set", start)
  if not at then refuse.path(string.format("cannot read %s again: %s", path or STANDARD, message), nil, number) end
end

-- Looks whether a file is what export has written, all of it, before anything is imported.  Leaves it where it was;
-- says whether that could be done, which it cannot with a pipe, and whether there was an export in it.
local function checkWhole(file, path)
  local start = file:seek("cur")
  if not start then return false end
  local reader = marks.reader()
  for number, line in jsonlines.lines(file) do
    if line:find("%S") then reader:add(line, number) end
  end
  local problem, marked = reader:finish()
  if problem then M.refuseCut(path, problem, "nothing was imported") end
  back(file, path, start)
  return true, marked
end

local NO_MARK = "%s has no mark of a whole export (lines of your own, or an export of Holdfast 0.1): whether something "
  .. "is missing cannot be told"

local function openFile(path)
  local file, message, number = io.open(path, "rb")
  return file or refuse.path("cannot open " .. message, nil, number)
end

--- Opens the file and looks at it.
---@param path? string  nil: the standard input
---@param args {partial?: boolean, json?: boolean}
---@return file* file       what to read
---@return integer? size    in bytes, if it is known
---@return table? reader    what checks it on the way (marks.lua), where that could not be done before
function M.open(path, args)
  local file = path and openFile(path) or io.stdin
  local size = path and file:seek("end") or nil
  if size then back(file, path, 0) end
  if args.partial then return file, size end
  local checked, marked = checkWhole(file, path)
  if not checked then return file, size, marks.reader() end
  if path and not marked then output.note(args, NO_MARK, path) end
  return file, size
end

--- While a host runs on the store, a file is looked through first, so that what is refused is refused before anything
--- has been written.  What is wrong with a line is for the import itself to say.
---@param guard holdfast.cli.Guard
---@param file file*
---@param path string
---@param entityName? string  for all lines, whatever they say
function M.claimAll(guard, file, path, entityName)
  for number, line in jsonlines.lines(file) do
    local ok, name = pcall(entries.parse, line, entityName)
    local claimed, raised = xpcall(function() guard:claim(ok and name or "") end, core.traceback)
    if not claimed then
      raised.message, raised.line = string.format("line %d: %s", number, raised.message), number
      raised.hint = "nothing was imported"
      error(raised, 0)
    end
  end
  back(file, path, 0)
end

return M
