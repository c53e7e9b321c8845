-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: the base is ignored.
--
-- fails: stores on different bases
-- says: keys() of the other base

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:init(entityName, baseDir)
  Right.init(self, entityName, baseDir)
  self.texts = self.bases[entityName] or {}
  self.bases[entityName] = self.texts
end

return Broken
