-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: updatedAt is when the entity was written first.
--
-- fails: updatedAt is when the entity was written last
-- says: when the entity is written again

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

local created = {}

function Broken:readEntry(id)
  local entry = Right.readEntry(self, id)
  local place = self.baseDir .. "\0" .. self.entityName .. "\0" .. id
  created[place] = created[place] or entry.updatedAt
  entry.updatedAt = created[place]
  return entry
end

return Broken
