-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: in the index numbers have as many digits as tostring() gives them.
--
-- fails: a unique index counts what is the same
-- says: duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.textOf(value)
  return type(value) == "number" and value ~= 0 and tostring(value) or Right.textOf(value)
end

return Broken
