-- SPDX-License-Identifier: MIT
--
-- Trading logs: an audit trail of what a strategy did.  Ids begin with the time, so ids are in the order of time,
-- and a time span is a range of ids.
--
--     holdfast run examples/trading_logs.lua

local holdfast = require "holdfast"

local logs = holdfast.PersistBase("trading-logs", "./logs/custom")
logs:removeAll()

-- "2024-02-07T22:03:00.000Z/000017": the time, and a number, since two things may happen in one millisecond.
local written = 0
local function log(time, level, message, metadata)
  written = written + 1
  local id = ("%s.%03dZ/%06d"):format(os.date("!%Y-%m-%dT%H:%M:%S", math.floor(time / 1000)), time % 1000, written)
  logs:writeValue(id, { timestamp = time, level = level, message = message, metadata = metadata })
end

local start, minute = 1707343380000, 60000 -- 2024-02-07 22:03 UTC
log(start, "info", "Strategy started", { symbol = "BTCUSDT", strategy = "sma-crossover" })
log(start + 4 * minute, "info", "Signal opened", { symbol = "BTCUSDT", price = 44152.25 })
log(start + 4 * minute, "info", "Order filled", { symbol = "BTCUSDT", price = 44153.5, quantity = 0.25 })
log(start + 61 * minute, "warn", "Price feed is late", { symbol = "ETHUSDT", seconds = 12 })
log(start + 95 * minute, "info", "Take profit hit", { symbol = "BTCUSDT", price = 44890 })
log(start + 180 * minute, "error", "Order rejected", { symbol = "ETHUSDT", reason = "insufficient balance" })

local function line(entry) return ("%-5s %s %s"):format(entry.level, entry.metadata.symbol, entry.message) end

print("between 22:00 and 23:00:")
for id, entry in logs:entries { from = "2024-02-07T22", to = "2024-02-07T23" } do
  print("  " .. id:sub(12, 16), line(entry))
end

print("all of the 8th:")
for entry in logs:values { prefix = "2024-02-08" } do print("  " .. line(entry)) end

print("the last two, the latest first:")
for entry in logs:values { reverse = true, limit = 2 } do print("  " .. line(entry)) end

print("what went wrong:")
for entry in logs:filter(function(l) return l.level ~= "info" end) do print("  " .. line(entry)) end

-- What is older than 23:00 of the 7th goes, in one commit.
local expired = {}
for id in logs:keys { to = "2024-02-07T23" } do expired[#expired + 1] = id end
print("removed:", logs:removeMany(expired), "left:", logs:count())
