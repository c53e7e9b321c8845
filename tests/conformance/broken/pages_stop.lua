-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a loop gives the first page of 1,000, and the service has more.
--
-- fails: many entities are listed once each, in order
-- says: how many
-- entities: 2500

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:keys()
  local ids = Right.keys(self)
  return { unpack(ids, 1, math.min(#ids, 1000)) }
end

function Broken:values()
  local values = {}
  for value in Right.values(self) do
    if #values < 1000 then values[#values + 1] = value end
  end
  return values
end

return Broken
