-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: commit() does not end the transaction, and the storage has one at a time.
--
-- fails: a transaction is over when commit or rollback returns
-- says: the next transaction after a commit

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

Broken.supports = { nested = false }

function Broken:begin()
  if self.store.inTransaction then error(holdfast.error("io", "cannot begin a transaction within a transaction")) end
  self.store.inTransaction = true
  Right.begin(self)
end

function Broken.commit() end

function Broken:rollback()
  self.store.inTransaction = false
  Right.rollback(self)
end

return Broken
