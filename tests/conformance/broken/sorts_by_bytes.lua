-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: keys() is in the order of bytes, so log-10 comes before log-2.
--
-- fails: natural order, list
-- fails: keys and values agree
-- says: natural order

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:keys()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids)
  return ids
end

return Broken
