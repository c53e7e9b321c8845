-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: writeMany does not keep the index up.
--
-- fails: an index is kept up by all that writes
-- says: after writeMany
-- blames: writeMany

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:writeMany(entities)
  for id, entity in pairs(entities) do self.texts[id] = holdfast.json.encode(entity) end
end

return Broken
