-- SPDX-License-Identifier: MIT
--
-- Broken on purpose: removeAll() takes the entity name for a pattern of shell.
--
-- fails: entity names do not see each other
-- says: after removeAll of

local holdfast = require "holdfast" -- luacheck: ignore 211
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Right = dofile(here .. "../right/memory.lua")
local Broken = Right:extend("Broken")

function Broken:removeAll()
  local pattern = self.entityName:gsub("[^%w*?]", "%%%0"):gsub("[*?]", { ["*"] = ".*", ["?"] = "." })
  for name, texts in pairs(self.bases[self.baseDir]) do
    if name:find("^" .. pattern .. "$") then
      for id in pairs(texts) do texts[id] = nil end
    end
  end
end

return Broken
