-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: waitForInit() fails the second time that something is initialised.
--
-- fails: a second instance sees
-- fails: every operation opens the store
-- says: already there

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local made = {}

function Broken:waitForInit()
  local key = self.baseDir .. self.entityName
  if made[key] then error("the table is already there") end
  made[key] = true
end

return Broken
