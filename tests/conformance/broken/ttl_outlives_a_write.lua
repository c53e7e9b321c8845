-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: another write leaves the time that the entity had.
--
-- fails: another write takes the time away
-- says: keys()

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity, options)
  local time = self:timesOf()[id]
  Right.writeValue(self, id, entity, options)
  if not (options and options.expiresAt) then self:timesOf()[id] = time end
end

return Broken
