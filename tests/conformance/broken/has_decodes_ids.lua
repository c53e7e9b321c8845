-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: ids are taken for parts of a URL, and %XX in them decoded.
--
-- fails: an id means itself, and nothing that is like it
-- says: of %61bc where there is only abc

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local function decode(id)
  return (id:gsub("%%6(%x)", function(digit) return string.char(0x60 + tonumber(digit, 16)) end))
end

function Broken:readValue(id) return Right.readValue(self, decode(id)) end

function Broken:hasValue(id) return Right.hasValue(self, decode(id)) end

return Broken
