-- SPDX-License-Identifier: MIT
--
-- host.report without events: what the adapters keep of past runs.  tests/spec/cli/report_spec.lua is the same for the
-- command.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"
local temp = require "support.temp"

local START, MINUTE = hosts.START, hosts.MINUTE

local function write(from, pnl, fields)
  local one = { version = 1, action = "closed", strategyName = "main", symbol = "BTCUSDT", exchangeName = "test",
    backtest = false, position = "long", reason = "take_profit", pnl = pnl, priceOpen = 100, priceClose = 100 + pnl,
    priceTakeProfit = 110, priceStopLoss = 95, minuteEstimatedTime = 60, scheduledAt = START + from * MINUTE,
    openedAt = START + from * MINUTE, closedAt = START + (from + 10) * MINUTE, riskNames = holdfast.json.array {} }
  for name, value in pairs(fields or {}) do one[name] = value end
  one.signalId = ("%s/%s/%d"):format(one.strategyName, one.symbol, one.scheduledAt)
  one.eventId = one.signalId .. ":closed"
  one.signal = { id = one.signalId }
  local strategy = one.frameName and ("backtest/%s/%s"):format(one.frameName, one.strategyName) or one.strategyName
  holdfast.PersistTradeAdapter.writeTradeData(one, strategy, one.symbol, one.signalId)
end

local function row(symbol, fields)
  local one = { id = "o", strategyName = "main", symbol = symbol, exchangeName = "test", position = "long",
    priceOpen = 50, priceTakeProfit = 55, priceStopLoss = 45, scheduledAt = START, pendingAt = START }
  for name, value in pairs(fields or {}) do one[name] = value end
  return one
end

local function fill()
  write(30, 2)
  write(0, 4, { strategyName = "other" })
  write(10, -1, { symbol = "ETHUSDT" })
  write(0, 50, { backtest = true, frameName = "day" })
  holdfast.PersistSignalAdapter.writeSignalData(row "ETHUSDT", "main", "ETHUSDT")
  holdfast.PersistScheduleAdapter.writeScheduleData(row("BTCUSDT", { pendingAt = 0 }), "main", "BTCUSDT")
end

describe("host.report without events", function()
  after_each(function()
    hosts.fresh()
    temp.removeAll()
  end)

  local stores = {
    memory = function() return "memory:stored-report" end,
    lmdb = function() return "lmdb:" .. temp.directory() .. "/store" end,
    file = function() return "file:" .. temp.directory() .. "/store" end,
  }
  for kind, url in pairs(stores) do
    it("reads what is stored in " .. kind, function()
      hosts.fresh(url())
      fill()
      local stats = host.report().stats
      assert.same({ 3, 5, 1, 1 }, { stats.closed, stats.totalPnl, stats.open, stats.waiting })
      assert.same({ "other", "main", "main" },
        { stats.trades[1].strategyName, stats.trades[2].strategyName, stats.trades[3].strategyName })
      stats = host.report({ symbol = "BTCUSDT", strategyName = "main" }).stats
      assert.same({ 1, 2, 0, 1 }, { stats.closed, stats.totalPnl, stats.open, stats.waiting })
      stats = host.report({ since = START + 20 * MINUTE, till = START + 40 * MINUTE }).stats
      assert.same({ 1, -1 }, { stats.closed, stats.totalPnl })
      local made = host.report { frameName = "day" }
      assert.same({ 1, 50, 0, "day" }, { made.stats.closed, made.stats.totalPnl, made.stats.open, made.frameName })
    end)
  end

  it("reads adapters in several stores, and in a transaction", function()
    hosts.fresh "memory:stored-report-1"
    holdfast.PersistSignalAdapter.close()
    holdfast.PersistSignalAdapter.useMemory "stored-report-2"
    fill()
    assert.same({ 3, 1, 1 }, { host.report().stats.closed, host.report().stats.open, host.report().stats.waiting })
    hosts.fresh("lmdb:" .. temp.directory() .. "/store")
    fill()
    holdfast.transaction(function()
      write(60, 7)
      assert.equal(12, host.report().stats.totalPnl)
    end)
  end)

  it("has what a live run and a backtest have left", function()
    local world = hosts.world()
    hosts.strategy { interval = "1h" }
    hosts.live()
    world.pass(3)
    world.pass(8, 112)
    world.pass(60, 100)
    host.Live.stop()
    host.run()
    local stats = host.report().stats
    assert.same({ 1, 1, 2 }, { stats.closed, stats.open, stats.signals })
    assert.same({ "take_profit", 100, "BTCUSDT" },
      { stats.trades[1].reason, stats.trades[1].priceOpen, stats.trades[1].symbol })
    local heard = {}
    for _, event in ipairs(world.heard.events) do heard[event.action] = event end
    assert.near(heard.closed.pnl.pnlPercentage, stats.totalPnl, 1e-9)
    assert.equal(stats.totalPnl, host.report({ events = world.heard.events }).stats.totalPnl)
    host.addFrame { frameName = "hours", startDate = START, endDate = START + 120 * MINUTE }
    local made = host.Backtest.report("BTCUSDT", { strategyName = "main", exchangeName = "test", frameName = "hours" })
    local again = host.report { frameName = "hours" }
    assert.is_true(made.stats.closed > 0)
    assert.same({ made.stats.closed, made.stats.totalPnl }, { again.stats.closed, again.stats.totalPnl })
    assert.equal(1, host.report().stats.closed)
  end)

  it("has nothing to say before the first trade", function()
    hosts.fresh()
    local made = host.report { symbol = "BTCUSDT" }
    assert.equal(0, made.stats.closed)
    assert.matches("^BTCUSDT all strategies %(live%)\n", made:table())
  end)

  it("takes candles", function()
    hosts.fresh()
    fill()
    local list = hosts.candles(START, 60, 100)
    list[60].close = 120
    local made = host.report { symbol = "BTCUSDT", candles = list }
    assert.near(40, made.stats.holdPnl, 1e-9)
    assert.matches(">Price</text>", made:svg(), 1, true)
  end)

  it("takes a store of candles, and of a long time not more than a chart shows", function()
    hosts.fresh()
    fill()
    local kept = host.candleStore("memory:stored-report-candles")
    local list = hosts.candles(START - 1000 * MINUTE, 20000, 100)
    for i, candle in ipairs(list) do
      candle.close = 100 + i / 1000
      candle.high = candle.close
    end
    list[5000].high, list[5001].low = 900, 20
    kept:write("BTCUSDT", list)
    kept:write("ETHUSDT", { hosts.candle(START - START % 3600000, 50) }, "1h")
    local made = host.report { candles = kept }
    local shown = made.candles.BTCUSDT
    assert.same({ START - 30 * MINUTE, 100 }, { shown[1].timestamp, shown[1].open })
    assert.equal(50, made.candles.ETHUSDT[1].close)
    assert.equal(list[20000].close, shown[#shown].close) -- ETHUSDT is still open
    assert.is_true(#shown > 3000 and #shown <= 6001, #shown .. " candles")
    local high, low = 0, 1000
    for _, candle in ipairs(shown) do high, low = math.max(high, candle.high), math.min(low, candle.low) end
    assert.same({ 900, 20 }, { high, low })
    made = host.report { symbol = "BTCUSDT", candles = kept }
    shown = made.candles.BTCUSDT
    assert.same({ START - 30 * MINUTE, START + 69 * MINUTE, 100 },
      { shown[1].timestamp, shown[#shown].timestamp, #shown })
    assert.matches(">Price</text>", made:svg(), 1, true)
    local event = { action = "opened", symbol = "BTCUSDT", strategyName = "main", signal = row "BTCUSDT" }
    assert.is_true(#host.report({ events = { event }, candles = kept }).candles.BTCUSDT > 3000)
  end)

  it("refuses what it does not know", function()
    hosts.fresh()
    raises.error("invalid_argument", "host.report: give a table such as {since=\"2024-02-07\"}, not a string",
      host.report, "x")
    raises.error("invalid_argument", "host.report: there is no field 'strategy': since, till, strategyName, symbol, "
      .. "frameName, candles exist", host.report, { strategy = "main" })
    raises.error("invalid_argument", "^host.report: since: ", host.report, { since = "2024-13-01" })
    holdfast.PersistTradeAdapter.collection():writeValue("junk", 7)
    raises.error("corrupt", "^what is stored as the trade junk is none", host.report)
  end)
end)
