-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: declares that entities expire, and takes no notice.
--
-- fails: what has expired is not found by any method
-- says: long after it has expired

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/expiring.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity, options)
  Right.writeValue(self, id, entity, { ifAbsent = options and options.ifAbsent })
end

return Broken
