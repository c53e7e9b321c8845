-- SPDX-License-Identifier: MIT
--
-- Where an export goes.  A file that is there, which may be the last good backup, is replaced when the new one
-- is whole and on the disk, and not touched before: what fails leaves it as it was, and nothing beside it.  What is no
-- regular file (a FIFO, a terminal, /dev/stdout) takes the lines as they come.  A file of the store itself is refused.

local core = require "holdfast.core"
local files = require "holdfast.cli.system.files"
local interruption = require "holdfast.cli.console.interruption"
local output = require "holdfast.cli.console.output"
local process = require "holdfast.util.process"
local refuse = require "holdfast.cli.console.refuse"

local LMDB_FILES = { "data.mdb", "lock.mdb" }

local M = {}

local function cannotOpen(problem, number) refuse.path("cannot open " .. problem, nil, number) end

-- ------------------------------------------------------- files of the store

-- Whether the real path is a file of an LMDB store in the folder, also by another of its names.
local function isLmdbFile(folder, path, found)
  for _, name in ipairs(LMDB_FILES) do
    local own = folder .. "/" .. name
    if path == own then return true end
    local there = found and files.look(own)
    if there and there.identity == found.identity then return true end
  end
  return false
end

-- What is known of the folders of the store: { backend =, path = }, nil for servers, and for classes of their own.
local function placeOf(store, persists)
  local ok, whole = pcall(function() return persists[1] and core.storeOf(persists[1]) or store.store end)
  local known, facts = pcall(function() return ok and whole:stat() end)
  if not known or not facts or type(facts.path) ~= "string" then return nil end
  return { backend = facts.backend, path = files.real(facts.path) or facts.path }
end

-- Refuses a path where this store, or another one, keeps its data.
local function protect(place, path, found, name)
  if place and place.backend == "lmdb" and isLmdbFile(place.path, path, found) then
    refuse.call("%s is a file of the store that is exported, %s: give another", name, place.path)
  end
  for _, own in ipairs(found and LMDB_FILES or {}) do
    if path:match("[^/]*$") == own then refuse.call("%s is a file of another store: give another", name) end
  end
  if not place then return end
  -- Entities of a file store are in folders of its folder.
  local inside = place.path == "/" and path or path:sub(1, #place.path + 1) == place.path .. "/"
    and path:sub(#place.path + 1)
  if place.backend == "file" and inside and inside:find("/", 2, true) then
    refuse.call("%s is where the store that is exported, %s, keeps its entities: give another", name, place.path)
  end
end

-- -------------------------------------------------------------------- streams

-- Whether a path stands for a file that this process has open already.
local function isDescriptor(path)
  return path:find("^/dev/std%a+$") or path:find("^/dev/fd/%d+$") or path:find("^/proc/[^/]+/fd/%d+$")
end

local Stream = {}
Stream.__index = Stream

local function check(self, ok, problem)
  if ok then return end
  error(core.error("io", string.format("cannot write %s, which is incomplete now: %s", self.name, problem)), 0)
end

function Stream:write(line) check(self, self.file:write(line, "\n")) end

function Stream:finish()
  local file = self.file
  self.file = nil
  local flushed, problem = file:flush()
  local failed = files.hasFailed(file)
  check(self, file:close())
  check(self, flushed and not failed, problem or "a write to it has failed")
end

function Stream:abandon()
  if self.file then self.file:close() end
end

local function openStream(path, found)
  -- What is open already is not cut off.
  local file, problem, number = io.open(path, found.kind == "file" and "ab" or "wb")
  if not file then cannotOpen(problem, number) end
  return setmetatable({ file = file, name = path }, Stream)
end

-- The standard output, whose reader may leave (output.lua).
local Standard = { isStandard = true }
Standard.__index = Standard
function Standard:write(line) output.line(line) end
function Standard:finish() end
function Standard:abandon() end

-- ---------------------------------------------------------------------- files

local File = {}
File.__index = File

function File:fail(problem)
  error(core.error("io", string.format("cannot write %s, which is as it was: %s", self.name, problem)), 0)
end

function File:write(line)
  self.lines = self.lines + 1
  interruption.check(self.lines)
  local ok, problem = self.replacement:write(line .. "\n")
  if not ok then self:fail(problem) end
end

function File:finish()
  interruption.check()
  self.over = true
  local ok, problem = self.replacement:finish()
  interruption.unwatch()
  if not ok then self:fail(problem) end
  ok, problem = files.flushFolder(self.path)
  if not ok then error(core.error("io", string.format("%s is new, but %s", self.name, problem)), 0) end
end

function File:abandon()
  if not self.over then self.replacement:abandon() end
  interruption.unwatch()
end

local function openFile(name, found, place)
  local path, problem, number = files.realFile(name)
  if not path then cannotOpen(problem, number) end
  protect(place, path, found, name)
  local replacement
  replacement, problem, number = files.begin(path, string.format("%s.%d.new", path, process.id()))
  if not replacement then
    refuse.path(problem,
      "FILE is written beside the old one and renamed; where that cannot be: holdfast export ... > FILE", number)
  end
  if found then replacement:resemble(found) end
  interruption.listen()
  return setmetatable({ replacement = replacement, path = path, name = name, lines = 0 }, File)
end

-- --------------------------------------------------------------------- opening

--- Opens what the lines go to.  Nothing is written yet, and what is there is as it was until finish().
---@param name? string  nil or "-": the standard output
---@param store table  the target (target.lua) that is exported
---@param persists PersistBase[]  instances on it
---@return table destination  write(line), then finish() or abandon(); isStandard
function M.open(name, store, persists)
  if not name or name == "-" then return Standard end
  local found, problem, number = files.look(name)
  if problem then cannotOpen(problem, number) end -- it may be a file of a store
  if found and found.kind == "folder" then cannotOpen(name .. ": it is a folder") end
  local standard = files.lookAt(1)
  if found and standard and found.identity == standard.identity and (isDescriptor(name) or found.kind ~= "file") then
    return Standard
  end
  local place = placeOf(store, persists)
  if found and (found.kind ~= "file" or isDescriptor(name)) then return openStream(name, found) end
  return openFile(name, found, place)
end

return M
