-- SPDX-License-Identifier: MIT
--
-- A right adapter with indexes: each is a table of which ids have a value, kept up by whatever writes or removes, and
-- undone with a transaction.  A loop whose predicate compares what is indexed looks at those ids alone.  One with a
-- database would have it keep the index, and make a query of range.where.

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Conditions = dofile(here .. "conditions.lua")

local Indexes = Conditions:extend("Indexes")
Indexes.supports = { index = true, nested = true, atomicBatch = true }

local null = holdfast.json.null
local TABLE = {} -- stands for a table at the end of a path

-- texts of a collection -> its indexes: { {paths=, unique=, steps=, entries={key -> {values=, ids=}}}, ... }
Indexes.all = setmetatable({}, { __mode = "k" })

function Indexes:init(entityName, baseDir)
  Conditions.init(self, entityName, baseDir)
  self.all[self.texts] = self.all[self.texts] or {}
  self.list = self.all[self.texts]
end

-- ---- what an entity has

-- What is at a path; nil: nothing, or there is no way there.
local function walk(entity, steps)
  for _, step in ipairs(steps) do
    if type(entity) ~= "table" then return nil end
    entity = entity[step]
  end
  return type(entity) == "table" and TABLE or entity
end

--- A text for a value: another one for each that is not the same.  That is its JSON, but that -0 is 0.
function Indexes.textOf(value)
  if value == nil or value == TABLE then return value and "table" or "nothing" end
  return holdfast.json.encode(value == 0 and 0 or value)
end

--- Whether a unique index lets only one entity have it.
function Indexes.counts(value) return value ~= nil and value ~= null and value ~= TABLE end

-- What an entity has at the paths of an index, and the key of that; nil: it has no fields.  The last result: whether
-- only one may have it.
local function look(class, index, entity)
  if type(entity) ~= "table" then return nil, "no table", false end
  local values, parts, counts = {}, {}, true
  for i, steps in ipairs(index.steps) do
    values[i] = walk(entity, steps)
    parts[i] = class.textOf(values[i])
    counts = counts and class.counts(values[i])
  end
  return values, table.concat(parts, " "), counts
end

-- ---- keeping them up

--- Notes that an entity has what it has.
function Indexes:put(index, id, entity)
  local values, key = look(self, index, entity)
  index.entries[key] = index.entries[key] or { values = values, ids = {} }
  index.entries[key].ids[id] = true
end

--- Forgets what an entity had.
function Indexes:takeOut(index, id, entity)
  local _, key = look(self, index, entity)
  local entry = index.entries[key]
  if not entry then return end
  entry.ids[id] = nil
  if not next(entry.ids) then index.entries[key] = nil end
end

--- Another entity that has what only one may have.
function Indexes:holder(index, id, entity)
  local _, key, counts = look(self, index, entity)
  if not (index.unique and counts) then return nil end
  for other in pairs(index.entries[key] and index.entries[key].ids or {}) do
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
  for _, index in ipairs(self.list) do index.entries = {} end
end

-- ---- transactions

local saved = {} -- base -> at each begin that is open: entity name -> id -> text

function Indexes:begin()
  local copy = {}
  for name, texts in pairs(self.bases[self.baseDir]) do
    copy[name] = {}
    for id, text in pairs(texts) do copy[name][id] = text end
  end
  saved[self.baseDir] = saved[self.baseDir] or {}
  table.insert(saved[self.baseDir], copy)
end

function Indexes:commit() table.remove(saved[self.baseDir]) end

function Indexes:rollback()
  local copy = table.remove(saved[self.baseDir])
  for name, texts in pairs(self.bases[self.baseDir]) do
    for id in pairs(texts) do texts[id] = nil end
    for id, text in pairs(copy[name] or {}) do texts[id] = text end
    for _, index in ipairs(self.all[texts] or {}) do self:build(index, texts) end
  end
end

-- ---- making and forgetting them

--- Makes the entries of an index from all texts.
function Indexes:build(index, texts)
  index.entries = {}
  for id, text in pairs(texts) do
    local entity = holdfast.json.decode(text)
    local holder = self:holder(index, id, entity)
    if holder then refuse(index, holder) end
    self:put(index, id, entity)
  end
end

function Indexes:createIndex(paths, options, steps)
  local index = { paths = paths, unique = options.unique, steps = steps }
  self:build(index, self.texts)
  table.insert(self.list, index)
end

function Indexes:dropIndex(paths)
  for i, index in ipairs(self.list) do
    if table.concat(index.paths, ",") == table.concat(paths, ",") then return table.remove(self.list, i) end
  end
end

function Indexes:indexes() return self.list end

-- ---- using them

local FLIPPED = { ["=="] = "==", ["<"] = ">", ["<="] = ">=", [">"] = "<", [">="] = "<=" }

-- What a node stands for; nil where that is not known.
local function given(node, parameters)
  local value
  if node[1] == "const" then value = node[2] elseif node[1] == "param" then value = parameters[node[2]] end
  if value ~= null and type(value) ~= "table" and type(value) ~= "function" then return value end
end

-- Adds the comparisons of fields with which the condition begins: {operator=, path=, steps=, value=}.  False: it is
-- more than these, and what comes after that is asked only where that is true.
local function comparisons(node, parameters, found)
  if node[1] == "and" then
    return comparisons(node[2], parameters, found) and comparisons(node[3], parameters, found)
  end
  local operator, field, value = node[1], node[2], node[3]
  if not FLIPPED[operator] then return false end
  if field[1] ~= "path" then operator, field, value = FLIPPED[operator], value, field end
  value = given(value, parameters)
  if field[1] ~= "path" or field[2] ~= "v" or value == nil then return false end
  found[#found + 1] = { operator = operator, path = table.concat(field, "\0", 3), steps = #field - 2, value = value }
  return true
end

--- Whether what an entity has is what a comparison asks for; nil: that is not known, it may raise.
function Indexes.fits(comparison, value)
  local operator, wanted = comparison.operator, comparison.value
  if operator == "==" then
    if value == nil and comparison.steps > 1 then return nil end -- there may be no way there
    return value == wanted
  end
  if type(value) ~= type(wanted) or type(value) == "boolean" then return nil end
  if operator == "<" then return value < wanted elseif operator == "<=" then return value <= wanted end
  if operator == ">" then return value > wanted end
  return value >= wanted
end

-- Whether entities that have these values at the paths of an index may be wanted.  Comparisons are asked in turn: after
-- one that may raise, none is.
local function mayBeWanted(class, places, found, values)
  if not values then return true end
  for _, comparison in ipairs(found) do
    local place = places[comparison.path]
    if place then
      local fits = class.fits(comparison, values[place])
      if not fits then return fits == nil end
    elseif comparison.operator ~= "==" or comparison.steps > 1 then
      return true -- another field, which may not be there
    end
  end
  return true
end

--- The ids to which an index leads; nil: it has to be all.
function Indexes:candidates(range)
  local found, names = {}, {}
  comparisons(range.where, range.parameters, found)
  for _, comparison in ipairs(found) do names[comparison.path] = true end
  for _, index in ipairs(self.list) do
    local places = {}
    for i, steps in ipairs(index.steps) do places[table.concat(steps, "\0")] = i end
    if names[table.concat(index.steps[1], "\0")] then
      local ids = {}
      for _, entry in pairs(index.entries) do
        for id in pairs(mayBeWanted(self, places, found, entry.values) and entry.ids or {}) do ids[#ids + 1] = id end
      end
      return ids
    end
  end
end

function Indexes:entries(range)
  local ids = range.where and self:candidates(range)
  if not ids then return Conditions.entries(self, range) end
  table.sort(ids, holdfast.naturalOrder)
  local i, step = 0, 1
  if range.reverse then i, step = #ids + 1, -1 end
  return function()
    repeat i = i + step until not ids[i] or self.texts[ids[i]]
    if ids[i] then return ids[i], holdfast.json.decode(self.texts[ids[i]]) end
  end
end

function Indexes:keys(range) return Indexes.entries(self, range) end

return Indexes
