-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: keys are found by the prefix "name:", as KEYS in Redis finds them: entity "x" also lists those
-- of "x:a".
--
-- fails: entity names do not see each other
-- says: keys() of

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local all = {} -- base -> "name:id" -> text

local function key(self, id) return self.entityName .. ":" .. id end

function Broken:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  all[baseDir] = all[baseDir] or {}
  self.all = all[baseDir]
end

function Broken:readValue(id)
  if not self.all[key(self, id)] then error(holdfast.error("not_found")) end
  return holdfast.json.decode(self.all[key(self, id)])
end

function Broken:hasValue(id) return self.all[key(self, id)] ~= nil end

function Broken:writeValue(id, entity) self.all[key(self, id)] = holdfast.json.encode(entity) end

function Broken:removeValue(id)
  if not self.all[key(self, id)] then error(holdfast.error("not_found")) end
  self.all[key(self, id)] = nil
end

function Broken:keys()
  local ids, prefix = {}, self.entityName .. ":"
  for name in pairs(self.all) do
    if name:sub(1, #prefix) == prefix then ids[#ids + 1] = name:sub(#prefix + 1) end
  end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function Broken:removeAll()
  for _, id in ipairs(Broken.keys(self)) do self.all[key(self, id)] = nil end
end

function Broken:values()
  local step = self:keys()
  return function()
    local id
    repeat
      id = step()
    until not id or self.all[key(self, id)]
    return id and holdfast.json.decode(self.all[key(self, id)])
  end
end

return Broken
