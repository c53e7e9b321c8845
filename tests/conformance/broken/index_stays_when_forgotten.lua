-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: dropIndex forgets the newest index, whichever was meant.
--
-- fails: an index is made, listed and forgotten
-- says: indexes() after two were forgotten

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:dropIndex() table.remove(self.list) end

return Broken
