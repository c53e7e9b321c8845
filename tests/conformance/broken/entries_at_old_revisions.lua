-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its entries() gives one revision for all, so that a write under that condition fails, or worse.
--
-- fails: entries give the revision and the time that readEntry gives
-- says: the third result for

local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:entries()
  local ids, i = {}, 0
  for id in self:keys() do ids[#ids + 1] = id end
  return function()
    i = i + 1
    if ids[i] then return ids[i], Right.readEntry(self, ids[i]).value, 1 end
  end
end

return Broken
