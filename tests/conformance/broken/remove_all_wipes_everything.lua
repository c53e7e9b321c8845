-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeAll() empties every collection of the base.
--
-- fails: entity names do not see each other
-- says: after removeAll

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:removeAll()
  for _, texts in pairs(self.bases[self.baseDir]) do
    for id in pairs(texts) do texts[id] = nil end
  end
end

return Broken
