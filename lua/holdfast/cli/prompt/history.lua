-- SPDX-License-Identifier: MIT
--
-- The history of the prompt: a file of lines, for nobody but the user.  Each line is added when it is typed, so that
-- nothing is lost with the process and several may add; what is older than the last thousand goes when the file has
-- grown to twice that.

local core = require "holdfast.core"
local files = require "holdfast.cli.system.files"

-- As they are now: what is typed may replace them.
local io, math, os, setmetatable, string, table =
  io, math, os, setmetatable, string, table

local KEPT = 1000 -- lines
local LONGEST = 10000 -- bytes of a line
local MODE = 384 -- 0600

---@class holdfast.cli.History
---@field path? string  nil: none is kept
---@field problem? string  why nothing can be kept
local History = {}
History.__index = History

local M = {}

-- $HOLDFAST_HISTORY, or ~/.holdfast_history; nil: an empty one, or no home.
local function pathOf()
  local named, home = os.getenv("HOLDFAST_HISTORY"), os.getenv("HOME")
  if named then return named ~= "" and named or nil end
  return home and home ~= "" and home .. "/.holdfast_history" or nil
end

local function lines(path)
  local list = {}
  local file = io.open(path, "rb")
  if not file then return list end
  for line in (file:read("*a") or ""):gmatch("[^\n]+") do list[#list + 1] = line end
  file:close()
  return list
end

-- Replaces the file by its last lines.
local function shorten(path, list)
  local replacement = files.begin(path, string.format("%s.%d.new", path, require("holdfast.util.process").id()))
  if not replacement then return end
  replacement:resemble { mode = MODE, user = -1, group = -1 }
  if replacement:write(table.concat(list, "\n", #list - KEPT + 1) .. "\n") then
    replacement:finish()
  else
    replacement:abandon()
  end
end

--- The history, and the lines that are in it, the oldest first.
---@return holdfast.cli.History
---@return string[]
function M.open()
  local self = setmetatable({ path = pathOf() }, History)
  local found = self.path and files.look(self.path)
  if found and found.kind ~= "file" then self.path = nil end -- such as /dev/null
  local list = self.path and lines(self.path) or {}
  self.last = list[#list]
  if #list > 2 * KEPT then shorten(self.path, list) end
  local recent = {}
  for i = math.max(1, #list - KEPT + 1), #list do recent[#recent + 1] = list[i] end
  return self, recent
end

-- Whether there is a store URL with a password in the line.
local function hasPassword(line)
  for url in line:gmatch("%l[%w+.-]*:[^%s\"']+") do
    if core.redact(url) ~= url then return true end
  end
  return false
end

-- Whether a line may lie in a file: not one that begins with a blank, nor one that has a password in it.
local function mayKeep(line, continues)
  local isApart = line:find("^%s") and not continues
  return not isApart and #line <= LONGEST and not line:find("[%z\n]") and not hasPassword(line)
end

--- Adds a line.
---@param line string
---@param continues boolean  whether it goes on with what the line before it began
---@return boolean remembered  whether it is worth coming back to
function History:add(line, continues)
  if line == self.last or not line:find("%S") then return false end
  self.last = line
  if not self.path or self.problem or not mayKeep(line, continues) then return true end
  local ok, problem = files.append(self.path, line .. "\n", MODE)
  if not ok then self.problem = problem end
  return true
end

return M
