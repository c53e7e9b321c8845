-- SPDX-License-Identifier: MIT
--
-- A right adapter whose entities are JSON text: it never decodes one.

local holdfast = require "holdfast"

local TextScript = holdfast.PersistBase:extend("TextScript")

TextScript.encoding = "json"

-- base -> entity name -> id -> text
TextScript.bases = {}

function TextScript:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  local names = self.bases[baseDir] or {}
  self.bases[baseDir] = names
  names[entityName] = names[entityName] or {}
  self.texts = names[entityName]
end

function TextScript:waitForInit(initial) -- luacheck: ignore
end

function TextScript:readValue(id)
  return self.texts[id] or error(holdfast.error("not_found"))
end

function TextScript:hasValue(id)
  return self.texts[id] ~= nil
end

local function put(self, id, text)
  assert(type(text) == "string")
  self.texts[id] = text
end

function TextScript:writeValue(id, text) put(self, id, text) end

function TextScript:removeValue(id)
  self.texts[self:hasValue(id) and id or error(holdfast.error("not_found"))] = nil
end

function TextScript:removeAll()
  for id in pairs(self.texts) do self.texts[id] = nil end
end

function TextScript:keys()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function TextScript:entries()
  local ids, i = TextScript.keys(self), 0
  return function()
    repeat i = i + 1 until not ids[i] or self.texts[ids[i]]
    return ids[i], self.texts[ids[i]]
  end
end

TextScript.values = TextScript.entries -- nobody calls it: loops over values are made of entries

function TextScript:readMany(ids)
  local found = {}
  for _, id in ipairs(ids) do found[id] = self.texts[id] end
  return found
end

function TextScript:writeMany(texts)
  for id, text in pairs(texts) do put(self, id, text) end
end

return TextScript
