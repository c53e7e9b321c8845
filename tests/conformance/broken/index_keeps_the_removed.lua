-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what is removed stays in the index.
--
-- fails: a unique index refuses what another entity has
-- says: duplicate

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:removeValue(id)
  if not self.texts[id] then error(holdfast.error("not_found")) end
  self.texts[id] = nil
end

return Broken
