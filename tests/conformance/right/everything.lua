-- SPDX-License-Identifier: MIT
--
-- A right adapter that declares all that a class in memory can keep: transactions that nest, snapshots, revisions,
-- conditional writes, whole batches.  One writer is at work at a time, since scripts have one thread.

local holdfast = require "holdfast"

local Everything = holdfast.PersistBase:extend("Everything")
Everything.supports = {
  snapshot = true, nested = true, revision = true, ifAbsent = true, atomicBatch = true, removeIfRevision = true,
}
Everything.conformancePoison = "poison" -- what its writeValue refuses, for the check of batches

-- base -> { names = {entity name -> {id -> {text=, revision=}}}, saved = copies at begin }
local bases, revision = {}, 0

function Everything:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  bases[baseDir] = bases[baseDir] or { names = {}, saved = {} }
  self.store = bases[baseDir]
end

-- Made when first asked for: a rollback takes away what was made since its begin.
local function rows(self)
  local names = self.store.names
  names[self.entityName] = names[self.entityName] or {}
  return names[self.entityName]
end

function Everything:waitForInit(initial) -- luacheck: ignore
end

function Everything:readEntry(id)
  local row = rows(self)[id]
  if not row then error(("Entity %s:%s not found"):format(self.entityName, id)) end
  return { id = id, value = holdfast.json.decode(row.text), revision = row.revision, updatedAt = row.updatedAt }
end

function Everything:readValue(id) return self:readEntry(id).value end

function Everything:hasValue(id) return rows(self)[id] ~= nil end

function Everything:writeValue(id, entity, options)
  if entity == "poison" then error(holdfast.error("io", "a write that fails in the store")) end
  local row = rows(self)[id]
  if options and options.ifAbsent and row then error(holdfast.error("conflict")) end
  if options and options.ifRevision and (not row or row.revision ~= options.ifRevision) then
    error(holdfast.error("conflict"))
  end
  revision = revision + 1
  rows(self)[id] = { text = holdfast.json.encode(entity), revision = revision, updatedAt = os.time() * 1000 }
  return revision
end

function Everything:removeValue(id, options)
  local row = rows(self)[id]
  if not row then error(("Entity %s:%s not found for deletion"):format(self.entityName, id)) end
  if options and options.ifRevision and row.revision ~= options.ifRevision then error(holdfast.error("conflict")) end
  rows(self)[id] = nil
end

function Everything:removeAll() self.store.names[self.entityName] = {} end

function Everything:keys(range)
  local ids = {}
  for id in pairs(rows(self)) do
    local prefix = range and range.prefix
    if not prefix or id:sub(1, #prefix) == prefix then ids[#ids + 1] = id end
  end
  table.sort(ids, holdfast.naturalOrder)
  if range and range.reverse then
    for i = 1, math.floor(#ids / 2) do ids[i], ids[#ids + 1 - i] = ids[#ids + 1 - i], ids[i] end
  end
  return coroutine.create(function()
    for _, id in ipairs(ids) do coroutine.yield(id) end
  end)
end

function Everything:values()
  return coroutine.wrap(function()
    local step = self:keys()
    for id in step do
      if rows(self)[id] then coroutine.yield(holdfast.json.decode(rows(self)[id].text)) end
    end
  end)
end

function Everything:count()
  local n = 0
  for _ in pairs(rows(self)) do n = n + 1 end
  return n
end

function Everything:readMany(ids)
  local out = {}
  for _, id in ipairs(ids) do
    local row = rows(self)[id]
    out[id] = row and holdfast.json.decode(row.text)
  end
  return out
end

function Everything:begin()
  local copy = {}
  for name, table in pairs(self.store.names) do
    copy[name] = {}
    for id, row in pairs(table) do copy[name][id] = row end
  end
  table.insert(self.store.saved, copy)
end

function Everything:commit() table.remove(self.store.saved) end

function Everything:rollback() self.store.names = table.remove(self.store.saved) end

--- For the kit: makes its storage fail until what it returns is called.
function Everything.conformanceFail(instance)
  local store = instance.store
  instance.store = setmetatable({}, { __index = function()
    error(holdfast.error("unavailable", "it is switched off"))
  end })
  return function() instance.store = store end
end

return Everything
