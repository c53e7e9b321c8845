-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: of entities that have nothing to compare, the index leads to none.
--
-- fails: an index over what there is
-- says: whether the predicate raised

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.fits(comparison, value) return Right.fits(comparison, value) or false end

return Broken
