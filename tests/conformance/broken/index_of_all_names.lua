-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: an index of one collection is one of all.
--
-- fails: an index is made, listed and forgotten
-- says: indexes() of another collection

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

local lists = {} -- base -> its indexes

function Broken:init(entityName, baseDir)
  Right.init(self, entityName, baseDir)
  lists[baseDir] = lists[baseDir] or {}
  self.list = lists[baseDir]
end

return Broken
