-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a text that looks like a number is compared as one.
--
-- fails: an index over what there is
-- says: a number, where one has a text

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.fits(comparison, value)
  if type(comparison.value) == "number" then value = tonumber(value) end
  return Right.fits(comparison, value)
end

return Broken
