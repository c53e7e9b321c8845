-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a prefix becomes a pattern, unescaped.
--
-- fails: a range takes its characters as they are
-- says: keys of the range {prefix:

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:keys(range)
  local found = {}
  for _, id in ipairs(Right.keys(self)) do
    local ok, fits = pcall(string.find, id, "^" .. (range.prefix or ""))
    if ok and fits then found[#found + 1] = id end
  end
  if range.reverse then table.sort(found, function(a, b) return holdfast.naturalOrder(b, a) end) end
  return found
end

return Broken
