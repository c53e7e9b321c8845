-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its keys() goes round for ever when there are two or more.
--
-- fails: Test 4
-- fails: keys and values agree
-- says: natural order

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:keys()
  local ids, i = Right.keys(self), 0
  return function()
    if #ids == 0 then return nil end
    i = i % #ids + 1
    return ids[i]
  end
end

return Broken
