-- SPDX-License-Identifier: MIT
--
-- The trades that a host keeps of signals that are over: what is in them, when they become durable, how they are asked
-- for, what keeps them and what removes them.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"
local trades = require "holdfast.host.state.trades"

local START, MINUTE = hosts.START, hosts.MINUTE
local DAY = 1440 * MINUTE
local signals, partials = holdfast.PersistSignalAdapter, holdfast.PersistPartialAdapter
local adapter = holdfast.PersistTradeAdapter

-- A trade as if a signal of "main" on BTCUSDT had ended; `fields` override.
local function trade(n, fields)
  local row = {
    id = "s" .. n, symbol = "BTCUSDT", strategyName = "main", exchangeName = "test", position = "long", priceOpen = 100,
    priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = math.huge, scheduledAt = START + n * MINUTE,
    scheduledPrice = 100, pendingAt = START + n * MINUTE,
  }
  local event = {
    action = "closed", signal = row, strategyName = "main", symbol = "BTCUSDT", exchangeName = "test", backtest = false,
    currentPrice = 110, timestamp = START + (n + 1) * MINUTE, closeReason = "take_profit",
    pnl = { pnlPercentage = n }, id = "s" .. n .. ":closed:1",
  }
  for field, value in pairs(fields or {}) do
    event[field] = value
    if row[field] ~= nil or field == "id" then row[field] = value end
  end
  return trades.of(event, fields and fields.riskNames or {})
end

local function write(...)
  for _, each in ipairs { ... } do trades.step(each).run() end
end

local function idsOf(list)
  local ids = {}
  for i, each in ipairs(list) do ids[i] = each.signalId end
  return table.concat(ids, " ")
end

local function stored()
  local ids = {}
  for id in adapter.collection():keys() do ids[#ids + 1] = id end
  return ids
end

describe("trades", function()
  before_each(function() hosts.fresh() end)
  after_each(hosts.finish)

  it("are found by time, strategy, symbol, risk profile and action, in the order in which they ended", function()
    write(trade(3), trade(1), trade(2, { strategyName = "other" }), trade(4, { symbol = "ETHUSDT" }),
      trade(5, { riskNames = { "demo" } }), trade(6, { action = "cancelled", reason = "timeout" }))
    local function ids(query)
      local list = {}
      for each in host.trades(query) do list[#list + 1] = each end
      return idsOf(list)
    end
    assert.equal("s1 s2 s3 s4 s5 s6", ids())
    assert.equal("s3 s4", ids { since = START + 4 * MINUTE, till = START + 6 * MINUTE })
    assert.equal("s1 s3 s4 s5 s6", ids { strategyName = "main" })
    assert.equal("s4", ids { symbol = "ETHUSDT" })
    assert.equal("s1 s3 s5 s6", ids { strategyName = "main", symbol = "BTCUSDT" })
    assert.equal("s5", ids { riskName = "demo" })
    assert.equal("s6", ids { action = "cancelled" })
    assert.equal("s1 s2 s3 s4 s5 s6", ids { since = "2024-02-07" })
    assert.equal("", ids { since = "2024-02-08" })
    assert.equal("", ids { backtest = true })
    assert.equal(math.huge, host.trades()().minuteEstimatedTime)
  end)

  it("are asked for where they are stored", function()
    for n = 1, 300 do write(trade(n)) end
    local text = tostring(adapter.collection():explain(trades.predicate(trades.query("test", { since = START }))))
    assert.is_nil(text:find("not understood", 1, true), text)
  end)

  it("refuse questions that mean nothing, with what to change", function()
    raises.error("invalid_argument", "^host.trades: there is no field 'from': since, till", host.trades, { from = 1 })
    raises.error("invalid_argument", "^host.trades: since: %d+ looks like seconds", host.trades, { since = 1707343380 })
    raises.error("invalid_argument", "^host.trades: symbol must be a string", host.trades, { symbol = 7 })
    raises.error("invalid_argument", "^host.trades: action must be", host.trades, { action = "opened" })
    raises.error("invalid_argument", "^host.trades: give a table", host.trades, "main")
  end)

  it("are one where they are written twice, and two of two signals with one id", function()
    write(trade(1), trade(1))
    assert.same({ "main/BTCUSDT/s1" }, stored())
    write(trade(9, { id = "s1", pnl = { pnlPercentage = -3 } }))
    write(trade(9, { id = "s1", pnl = { pnlPercentage = -3 } }))
    local list = trades.list()
    assert.equal(2, #list)
    assert.equal(1, list[1].pnl)
    assert.equal(-3, list[2].pnl)
  end)

  it("of a signal that ends again are those of its last end", function()
    write(trade(1), trade(1, { pnl = { pnlPercentage = -2 }, id = nil, currentPrice = 98 }))
    local again = trade(1, { pnl = { pnlPercentage = -2 } })
    again.eventId = "s1:closed:2"
    write(again)
    assert.equal(-2, trades.list()[1].pnl)
    assert.equal(1, #stored())
  end)

  it("have ids that fit, whatever strategies, symbols and signals are called", function()
    local names = { ("x"):rep(100), ("/"):rep(100), ("ä"):rep(50), "a%b", "x" }
    local ids = { ("i"):rep(300), "line\nbreak", ("é/"):rep(100), "s" .. ("/"):rep(200) .. "1", "plain" }
    local count = 0
    for _, strategyName in ipairs(names) do
      for _, symbol in ipairs(names) do
        for _, id in ipairs(ids) do
          count = count + 1
          write(trade(count, { strategyName = strategyName, symbol = symbol, id = id }))
        end
      end
    end
    assert.equal(count, #stored())
    for _, strategyName in ipairs(names) do
      assert.equal(25, #trades.list { strategyName = strategyName })
      for _, symbol in ipairs(names) do
        assert.equal(5, #trades.list { strategyName = strategyName, symbol = symbol })
      end
    end
  end)

  it("that are none are named, and those that are damaged", function()
    write(trade(1))
    adapter.writeTradeData({ closedAt = "yesterday" }, "main", "BTCUSDT", "x")
    raises.error("corrupt", "^what is stored as the trade main/BTCUSDT/x is none: its closedAt is yesterday",
      trades.list)
    adapter.writeTradeData(7, "main", "BTCUSDT", "x")
    raises.error("corrupt", "^what .* is none: it is a number;", trades.list)
    local newer = trade(2)
    newer.version = 2
    adapter.writeTradeData(newer, "main", "BTCUSDT", "x")
    raises.error("corrupt", "^what .* it is of version 2, and", trades.list)
  end)
end)

describe("a live run", function()
  local world
  before_each(function() world = hosts.world() end)
  after_each(hosts.finish)

  local function last(heard) return heard.events[#heard.events] end

  it("leaves a trade of what closes, with all that the event tells", function()
    host.addRisk { riskName = "demo", validations = { function() end } }
    hosts.strategy { interval = "1d", riskName = "demo" }
    hosts.live()
    world.pass(3)
    assert.same({}, stored())
    world.pass(6, 115)
    assert.equal("opened closed:take_profit", world.heard.summary())
    local event, list = last(world.heard), trades.list()
    assert.equal(1, #list)
    local row = event.signal
    assert.same({
      version = 1, action = "closed", signalId = row.id, strategyName = "main", symbol = "BTCUSDT",
      exchangeName = "test", backtest = false, position = "long", reason = "take_profit",
      pnl = event.pnl.pnlPercentage, priceOpen = 100, priceClose = 110, priceTakeProfit = 110, priceStopLoss = 90,
      minuteEstimatedTime = 60, scheduledAt = row.scheduledAt, openedAt = row.pendingAt, closedAt = event.timestamp,
      riskNames = { "demo" }, eventId = event.id, signal = row,
    }, list[1])
    assert.same(list[1], adapter.readTradeData("main", "BTCUSDT", row.id))
  end)

  it("leaves one of what is cancelled, which says why, and no gain", function()
    hosts.strategy { interval = "1d", priceOpen = 95 }
    hosts.live()
    world.pass(2)
    world.pass(3, 40)
    assert.equal("scheduled cancelled:price_reject", world.heard.summary())
    local each = trades.list()[1]
    assert.equal("cancelled", each.action)
    assert.equal("price_reject", each.reason)
    assert.is_nil(each.pnl)
    assert.is_nil(each.openedAt)
    assert.equal(last(world.heard).timestamp, each.closedAt)
  end)

  -- A store of trades of its own that is down where the function says so.
  local function tradesIn(isDown, Class)
    local Down = (Class or holdfast.MemoryPersist):extend("Down")
    function Down:writeValue(id, value)
      if isDown() then error(holdfast.error("unavailable", "no store of trades")) end
      return (Class or holdfast.MemoryPersist).writeValue(self, id, value)
    end
    adapter.close()
    adapter.usePersistTradeAdapter(Down, "memory:trades-of-their-own")
    Down("trade", "memory:trades-of-their-own"):removeAll()
  end

  local function untold()
    local _, entry = next(partials.readPartialData("BTCUSDT"))
    return #entry.events
  end

  it("closes and tells so where trades cannot be stored, and stores them when that can be", function()
    local down = true
    tradesIn(function() return down end)
    hosts.strategy { interval = "1d" }
    hosts.live()
    world.pass(2)
    world.pass(6, 115)
    assert.equal("opened closed:take_profit", world.heard.summary())
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    assert.equal(1, untold())
    assert.equal("PersistTradeAdapter", world.heard.errors[1].source)
    assert.equal("unavailable", world.heard.errors[1].code)
    world.pass(3)
    assert.is_true(#world.heard.errors > 2)
    down = false
    world.pass(2)
    assert.equal(last(world.heard).id, trades.list()[1].eventId)
    assert.equal(0, untold())
    assert.equal("opened closed:take_profit", world.heard.summary())
  end)

  it("closes in the same minute where its own store takes everything but trades", function()
    local Picky = holdfast.MemoryPersist:extend("Picky")
    function Picky:writeValue(id, value)
      if self.entityName == "trade" then error(holdfast.error("invalid_value", "no trades here"), 0) end
      return holdfast.MemoryPersist.writeValue(self, id, value)
    end
    world = hosts.world(Picky)
    hosts.strategy { interval = "1d" }
    hosts.live()
    world.pass(2)
    world.pass(6, 115)
    assert.equal("opened closed:take_profit", world.heard.summary())
    assert.equal(START + 6 * MINUTE, last(world.heard).timestamp)
    assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    assert.equal("PersistTradeAdapter", world.heard.errors[1].source)
    assert.equal(1, untold())
  end)

  it("remembers what a loop has acknowledged meanwhile", function()
    local down = true
    tradesIn(function() return down end)
    hosts.strategy { interval = "1d" }
    local step = host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "test" })
    assert.equal("opened", step().action)
    world.pass(6, 115)
    assert.equal("closed", step().action)
    host.Live.stop()
    assert.is_nil(step()) -- acknowledges
    assert.equal(1, untold())
    down = false
    step = host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "test" })
    local event = step()
    assert.is_true(event.redelivered)
    assert.equal(event.id, trades.list()[1].eventId)
    host.Live.stop()
    assert.is_nil(step())
    assert.equal(0, untold())
  end)

  it("writes the trades of what a version without them has closed and not told", function()
    hosts.strategy { interval = "1d" }
    local down = true
    tradesIn(function() return down end)
    hosts.live()
    world.pass(2)
    world.pass(6, 115)
    hosts.finish()
    assert.same({}, stored())
    down = false
    host.setClock(world.clock)
    world.heard = hosts.hear()
    hosts.exchange(function() return 115 end)
    hosts.strategy { interval = "1d" }
    hosts.live()
    world.pass(2)
    assert.equal("again:closed:take_profit", world.heard.summary():match "again:closed:take_profit")
    assert.equal(1, #stored())
  end)

  it("removes the trade of a signal that an older copy has made open again", function()
    hosts.strategy { interval = "1d" }
    adapter.close()
    adapter.useMemory("trades-of-their-own")
    adapter.collection():removeAll()
    local stop = hosts.live()
    world.pass(2)
    local row = signals.readSignalData("main", "BTCUSDT")
    local levels = partials.readPartialData("BTCUSDT")
    world.pass(6, 115)
    assert.equal(1, #stored())
    stop()
    host.run()
    signals.writeSignalData(row, "main", "BTCUSDT")
    partials.writePartialData(levels, "BTCUSDT")
    world.pass(6, 100)
    hosts.live()
    world.pass(1)
    assert.same({}, stored())
    world.pass(6, 80)
    assert.equal("stop_loss", trades.list()[1].reason)
  end)

  it("removes trades that are too old, once a day and piece by piece", function()
    host.setConfig { CC_TRADE_RETENTION_DAYS = 2 }
    for n = 1, 2500 do write(trade(n, { timestamp = START - (n <= 2100 and 3 or 1.1) * DAY })) end
    write(trade(1, { backtest = true, frameName = "year", timestamp = START - 400 * DAY }))
    hosts.strategy { getSignal = function() end }
    hosts.live()
    world.pass(1)
    local left = #stored()
    assert.is_true(left < 2501 and left > 401, left)
    world.pass(4)
    assert.equal(401, #stored())
    write(trade(1, { timestamp = START - 3 * DAY }))
    world.pass(60)
    assert.equal(402, #stored())
    world.pass(1440)
    assert.equal(1, #stored()) -- those of yesterday are old now, but not the backtest's
  end)

  it("keeps all of them by default, and where no exchange says that time has come that far", function()
    write(trade(1, { timestamp = START - 4000 * DAY }))
    hosts.strategy { getSignal = function() end }
    hosts.live()
    world.pass(3)
    assert.equal(1, #stored())
    host.Live.stop()
    host.run()
    host.setConfig { CC_TRADE_RETENTION_DAYS = 2 }
    host.addExchange { exchangeName = "silent", getCandles = function() return {} end }
    hosts.live("main", "BTCUSDT", "silent")
    world.pass(3)
    assert.equal(1, #stored())
  end)
end)

describe("a validation", function()
  local world
  before_each(function() world = hosts.world() end)
  after_each(hosts.finish)

  local function refusals()
    local list = {}
    host.listenRisk(function(event) list[#list + 1] = event end)
    return list
  end

  -- A profile "daily" with this validation, and a strategy of it that gives a signal whenever it may.
  local function limited(validate, fields)
    host.addRisk { riskName = "daily", validations = { { validate = validate, note = "daily loss" } } }
    local all = { riskName = "daily" }
    for field, value in pairs(fields or {}) do all[field] = value end
    return hosts.strategy(all)
  end

  it("sees what its profile has lost on a day, and refuses until the next", function()
    local refused = refusals()
    limited(function(p) return p.pnl { since = "day" } > -8 end)
    hosts.live()
    world.pass(2)
    world.pass(3, 85)
    assert.equal("opened closed:stop_loss", world.heard.summary())
    world.pass(60, 100)
    assert.equal("opened closed:stop_loss", world.heard.summary())
    assert.equal("refused (daily loss)", refused[1].reason)
    assert.is_nil(refused[1].pnl) -- an event is data
    assert.is_truthy(holdfast.json.encode(refused[1]))
    assert.same({}, world.heard.errors)
    world.pass(60) -- midnight comes
    assert.equal("opened closed:stop_loss opened", world.heard.summary())
  end)

  it("counts days in the zone that is given", function()
    local found = {}
    limited(function(p)
      found[1], found[2] = #p.trades { since = "day" }, #p.trades { since = "day", zone = "+02:00" }
      found[3] = #p.trades { since = "day", zone = "-05:30" }
      return false
    end)
    -- START is 22:03 UTC, 00:03 in +02:00, 16:33 in -05:30.
    for n, hour in ipairs { 5, 21, 23, 23.5 } do
      write(trade(n, { riskNames = { "daily" }, timestamp = START - (22 * 60 + 3) * MINUTE + hour * 60 * MINUTE }))
    end
    hosts.live()
    world.pass(1)
    assert.same({ 4, 2, 3 }, found)
  end)

  it("sees trades of its profile's strategies only, and narrower ones on request", function()
    local found
    limited(function(p)
      found = {
        idsOf(p.trades()), idsOf(p:trades { strategyName = "other" }), idsOf(p.trades { symbol = "ETHUSDT" }),
        idsOf(p.trades { action = "cancelled" }), p.pnl(), p.pnl { strategyName = "other" }, p:pnl { since = START },
      }
      return false
    end)
    local daily = { "daily", "more" }
    write(trade(1, { riskNames = { "else" } }), trade(2, { riskNames = daily, strategyName = "other" }),
      trade(3, { riskNames = daily, symbol = "ETHUSDT" }), trade(4, { riskNames = daily, action = "cancelled" }),
      trade(-9, { riskNames = daily }))
    hosts.live()
    world.pass(1)
    assert.same({ "s-9 s2 s3 s4", "s2", "s3", "s4", -4, 2, 5 }, found)
  end)

  it("adds what is open, at the last price that is known or else at its stop loss", function()
    local realised, all, unknown
    limited(function(p)
      if p.symbol ~= "BTCUSDT" then return true end
      realised, all, unknown = p.pnl(), p.pnl { open = true }
      unknown = select(2, p.pnl { open = true })
      return false
    end)
    hosts.live("main", "ETHUSDT")
    world.pass(2)
    world.pass(5, 104)
    hosts.live()
    world.pass(1)
    local signal = require "holdfast.host.state.signal"
    local row = signals.readSignalData("main", "ETHUSDT")
    assert.equal(0, realised)
    assert.near(signal.pnl(row, 104).pnlPercentage, all, 1e-9)
    assert.equal(0, unknown)
    host.Live.stop("ETHUSDT")
    world.pass(3)
    assert.near(signal.pnl(row, 90).pnlPercentage, all, 1e-9)
    assert.equal(1, unknown)
  end)

  it("sees what was closed in the same transaction before it, and no half of it", function()
    local inside
    limited(function(p)
      inside = require "holdfast.core".inTransaction()
      return #p.trades() < 1
    end)
    hosts.live()
    world.pass(2)
    world.pass(9, 115)
    assert.equal("opened closed:take_profit", world.heard.summary())
    assert.is_true(inside)
  end)

  it("is told at once where its transaction cannot read trades, and what to do", function()
    adapter.close()
    adapter.useMemory("trades-of-their-own")
    limited(function(p) return #p.trades() < 9 end)
    hosts.live()
    world.pass(2)
    assert.equal("", world.heard.summary())
    local failure = world.heard.errors[1]
    assert.equal("unsupported", failure.code)
    assert.matches("payload.trades: trades are in another store than the slots", failure.message)
    assert.matches("register PersistTradeAdapter where PersistRiskAdapter is", failure.message)
    assert.is_true(#world.heard.errors >= 2) -- each minute
  end)

  it("asks before a signal waits, too", function()
    local count = 0
    limited(function(p)
      count = count + 1
      return p.pnl() > -1
    end, { priceOpen = 95 })
    write(trade(-3, { riskNames = { "daily" } }))
    hosts.live()
    world.pass(2)
    assert.equal("", world.heard.summary())
    assert.is_true(count > 0)
  end)

  it("is told what it asks wrongly", function()
    local asked
    limited(function(p) return asked(p) end)
    local function complaint(fn)
      asked = fn
      world.pass(1)
      return world.heard.errors[#world.heard.errors].message
    end
    hosts.live()
    assert.matches("payload.pnl: there is no field 'from'", complaint(function(p) p.pnl { from = 1 } end))
    assert.matches('payload.trades: give a table such as {since="day"}', complaint(function(p) p.trades "day" end))
    assert.matches("payload.pnl: zone: give the hours", complaint(function(p)
      p.pnl { since = "day", zone = "Europe/Berlin" }
    end))
    assert.matches('give since="day" with it', complaint(function(p) p.pnl { since = 1e12, zone = "+01:00" } end))
    assert.matches("open must be true or false", complaint(function(p) p.pnl { open = 1 } end))
    assert.matches("open positions are no trades", complaint(function(p) p.trades { open = true } end))
    assert.matches("leave backtest and frameName out", complaint(function(p) p.pnl { backtest = true } end))
  end)
end)

describe("a backtest", function()
  before_each(function() hosts.fresh() end)
  after_each(hosts.finish)

  -- A price that goes up and down, and signals `percent` around it for so many minutes, all with the id, if there is
  -- one.
  local function setUp(percent, minutes, fields, id)
    fields = fields or {}
    function fields.getSignal(symbol)
      local price = host.getAveragePrice(symbol)
      return {
        id = id, position = "long", priceTakeProfit = price * (1 + percent / 100), minuteEstimatedTime = minutes,
        priceStopLoss = price * (1 - percent / 100),
      }
    end
    hosts.clock()
    hosts.exchange(function(minute) return 100 + 12 * math.sin(minute / 20) end)
    host.addFrame { frameName = "day", startDate = START, endDate = START + 600 * MINUTE }
    hosts.strategy(fields)
  end

  local OPTIONS = { strategyName = "main", exchangeName = "test", frameName = "day" }

  local function run()
    local ends = {}
    for event in host.Backtest.run("BTCUSDT", OPTIONS) do
      if trades.isEnd(event) then ends[#ends + 1] = event end
    end
    return ends
  end

  it("stores its trades under its own name, in the place of those of the last one", function()
    setUp(5, 30)
    local ends = run()
    assert.is_true(#ends > 3)
    local list = trades.list { frameName = "day" }
    assert.equal(#ends, #list)
    for i, event in ipairs(ends) do
      assert.equal(event.id, list[i].eventId)
      assert.equal(event.pnl.pnlPercentage, list[i].pnl)
      assert.equal("day", list[i].frameName)
      assert.is_true(list[i].backtest)
    end
    assert.matches("^backtest%%2Fday%%2Fmain/BTCUSDT/", stored()[1])
    assert.same({}, trades.list())
    write(trade(1))
    hosts.finish()
    setUp(15, 200)
    local fewer = run()
    assert.is_true(#fewer < #ends)
    assert.equal(#fewer, #trades.list { backtest = true })
    assert.equal(1, #trades.list())
  end)

  it("that is left, stopped or fails leaves those of the last one", function()
    setUp(5, 30)
    local count = #run()
    assert.equal("opened", host.Backtest.run("BTCUSDT", OPTIONS)().action) -- and no more of it
    local stop = host.Backtest.background("BTCUSDT", OPTIONS)
    host.listenSignalBacktest(stop)
    host.run()
    collectgarbage()
    assert.equal(count, #trades.list { backtest = true })
  end)

  it("goes on where its trades cannot be stored, and says so", function()
    local Down = holdfast.MemoryPersist:extend("Down")
    function Down:writeMany() error(holdfast.error("unavailable", "no store of trades")) end
    adapter.close()
    adapter.usePersistTradeAdapter(Down, "memory:down")
    setUp(5, 30)
    local heard = hosts.hear()
    assert.is_true(#run() > 3)
    assert.equal("PersistTradeAdapter", heard.errors[1].source)
    assert.equal("unavailable", heard.errors[1].code)
  end)

  it("has validations see its own trades, and no others", function()
    local most = 0
    host.addRisk { riskName = "few", validations = { function(p)
      local list = p.trades { since = START }
      most = math.max(most, #list)
      assert(p.pnl() == p.pnl { strategyName = "main" })
      return #list < 3
    end } }
    write(trade(1, { riskNames = { "few" } }))
    write(trade(1, { riskNames = { "few" }, backtest = true, frameName = "day" }))
    setUp(5, 30, { riskName = "few" })
    assert.equal(3, #run())
    assert.equal(3, most)
  end)

  it("of many trades with ids given twice stores them all", function()
    setUp(9, 1, nil, "again")
    local ends = run()
    assert.is_true(#ends > 100)
    assert.equal(#ends, #trades.list { backtest = true })
  end)
end)
