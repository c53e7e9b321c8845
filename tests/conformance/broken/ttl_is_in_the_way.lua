-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what has expired counts for ifAbsent.
--
-- fails: ifAbsent writes where something has expired
-- says: conflict

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

local known = {}

function Broken:writeValue(id, entity, options)
  if options and options.ifAbsent and known[id] then error(holdfast.error("conflict")) end
  known[id] = true
  Right.writeValue(self, id, entity, options)
end

function Broken:removeValue(id)
  Right.removeValue(self, id)
  known[id] = nil
end

function Broken:removeAll()
  known = {}
  Right.removeAll(self)
end

return Broken
