-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: what write() says of a disk that is full is not looked at.
--
-- fails: what was acknowledged is there after the disk was full
-- says: the text ends inside a string

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/journal.lua")
local Broken = Right:extend("Broken")

function Broken:writeValue(id, entity)
  local all = Right.readMany(self, Right.keys(self))
  all[id] = entity
  local file = assert(io.open(self.path .. ".new", "wb"))
  file:write(holdfast.json.encode(all))
  file:close()
  os.rename(self.path .. ".new", self.path)
end

function Broken:readValue(id) return Right.readValue(self, id) end

return Broken
