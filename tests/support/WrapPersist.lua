-- SPDX-License-Identifier: MIT
--
-- A class around LMDB for tests: it keeps every entity in a box, and overrides no more than that needs.

local holdfast = require("holdfast")

local WrapPersist = holdfast.LmdbPersist:extend("WrapPersist")

function WrapPersist:init(entityName, baseDir)
  holdfast.LmdbPersist.init(self, entityName, baseDir, { durability = "nosync" })
end

function WrapPersist:readValue(id)
  return holdfast.LmdbPersist.readValue(self, id).box
end

function WrapPersist:writeValue(id, entity, options)
  return holdfast.LmdbPersist.writeValue(self, id, { box = entity }, options)
end

return WrapPersist
