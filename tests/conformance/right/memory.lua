-- SPDX-License-Identifier: MIT
--
-- A right adapter, and what the broken ones begin with: texts in tables that all instances of one base and entity name
-- share.  It declares nothing, since it has no capability beyond the contract.

local holdfast = require "holdfast"

local MemoryScript = holdfast.PersistBase:extend("MemoryScript")

-- base -> entity name -> id -> text
MemoryScript.bases = {}

function MemoryScript:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  local names = self.bases[baseDir] or {}
  self.bases[baseDir] = names
  names[entityName] = names[entityName] or {}
  self.texts = names[entityName]
end

function MemoryScript:waitForInit(initial) -- luacheck: ignore
end

function MemoryScript:readValue(id)
  local text = self.texts[id]
  if not text then error(holdfast.error("not_found")) end
  return holdfast.json.decode(text)
end

function MemoryScript:hasValue(id)
  return self.texts[id] ~= nil
end

function MemoryScript:writeValue(id, entity)
  self.texts[id] = holdfast.json.encode(entity)
end

function MemoryScript:removeValue(id)
  if not self.texts[id] then error(holdfast.error("not_found")) end
  self.texts[id] = nil
end

function MemoryScript:removeAll()
  for id in pairs(self.texts) do self.texts[id] = nil end
end

function MemoryScript:keys()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function MemoryScript:values()
  local step = self:keys()
  return function()
    local id
    repeat
      id = step()
    until not id or self.texts[id]
    return id and holdfast.json.decode(self.texts[id])
  end
end

return MemoryScript
