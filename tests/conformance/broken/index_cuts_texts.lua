-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: of long texts the index has the beginning, and takes that for all.
--
-- fails: a unique index counts what is the same
-- says: duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.textOf(value) return Right.textOf(value):sub(1, 255) end

return Broken
