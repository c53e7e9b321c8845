-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: readValue() returns nil for a missing entity instead of raising.
--
-- fails: readValue raises not_found
-- fails: Test 6
-- fails: Test 8
-- says: Broken:readValue returned nil

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:readValue(id)
  return self.texts[id] and holdfast.json.decode(self.texts[id]) or nil
end

return Broken
