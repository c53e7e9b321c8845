-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: of those that have null only one is let in.
--
-- fails: a unique index counts what is the same
-- says: duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.counts(value) return value ~= nil and type(value) ~= "table" end

return Broken
