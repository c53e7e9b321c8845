-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeValue() removes every id that begins so.
--
-- fails: removeValue removes one entity only
-- says: the others stay

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:removeValue(id)
  if not self.texts[id] then error(holdfast.error("not_found")) end
  for other in pairs(self.texts) do
    if other:sub(1, #id) == id then self.texts[other] = nil end
  end
end

return Broken
