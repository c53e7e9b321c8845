-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its own filter() takes a predicate that raises for one that says no.
--
-- fails: filter reports what its predicate raises
-- says: a predicate that raises

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:filter(predicate)
  local out = {}
  for value in self:values() do
    local ok, wanted = pcall(predicate, value)
    if ok and wanted then out[#out + 1] = value end
  end
  return out
end

return Broken
