-- SPDX-License-Identifier: MIT
--
-- PersistBase used directly, for data of one's own: the example "Custom Entity Storage"
-- of the TypeScript framework whose contract Holdfast implements, line by line.  What is
-- `await tradingLogs.readValue(id)` there is `tradingLogs:readValue(id)` here.
--
--     holdfast run examples/direct_api.lua

local holdfast = require "holdfast"

local show = holdfast.json.encode

-- Create custom persistence for trading logs
local tradingLogs = holdfast.PersistBase("trading-logs", "./logs/custom")

-- Initialize
tradingLogs:waitForInit(true)

-- Write log entry
tradingLogs:writeValue("log-1", {
  timestamp = os.time() * 1000,
  message = "Strategy started",
  metadata = { symbol = "BTCUSDT", strategy = "sma-crossover" },
})

-- Read log entry
local log = tradingLogs:readValue("log-1")
print(show(log))

-- Check if log exists
local exists = tradingLogs:hasValue("log-1")
print("Log exists: " .. tostring(exists))

-- Iterate over all logs
for entry in tradingLogs:values() do
  print("Log: " .. show(entry))
end

-- Filter logs
for entry in tradingLogs:filter(function(l) return l.metadata.symbol == "BTCUSDT" end) do
  print("BTC Log: " .. show(entry))
end

-- Take first 5 logs
for entry in tradingLogs:take(5) do
  print("Recent Log: " .. show(entry))
end

-- Remove specific log
tradingLogs:removeValue("log-1")

-- Remove all logs
tradingLogs:removeAll()
print("Logs left: " .. tradingLogs:count())
