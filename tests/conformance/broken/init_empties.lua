-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: waitForInit() makes the collection again, with what was in it.
--
-- fails: a second instance sees
-- fails: waitForInit may be called again
-- says: not_found

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:waitForInit() Right.removeAll(self) end

return Broken
