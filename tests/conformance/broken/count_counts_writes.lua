-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: count() counts writes.
--
-- fails: count is the number of keys
-- says: after writing over one

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local counts = {}

function Broken:writeValue(id, entity)
  counts[self.texts] = (counts[self.texts] or 0) + 1
  Right.writeValue(self, id, entity)
end

function Broken:removeValue(id)
  Right.removeValue(self, id)
  counts[self.texts] = counts[self.texts] - 1
end

function Broken:removeAll()
  counts[self.texts] = 0
  Right.removeAll(self)
end

function Broken:count() return counts[self.texts] or 0 end

return Broken
