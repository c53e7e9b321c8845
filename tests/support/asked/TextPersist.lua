-- SPDX-License-Identifier: MIT
--
-- A backend in Lua for tests whose entities are texts, as they were written: with doubled keys, spelling and spaces.

local holdfast = require "holdfast"

local TextPersist = holdfast.PersistBase:extend "TextPersist"

TextPersist.encoding = "json"

function TextPersist:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  self.texts = {}
end

function TextPersist:waitForInit() end

function TextPersist:readValue(id)
  if not self.texts[id] then error(holdfast.error "not_found") end
  return self.texts[id]
end

function TextPersist:hasValue(id) return self.texts[id] ~= nil end

function TextPersist:writeValue(id, text) self.texts[id] = text end

function TextPersist:removeValue(id)
  if not self.texts[id] then error(holdfast.error "not_found") end
  self.texts[id] = nil
end

function TextPersist:removeAll() self.texts = {} end

function TextPersist:keys()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function TextPersist:values()
  local ids, n = TextPersist.keys(self), 0
  return function()
    n = n + 1
    return ids[n] and self.texts[ids[n]]
  end
end

return TextPersist
