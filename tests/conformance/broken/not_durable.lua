-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what it declares durable is written out later, when the instance is closed.
--
-- fails: a write that returned survives
-- says: not_found

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/journal.lua")
local Broken = Right:extend("Broken")

local pending = {}

function Broken:writeValue(id, entity)
  pending[self.path] = pending[self.path] or {}
  pending[self.path][id] = entity
end

function Broken:writeMany(entities)
  for id, entity in pairs(entities) do self:writeValue(id, entity) end
end

local function flush(self)
  local entities = pending[self.path]
  pending[self.path] = nil
  if entities then Right.writeMany(self, entities) end
end

local function act(self, name, ...)
  flush(self)
  return Right[name](self, ...)
end

for _, name in ipairs { "readValue", "hasValue", "removeValue", "removeAll", "keys", "values",
  "readMany", "removeMany" } do
  if name == "keys" or name == "values" then Broken[name] = function(self) return act(self, name) end
  else Broken[name] = function(self, id) return act(self, name, id) end end
end

return Broken
