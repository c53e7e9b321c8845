-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: gives what nobody asked for.
--
-- fails: a watch is of one entity name, and of a prefix
-- says: a change too many
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:asked(options) -- luacheck: ignore 212
  options.prefix = nil
  return options
end

return Broken
