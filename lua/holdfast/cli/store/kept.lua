-- SPDX-License-Identifier: MIT
--
-- What a damaged store has kept of itself, for the store that its entities are rescued into: format, settings,
-- features and indexes.  Nothing of it has a checksum, so each is taken over by itself, as if somebody set it, and what
-- cannot be is named.

local core = require "holdfast.core"
local indexes = require "holdfast.cli.store.indexes"
local text = require "holdfast.cli.console.text"

-- Those that the new store has by itself: every one of format 2, and one that has indexes, a log of changes (which
-- begins again) or entities that expire.
local OWN = { sums = true, index = true, changes = true, ttl = true }

local SETTABLE = { string = true, number = true, boolean = true }

---@class holdfast.cli.Kept
local Kept = {}
Kept.__index = Kept

local M = {}

--- Nothing yet.
---@return holdfast.cli.Kept
function M.new()
  return setmetatable({ format = 1, settings = {}, indexes = {}, refused = {} }, Kept)
end

--- The kind of a value of the new store that could not be taken over.
---@param what string  "the setting maxsize"
---@param problem string
function Kept:refuse(what, problem)
  self.refused[#self.refused + 1] = { what = text.oneLine(text.utf8(what)), problem = text.oneLine(text.utf8(problem)) }
end

local function decoded(json)
  local ok, value = pcall(core.json.decode, json)
  if ok then return value end
end

local function takeFormat(self, json)
  local record = decoded(json)
  local format = type(record) == "table" and record.format
  if format == 1 or format == 2 then
    self.format = math.max(self.format, format)
  else
    self:refuse("the format", "it is damaged, or that of a newer version: " .. json)
  end
end

local function takeSetting(self, name, json)
  local value = decoded(json)
  self.format = 2 -- which alone has any
  if SETTABLE[type(value)] then
    self.settings[#self.settings + 1] = { name = name, value = value }
  else
    self:refuse("the setting " .. name, "its value is damaged: " .. json)
  end
end

local function takeFeature(self, name)
  self.format = 2
  if not OWN[name] then self:refuse("the feature " .. name, "this version does not know it, or its name is damaged") end
end

-- {"ready":true,"entityName":"signal","definition":{"paths":["symbol"],"unique":false}}
local function takeIndex(self, json)
  local record = decoded(json)
  local definition = type(record) == "table" and record.definition
  self.format = 2
  if type(definition) == "table" and type(record.entityName) == "string" and type(definition.paths) == "table"
    and type(definition.unique) == "boolean" then
    self.indexes[#self.indexes + 1] = { entity = record.entityName, paths = definition.paths,
      unique = definition.unique }
  else
    self:refuse("an index", "what is kept of it is damaged: " .. json)
  end
end

--- Takes what core.rescueStore() hands out as "kept".
---@param record holdfast.Rescued
function Kept:take(record)
  local setting, feature = record.id:match("^setting:(.*)$"), record.id:match("^feature:(.*)$")
  if record.id == "format" then
    takeFormat(self, record.text)
  elseif setting then
    takeSetting(self, setting, record.text)
  elseif feature then
    takeFeature(self, feature)
  elseif record.id:find "^index:" then
    takeIndex(self, record.text)
  end
end

local function set(self, store, name, value)
  local ok, raised = pcall(store.settings, store, { [name] = value })
  if ok then return true end
  if not (core.isError(raised, "invalid_argument") or core.isError(raised, "unsupported")) then error(raised, 0) end
  self:refuse("the setting " .. name, core.toError(raised).message)
  return false
end

-- Makes an index in the new store.
local function make(self, store, definition)
  local ok, raised = pcall(indexes.make, store:entity(definition.entity), definition.paths, definition.unique)
  if ok then return true end
  if not indexes.isRefused(raised) then error(raised, 0) end
  self:refuse(("the index %s of %s"):format(indexes.nameOf(definition), definition.entity),
    core.toError(raised).message)
  return false
end

--- Sets all of it in the new store, when its entities are there, and keeps in `settings` and `indexes` what could be.
---@param store table  as target.open gives it
function Kept:give(store)
  local made = {}
  self:giveSettings(store.store)
  for _, definition in ipairs(self.indexes) do
    if make(self, store, definition) then made[#made + 1] = definition end
  end
  table.sort(made, function(a, b)
    if a.entity ~= b.entity then return core.naturalOrder(a.entity, b.entity) end
    return indexes.nameOf(a) < indexes.nameOf(b)
  end)
  self.indexes = made
end

---@param store table  as holdfast.openStore() gives it
function Kept:giveSettings(store)
  local taken = {}
  if self.format > 1 and not set(self, store, "format", self.format) then self.format = 1 end
  for _, setting in ipairs(self.settings) do
    if set(self, store, setting.name, setting.value) then taken[#taken + 1] = setting end
  end
  self.settings = taken
end

return M
