-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: ifAbsent looks and writes, and another process may write in between.
--
-- fails: ifAbsent is won once by two processes
-- says: slots taken by the two together

local holdfast = require "holdfast"
local Broken = holdfast.FilePersist:extend("Broken")

function Broken:writeValue(id, entity, options)
  if options and options.ifAbsent and holdfast.FilePersist.hasValue(self, id) then error(holdfast.error("conflict")) end
  holdfast.FilePersist.writeValue(self, id, entity)
end

return Broken
