-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: an empty array comes back as an object.
--
-- fails: an empty array stays an array
-- says: [] came back as an object

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:readValue(id)
  local text = self.texts[id]
  if not text then error(holdfast.error("not_found")) end
  return holdfast.json.decode((text:gsub("%[%]", "{}")))
end

return Broken
