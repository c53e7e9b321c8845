-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: begin("read") does nothing, and reads see what others write meanwhile.
--
-- fails: a snapshot does not see what another process writes
-- says: readValue after the other process wrote

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/journal.lua")
local Broken = Right:extend("Broken")

Broken.supports = { snapshot = true }

local open = {} -- bases on which this process has a transaction

local function shell(self, command)
  os.execute((command:gsub("BASE", "'" .. self.baseDir .. "'"):gsub("SAVED", "'" .. self.baseDir .. ".saved'")))
end

-- What a process that died in a transaction has left is undone.
function Broken:waitForInit()
  Right.waitForInit(self)
  if not open[self.baseDir] then self:rollback() end
end

function Broken:begin(kind)
  if kind == "read" then return end
  open[self.baseDir] = true
  shell(self, "cp -r BASE SAVED")
end

function Broken:commit()
  open[self.baseDir] = nil
  shell(self, "rm -rf SAVED")
end

function Broken:rollback()
  open[self.baseDir] = nil
  shell(self, "[ ! -d SAVED ] || { rm -rf BASE && mv SAVED BASE; }")
end

return Broken
