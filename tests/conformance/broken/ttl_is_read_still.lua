-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what has expired can be read by who knows its id.
--
-- fails: what has expired is not found by any method
-- says: a read of it

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

local kept = setmetatable({}, { __mode = "k" }) -- the texts of a name -> id -> what was written

local function keptOf(self)
  kept[self.texts] = kept[self.texts] or {}
  return kept[self.texts]
end

function Broken:writeValue(id, entity, options)
  Right.writeValue(self, id, entity, options)
  keptOf(self)[id] = self.texts[id]
end

function Broken:removeValue(id)
  Right.removeValue(self, id)
  keptOf(self)[id] = nil
end

function Broken:removeAll()
  kept[self.texts] = nil
  Right.removeAll(self)
end

function Broken:readValue(id)
  local text = keptOf(self)[id]
  if not text then error(holdfast.error("not_found")) end
  return holdfast.json.decode(text)
end

return Broken
