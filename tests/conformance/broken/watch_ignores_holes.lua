-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what is not kept any more is passed over in silence.
--
-- fails: what is not kept any more is compacted, and it is told
-- says: a watch from a revision that is long gone
-- only: the log of changes

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/watching.lua")
local Broken = Right:extend("Broken")

function Broken:watch(options)
  local ok, watch = pcall(Right.watch, self, options)
  if ok or not holdfast.isError(watch) or watch.code ~= "compacted" then return ok and watch or error(watch, 0) end
  return Right.watch(self, { from = watch.revision })
end

return Broken
