-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its own filter() asks of all before it gives the first.
--
-- fails: a predicate that raises late stops the loop there
-- fails: a variable that the loop
-- says: what was given before it
-- blames: filter

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:filter(predicate)
  local out = {}
  for value in self:values() do
    if predicate(value) then out[#out + 1] = value end
  end
  return out
end

return Broken
