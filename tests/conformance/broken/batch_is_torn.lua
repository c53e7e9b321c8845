-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: declares whole batches and stops in the middle of one.
--
-- fails: a batch with one bad write leaves nothing
-- says: keys() after it

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

Broken.conformancePoison = "poison"
Broken.supports = { atomicBatch = true }

function Broken:writeMany(entities)
  local ids = {}
  for id in pairs(entities) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder) -- so that the bad one is not the first by chance
  for _, id in ipairs(ids) do
    if entities[id] == "poison" then error(holdfast.error("io", "no")) end
    Right.writeValue(self, id, entities[id])
  end
end

return Broken
