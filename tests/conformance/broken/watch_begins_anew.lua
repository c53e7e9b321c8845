-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: goes on from wherever it likes.
--
-- fails: a watch goes on where another one ended
-- says: change 6 of 6
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:asked(options) -- luacheck: ignore 212
  options.from = options.from and options.from + 1
  return options
end

return Broken
