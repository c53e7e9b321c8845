-- SPDX-License-Identifier: MIT
--
-- What the demo trades: made-up or given candles as an exchange, two strategies, one risk profile that all share, and
-- a replay, in which the minutes of the candles go by as fast as whoever calls wants them.  Nothing in it depends on
-- anything but the candles: a run that was killed and taken up again can be compared with one that was not.

local host = require "holdfast.host"
local market = require "market"

local M = {}

local MINUTE = 60000

M.strategies = { "trend", "pullback" }
M.exchange = "replay"
M.risk = "portfolio"
M.frame = "all candles"
M.slots = 4 -- so many positions may be open at once

-- Minutes of history before trading begins: strategies look back an hour, in steps of five minutes.
local LEAD = 65

local NOON = 1707307200000 -- of 2024-02-07, UTC

-- The waves, which real prices do not have, are what the strategies win by.
local MADE_UP = {
  { name = "BTCUSDT", price = 44152.25, volatility = 0.0009, wave = 500 },
  { name = "ETHUSDT", price = 2370.4, volatility = 0.0012, wave = 420 },
  { name = "SOLUSDT", price = 96.12, volatility = 0.0015, wave = 610 },
}

-- ------------------------------------------------------------------- candles

--- Candles of some symbols, and when trading with them begins and ends.
---@class demo.World
---@field symbols string[]
---@field candles table<string, table[]>  by symbol
---@field from number  ms: the first minute that is traded
---@field till number  ms: the last one

local function worldOf(symbols, candles)
  local any = candles[symbols[1]]
  return {
    symbols = symbols, candles = candles, from = any[1].timestamp + LEAD * MINUTE, till = any[#any].timestamp + MINUTE,
  }
end

--- Makes up candles of three symbols.  Those of fewer minutes are the first of those of more.
---@param minutes integer  to trade
---@param seed integer
---@return demo.World
function M.madeUp(minutes, seed)
  local symbols, candles = {}, {}
  for i, one in ipairs(MADE_UP) do
    symbols[i] = one.name
    candles[one.name] = market.candles(LEAD + minutes, {
      seed = seed * #MADE_UP + i, from = NOON - LEAD * MINUTE, price = one.price, volatility = one.volatility,
      wave = one.wave,
    })
  end
  return worldOf(symbols, candles)
end

--- Candles of one symbol from a CSV file.  The file does not say of what: its name does, as in btcusdt_1m_day.csv.
---@param path string
---@return demo.World
function M.fromFile(path)
  local symbol = (path:match("(%a+)_1m[^/]*$") or "BTCUSDT"):upper()
  local list = host.readCandles(path)
  if #list < 2 * LEAD then
    error(("%s: these are %d candles: give at least %d, of which the first %d are history"):format(path, #list,
      2 * LEAD, LEAD), 0)
  end
  return worldOf({ symbol }, { [symbol] = list })
end

-- ---------------------------------------------------------------- strategies

-- The mean close of some candles, and how far a price moves in one of them.
local function survey(list)
  local close, range = 0, 0
  for _, c in ipairs(list) do close, range = close + c.close, range + c.high - c.low end
  return close / #list, range / #list
end

-- Where the last hour was going, if anywhere: 1 up, -1 down; the price now; how far it moves in five minutes.
local function look(symbol)
  local price = host.getAveragePrice(symbol)
  local mean, range = survey(host.getCandles(symbol, "5m", 12))
  return math.abs(price - mean) > range and (price > mean and 1 or -1) or 0, price, math.max(range, 0.003 * price)
end

-- Goes with the last hour, at once.
local function trend(symbol)
  local way, price, range = look(symbol)
  if way == 0 then return end
  return {
    position = way > 0 and "long" or "short", minuteEstimatedTime = 180,
    priceTakeProfit = price + way * 4 * range, priceStopLoss = price - way * 2 * range,
  }
end

-- Goes with the last hour too, but waits for a better price.
local function pullback(symbol)
  local way, price, range = look(symbol)
  if way == 0 then return end
  local open = price - way * range / 2
  return {
    position = way > 0 and "long" or "short", minuteEstimatedTime = 180,
    priceOpen = open, priceTakeProfit = open + way * 5 * range, priceStopLoss = open - way * 3 * range,
  }
end

--- Tells the host of all this.
---@param world demo.World
---@param callbacks? table  of the strategies
function M.define(world, callbacks)
  local feed = host.candleFeed()
  for _, symbol in ipairs(world.symbols) do
    for _, candle in ipairs(world.candles[symbol]) do feed:push(symbol, candle) end
  end
  host.addExchange { exchangeName = M.exchange, getCandles = feed.getCandles }
  host.addRisk {
    riskName = M.risk,
    validations = { function(wanted) return wanted.activePositionCount < M.slots or "all slots are taken" end },
  }
  host.addFrame { frameName = M.frame, startDate = world.from, endDate = world.till - MINUTE }
  host.addStrategy {
    strategyName = "trend", interval = "15m", getSignal = trend, riskName = M.risk, callbacks = callbacks,
  }
  host.addStrategy {
    strategyName = "pullback", interval = "5m", getSignal = pullback, riskName = M.risk, callbacks = callbacks,
  }
end

-- -------------------------------------------------------------------- replay

--- Calls a function with every strategy on every symbol.
---@param world demo.World
---@param fn fun(symbol: string, strategyName: string)
function M.each(world, fn)
  for _, symbol in ipairs(world.symbols) do
    for _, strategyName in ipairs(M.strategies) do fn(symbol, strategyName) end
  end
end

--- Runs all strategies live on all symbols, by a clock that goes from minute to minute.
---@param world demo.World
---@param from number  ms: the first minute
---@param till number  ms: the last one
---@param begun? fun(minute: number)  called before each
function M.replay(world, from, till, begun)
  local clock = host.manualClock(from)
  host.setClock(clock)
  M.each(world, function(symbol, strategyName)
    host.Live.background(symbol, { strategyName = strategyName, exchangeName = M.exchange })
  end)
  for minute = from, till, MINUTE do
    if begun then begun(minute) end
    clock:advanceTo(minute)
  end
  host.Live.stop()
  host.run()
  host.setClock(nil)
end

return M
