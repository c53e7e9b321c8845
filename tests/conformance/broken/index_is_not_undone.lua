-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a transaction that is undone leaves the index as it was in it.
--
-- fails: an index is undone with the transaction
-- fails: a unique index is undone with the transaction
-- says: after a transaction that was undone

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:rollback()
  self.build = function() end
  Right.rollback(self)
  self.build = nil
end

return Broken
