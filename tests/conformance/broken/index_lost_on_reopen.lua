-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: which indexes there are is known as long as the program runs.
--
-- only: indexes
-- fails: an index is made, listed and forgotten
-- fails: an index is there again after everything was closed
-- says: indexes() of a new instance

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/durable_indexes.lua")
local Broken = Right:extend("Broken")

function Broken:made() return self.known or {} end

function Broken:note(index)
  self.known = self.known or {}
  table.insert(self.known, index)
end

return Broken
