-- SPDX-License-Identifier: MIT
--
-- Market data cache: candles that were fetched once and need not be fetched again.  What is lost can be fetched, so
-- this store is not flushed with each commit (`nosync`), and it may not grow beyond its size.
--
--     holdfast run examples/market_cache.lua

local holdfast = require "holdfast"

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local market = require "market"

local cache = holdfast.PersistBase("market-cache", "./cache", { durability = "nosync", maxSize = 2 ^ 28 })
cache:removeAll()

local MINUTE = 60000
local from = 1707343380000 -- 2024-02-07 22:03 UTC

local function id(symbol, time) return ("%s/1m/%d"):format(symbol, time) end

-- Stands for the exchange: counts how often it is asked.
local exchange = { candles = market.candles(1440, { from = from }), asked = 0 }
function exchange.fetch(_, first, last)
  exchange.asked = exchange.asked + 1
  local rows = {}
  for _, candle in ipairs(exchange.candles) do
    if candle.timestamp >= first and candle.timestamp <= last then rows[#rows + 1] = candle end
  end
  return rows
end

-- The candles of a time span: from the cache if it has all of them.
local function candles(symbol, first, last)
  local rows = {}
  for candle in cache:values { from = id(symbol, first), to = id(symbol, last) } do rows[#rows + 1] = candle end
  if #rows == (last - first) / MINUTE + 1 then return rows, "cache" end
  rows = exchange.fetch(symbol, first, last)
  local batch = {}
  for _, candle in ipairs(rows) do batch[id(symbol, candle.timestamp)] = candle end
  cache:writeMany(batch) -- one commit for all
  return rows, "exchange"
end

local function ask(first, last)
  local rows, source = candles("BTCUSDT", from + first * MINUTE, from + last * MINUTE)
  print(("minutes %d to %d: %d candles from the %s"):format(first, last, #rows, source))
  return rows
end

ask(0, 599)
ask(0, 599)
ask(300, 420)
ask(500, 700)
print("asked the exchange:", exchange.asked, "candles kept:", cache:count())

-- The same bytes come back as went in.
local kept = ask(10, 10)[1]
print("unchanged:", holdfast.json.encode(kept.close) == holdfast.json.encode(exchange.candles[11].close))

-- The newest one, without looking at the others.
for key in cache:keys { prefix = "BTCUSDT/1m/", reverse = true, limit = 1 } do print("newest:", key) end

-- What is older than the last hour goes.
local old = {}
for key in cache:keys { from = "BTCUSDT/1m/", to = id("BTCUSDT", from + 640 * MINUTE) } do old[#old + 1] = key end
print("dropped:", cache:removeMany(old), "kept:", cache:count())
