-- SPDX-License-Identifier: MIT
--
-- Measurements of the strategy host, one a run, printed as µs on one line; bench.lua runs them.
--
--   bench_host.lua backtest -n CANDLES    of a candle: a backtest; then only reading, checking and averaging them
--   bench_host.lua kept -d DIR -n CANDLES a candle store: of a candle, a backtest from it, then one from memory; of a
--                                         month (43,200 candles), reading it as columns into old ones, as new ones, as
--                                         tables, and making as many tables; of a candle, filling, and its bytes; of a
--                                         minute, writing it with its day, and writing it as an entity of its own
--   bench_host.lua kit -d FILE.csv        of a candle: the backtest that backtest_kit.mjs runs with the framework
--   bench_host.lua tick -n MINUTES        of a symbol and minute, 200 symbols in which nothing changes; then only
--                                         getting their candles and their average price
--   bench_host.lua transition -d DIR -n N [-y]
--                                         of a transition (opening or closing, with its risk slot): one symbol; 200 at
--                                         once; then a transaction with the same three writes

--   bench_host.lua minute -d DIR -n N [-y]
--                                         of a symbol that opens: one symbol, 10 N minutes; 200 at once, N; then a
--                                         transaction with the same three writes; and one with those of 200 symbols

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. here .. "/../../examples/?.lua;" .. package.path

-- Before the folder was parted into rooms it stood elsewhere: `./dev bench --against` runs this with such builds too.
local there, candles = pcall(require, "holdfast.host.market.candles")
if not there then candles = require "holdfast.host.candles" end
local clock = require "clock"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local market = require "market"

local MINUTE, SYMBOLS = 60000, 200
local STRATEGY = { strategyName = "long-now", exchangeName = "csv", frameName = "all" }

local o = { dir = "memory:bench", n = 1000 }
do
  local i = 2
  while arg[i] do
    if arg[i] == "-y" then
      o.synced = true
    else
      local name = ({ ["-d"] = "dir", ["-n"] = "n", ["-s"] = "seed" })[arg[i]]
      o[assert(name, "no such option")] = name == "dir" and arg[i + 1] or tonumber(arg[i + 1])
      i = i + 1
    end
    i = i + 1
  end
end

local function show(...) print(string.format(string.rep("%.6f ", select("#", ...)), ...)) end

local function useStore(url)
  holdfast.adapters.useAll("lmdb:" .. url, { durability = o.synced and "sync" or "nosync" })
end

local function useMemory() holdfast.adapters.useAll "memory:bench" end

-- The strategy "long-now" over a list of candles, all but what the framework needs after its frame.
local function backtest(list, getCandles)
  local feed = host.candleFeed { symbol = "BTCUSDT", candles = list }
  host.addExchange { exchangeName = "csv", getCandles = getCandles or feed.getCandles }
  host.addStrategy {
    strategyName = "long-now", interval = "5m",
    getSignal = function(symbol)
      local price = host.getAveragePrice(symbol)
      return {
        position = "long", priceTakeProfit = price * 1.006, priceStopLoss = price * 0.99, minuteEstimatedTime = 120,
      }
    end,
  }
  local first, last = 31, #list - 122
  host.addFrame { frameName = "all", startDate = list[first].timestamp, endDate = list[last].timestamp }
  local function run()
    local trades = 0
    for event in host.Backtest.run("BTCUSDT", STRATEGY) do
      if event.action == "closed" then trades = trades + 1 end
    end
    assert(trades > 0, "there were no trades")
  end
  return run, last - first + 1, feed
end

local ops = {}

function ops.backtest()
  useMemory()
  local list = market.candles(o.n, { seed = 3 })
  local run, count, feed = backtest(list)
  local exchange = { exchangeName = "csv", getCandles = feed.getCandles }
  local function bare()
    local all = candles.fetch(exchange, "BTCUSDT", "1m", list[1].timestamp, count)
    for last = 5, #all do candles.average(all, last - 4, last) end
  end
  run()
  bare()
  show(clock.perOperation(count, run), clock.perOperation(count, bare))
end

-- Tables of candles as any script makes them.
local function makeTables(columns)
  local list = {}
  for i = 0, columns.count - 1 do
    list[i + 1] = { timestamp = columns.timestamp[i], open = columns.open[i], high = columns.high[i],
      low = columns.low[i], close = columns.close[i], volume = columns.volume[i] }
  end
  return list
end

-- The best of several runs in µs: what reading costs, and not what else the machine did.
local function best(fn)
  local least = math.huge
  for _ = 1, 30 do least = math.min(least, clock.perOperation(1, fn)) end
  return least
end

function ops.kept()
  useMemory()
  local list = market.candles(o.n, { seed = 3 })
  local store = host.candleStore { url = "lmdb:" .. o.dir, durability = "nosync" }
  local feed = host.candleFeed { symbol = "BTCUSDT", candles = list }
  local first, month = list[1].timestamp, math.min(43200, o.n)
  local till = first + month * MINUTE
  local fill = clock.perOperation(o.n, function()
    store:fill { exchange = feed.getCandles, symbol = "BTCUSDT", from = first, to = first + o.n * MINUTE }
  end)
  local run, count = backtest(list)
  run()
  local memory = clock.perOperation(count, run)
  host.clear()
  run = backtest(list, store.getCandles)
  run()
  local kept = clock.perOperation(count, run)
  local columns = store:columns("BTCUSDT", first, till)
  assert(columns.count == month)
  local old = best(function() store:columns("BTCUSDT", first, till, { into = columns }) end)
  local new = best(function() store:columns("BTCUSDT", first, till) end)
  local rows = best(function() store:candles("BTCUSDT", first, till) end)
  local byHand = best(function() makeTables(columns) end)
  local row = store:list()[1]
  -- A recorder: the last candle of a day, which changes.
  local day = math.floor(list[o.n].timestamp / 86400000) * 86400000 - MINUTE
  local before = store:columns("BTCUSDT", day, day + MINUTE):candle(0)
  local append = clock.perOperation(100, function()
    for i = 1, 100 do
      before.volume = i
      store:write("BTCUSDT", { before })
    end
  end)
  local persist = holdfast.PersistBase("candle", "lmdb:" .. o.dir, { durability = "nosync" })
  local single = clock.perOperation(1000, function()
    for i = 1, 1000 do persist:writeValue("BTCUSDT/" .. i, before) end
  end)
  show(kept, memory, old, new, rows, byHand, fill, row.bytes / row.count, append, single)
end

function ops.kit()
  useMemory()
  local run, count = backtest(host.readCandles(o.dir))
  for _ = 1, 20 do run() end -- as the other side, which warms up for half a second
  local us = {}
  for i = 1, 7 do us[i] = clock.perOperation(count, run) end
  table.sort(us)
  show(us[4])
end

-- Candles of one price for all symbols, which the test changes.
local price = 100
local function addExchange()
  local function getCandles(_, _, since, limit)
    local list = {}
    for i = 1, limit do
      list[i] =
        { timestamp = since + (i - 1) * MINUTE, open = price, high = price, low = price, close = price, volume = 1 }
    end
    return list
  end
  host.addExchange { exchangeName = "flat", getCandles = getCandles }
  return getCandles
end

function ops.tick()
  useMemory()
  local getCandles = addExchange()
  host.addStrategy {
    strategyName = "holds", interval = "1m",
    getSignal = function() return { position = "long", priceTakeProfit = 110, priceStopLoss = 90 } end,
  }
  local now = host.manualClock(1707343380000)
  host.setClock(now)
  for i = 1, SYMBOLS do host.Live.background("S" .. i, { strategyName = "holds", exchangeName = "flat" }) end
  local function live() now:advance(o.n * MINUTE) end
  local exchange = { exchangeName = "flat", getCandles = getCandles }
  local function bare()
    for minute = 1, o.n do
      for i = 1, SYMBOLS do
        candles.average(candles.fetch(exchange, "S" .. i, "1m", 1707343380000 + minute * MINUTE, 5), 1, 5)
      end
    end
  end
  now:advance(5 * MINUTE)
  bare()
  show(clock.perOperation(o.n * SYMBOLS, live), clock.perOperation(o.n * SYMBOLS, bare))
  host.Live.stop()
  host.run()
end

-- A strategy that opens in one minute and closes in the next, in a world of which the clock is returned, and a function
-- that says how many of its events were heard, or those of an action.
local function addFlips()
  useStore(o.dir)
  addExchange()
  host.addRisk { riskName = "free", validations = { function() end } }
  local heard = { opened = 0, closed = 0 }
  host.listenSignalLive(function(event) if event.id then heard[event.action] = heard[event.action] + 1 end end)
  host.addStrategy {
    strategyName = "flips", interval = "1m", riskName = "free",
    getSignal = function()
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 1 }
    end,
  }
  local now = host.manualClock(1707343380000)
  host.setClock(now)
  return now, function(action) return heard[action] or heard.opened + heard.closed end
end

local function startFlips(symbols, prefix)
  for i = 1, symbols do host.Live.background(prefix .. i, { strategyName = "flips", exchangeName = "flat" }) end
end

-- The three writes of an opening by hand, of one symbol, to be called in a transaction.
local function openByHand(symbol)
  local signal = {
    id = "flips/" .. symbol .. "/1707343380000", symbol = symbol, strategyName = "flips", exchangeName = "flat",
    position = "long", priceOpen = 100, priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 1,
    scheduledAt = 1707343380000, scheduledPrice = 100, pendingAt = 1707343380000,
  }
  local entry = {
    strategyName = "flips", at = 1707343380000, events = { { id = "x", signal = signal, action = "opened" } },
  }
  local list, entries = { signal }, { ["flips/" .. symbol] = entry }
  return function(time)
    signal.pendingAt = time
    holdfast.PersistRiskAdapter.writePositionData(list, "free")
    holdfast.PersistSignalAdapter.writeSignalData(signal, "flips", symbol)
    holdfast.PersistPartialAdapter.writePartialData(entries, symbol)
  end
end

function ops.transition()
  local now, heardSoFar = addFlips()
  local function measure(symbols, minutes)
    startFlips(symbols, "S")
    now:advance(4 * MINUTE)
    local before = heardSoFar()
    local us = clock.perOperation(symbols * minutes, function() now:advance(minutes * MINUTE) end)
    assert(heardSoFar() - before == symbols * minutes, "not one transition a minute")
    host.Live.stop()
    host.run()
    return us
  end
  local one = measure(1, o.n)
  local many = measure(SYMBOLS, math.max(2, math.floor(o.n / SYMBOLS) * 2))
  local write = openByHand "S0"
  local us = clock.perOperation(o.n, function()
    for i = 1, o.n do holdfast.transaction(function() write(i) end) end
  end)
  show(one, many, us)
end

function ops.minute()
  local now, heardSoFar = addFlips()
  -- Of a symbol in the minutes in which all of them open; those in which they close are not counted.
  local function measure(symbols, prefix, minutes)
    startFlips(symbols, prefix)
    now:advance(5 * MINUTE) -- the first one of which opens and closes
    local us, opened, closed = 0, heardSoFar "opened", heardSoFar "closed"
    collectgarbage()
    for minute = 1, minutes do
      local start = clock.now()
      now:advance(MINUTE)
      us = us + clock.now() - start
      assert(heardSoFar "opened" - opened == symbols * minute, "not each symbol has opened")
      now:advance(MINUTE)
      assert(heardSoFar "closed" - closed == symbols * minute, "not each symbol has closed")
    end
    host.Live.stop()
    host.run()
    return us / minutes / symbols
  end
  local few = o.n * 10 -- as many that all is compiled
  local one, many = measure(1, "S", few), measure(SYMBOLS, "T", o.n)
  local writes = {}
  for i = 1, SYMBOLS do writes[i] = openByHand("H" .. i) end
  local alone = clock.perOperation(few, function()
    for i = 1, few do holdfast.transaction(function() writes[1](i) end) end
  end)
  local all = clock.perOperation(o.n * SYMBOLS, function()
    for minute = 1, o.n do
      holdfast.transaction(function()
        for i = 1, SYMBOLS do writes[i](minute) end
      end)
    end
  end)
  show(one, many, alone, all)
end

ops[arg[1]]()
