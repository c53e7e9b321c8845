-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: reads the entity to compare its revision, so that ifRevision of a missing one says not_found.
--
-- fails: revisions change with every write
-- says: ifRevision of a missing entity

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/everything.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity, options)
  if options and options.ifRevision and Right.readEntry(self, id).revision ~= options.ifRevision then
    error(holdfast.error("conflict"))
  end
  return Right.writeValue(self, id, entity, options)
end

return Broken
