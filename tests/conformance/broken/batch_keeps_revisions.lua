-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: writeMany() leaves the revisions as they are.
--
-- fails: another value has another revision, whatever writes it
-- says: (writeMany): revision

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

Broken.supports = { atomicBatch = false }

function Broken:writeMany(entities)
  for id, entity in pairs(entities) do
    if self:hasValue(id) then
      self.store.names[self.entityName][id].text = holdfast.json.encode(entity)
    else
      Right.writeValue(self, id, entity)
    end
  end
end

return Broken
