-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what has expired is in loops still.
--
-- fails: what has expired is not found by any method
-- says: keys()

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

function Broken:keys()
  local ids = {}
  for id in pairs(self.texts) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

-- Throws nothing away.
function Broken:sweep() end -- luacheck: ignore 212

local function isOver(self, id)
  local time = self:timesOf()[id]
  return time and time <= self.now()
end

function Broken:hasValue(id) return self.texts[id] ~= nil and not isOver(self, id) end

function Broken:readValue(id)
  if isOver(self, id) then error(holdfast.error("not_found")) end
  return Right.readValue(self, id)
end

function Broken:readEntry(id)
  return { id = id, value = self:readValue(id), expiresAt = self:timesOf()[id] }
end

return Broken
