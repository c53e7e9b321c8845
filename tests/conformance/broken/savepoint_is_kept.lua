-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a nested transaction that commits leaves its savepoint, and the next one, which makes none where
-- there is one, goes back to that.
--
-- fails: of transactions that share a commit each is undone alone
-- says: what the one before has left

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:begin(kind, depth)
  local kept = self.store.kept
  Right.begin(self, kind, depth)
  if depth == 1 then
    self.store.kept = nil
  elseif depth == 2 and kept then
    self.store.saved[#self.store.saved] = kept
  end
end

function Broken:commit()
  local saved = self.store.saved
  if #saved == 2 then self.store.kept = saved[2] end
  Right.commit(self)
end

return Broken
