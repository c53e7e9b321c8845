-- SPDX-License-Identifier: MIT
--
-- Reading a store at one moment while another one is written, for copy: a snapshot of the source stays open throughout,
-- and what concerns the target is done outside of it.  Where the source shows no moments it is read as it is, and may
-- change meanwhile.

local core = require "holdfast.core"
local output = require "holdfast.cli.console.output"
local text = require "holdfast.cli.console.text"

local ATTEMPTS = 10 -- at a moment in which no name is missing

---@class holdfast.cli.Moment
---@field fixed boolean  whether the source stands still
---@field names string[]? the entity names that the source has at the moment; nil: it cannot tell
local Moment = {}
Moment.__index = Moment

local M = {}

--- Runs what concerns another store than the source.
---@param fn function
---@param ... any
function Moment:outside(fn, ...)
  if self.fixed then return core.outside(fn, ...) end
  return fn(...)
end

--- An iterator over another store than the source.
---@param step function
function Moment:outsideEach(step)
  if not self.fixed then return step end
  return function() return core.outside(step) end
end

-- The names that a store has; nil, and why, for a script's class that cannot tell.
local function known(store)
  local ok, names = pcall(store.names, store)
  if ok then return names end
  if not core.isError(names, "unsupported") then error(names, 0) end
  return nil, names
end
M.known = known

--- The names that the source has now, which is the moment where that is fixed.
---@return string[]?
function Moment:namesNow()
  local names = known(self.source)
  if names or not self.fixed then return names end
  return core.outside(known, self.source) -- a store of scripts has another way to its names than to its entities
end

-- All names are in use before the moment is fixed: LMDB shows no others in it.
local function openAll(source, names)
  local persists = {}
  for i, name in ipairs(names) do
    persists[i] = source:entity(name)
    persists[i]:waitForInit()
  end
  return persists
end

-- Whether the moment shows every name, and there is none besides.
local function isWhole(self, persists, names)
  for _, persist in ipairs(persists) do
    local ok, raised = pcall(persist.hasValue, persist, "0")
    if not ok and core.isError(raised, "busy") then return false end
    if not ok and not core.isError(raised, "corrupt") then error(raised, 0) end
  end
  for _, name in ipairs(self.names or {}) do
    if not names[name] then return false end
  end
  return true
end

--- The names as keys of a table.
---@param names string[]
---@return table<string, true>
function M.setOf(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

-- One attempt.  False: try again, with the names that there are now.
local function try(source, names, all, fn, at)
  local persists = openAll(source, names)
  if not persists[1] or not persists[1].supports.snapshot then
    local self = setmetatable({ source = source, fixed = false }, Moment)
    self.names = known(source)
    fn(self, names)
    return true
  end
  return core.snapshot(persists[1], function()
    local self = setmetatable({ source = source, fixed = true }, Moment)
    self.names = self:namesNow()
    if not isWhole(self, persists, M.setOf(all and names or self.names or {})) then return false end
    fn(self, names)
    return true
  end, at and { at = at })
end

--- Runs fn(moment, names) at one moment of the source, where it has snapshots.
---@param source table       as target.open gives it
---@param names string[]     to be read
---@param all boolean        whether these are all that there are: then fn gets those of the moment
---@param json? boolean
---@param fn fun(moment: holdfast.cli.Moment, names: string[])
---@param at? integer        the revision as of which it is read; now if left out
function M.run(source, names, all, json, fn, at)
  for _ = 1, ATTEMPTS do
    if try(source, names, all, fn, at) then return end
    if all then names = known(source) end
  end
  output.warn(string.format("%s changes too often to be read at one moment: what is written meanwhile may be in the "
    .. "copy by half", text.url(source.url)), json)
  fn(setmetatable({ source = source, fixed = false, names = known(source) }, Moment), names)
end

return M
