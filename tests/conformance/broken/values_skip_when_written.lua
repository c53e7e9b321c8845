-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: values() counts positions, and skips one for each that is removed meanwhile.
--
-- fails: values() while the loop removes others
-- says: seen

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:values()
  local i = 0
  return function()
    i = i + 1
    local id = Right.keys(self)[i]
    return id and holdfast.json.decode(self.texts[id])
  end
end

return Broken
