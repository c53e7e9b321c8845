-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: its own take() looks at the count after the first value.
--
-- fails: take gives the first n
-- says: take(0)

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:take(n)
  local step, given = self:values(), 0
  return function()
    if given > n then return nil end
    given = given + 1
    return given <= math.max(n, 1) and step() or nil
  end
end

return Broken
