-- SPDX-License-Identifier: MIT
--
-- An lmdb store as a class that takes part in no transactions: what is left are revisions, and removals at one.

local holdfast = require "holdfast"

local Apart = holdfast.LmdbPersist:extend("Apart")
Apart.supports = { transaction = false, snapshot = false, nested = false, atomicBatch = false }

function Apart:hasValue(id) return holdfast.LmdbPersist.hasValue(self, id) end

return Apart
