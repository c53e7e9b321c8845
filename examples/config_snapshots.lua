-- SPDX-License-Identifier: MIT
--
-- Configuration snapshots: the strategy's settings, every version kept.  Two people who change the same version cannot
-- overwrite each other: the second one is told, and decides again.
--
--     holdfast run examples/config_snapshots.lua

local holdfast = require "holdfast"

local base = "./logs/config"
local current = holdfast.PersistBase("config", base)
local snapshots = holdfast.PersistBase("config-snapshot", base)
current:removeAll()
snapshots:removeAll()

-- Writes the next version of what was read as `entry` (nil: there is none yet), and keeps it as a snapshot.
local function save(strategy, config, entry)
  return holdfast.transaction(function()
    config.version = (entry and entry.value.version or 0) + 1
    local condition = entry and { ifRevision = entry.revision } or { ifAbsent = true }
    current:writeValue(strategy, config, condition)
    snapshots:writeValue(strategy .. "/v" .. config.version, config, { ifAbsent = true })
    return config.version
  end)
end

print("saved version", save("sma-crossover", { fast = 10, slow = 30, stopLoss = 0.02 }))

-- Two programs read version 1.
local mine, yours = current:readEntry("sma-crossover"), current:readEntry("sma-crossover")
print("mine: saved version", save("sma-crossover", { fast = 12, slow = 30, stopLoss = 0.02 }, mine))
local ok, failure = pcall(save, "sma-crossover", { fast = 10, slow = 50, stopLoss = 0.02 }, yours)
print("yours:", ok, failure.code)

-- Read again, change that, save.
yours = current:readEntry("sma-crossover")
yours.value.slow = 50
print("yours, read again: saved version", save("sma-crossover", yours.value, yours))

-- Versions are in order, also beyond the ninth.
for version = 4, 11 do
  local entry = current:readEntry("sma-crossover")
  entry.value.stopLoss = 0.02 + version / 1000
  save("sma-crossover", entry.value, entry)
end

print("the last three versions:")
for id, config in snapshots:entries { prefix = "sma-crossover/", reverse = true, limit = 3 } do
  print(("  %s fast %d slow %d stop loss %g"):format(id, config.fast, config.slow, config.stopLoss))
end

-- Back to version 3, as a new version.
local old = snapshots:readValue("sma-crossover/v3")
print("went back to version 3 as version", save("sma-crossover", old, current:readEntry("sma-crossover")))
local now = current:readValue("sma-crossover")
print(("now: fast %d slow %d stop loss %g"):format(now.fast, now.slow, now.stopLoss))
print("snapshots:", snapshots:count())
