-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: whole batches are declared, and entities written one after the other.
--
-- fails: a batch with what a unique index forbids is refused
-- fails: a batch whose process dies is whole or not there
-- says: of a batch of 40 whose process was killed

local holdfast = require "holdfast"
local Broken = holdfast.LmdbPersist:extend("Broken")

Broken.supports = { atomicBatch = true }

function Broken:writeMany(entities)
  local ids = {}
  for id in pairs(entities) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do holdfast.LmdbPersist.writeValue(self, id, entities[id]) end
end

return Broken
