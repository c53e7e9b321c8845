-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: values() comes as the table has it.
--
-- fails: keys and values agree
-- fails: natural order, list
-- says: value

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:values()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, function(a, b) return a > b end)
  local values = {}
  for i, id in ipairs(ids) do values[i] = holdfast.json.decode(self.texts[id]) end
  return values
end

return Broken
