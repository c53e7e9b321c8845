-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: with a condition it goes forwards, whatever the range says.
--
-- fails: what is asked of many is what decoding them gives
-- fails: a class keeps the order and the range
-- says: ids must come in natural

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/conditions.lua")
local Broken = Right:extend("Broken")

function Broken:entries(range)
  return Right.entries(self, { reverse = range.reverse and not range.where, where = range.where,
    parameters = range.parameters })
end

return Broken
