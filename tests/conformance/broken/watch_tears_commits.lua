-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: each change is said to be the last of its commit.
--
-- fails: have one revision, and come together
-- says: which is last
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:pass(change) -- luacheck: ignore 212
  change.last = true
  return change
end

return Broken
