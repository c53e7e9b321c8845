-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: hasValue() says true for everything.
--
-- fails: hasValue answers true or false
-- fails: Test 3
-- says: before the first write

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken.hasValue() return true end

return Broken
