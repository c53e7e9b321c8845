-- SPDX-License-Identifier: MIT
--
-- `race count` of race.c, in Lua:  race.lua BASE NAME N  prints how often another process was faster.

local holdfast = require("holdfast")

local base, name, n = arg[1], arg[2], tonumber(arg[3])
local shared, own = holdfast.PersistBase("shared", base), holdfast.PersistBase("own", base)
local conflicts = 0

-- Adds one by compare and swap.
local function increment(id)
  while true do
    local value, options = 0, { ifAbsent = true }
    if shared:hasValue(id) then
      local entry = shared:readEntry(id)
      value, options = entry.value, { ifRevision = entry.revision }
    end
    local ok, why = pcall(shared.writeValue, shared, id, value + 1, options)
    if ok then
      return
    end
    if not holdfast.isError(why, "conflict") then
      error(why, 0)
    end
    conflicts = conflicts + 1
  end
end

for i = 0, n - 1 do
  for counter = 0, 2 do
    increment("counter:" .. counter)
  end
  own:writeValue(name .. ":" .. i, { by = "Lua", pad = ("x"):rep(400) })
end
print(conflicts)
