-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: the 100th removal makes the storage smaller, and loses the first entity that is left.
--
-- fails: removeWhere without transactions
-- says: which stays

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:removeValue(id)
  Right.removeValue(self, id)
  self.removed = (self.removed or 0) + 1
  if self.removed == 100 then
    local first = Right.keys(self)[1]
    self.texts[first or id] = nil
  end
end

return Broken
