-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: an inner transaction that is undone leaves the index as it was in it.
--
-- fails: an index is undone with the inner transaction alone
-- says: after an inner transaction that was undone

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:begin()
  self.depth = (self.depth or 0) + 1
  Right.begin(self)
end

function Broken:commit()
  self.depth = self.depth - 1
  Right.commit(self)
end

function Broken:rollback()
  if self.depth > 1 then self.build = function() end end
  Right.rollback(self)
  self.depth, self.build = self.depth - 1, nil
end

return Broken
