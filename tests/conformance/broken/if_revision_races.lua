-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: ifRevision looks and writes, and another process may write in between.
--
-- fails: ifRevision is won once by two processes
-- says: writes that succeeded in

local holdfast = require "holdfast"
local Broken = holdfast.LmdbPersist:extend("Broken")

function Broken:writeValue(id, entity, options)
  local wanted = options and options.ifRevision
  if wanted then
    local ok, entry = pcall(holdfast.LmdbPersist.readEntry, self, id)
    if not ok or entry.revision ~= wanted then error(holdfast.error("conflict")) end
    options = nil
  end
  return holdfast.LmdbPersist.writeValue(self, id, entity, options)
end

return Broken
