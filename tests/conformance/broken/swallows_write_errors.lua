-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: writeValue() hides that large values do not fit.
--
-- fails: large values come back whole
-- says: not_found

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  pcall(function()
    local text = holdfast.json.encode(entity)
    if #text > 65536 then error("too large") end
    self.texts[id] = text
  end)
end

return Broken
