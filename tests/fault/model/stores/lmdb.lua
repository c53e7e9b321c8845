-- SPDX-License-Identifier: MIT
--
-- All adapters in one LMDB store, with transactions: the default of a host.  Processes die here, not the machine, so
-- nothing is flushed.

local holdfast = require "holdfast"

local Lmdb = holdfast.LmdbPersist:extend("Lmdb")

function Lmdb:init(entityName, base)
  holdfast.LmdbPersist.init(self, entityName, base, { durability = "nosync", maxSize = 64 * 1024 * 1024 })
end

return {
  together = true, shared = true,
  place = function(_, folder) return Lmdb, folder .. "/lmdb" end,
}
