-- SPDX-License-Identifier: MIT
--
-- A right adapter that is durable: one file of JSON for each collection, written again beside the old one and
-- renamed.  Slow, but what returned is there after the process is killed, and a disk that is full harms nothing.

local holdfast = require "holdfast"

local Journal = holdfast.PersistBase:extend("Journal")
Journal.supports = { durable = true }

function Journal:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  local name = entityName:gsub("[^%w]", function(c) return ("_%02x"):format(c:byte()) end)
  self.path = baseDir .. "/" .. name .. ".json"
end

function Journal:waitForInit()
  if os.execute("mkdir -p '" .. self.baseDir .. "' 2>/dev/null") ~= 0 then
    error(holdfast.error("io", "cannot make the folder " .. self.baseDir))
  end
end

local NO_SUCH_FILE = 2 -- ENOENT; whatever else keeps it from being opened is no empty store

local function load(self)
  local file, problem, code = io.open(self.path, "rb")
  if not file and code == NO_SUCH_FILE then return {} end
  if not file then error(holdfast.error("io", problem)) end
  local text, why = file:read("*a")
  file:close()
  if not text then error(holdfast.error("io", why)) end
  return holdfast.json.decode(text)
end

local function save(self, all)
  local file, problem = io.open(self.path .. ".new", "wb")
  if not file then error(holdfast.error("io", problem)) end
  local ok, why = file:write(holdfast.json.encode(all))
  if ok then ok, why = file:flush() end
  file:close()
  if ok then ok, why = os.rename(self.path .. ".new", self.path) end
  if not ok then error(holdfast.error("io", why)) end
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

function Journal:readMany(ids)
  local all, found = load(self), {}
  for _, id in ipairs(ids) do found[id] = all[id] end
  return found
end

function Journal:removeMany(ids)
  local all, there = load(self), 0
  for _, id in ipairs(ids) do
    if all[id] ~= nil then there = there + 1 end
    all[id] = nil
  end
  save(self, all)
  return there
end

function Journal:removeAll() save(self, holdfast.json.decode("{}")) end

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

--- For the kit: makes its storage fail until what it returns is called.
function Journal.conformanceFail(store)
  local path = store.path
  store.path = "/dev/null/journal.json"
  return function() store.path = path end
end

return Journal
