-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeValue() says nothing when there is nothing.
--
-- fails: removeValue raises not_found
-- fails: Test 8
-- says: removeValue of a missing entity

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:removeValue(id) self.texts[id] = nil end

return Broken
