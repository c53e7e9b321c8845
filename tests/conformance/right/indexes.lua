-- SPDX-License-Identifier: MIT
--
-- A right adapter with indexes: each is a table of which ids have a value, kept up by whatever writes or removes, and a
-- loop whose predicate compares what is indexed looks at those ids alone.  One with a database would have it keep the
-- index, and make a query of range.where.

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Conditions = dofile(here .. "conditions.lua")

local Indexes = Conditions:extend("Indexes")
Indexes.supports = { index = true }

local null = holdfast.json.null

-- texts of a collection -> its indexes: { {paths=, unique=, steps=, ids={value -> {id -> true}}}, ... }
Indexes.all = setmetatable({}, { __mode = "k" })

function Indexes:init(entityName, baseDir)
  Conditions.init(self, entityName, baseDir)
  self.all[self.texts] = self.all[self.texts] or {}
  self.list = self.all[self.texts]
end

-- ---- what an entity has

-- What is at a path; nil: nothing.
local function walk(entity, steps)
  for _, step in ipairs(steps) do
    if type(entity) ~= "table" then return nil end
    entity = entity[step]
  end
  return entity
end

-- The key of what an entity has at all paths; and whether only one may have it, if the index is unique.  Numbers and
-- texts are different, and 0 is -0.
local function keyOf(index, entity)
  local parts, counts = {}, true
  for i, steps in ipairs(index.steps) do
    local value = walk(entity, steps)
    if value == nil or value == null or type(value) == "table" then counts = false end
    if value == 0 then value = 0 end
    parts[i] = type(value) == "table" and "table" or value == null and "null" or
      ("%s %d %s"):format(type(value), #tostring(value), tostring(value))
  end
  return table.concat(parts, " "), counts
end

-- ---- keeping them up

function Indexes:put(index, id, entity) -- luacheck: ignore 212
  local key = keyOf(index, entity)
  index.ids[key] = index.ids[key] or {}
  index.ids[key][id] = true
end

function Indexes:takeOut(index, id, entity) -- luacheck: ignore 212
  local key = keyOf(index, entity)
  if not index.ids[key] then return end
  index.ids[key][id] = nil
  if not next(index.ids[key]) then index.ids[key] = nil end
end

-- Another entity that has what only one may have.
function Indexes:holder(index, id, entity) -- luacheck: ignore 212
  local key, counts = keyOf(index, entity)
  if not (index.unique and counts) then return nil end
  for other in pairs(index.ids[key] or {}) do
    if other ~= id then return other end
  end
end

local function refuse(index, holder)
  error(holdfast.error("duplicate", ("%s: %s has the same"):format(table.concat(index.paths, ","), holder)))
end

function Indexes:writeValue(id, entity)
  for _, index in ipairs(self.list) do
    local holder = self:holder(index, id, entity)
    if holder then refuse(index, holder) end
  end
  local old = self.texts[id] and holdfast.json.decode(self.texts[id])
  for _, index in ipairs(self.list) do
    if old ~= nil then self:takeOut(index, id, old) end
    self:put(index, id, entity)
  end
  Conditions.writeValue(self, id, entity)
end

function Indexes:removeValue(id)
  local old = self.texts[id] and holdfast.json.decode(self.texts[id])
  Conditions.removeValue(self, id)
  for _, index in ipairs(self.list) do self:takeOut(index, id, old) end
end

function Indexes:removeAll()
  Conditions.removeAll(self)
  for _, index in ipairs(self.list) do index.ids = {} end
end

-- ---- making and forgetting them

function Indexes:createIndex(paths, options, steps)
  local index = { paths = paths, unique = options.unique, steps = steps, ids = {} }
  for id, text in pairs(self.texts) do
    local entity = holdfast.json.decode(text)
    local holder = self:holder(index, id, entity)
    if holder then refuse(index, holder) end
    self:put(index, id, entity)
  end
  table.insert(self.list, index)
end

function Indexes:dropIndex(paths)
  for i, index in ipairs(self.list) do
    if table.concat(index.paths, ",") == table.concat(paths, ",") then return table.remove(self.list, i) end
  end
end

function Indexes:indexes() return self.list end

-- ---- using them

-- What a node stands for; nil where that is not known.
local function given(node, parameters)
  local value
  if node[1] == "const" then value = node[2] elseif node[1] == "param" then value = parameters[node[2]] end
  if value ~= null and type(value) ~= "table" then return value end
end

-- The equalities with which the condition begins: step -> {value=}.  What comes before them might raise, and those of
-- deeper paths do, for an entity that has nothing there.  The second result: whether all of it is such equalities.
local function equalities(node, parameters, found)
  if node[1] == "and" then
    local _, all = equalities(node[2], parameters, found)
    if all then return equalities(node[3], parameters, found) end
    return found, false
  end
  if node[1] ~= "==" or node[2][1] ~= "path" or node[2][2] ~= "v" or #node[2] ~= 3 then return found, false end
  local value = given(node[3], parameters)
  if value ~= nil then found[node[2][3]] = { value = value } end
  return found, value ~= nil
end

-- An entity that has just these values at the paths of an index; nil where one is missing.
local function example(index, found)
  local entity = {}
  for _, steps in ipairs(index.steps) do
    local equal = #steps == 1 and found[steps[1]]
    if not equal then return nil end
    entity[steps[1]] = equal.value
  end
  return entity
end

--- The ids to which an index leads; nil: it has to be all.
function Indexes:candidates(range)
  local found = equalities(range.where, range.parameters, {})
  for _, index in ipairs(self.list) do
    local entity = example(index, found)
    if entity then return index.ids[(keyOf(index, entity))] or {} end
  end
end

function Indexes:entries(range)
  local ids = range.where and self:candidates(range)
  local step = Conditions.entries(self, range)
  if not ids then return step end
  return function()
    local id, entity
    repeat id, entity = step() until id == nil or ids[id] or type(entity) ~= "table"
    return id, entity
  end
end

function Indexes:keys(range) return Indexes.entries(self, range) end

return Indexes
