-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: hasValue() is true where an id begins with the one asked for.
--
-- fails: an id means itself, and nothing that is like it
-- says: hasValue of

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:hasValue(id)
  for stored in pairs(self.texts) do
    if stored:sub(1, #id) == id then return true end
  end
  return false
end

return Broken
