-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: each instance keeps what it has read for ever.
--
-- fails: a second instance sees what the first one writes
-- says: what the second one wrote over it

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:init(entityName, baseDir)
  Right.init(self, entityName, baseDir)
  self.cache = {}
end

function Broken:readValue(id)
  if self.cache[id] == nil then self.cache[id] = Right.readValue(self, id) end
  return self.cache[id]
end

function Broken:writeValue(id, entity)
  Right.writeValue(self, id, entity)
  self.cache[id] = entity
end

function Broken:removeValue(id)
  self.cache[id] = nil
  Right.removeValue(self, id)
end

function Broken:removeAll()
  self.cache = {}
  Right.removeAll(self)
end

return Broken
