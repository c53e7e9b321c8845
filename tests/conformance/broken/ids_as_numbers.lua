-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: ids that look like numbers become numbers: "007" and "7" are one.
--
-- fails: ids that bite are stored
-- fails: a number is the id of its JSON text
-- says: another id

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

local function plain(id) return tonumber(id) and tostring(tonumber(id)) or id end

function Broken:readValue(id) return Right.readValue(self, plain(id)) end

function Broken:hasValue(id) return Right.hasValue(self, plain(id)) end

function Broken:writeValue(id, entity) Right.writeValue(self, plain(id), entity) end

function Broken:removeValue(id) Right.removeValue(self, plain(id)) end

return Broken
