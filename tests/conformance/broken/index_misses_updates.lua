-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: an entity that changes leaves the index, and does not come back.
--
-- fails: an index is kept up by all that writes
-- says: after writeValue

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  if self.texts[id] then self.put = function() end end
  local ok, raised = pcall(Right.writeValue, self, id, entity)
  self.put = nil
  if not ok then error(raised, 0) end
end

return Broken
