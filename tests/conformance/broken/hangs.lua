-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: hasValue() waits for a lock that nobody gives back.
--
-- fails: Test 3
-- fails: hasValue answers true or false
-- says: did not end within

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:hasValue(id)
  local locked = self.texts[id] == nil
  while locked do locked = self.texts ~= nil end
  return true
end

return Broken
