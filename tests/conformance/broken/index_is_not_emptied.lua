-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeAll leaves the index as it is.
--
-- fails: a unique index refuses what another entity has
-- says: duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:removeAll()
  for id in pairs(self.texts) do self.texts[id] = nil end
end

return Broken
