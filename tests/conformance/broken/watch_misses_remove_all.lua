-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeAll is no change.
--
-- fails: removeAll is one change, or one for each
-- says: none in time
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:pass(change) -- luacheck: ignore 212
  return change.what ~= "clear" and change
end

return Broken
