-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: numbers are written with 14 digits.
--
-- fails: numbers keep their value to the last bit
-- says: the number

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  self.texts[id] = holdfast.json.encode(entity):gsub("%-?%d+%.%d+[eE]?[-+]?%d*", function(number)
    return ("%.14g"):format(tonumber(number))
  end)
end

return Broken
