-- SPDX-License-Identifier: MIT
--
-- A right adapter whose indexes are kept with its entities, and hold against other processes.  It stands for a storage
-- that has transactions and no indexes: which ones there are is in a collection of its own, and each write looks, in
-- the transaction that it is made in, whether another entity has the same.  Loops do not use them.

local holdfast = require "holdfast"

local LmdbPersist = holdfast.LmdbPersist
local Durable = LmdbPersist:extend("DurableIndexes")
Durable.supports = { index = true, indexOrder = false }

local null = holdfast.json.null

function Durable:init(entityName, baseDir)
  LmdbPersist.init(self, entityName, baseDir, { durability = "nosync" }) -- what survives is the end of the process
  self.definitions = LmdbPersist("indexes of " .. entityName, baseDir, { durability = "nosync" })
end

-- ---- what is the same

-- A text for what an entity has at the paths of an index; nil: nothing that counts.
local function keyOf(index, entity)
  local parts = {}
  for i, steps in ipairs(index.steps) do
    local value = entity
    for _, step in ipairs(steps) do
      if type(value) ~= "table" then return nil end
      value = value[step]
    end
    if value == nil or value == null or type(value) == "table" then return nil end
    parts[i] = holdfast.json.encode(value == 0 and 0 or value) -- -0 is 0
  end
  return table.concat(parts, " ")
end

-- Refuses an entity that has the same as another one.
local function refuse(self, index, id, entity)
  local key = keyOf(index, entity)
  if not key then return end
  for otherId, other in LmdbPersist.entries(self) do
    if otherId ~= id and keyOf(index, other) == key then
      error(holdfast.error("duplicate", ("%s: %s has the same"):format(table.concat(index.paths, ","), otherId)))
    end
  end
end

--- Refuses what unique indexes forbid.
function Durable:checkUnique(id, entity)
  for _, index in ipairs(self:made()) do
    if index.unique then refuse(self, index, id, entity) end
  end
end

function Durable:writeValue(id, entity, options)
  return holdfast.transaction(function()
    self:checkUnique(id, entity)
    return LmdbPersist.writeValue(self, id, entity, options)
  end)
end

-- ---- which indexes there are

function Durable:createIndex(paths, options, steps)
  holdfast.transaction(function()
    local index = { paths = paths, unique = options.unique, steps = steps }
    for id, entity in LmdbPersist.entries(self) do
      if index.unique then refuse(self, index, id, entity) end
    end
    self:note(index)
  end)
end

--- Notes an index.
function Durable:note(index) self.definitions:writeValue(table.concat(index.paths, ","), index) end

function Durable:dropIndex(paths) self.definitions:removeValue(table.concat(paths, ",")) end

--- Those that were noted.
function Durable:made()
  local list = {}
  for index in self.definitions:values() do list[#list + 1] = index end
  return list
end

function Durable:indexes() return self:made() end

return Durable
