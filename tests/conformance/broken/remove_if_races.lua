-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeValue with a condition looks and removes, and another process may write in between.
--
-- fails: a removal at a revision never takes what another process writes
-- says: that succeeded in

local holdfast = require "holdfast"
local Broken = holdfast.LmdbPersist:extend("Broken")
Broken.supports = { removeIfRevision = true }

function Broken:removeValue(id, options)
  local wanted = options and options.ifRevision
  if wanted and holdfast.LmdbPersist.readEntry(self, id).revision ~= wanted then error(holdfast.error("conflict")) end
  return holdfast.LmdbPersist.removeValue(self, id)
end

return Broken
