-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: ids are resolved as paths, so a/../b is b.
--
-- fails: ids that bite
-- says: id

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local function resolve(id)
  local parts = {}
  for part in id:gmatch("[^/]+") do
    if part == ".." then table.remove(parts)
    elseif part ~= "." then parts[#parts + 1] = part end
  end
  return #parts > 0 and table.concat(parts, "/") or id
end

for _, name in ipairs { "readValue", "hasValue", "writeValue", "removeValue" } do
  Broken[name] = function(self, id, entity) return Right[name](self, resolve(id), entity) end
end

return Broken
