-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeValue hands the condition to nobody, and removes whatever is there.
--
-- fails: removeValue with ifRevision removes at that revision only
-- says: with an old revision

local holdfast = require "holdfast"
local Broken = holdfast.LmdbPersist:extend("Broken")
Broken.supports = { removeIfRevision = true }

function Broken:removeValue(id, options) -- luacheck: ignore 212
  return holdfast.LmdbPersist.removeValue(self, id)
end

return Broken
