-- SPDX-License-Identifier: MIT
--
-- A right adapter that is durable: one file of JSON for each entity type, written anew beside the old one and
-- renamed.  Slow,
-- but what returned is there after the process is killed.

local holdfast = require "holdfast"

local Journal = holdfast.PersistBase:extend("Journal")
Journal.supports = { durable = true }

function Journal:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  local name = entityName:gsub("[^%w]", function(c) return ("_%02x"):format(c:byte()) end)
  self.path = baseDir .. "/" .. name .. ".json"
end

function Journal:waitForInit()
  os.execute("mkdir -p '" .. self.baseDir .. "'")
end

local function load(self)
  local file = io.open(self.path, "rb")
  if not file then return {} end
  local text = file:read("*a")
  file:close()
  return holdfast.json.decode(text)
end

local function save(self, all)
  local file, problem = io.open(self.path .. ".new", "wb")
  if not file then error(holdfast.error("io", problem)) end
  file:write(holdfast.json.encode(all))
  local ok, why = file:flush()
  file:close()
  if not ok then error(holdfast.error("io", why)) end
  assert(os.rename(self.path .. ".new", self.path))
end

function Journal:readValue(id)
  local entity = load(self)[id]
  if entity == nil then error(holdfast.error("not_found")) end
  return entity
end

function Journal:hasValue(id) return load(self)[id] ~= nil end

function Journal:writeValue(id, entity)
  local all = load(self)
  all[id] = entity
  save(self, all)
end

function Journal:writeMany(entities)
  local all = load(self)
  for id, entity in pairs(entities) do all[id] = entity end
  save(self, all)
end

function Journal:removeValue(id)
  local all = load(self)
  if all[id] == nil then error(holdfast.error("not_found")) end
  all[id] = nil
  save(self, all)
end

function Journal:removeAll() os.remove(self.path) end

function Journal:keys()
  local ids = {}
  for id in pairs(load(self)) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function Journal:values()
  local all, values = load(self), {}
  for i, id in ipairs(Journal.keys(self)) do values[i] = all[id] end
  return values
end

return Journal
