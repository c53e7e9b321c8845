-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: gives the oldest first.
--
-- fails: history gives all that is kept of an id
-- says: what there is of it
-- only: looking back

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:told(list) -- luacheck: ignore 212
  local turned = {}
  for i = #list, 1, -1 do turned[#turned + 1] = list[i] end
  return turned
end

return Broken
