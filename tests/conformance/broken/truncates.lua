-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: long text is cut off, as a column of 255 characters does.
--
-- fails: text of every kind comes back
-- says: text 16

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  Right.writeValue(self, id, holdfast.json.decode((holdfast.json.encode(entity):gsub('"([^"\\\\]*)"', function(text)
    return '"' .. text:sub(1, 255) .. '"'
  end))))
end

return Broken
