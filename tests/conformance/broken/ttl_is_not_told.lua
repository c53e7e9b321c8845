-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: entries say nothing of when entities expire.
--
-- fails: an entity says when it expires
-- says: readEntry() gives expiresAt

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

function Broken:readEntry(id) return { id = id, value = self:readValue(id) } end

return Broken
