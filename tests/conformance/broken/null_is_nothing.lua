-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a stored null is taken for a missing entity.
--
-- fails: hasValue answers true or false
-- fails: every kind of JSON value
-- says: not_found

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  if entity == holdfast.null then self.texts[id] = nil else Right.writeValue(self, id, entity) end
end

return Broken
