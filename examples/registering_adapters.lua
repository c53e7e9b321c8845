-- SPDX-License-Identifier: MIT
--
-- All state of a trading host in Redis: the example "Registering Custom Adapters" of the TypeScript framework, line by
-- line, and then what a host does with the adapters.  holdfast.host does that by itself: see live_mode.lua.
--
--     REDIS_PORT=6379 holdfast run examples/registering_adapters.lua

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path

local holdfast = require "holdfast"
local RedisPersist = require "redis_adapter"
local PersistSignalAdapter = holdfast.PersistSignalAdapter
local PersistScheduleAdapter = holdfast.PersistScheduleAdapter
local PersistRiskAdapter = holdfast.PersistRiskAdapter
local PersistPartialAdapter = holdfast.PersistPartialAdapter

-- CRITICAL: Register adapters BEFORE running any strategies
PersistSignalAdapter.usePersistSignalAdapter(RedisPersist)
PersistScheduleAdapter.usePersistScheduleAdapter(RedisPersist)
PersistRiskAdapter.usePersistRiskAdapter(RedisPersist)
PersistPartialAdapter.usePersistPartialAdapter(RedisPersist)

-- A host that runs says so, and nothing can be registered until it ends.
local stop = holdfast.adapters.hold("my-strategy on BTCUSDT")
local ok, failure = pcall(PersistSignalAdapter.useMemory)
print(ok, failure.code, failure.message)

-- What was open when the host ended last time.
local signal = PersistSignalAdapter.readSignalData("my-strategy", "BTCUSDT")
if signal then
  print("recovered:", signal.position, signal.priceOpen, signal.minuteEstimatedTime)
  PersistSignalAdapter.writeSignalData(nil, "my-strategy", "BTCUSDT") -- closed
  PersistRiskAdapter.writePositionData(nil, "portfolio")
  PersistPartialAdapter.writePartialData(nil, "BTCUSDT")
else
  print("nothing to recover")
  PersistSignalAdapter.writeSignalData({
    position = "long",
    note = "Test signal",
    priceOpen = 50000,
    priceTakeProfit = 51000,
    priceStopLoss = 49000,
    minuteEstimatedTime = math.huge, -- until it hits one of them
  }, "my-strategy", "BTCUSDT")
  PersistRiskAdapter.writePositionData({ { symbol = "BTCUSDT", strategy = "my-strategy" } }, "portfolio")
  PersistPartialAdapter.writePartialData({ profit = { 10, 20 }, loss = holdfast.array {} }, "BTCUSDT")
end
stop()
