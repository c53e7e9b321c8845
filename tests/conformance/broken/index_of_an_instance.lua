-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: each instance has indexes of its own.
--
-- fails: an index is made, listed and forgotten
-- says: indexes() of another instance

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:init(entityName, baseDir)
  Right.init(self, entityName, baseDir)
  self.list = {}
end

return Broken
