-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: an update leaves the old entry in the index.
--
-- fails: a unique index refuses what another entity has
-- says: duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  self.takeOut = function() end
  local ok, raised = pcall(Right.writeValue, self, id, entity)
  self.takeOut = nil
  if not ok then error(raised, 0) end
end

return Broken
