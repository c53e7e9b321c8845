-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what batches write never expires.
--
-- fails: a batch expires as a whole
-- says: still there

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

function Broken:writeMany(entities)
  for id, entity in pairs(entities) do self:writeValue(id, entity) end
end

return Broken
