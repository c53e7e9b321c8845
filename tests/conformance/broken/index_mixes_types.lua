-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a number and its text are one in the index.
--
-- fails: an index over what there is
-- fails: a unique index counts what is the same
-- says: duplicate

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken.textOf(value)
  if type(value) == "number" then value = holdfast.json.encode(value) end
  return Right.textOf(value)
end

return Broken
