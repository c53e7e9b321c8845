-- SPDX-License-Identifier: MIT
--
-- All adapters in memory, with transactions.

local holdfast = require "holdfast"

return {
  together = true,
  place = function(_, folder) return holdfast.MemoryPersist, "memory:" .. folder end,
}
