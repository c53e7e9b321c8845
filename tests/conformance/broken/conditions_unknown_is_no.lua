-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: it takes what is not known of a condition for a no.
--
-- fails: what is asked of many is what decoding them gives
-- fails: a class leaves out only what a condition is a sure no to
-- says: what a call decides

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/conditions.lua")
local Broken = Right:extend("Broken")

function Broken.refuses(range, id, entity)
  local sure, wanted = Right.look(range, id, entity)
  return not (sure and wanted)
end

return Broken
