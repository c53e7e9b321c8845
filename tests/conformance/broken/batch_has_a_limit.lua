-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: readMany() asks for 1,000 ids at most, which is what the service takes at once.
--
-- fails: many entities are written, read and removed at once
-- says: readMany of all
-- entities: 2500

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:readMany(ids)
  local found = {}
  for i = 1, math.min(#ids, 1000) do
    if self.texts[ids[i]] then found[ids[i]] = Right.readValue(self, ids[i]) end
  end
  return found
end

return Broken
