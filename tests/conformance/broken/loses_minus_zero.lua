-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: -0 becomes 0.
--
-- fails: -0 and infinity come back
-- says: 1 / -0

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  self.texts[id] = holdfast.json.encode(entity):gsub("%-0([,}%]])", "0%1")
end

return Broken
