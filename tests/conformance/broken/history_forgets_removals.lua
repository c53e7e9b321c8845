-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: says nothing of removals.
--
-- fails: history gives all that is kept of an id
-- says: what there is of it
-- only: looking back

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:told(list) -- luacheck: ignore 212
  local kept = {}
  for _, change in ipairs(list) do
    if change.what ~= "remove" then kept[#kept + 1] = change end
  end
  return kept
end

return Broken
