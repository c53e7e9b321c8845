-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: infinity is written as null, as JSON.stringify does.
--
-- fails: -0 and infinity come back
-- says: infinity

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  self.texts[id] = holdfast.json.encode(entity):gsub("%-?1e999", "null")
end

return Broken
