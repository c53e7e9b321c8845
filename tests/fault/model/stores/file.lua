-- SPDX-License-Identifier: MIT
--
-- All adapters in files, which have no transactions: slots and the outbox are changed under locks.

local holdfast = require "holdfast"

return {
  together = false, shared = true,
  place = function(_, folder) return holdfast.FilePersist, folder .. "/file" end,
}
