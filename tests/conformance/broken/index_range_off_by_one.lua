-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: the ranges of an index leave out their ends.
--
-- fails: an index over what there is
-- says: a range of one path

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.fits(comparison, value)
  if comparison.operator == ">=" and value == comparison.value then return false end
  return Right.fits(comparison, value)
end

return Broken
