-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: values() leaves the last one out.
--
-- fails: keys and values agree
-- fails: Test 4
-- says: as many values as keys

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:values()
  local ids, values = Right.keys(self), {}
  for i = 1, #ids - 1 do values[i] = holdfast.json.decode(self.texts[ids[i]]) end
  return values
end

return Broken
