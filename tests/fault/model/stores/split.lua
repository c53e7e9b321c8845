-- SPDX-License-Identifier: MIT
--
-- Adapters over two stores: signals and what waits in one that has transactions, slots and the outbox in another, so
-- that no transaction covers a transition.

local holdfast = require "holdfast"

local SECOND = { Risk = true, Partial = true }

return {
  together = false,
  place = function(kind, folder)
    return holdfast.MemoryPersist, ("memory:%s/%s"):format(folder, SECOND[kind] and "second" or "first")
  end,
}
