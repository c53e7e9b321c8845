-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: takes the time for seconds, so that nothing expires for ages.
--
-- fails: what has expired is not found by any method
-- says: long after it has expired

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity, options)
  Right.writeValue(self, id, entity, options)
  if options and options.expiresAt then self:timesOf()[id] = options.expiresAt * 1000 end
end

return Broken
