-- SPDX-License-Identifier: MIT
--
-- A custom adapter in live mode: the example "Integration Test with Live Mode" of the TypeScript framework, line by
-- line.  A signal opens, the run is stopped and started again, and finds it.  In real time, which takes 3 seconds and
-- needs the package lua-luv.  Run again in the same folder, it finds the signal of the first time.
--
--     holdfast run examples/live_mode.lua

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path

local holdfast = require "holdfast"
local host = require "holdfast.host"
local CustomAdapter = require "journal_adapter"
local PersistSignalAdapter = holdfast.PersistSignalAdapter

local function pass(text) print("pass: " .. text) end
local function fail(text) error(text, 0) end

-- Register custom adapter
PersistSignalAdapter.usePersistSignalAdapter(CustomAdapter)

-- Track signal events
local signalOpened, signalRecovered = false, false

-- Configure strategy
host.addStrategy {
  strategyName = "test-strategy",
  interval = "5m",
  getSignal = function(symbol)
    return {
      position = "long",
      note = "Test signal",
      priceOpen = 50000,
      priceTakeProfit = 51000,
      priceStopLoss = 49000,
      minuteEstimatedTime = 60,
    }
  end,
  callbacks = {
    onActive = function(symbol, signal, currentPrice) signalRecovered = signal.note == "Test signal" end,
  },
}

host.addExchange {
  exchangeName = "test-exchange",
  getCandles = function(symbol, interval, since, limit)
    local candles = {} -- mock data
    for i = 1, limit do
      candles[i] = {
        timestamp = since + (i - 1) * 60000, open = 50000, high = 50010, low = 49990, close = 50000, volume = 1,
      }
    end
    return candles
  end,
  formatPrice = function(symbol, price) return ("%.2f"):format(price) end,
  formatQuantity = function(symbol, quantity) return ("%.8f"):format(quantity) end,
}

host.listenSignalLive(function(event)
  if event.action == "opened" then signalOpened = true end
end)

-- Run live mode
local stop = host.Live.background("BTCUSDT", { strategyName = "test-strategy", exchangeName = "test-exchange" })

-- Wait for signal to open
host.sleep(2000)

if signalOpened then
  pass "Signal opened and persisted"
elseif signalRecovered then
  pass "Signal of the last time recovered"
else
  fail "Signal did not open"
end

-- Simulate crash: stop and restart
stop()
signalOpened, signalRecovered = false, false

-- Restart should recover persisted signal
stop = host.Live.background("BTCUSDT", { strategyName = "test-strategy", exchangeName = "test-exchange" })

-- Check if signal was recovered (onActive callback should fire)
host.sleep(1000)

if signalRecovered and not signalOpened then
  pass "Signal recovered"
else
  fail "Signal was not recovered"
end

-- Cleanup
stop()
host.run()
