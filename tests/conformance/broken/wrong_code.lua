-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a missing entity is reported as a store that cannot be reached.
--
-- fails: Test 6
-- fails: readValue raises not_found
-- fails: Test 8
-- says: code not_found

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:readValue(id)
  if not self.texts[id] then error(holdfast.error("unavailable", "no such key")) end
  return Right.readValue(self, id)
end

return Broken
