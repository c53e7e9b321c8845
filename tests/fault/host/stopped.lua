-- SPDX-License-Identifier: MIT
--
-- A live host that goes on by a minute for each line that it reads, and says so:
--
--   stopped.lua STORE  prints "running", then "minute N" after each; raises where another host has the strategy

local holdfast = require "holdfast"
local host = require "holdfast.host"

local START, MINUTE = 1707343380000, 60000

holdfast.adapters.useAll(arg[1])
host.addExchange {
  exchangeName = "flat",
  getCandles = function(_, _, since, limit)
    local list = {}
    for i = 1, limit do
      list[i] = { timestamp = since + (i - 1) * MINUTE, open = 100, high = 100, low = 100, close = 100, volume = 1 }
    end
    return list
  end,
}
host.addStrategy {
  strategyName = "main", interval = "1m",
  getSignal = function()
    return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 2 }
  end,
}
local opened = 0
host.listenSignalLive(function(event) if event.action == "opened" then opened = opened + 1 end end)
host.listenError(function(failure) error(failure.message, 0) end)
local clock = host.manualClock(START)
host.setClock(clock)
host.Live.background("BTCUSDT", { strategyName = "main", exchangeName = "flat" })
io.stdout:setvbuf "line"
print "running"
local minute = 0
for _ in io.lines() do
  minute = minute + 1
  clock:advanceTo(START + minute * MINUTE)
  print(("minute %d, opened %d"):format(minute, opened))
end
