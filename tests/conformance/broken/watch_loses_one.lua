-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: every fifth change is lost.
--
-- fails: a watch gives each change once, in order
-- says: none in time
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:pass(change, watch) -- luacheck: ignore 212
  watch.count = watch.count + 1
  return watch.count % 5 ~= 0 and change
end

return Broken
