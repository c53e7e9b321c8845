-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: upper and lower case are one id.
--
-- fails: keys and values agree
-- fails: ids that bite
-- says: id

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

for _, name in ipairs { "readValue", "hasValue", "writeValue", "removeValue" } do
  Broken[name] = function(self, id, entity) return Right[name](self, id:lower(), entity) end
end

return Broken
