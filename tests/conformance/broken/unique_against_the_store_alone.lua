-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: of a batch each is compared with what is there, and none with each other.
--
-- fails: a batch with what a unique index forbids
-- says: a batch in which two have the same
-- blames: writeMany

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:writeMany(entities)
  for id, entity in pairs(entities) do
    for _, index in ipairs(self.list) do
      if self:holder(index, id, entity) then error(holdfast.error("duplicate")) end
    end
  end
  self.holder = function() end
  for id, entity in pairs(entities) do Right.writeValue(self, id, entity) end
  self.holder = nil
end

return Broken
