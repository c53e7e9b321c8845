-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: keys() gives an empty list when the storage fails.
--
-- fails: every operation says that the storage fails
-- says: keys while the storage fails

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/journal.lua")
local Broken = Right:extend("Broken")

function Broken:keys()
  local ok, ids = pcall(Right.keys, self)
  return ok and ids or {}
end

return Broken
