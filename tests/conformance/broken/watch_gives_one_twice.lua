-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: the third change comes twice.
--
-- fails: a watch gives each change once, in order
-- says: a change too many
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:pass(change, watch) -- luacheck: ignore 212
  watch.count = watch.count + 1
  if watch.count == 3 then watch.again[1] = change end
  return change
end

return Broken
