-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what it searches for by prefix has one page of 1,000.
--
-- fails: many entities are found by prefix and range
-- says: keys of a prefix: how many
-- entities: 2500

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:keys(range)
  local found = {}
  for _, id in ipairs(Right.keys(self)) do
    local prefix = range.prefix
    if not prefix or (id:sub(1, #prefix) == prefix and #found < 1000) then found[#found + 1] = id end
  end
  if range.reverse then table.sort(found, function(a, b) return holdfast.naturalOrder(b, a) end) end
  return found
end

return Broken
