-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: a new index has nothing of what was there.
--
-- fails: an index over what there is
-- says: indexes over entities that were there
-- blames: createIndex

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/indexes.lua")
local Broken = Right:extend("Broken")

function Broken:createIndex(paths, options, steps)
  table.insert(self.list, { paths = paths, unique = options.unique, steps = steps, entries = {} })
end

return Broken
