-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: revisions are counted for each entity, from 1 again when it was removed.
--
-- fails: another value has another revision, whatever writes it
-- says: (removeValue): revision 1 again

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

local function place(self, id) return self.store.names[self.entityName][id] end

function Broken:writeValue(id, entity, options)
  local before = self:hasValue(id) and place(self, id).revision or 0
  Right.writeValue(self, id, entity, options)
  place(self, id).revision = before + 1
  return before + 1
end

return Broken
