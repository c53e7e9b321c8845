-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: the end of a range is compared by bytes.
--
-- fails: ranges give what a look at each id gives
-- says: of the range {

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:keys(range)
  local found = {}
  for _, id in ipairs(Right.keys(self)) do
    if not range.to or id <= range.to then found[#found + 1] = id end
  end
  if range.reverse then table.sort(found, function(a, b) return holdfast.naturalOrder(b, a) end) end
  return found
end

return Broken
