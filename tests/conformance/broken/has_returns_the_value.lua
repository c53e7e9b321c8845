-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: hasValue() returns something, not true or false.
--
-- fails: Test 3
-- fails: hasValue answers true or false
-- says: true or false is wanted

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:hasValue(id) return self.texts[id] end

return Broken
