-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: whether another one has the same is looked up before the transaction begins.
--
-- only: unique index
-- fails: what a unique index allows once is written once by two processes
-- says: writes that succeeded in

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/durable_indexes.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity, options)
  self:checkUnique(id, entity)
  return holdfast.LmdbPersist.writeValue(self, id, entity, options)
end

return Broken
