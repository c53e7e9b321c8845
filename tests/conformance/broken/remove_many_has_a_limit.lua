-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeMany() removes the first 100 ids that it gets, and says that it has removed all.
--
-- fails: removeWhere removes what it says
-- says: is still there

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:removeMany(ids)
  local removed = 0
  for i, id in ipairs(ids) do
    if Right.hasValue(self, id) then
      if i <= 100 then Right.removeValue(self, id) end
      removed = removed + 1
    end
  end
  return removed
end

return Broken
