-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: where its folder cannot be, it takes another one.
--
-- fails: a store that cannot be where it should be says so
-- says: what was written, for another instance

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/journal.lua")
local Broken = Right:extend("Broken")

function Broken:waitForInit()
  if pcall(Right.waitForInit, self) then return end
  self.path = os.tmpname()
  os.remove(self.path)
end

function Broken:writeValue(id, entity) Right.writeValue(self, id, entity) end

return Broken
