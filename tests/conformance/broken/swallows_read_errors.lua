-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: hasValue() says no when the storage fails.
--
-- fails: every operation says that the storage fails
-- says: hasValue while the storage fails

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/journal.lua")
local Broken = Right:extend("Broken")

function Broken:hasValue(id)
  local ok, has = pcall(Right.hasValue, self, id)
  return ok and has
end

return Broken
