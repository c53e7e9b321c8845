-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: declares transactions by having the methods, and does not undo.
--
-- fails: a transaction is over when
-- fails: a transaction that raises undoes all of it
-- says: keys() after it

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:rollback() table.remove(self.store.saved) end

return Broken
