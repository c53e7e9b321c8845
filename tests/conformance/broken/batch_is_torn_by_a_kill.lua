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
  for id, entity in pairs(entities) do holdfast.LmdbPersist.writeValue(self, id, entity) end
end

return Broken
