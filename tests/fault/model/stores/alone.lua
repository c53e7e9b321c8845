-- SPDX-License-Identifier: MIT
--
-- All adapters in a class of eight methods, without transactions, as a user writes one: over a Lua table.

local holdfast = require "holdfast"

local Alone = holdfast.PersistBase:extend("Alone")

local bases = {} -- base and entity name -> id -> text

function Alone:waitForInit()
  local key = self.baseDir .. "\0" .. self.entityName
  bases[key] = bases[key] or {}
  self.texts = bases[key]
end

function Alone:readValue(id)
  if not self.texts[id] then error(holdfast.error("not_found")) end
  return holdfast.json.decode(self.texts[id])
end

function Alone:hasValue(id) return self.texts[id] ~= nil end

function Alone:writeValue(id, entity) self.texts[id] = holdfast.json.encode(entity) end

function Alone:removeValue(id)
  if not self.texts[id] then error(holdfast.error("not_found")) end
  self.texts[id] = nil
end

function Alone:removeAll()
  for id in pairs(self.texts) do self.texts[id] = nil end
end

function Alone:keys()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function Alone:values()
  local list = {}
  for i, id in ipairs(Alone.keys(self)) do list[i] = holdfast.json.decode(self.texts[id]) end
  return list
end

return {
  together = false,
  place = function(_, folder) return Alone, folder .. "/alone" end,
}
