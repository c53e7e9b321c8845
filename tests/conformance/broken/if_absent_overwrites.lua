-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: declares ifAbsent and writes anyway.
--
-- fails: ifAbsent writes a new entity, and no other
-- says: ifAbsent over an entity

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

Broken.supports = { ifAbsent = true }

function Broken:writeValue(id, entity, options) -- luacheck: ignore 212
  Right.writeValue(self, id, entity)
end

return Broken
