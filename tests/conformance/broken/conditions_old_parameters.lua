-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: it keeps the parameters that it saw first for each condition.
--
-- fails: a variable that the loop
-- says: what the loop gave

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/conditions.lua")
local Broken = Right:extend("Broken")

local kept = setmetatable({}, { __mode = "k" }) -- range.where -> parameters

function Broken.refuses(range, id, entity)
  kept[range.where] = kept[range.where] or range.parameters
  return Right.refuses({ where = range.where, parameters = kept[range.where] }, id, entity)
end

return Broken
