-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: each instance has its own data.
--
-- fails: a second instance sees what the first one writes
-- says: not_found

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:init(entityName, baseDir)
  holdfast.PersistBase.init(self, entityName, baseDir)
  self.texts = {}
end

return Broken
