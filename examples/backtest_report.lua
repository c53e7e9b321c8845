-- SPDX-License-Identifier: MIT
--
-- A backtest and its report: three days of made-up candles, a strategy that follows the price when it leaves its mean,
-- and what came of it as a table, as a chart, and as a page for the browser.  The chart is the one in the README.
--
--     holdfast run examples/backtest_report.lua [CHART.svg [PAGE.html]]

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local holdfast = require "holdfast"
local host = require "holdfast.host"
local market = require "market"

local MINUTE = 60000
local MINUTES = 3 * 1440
local start = 1707350400000 -- 2024-02-08T00:00:00Z

holdfast.adapters.useAll "memory:backtest-report"

-- Five minutes more before the first: their average is the first price.
local candles = market.candles(MINUTES + 5, { seed = 9, from = start - 5 * MINUTE, volatility = 0.0009 })
local feed = host.candleFeed { symbol = "BTCUSDT", candles = candles }
host.addExchange { exchangeName = "made-up", getCandles = feed.getCandles }

host.addStrategy {
  strategyName = "breakout",
  interval = "15m",
  getSignal = function(symbol, when, price)
    if when < start + 120 * MINUTE then return end -- two hours are not over yet
    local sum = 0
    for _, candle in ipairs(host.getCandles(symbol, "1m", 120)) do sum = sum + candle.close end
    local away = price / (sum / 120) - 1
    if math.abs(away) < 0.008 then return end
    local sign = away > 0 and 1 or -1
    return {
      position = sign > 0 and "long" or "short",
      priceTakeProfit = price * (1 + 0.02 * sign), priceStopLoss = price * (1 - 0.01 * sign),
      minuteEstimatedTime = 360, note = ("%.2f%% away from its mean"):format(away * 100),
    }
  end,
}
host.addFrame { frameName = "three days", startDate = start, endDate = start + (MINUTES - 1) * MINUTE }

local report = host.Backtest.report("BTCUSDT",
  { strategyName = "breakout", exchangeName = "made-up", frameName = "three days" })
io.write(report:table())

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

if arg[1] then write(arg[1], report:svg()) end
if arg[2] then write(arg[2], report:html()) end
