-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what was read is kept, and nobody tells it what another process writes.
--
-- fails: an open instance sees what another process writes and removes
-- says: after another process wrote

local holdfast = require "holdfast"
local Broken = holdfast.FilePersist:extend("Broken")

local caches = {} -- store and entity name -> id -> value, for all instances of this process

local function cache(self)
  local place = self.url .. self.entityName
  caches[place] = caches[place] or {}
  return caches[place]
end

function Broken:readValue(id)
  if cache(self)[id] == nil then cache(self)[id] = holdfast.FilePersist.readValue(self, id) end
  return cache(self)[id]
end

function Broken:writeValue(id, entity, options)
  cache(self)[id] = nil
  return holdfast.FilePersist.writeValue(self, id, entity, options)
end

function Broken:removeValue(id)
  cache(self)[id] = nil
  holdfast.FilePersist.removeValue(self, id)
end

function Broken:removeAll()
  caches[self.url .. self.entityName] = nil
  holdfast.FilePersist.removeAll(self)
end

return Broken
