-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: readMany() makes a text of its ids, and those with a quote in them break it.
--
-- fails: ids that bite go through batches and loops
-- says: readMany of

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:readMany(ids)
  local query, found = "'" .. table.concat(ids, "','") .. "'", {}
  for id in query:gmatch("'([^']*)'") do
    if self.texts[id] then found[id] = Right.readValue(self, id) end
  end
  return found
end

return Broken
