-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: which indexes there are is looked up once, so that those of other processes are not kept.
--
-- only: indexes
-- fails: an index is made, listed and forgotten
-- fails: an index is kept up by another process
-- says: indexes() after another process

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/durable_indexes.lua")
local Broken = Right:extend("Broken")

local known = {} -- base and name -> its indexes

function Broken:made()
  local place = self.baseDir .. "/" .. self.entityName
  known[place] = known[place] or Right.made(self)
  return known[place]
end

function Broken:note(index)
  table.insert(self:made(), index)
  Right.note(self, index)
end

return Broken
