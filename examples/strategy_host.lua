-- SPDX-License-Identifier: MIT
--
-- The strategies of strategy_host.c, which owns time and the candles, and where their state is kept: in LMDB, or in the
-- store that a class in a file defines.
--
--     strategy_host [--speed N] strategy_host.lua CANDLES.csv BASE [CLASS.lua]
--
-- The program calls this file once, with BASE and the words after it, when its clock stands where it will
-- go on.  What a strategy decides depends on nothing but candles: asked again for a minute that a crash has cut
-- off, it decides the same.

local holdfast = require "holdfast"
local embed = require "holdfast.host.embed"
local host = require "holdfast.host"

local base, class = ...
local data = base .. "/data"

-- The store comes first.  All adapters share it; in LMDB, each change of state is then one transaction.
if class then holdfast.adapters.useAll(dofile(class), data) else holdfast.adapters.useAll("lmdb:" .. data) end

host.addExchange { exchangeName = "market", getCandles = embed.getCandles }

-- Not twice the same bet: of all strategies together, one long position and one short one.
host.addRisk {
  riskName = "portfolio",
  validations = {
    {
      note = "one position each way",
      validate = function(payload)
        for _, slot in ipairs(payload.activePositions) do
          if slot.position == payload.currentSignal.position then return slot.strategyName .. " is there already" end
        end
      end,
    },
  },
}

-- Whether the price is above its mean of the last hour.
local function isRising(symbol, price)
  local sum, candles = 0, host.getCandles(symbol, "5m", 12)
  for _, candle in ipairs(candles) do sum = sum + candle.close end
  return price > sum / #candles
end

-- A signal whose take profit and stop loss are so many percent from a price.
local function around(position, price, profit, loss, more)
  local sign = position == "long" and 1 or -1
  local signal = {
    position = position, priceTakeProfit = price * (1 + sign * profit / 100),
    priceStopLoss = price * (1 - sign * loss / 100), minuteEstimatedTime = 90,
  }
  for k, v in pairs(more or {}) do signal[k] = v end
  return signal
end

-- Goes with the price, at once.
host.addStrategy {
  strategyName = "trend", interval = "5m", riskName = "portfolio",
  getSignal = function(symbol)
    local price = host.getAveragePrice(symbol)
    return around(isRising(symbol, price) and "long" or "short", price, 0.7, 0.6)
  end,
}

-- Goes against it, and waits for a better price.
host.addStrategy {
  strategyName = "reversal", interval = "15m", riskName = "portfolio",
  getSignal = function(symbol)
    local price = host.getAveragePrice(symbol)
    local rising = isRising(symbol, price)
    local wanted = price * (rising and 1.001 or 0.999)
    return around(rising and "short" or "long", wanted, 0.6, 0.7, { priceOpen = wanted, note = "a better price" })
  end,
}

for _, strategyName in ipairs { "trend", "reversal" } do
  host.Live.background("BTCUSDT", { strategyName = strategyName, exchangeName = "market" })
end
