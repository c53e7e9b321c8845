-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its own filter() asks of each entity twice.
--
-- fails: each entity is asked
-- says: calls of the predicate
-- blames: filter

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:filter(predicate)
  local step = self:values()
  return function()
    for value in step do
      local wanted = predicate(value)
      if predicate(value) and wanted then return value end
    end
  end
end

return Broken
