-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: each instance opens a file, and close() does not close it.
--
-- fails: instances that are closed leave nothing open
-- says: that 25 instances left open

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local files = {}

function Broken.waitForInit() files[#files + 1] = io.open("/dev/null") end

function Broken.close() end

return Broken
