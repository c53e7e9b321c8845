-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: updatedAt is in seconds.
--
-- fails: updatedAt is when the entity was written last
-- says: ms since 1970

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:readEntry(id)
  local entry = Right.readEntry(self, id)
  entry.updatedAt = entry.updatedAt / 1000
  return entry
end

return Broken
