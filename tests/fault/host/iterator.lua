-- SPDX-License-Identifier: MIT
--
-- A host whose events are iterated:
--
--   iterator.lua STORE MINUTE COUNT  begins in that minute; prints each event that its loop is given, and kills
--                                    itself, as `kill -9` does, in the body of the COUNTth

local ffi = require "ffi"
local holdfast = require "holdfast"
local host = require "holdfast.host"

ffi.cdef "int kill(int pid, int signal); int getpid(void);"

holdfast.adapters.useAll(arg[1])
host.addExchange {
  exchangeName = "flat",
  getCandles = function(_, _, since, limit)
    local list = {}
    for i = 1, limit do
      list[i] = { timestamp = since + (i - 1) * 60000, open = 100, high = 100, low = 100, close = 100, volume = 1 }
    end
    return list
  end,
}
host.addStrategy {
  strategyName = "main", interval = "1m",
  getSignal = function()
    return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 3 }
  end,
}
host.setClock(host.manualClock(1707343380000 + tonumber(arg[2]) * 60000))
local left = tonumber(arg[3])
for event in host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "flat" }) do
  io.write(event.id, "\n")
  io.flush()
  left = left - 1
  if left == 0 then ffi.C.kill(ffi.C.getpid(), 9) end
end
