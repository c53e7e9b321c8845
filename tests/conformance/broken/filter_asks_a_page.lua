-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its own filter() asks of the first 200 entities, as a service gives that many at once.
--
-- fails: what is asked of many is what decoding them gives
-- fails: each entity is asked
-- fails: a variable that the loop
-- says: filter of a predicate
-- blames: filter

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:filter(predicate)
  local step, asked = self:values(), 0
  return function()
    while asked < 200 do
      asked = asked + 1
      local value = step()
      if value == nil or predicate(value) then return value end
    end
  end
end

return Broken
