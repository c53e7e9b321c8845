-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: declares revisions and always returns the same.
--
-- fails: revisions change with every write
-- says: the revision changes with a write

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

Broken.supports = { revision = true }

function Broken:writeValue(id, entity, options) -- luacheck: ignore 212
  Right.writeValue(self, id, entity)
  return 1
end

function Broken:readEntry(id) return { id = id, value = Right.readValue(self, id), revision = 1 } end

return Broken
