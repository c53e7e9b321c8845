-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a unique index is made where two have the same.
--
-- fails: what is there twice gets no unique index
-- says: an error with code duplicate

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:createIndex(paths, options, steps)
  local index = { paths = paths, unique = false, steps = steps }
  self:build(index, self.texts)
  index.unique = options.unique
  table.insert(self.list, index)
end

return Broken
