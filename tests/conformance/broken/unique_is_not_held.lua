-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a unique index is as any other.
--
-- fails: a unique index refuses what another entity has
-- fails: what is there twice gets no unique index
-- says: an error with code duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:holder() end -- luacheck: ignore 212

return Broken
