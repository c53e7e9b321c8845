-- SPDX-License-Identifier: MIT
--
-- Trades in a store of their own, and all else in another one: both have transactions, and none covers both.

local holdfast = require "holdfast"

return {
  together = false,
  place = function(kind, folder)
    return holdfast.MemoryPersist, ("memory:%s/%s"):format(folder, kind == "Trade" and "trades" or "state")
  end,
}
