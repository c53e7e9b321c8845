-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: values() leaves out what is not true.
--
-- fails: each way of reading gives the same
-- says: values()

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:values()
  local values = {}
  for value in Right.values(self) do
    if value and value ~= holdfast.json.null then values[#values + 1] = value end
  end
  return values
end

return Broken
