-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: count() knows what is committed, and not what the transaction wrote.
--
-- fails: each way of reading sees what its transaction wrote
-- says: count() in it

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:count()
  local before = self.store.saved[1]
  if not before then return Right.count(self) end
  local n = 0
  for _ in pairs(before[self.entityName] or {}) do n = n + 1 end
  return n
end

return Broken
