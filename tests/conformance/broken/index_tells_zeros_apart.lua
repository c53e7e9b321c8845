-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: in the index -0 is another number than 0.
--
-- fails: a unique index counts what is the same
-- says: a second entity with -0

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.textOf(value) return value == 0 and 1 / value < 0 and "minus" or Right.textOf(value) end

return Broken
