-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: declares whole batches and stops in the middle of one.
--
-- fails: a batch with one bad write leaves nothing
-- says: keys() behind it

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

Broken.conformancePoison = "poison"
Broken.supports = { atomicBatch = true }

function Broken:writeMany(entities)
  for id, entity in pairs(entities) do
    if entity == "poison" then error(holdfast.error("io", "no")) end
    Right.writeValue(self, id, entity)
  end
end

return Broken
