-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: ifAbsent takes a stored null or false for nothing.
--
-- fails: ifAbsent writes a new entity, and no other
-- says: ifAbsent over an entity that says nothing

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

Broken.supports = { ifAbsent = true }

function Broken:writeValue(id, entity, options)
  if options and options.ifAbsent and self:hasValue(id) then
    local value = self:readValue(id)
    if value and value ~= holdfast.json.null then error(holdfast.error("conflict")) end
  end
  Right.writeValue(self, id, entity)
end

return Broken
