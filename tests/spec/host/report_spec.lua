-- SPDX-License-Identifier: MIT
--
-- The report of a run: statistics against numbers worked out by hand, and its four forms.

local figures = require("holdfast.host.report.figures")
local holdfast = require("holdfast")
local order = require("holdfast.host.report.order")
local report = require("holdfast.host.report")
local raises = require("support.raises")
local temp = require("support.temp")

local start = 1707350400000 -- 2024-02-08T00:00:00Z
local function at(minutes)
  return start + minutes * 60000
end

local function signal(id, position, opened, fields)
  local out = { id = id, position = position, priceOpen = 100, priceTakeProfit = 110, priceStopLoss = 95,
    minuteEstimatedTime = math.huge, scheduledAt = at(opened), pendingAt = at(opened) }
  for name, value in pairs(fields or {}) do out[name] = value end
  return out
end

local function event(action, of, fields)
  local out = { id = of.id, action = action, symbol = "BTCUSDT", strategyName = "main", exchangeName = "csv",
    signal = of, currentPrice = of.priceOpen }
  for name, value in pairs(fields or {}) do out[name] = value end
  return out
end

local function closed(of, minutes, reason, pnl, price)
  return event("closed", of, { closeReason = reason, closeTimestamp = at(minutes), currentPrice = price,
    pnl = { pnlPercentage = pnl, priceOpen = of.priceOpen, priceClose = price } })
end

-- Five trades: +2, -1, -2, +3, 0 after 10, 20, 30, 60 and 40 minutes; one signal that timed out, one still waiting,
-- one still open.
local function someEvents(note)
  local a, b = signal("a", "long", 0, { note = note }), signal("b", "short", 20)
  local c, d, e = signal("c", "long", 60), signal("d", "short", 100), signal("e", "long", 200)
  local f, g, h = signal("f", "long", 250), signal("g", "long", 250), signal("h", "short", 300)
  return {
    event("scheduled", a), event("opened", a), closed(a, 10, "take_profit", 2, 102.4),
    event("opened", b), closed(b, 40, "stop_loss", -1, 100.6),
    event("opened", c), closed(c, 90, "stop_loss", -2, 98.4),
    event("opened", d), closed(d, 160, "take_profit", 3, 96.6),
    event("opened", e), closed(e, 240, "time_expired", 0, 100.4),
    event("scheduled", f), event("scheduled", g),
    event("cancelled", f, { reason = "timeout", closeTimestamp = at(280) }),
    event("opened", h),
  }
end

local function candlesOf(count)
  local candles = {}
  for i = 1, count do
    local middle = 100 + 3 * math.sin(i / 50)
    candles[i] = { timestamp = at(i - 1), open = middle - 0.2, high = middle + 0.5, low = middle - 0.5,
      close = middle + 0.2, volume = 1 }
  end
  return candles
end

local function reportOf(events, candles, fields)
  local run = { symbol = "BTCUSDT", strategyName = "main", exchangeName = "csv", frameName = "day", events = events,
    candles = candles }
  for name, value in pairs(fields or {}) do run[name] = value end
  return report.new(run)
end

-- A trade as PersistTradeAdapter keeps it: `number` opened in that minute, and closed `held` minutes later.
local function storedTrade(number, held, pnl, fields)
  local out = { version = 1, action = "closed", signalId = "s" .. number, symbol = "BTCUSDT", strategyName = "main",
    exchangeName = "csv", backtest = false, position = "long", reason = pnl > 0 and "take_profit" or "stop_loss",
    pnl = pnl, priceOpen = 100, priceClose = 100 + pnl, scheduledAt = at(number), openedAt = at(number),
    closedAt = at(number + held), signal = { note = "n" .. number } }
  for name, value in pairs(fields or {}) do out[name] = value end
  return out
end

-- Two strategies, one of them on two symbols; BTC rises from 100 to 110, and ETH falls from 50 to 40 and comes to 45.
local function portfolio()
  return {
    storedTrade(0, 10, 4, { priceClose = 105 }),
    storedTrade(5, 25, -1, { symbol = "ETHUSDT", priceOpen = 50, priceClose = 45 }),
    storedTrade(20, 10, 2, { strategyName = "other", priceOpen = 105, priceClose = 110 }),
    storedTrade(15, 5, -3, { symbol = "ETHUSDT", priceOpen = 45, priceClose = 40 }),
    storedTrade(50, 10, 1, { action = "cancelled", symbol = "ETHUSDT", reason = "timeout", priceOpen = 38 }),
  }
end

-- What python3's parser finds: how many elements of each name, and all texts.  An error for what is not well-formed.
local counter = [[
import collections, json, re, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
counts = collections.Counter(element.tag.split("}")[1] for element in root.iter())
texts = [element.text for element in root.iter() if element.text and element.text.strip()]
places = [element.get(name, "") for element in root.iter() for name in ("d", "x", "y", "width", "height")]
print(json.dumps({"root": root.tag, "counts": counts, "texts": texts,
                  "odd": [one for one in places if re.search("nan|inf", one)]}))
]]

local function parsed(svg)
  local folder = temp.directory()
  temp.writeFile(folder .. "/chart.svg", svg)
  temp.writeFile(folder .. "/count.py", counter)
  local pipe = assert(io.popen(string.format("cd %s && python3 count.py chart.svg 2>&1", temp.quote(folder))))
  local out = pipe:read("*a")
  pipe:close()
  local ok, result = pcall(holdfast.json.decode, out)
  assert(ok, out)
  assert.are.equal("{http://www.w3.org/2000/svg}svg", result.root)
  assert.are.equal(0, #result.odd)
  return result
end

local function has(texts, wanted)
  for _, text in ipairs(texts) do
    if text:find(wanted, 1, true) then return true end
  end
  return false
end

local function near(expected, value, name)
  assert.is_true(type(value) == "number" and math.abs(expected - value) < 1e-9,
    string.format("%s is %s and not %s", name, tostring(value), tostring(expected)))
end

local function longest(text)
  local most = 0
  for line in text:gmatch("[^\n]*") do
    most = math.max(most, select(2, line:gsub("[^\128-\191]", "")))
  end
  return most
end

-- 2 - 1 - 2 + 3 + 0 falls from 2 to -1; the squares of the deviations are 2.56, 1.96, 5.76, 6.76 and 0.16, over 4; the
-- last exit, at 100.4, is 0.4% above the first entry, but one position opened later, at 100.
local byHand = {
  signals = 8, scheduled = 3, opened = 6, closed = 5, cancelled = 1, open = 1, waiting = 1, wins = 2, losses = 2,
  winRate = 40, totalPnl = 2, averagePnl = 0.4, bestPnl = 3, worstPnl = -2, averageWin = 2.5, averageLoss = -1.5,
  profitFactor = 1.6666666666666667, maxDrawdown = 3, deviation = 2.073644135332772, sharpe = 0.19289712886816487,
  days = 240 / 1440, holdPnl = 0, medianDurationMinutes = 30, averageDurationMinutes = 32,
}

describe("the statistics of a report", function()
  after_each(temp.removeAll)

  it("are those worked out by hand", function()
    local stats = reportOf(someEvents()).stats
    for name, value in pairs(byHand) do near(value, stats[name], name) end
    assert.are.same({ take_profit = 2, stop_loss = 2, time_expired = 1 }, stats.byReason)
    assert.are.same({ timeout = 1 }, stats.cancelledByReason)
  end)

  it("have every trade with its place on the curve", function()
    local trades = reportOf(someEvents("why")).stats.trades
    local cumulative = {}
    for i, one in ipairs(trades) do cumulative[i] = one.cumulative end
    assert.are.same({ 2, 1, -1, 2, 2 }, cumulative)
    assert.are.same({ id = "a", symbol = "BTCUSDT", strategyName = "main", position = "long", note = "why",
      openedAt = at(0), closedAt = at(10), minutes = 10,
      priceOpen = 100, priceClose = 102.4, priceTakeProfit = 110, priceStopLoss = 95, reason = "take_profit",
      pnl = 2, cumulative = 2 }, trades[1])
  end)

  it("order trades by when they closed", function()
    local a, b = signal("a", "long", 0), signal("b", "long", 5)
    local stats = reportOf({ event("opened", a), event("opened", b), closed(a, 50, "stop_loss", -1, 99),
      closed(b, 20, "take_profit", 4, 104) }).stats
    assert.are.equal("b", stats.trades[1].id)
    near(1, stats.maxDrawdown, "maxDrawdown")
    assert.are.equal(0, stats.open)
  end)

  it("have no ratios where there are no trades", function()
    local stats = reportOf({}).stats
    for _, name in ipairs { "signals", "closed", "open", "totalPnl", "maxDrawdown" } do
      assert.are.equal(0, stats[name], name)
    end
    for _, name in ipairs { "winRate", "averagePnl", "bestPnl", "worstPnl", "averageWin", "averageLoss", "profitFactor",
      "deviation", "sharpe", "annualizedSharpe", "medianDurationMinutes", "averageDurationMinutes" } do
      assert.is_nil(stats[name], name)
    end
    assert.are.same({}, stats.trades)
  end)

  it("have no sharpe with one trade, nor where all are equal", function()
    local a, b = signal("a", "long", 0), signal("b", "long", 20)
    local events = { event("opened", a), closed(a, 10, "take_profit", 0.1, 101) }
    assert.is_nil(reportOf(events).stats.sharpe)
    assert.is_nil(reportOf(events).stats.profitFactor)
    events[3], events[4] = event("opened", b), closed(b, 30, "take_profit", 0.1, 101)
    local stats = reportOf(events).stats
    assert.is_nil(stats.sharpe)
    near(0, stats.deviation, "deviation")
    near(0, stats.maxDrawdown, "maxDrawdown")
  end)

  it("say nothing of a year below 30 trades or 14 days, and tell why", function()
    local function of(count, apart)
      local list = {}
      for i = 1, count do list[i] = storedTrade((i - 1) * apart, 60, i % 3 - 0.5) end
      return report.new { trades = list }
    end
    for _, case in ipairs { { 3, 10080, "3 trades in 14d 01h say" }, { 29, 1440, "29 trades in 28d 01h say" },
      { 40, 60, "40 trades in 1d 16h say" } } do
      local made = of(case[1], case[2])
      assert.is_nil(made.stats.annualizedSharpe)
      assert.is_nil(made.stats.tradesPerYear)
      assert.is_number(made.stats.sharpe)
      local why = "Sharpe a year: " .. case[3] .. " nothing of a year; it takes 30 in 14 days"
      assert.matches(why, made:table(), 1, true)
      assert.matches("too few for a year", made:svg(), 1, true)
    end
    assert.matches("1 trade in 1h 00m says nothing of a year", of(1, 1):table(), 1, true)
    local made = of(31, 720)
    near(31 / (30 * 720 + 60) * 365 * 1440, made.stats.tradesPerYear, "tradesPerYear")
    near(made.stats.sharpe * math.sqrt(made.stats.tradesPerYear), made.stats.annualizedSharpe, "annualizedSharpe")
    assert.is_nil(made:table():find("of a year;", 1, true))
  end)

  it("take the middle of two durations, and a position that was open before the events", function()
    local a, b = signal("a", "long", 0), signal("b", "long", 20)
    local stats = reportOf({ closed(a, 10, "take_profit", 1, 101), event("opened", b),
      closed(b, 50, "take_profit", 1, 101) }).stats
    assert.are.equal(20, stats.medianDurationMinutes)
    assert.are.equal(1, stats.opened)
    assert.are.equal(2, stats.closed)
  end)
end)

describe("a report of several symbols and strategies", function()
  after_each(temp.removeAll)

  it("sums them up in the order in which they closed", function()
    local made = report.new { trades = portfolio() }
    local ids, sums = {}, {}
    for i, one in ipairs(made.stats.trades) do
      ids[i], sums[i] = one.id, one.cumulative
    end
    assert.are.same({ "s0", "s15", "s5", "s20" }, ids)
    assert.are.same({ 4, 1, 0, 2 }, sums)
    assert.are.equal(4, made.stats.maxDrawdown)
    assert.are.same({ closed = 4, cancelled = 1, signals = 5, scheduled = 1 }, { closed = made.stats.closed,
      cancelled = made.stats.cancelled, signals = made.stats.signals, scheduled = made.stats.scheduled })
    assert.is_nil(made.symbol)
    assert.are.equal("2 symbols, 2 strategies", made:title())
  end)

  it("has the figures of each by itself", function()
    local made = report.new { trades = portfolio() }
    assert.are.same({ "BTCUSDT", "ETHUSDT" }, { made.symbols[1].name, made.symbols[2].name })
    assert.are.same({ 6, -4, 0, 2 }, { made.symbols[1].stats.totalPnl, made.symbols[2].stats.totalPnl,
      made.strategies[1].stats.totalPnl, made.strategies[2].stats.totalPnl })
    assert.are.same({ 4, 1, 0 }, { made.symbols[2].stats.maxDrawdown, made.symbols[2].stats.cancelled,
      made.symbols[1].stats.cancelled })
  end)

  it("tells them apart in every text, what all came to first", function()
    local made = report.new { trades = portfolio() }
    local text = made:table()
    assert.matches("# +symbol +strategy +side", text)
    assert.matches("by strategy +trades", text)
    assert.matches("\nBTCUSDT +2 ", text)
    assert.is_true(text:find("Total pnl", 1, true) < text:find("by symbol", 1, true))
    assert.is_true(text:find("by symbol", 1, true) < text:find("opened (UTC)", 1, true))
    assert.is_true(longest(text) <= 100)
    local markdown = made:markdown()
    assert.matches("| # | Symbol | Strategy | Side |", markdown, 1, true)
    assert.matches("\n| other | 1 |", markdown, 1, true)
    local value = holdfast.json.decode(made:json())
    assert.are.equal("ETHUSDT", value.bySymbol[2].symbol)
    assert.are.equal(-4, value.bySymbol[2].totalPnl)
    assert.are.equal("other", value.byStrategy[2].strategyName)
    assert.are.equal("ETHUSDT", value.stats.trades[2].symbol)
    local one = report.new { trades = { storedTrade(0, 10, 4) } }
    assert.is_nil(one:table():find("symbol", 1, true))
  end)

  it("takes events of several symbols, and knows a user's ids that repeat", function()
    local a, b = signal("a", "long", 0), signal("a", "long", 5)
    local events = { event("opened", a), event("opened", b, { symbol = "ETHUSDT" }),
      closed(a, 10, "stop_loss", -1, 99) }
    local made = report.new { events = events }
    assert.are.same({ 2, 1, 1 }, { made.stats.signals, made.stats.closed, made.stats.open })
    assert.are.equal("ETHUSDT", made.stats.positions[1].symbol)
    assert.matches("Still open: long at 100.000 since 2024-02-08 00:05 (ETHUSDT main)", made:table(), 1, true)
  end)

  it("draws one curve of all, and a chart of each symbol", function()
    local candles = { BTCUSDT = candlesOf(90), DOGEUSDT = candlesOf(5) }
    local made = report.new { trades = portfolio(), candles = candles }
    local all = parsed(made:svg())
    assert.is_false(has(all.texts, "Price"))
    assert.is_true(has(all.texts, "2 symbols, 2 strategies"))
    local one = parsed(made:svg { symbol = "BTCUSDT" })
    assert.is_true(has(one.texts, "Price"))
    assert.is_true(has(one.texts, "+6.00%"))
    assert.is_false(has(parsed(made:svg { symbol = "ETHUSDT" }).texts, "Price"))
    raises.error("invalid_argument", "report: svg: there is nothing of the symbol 'DOGEUSDT'", made.svg, made,
      { symbol = "DOGEUSDT" })
  end)
end)

describe("the order of a report", function()
  it("is that of the field, and keeps what is equal as it was", function()
    local random = 7
    for _, count in ipairs { 0, 1, 2, 3, 10, 999, 1000 } do
      for _, values in ipairs { 1, 5, 100000 } do
        local list = {}
        for i = 1, count do
          random = random * 16807 % 2147483647
          list[i] = { at = random % values, place = i }
        end
        order.by(list, "at")
        assert.are.equal(count, #list)
        for i = 2, count do
          local a, b = list[i - 1], list[i]
          assert.is_true(a.at < b.at or a.at == b.at and a.place < b.place, count .. " of " .. values)
        end
      end
    end
  end)

  it("takes trades one by one, in any order", function()
    local i = 6
    local made = report.new { trades = function()
      i = i - 1
      return i > 0 and storedTrade(i * 10, 5, i) or nil
    end }
    assert.are.same({ 1, 3, 6, 10, 15 }, made.stats.curve)
    raises.error("invalid_argument", "report: trades[1] must be a table, but is 7", report.new,
      { trades = function() return 7 end })
  end)
end)

describe("buying and holding", function()
  it("is of the prices of the trades, once for each strategy on a symbol", function()
    local made = report.new { trades = portfolio() }
    -- BTC is 10% up and has two strategies, ETH is 10% down.
    near(10, made.stats.holdPnl, "holdPnl")
    near(20, made.symbols[1].stats.holdPnl, "of BTCUSDT")
    near(-10, made.symbols[2].stats.holdPnl, "of ETHUSDT")
    near(0, made.strategies[1].stats.holdPnl, "of main")
    near(10, made.strategies[2].stats.holdPnl, "of other")
  end)

  it("is of the candles where they are known, from the first open to the last close", function()
    local candles = candlesOf(90)
    local made = reportOf(someEvents(), candles)
    near((candles[90].close / candles[1].open - 1) * 100, made.stats.holdPnl, "holdPnl")
    local points = made.holding.curve
    near(made.stats.holdPnl, points[#points].value, "the end of the curve")
    assert.matches("Buy and hold", made:table(), 1, true)
    assert.matches("Buy and hold", made:markdown(), 1, true)
    near(made.stats.holdPnl, holdfast.json.decode(made:json()).stats.holdPnl, "in JSON")
  end)

  it("does not count what was not traded, and is not known without a price", function()
    local made = report.new { trades = { storedTrade(0, 10, 4) }, candles = { ETHUSDT = candlesOf(50) } }
    near(4, made.stats.holdPnl, "holdPnl")
    assert.is_nil(report.new({ trades = {} }).stats.holdPnl)
    assert.matches("Buy and hold        n/a", report.new({ trades = {} }):table(), 1, true)
  end)

  it("does not make the curve small where it is much more", function()
    local candles = candlesOf(90)
    for i, one in ipairs(candles) do
      for _, field in ipairs { "open", "high", "low", "close" } do one[field] = one[field] * i * 10 end
    end
    local a = signal("a", "long", 0)
    local made = reportOf({ event("opened", a), closed(a, 10, "take_profit", 2, 102) }, candles)
    assert.is_true(made.stats.holdPnl > 1000)
    local texts = parsed(made:svg()).texts
    assert.is_true(has(texts, "+4.0%") and not has(texts, "+1,000"))
  end)
end)

describe("a report of stored trades", function()
  it("has what is open and waits, and its notes", function()
    local open = signal("o", "short", 70, { symbol = "BTCUSDT", strategyName = "main" })
    local made = report.new { trades = portfolio(), positions = { open }, waiting = 2 }
    local stats = made.stats
    assert.are.same({ 4, 1, 2, 5, 8, 3 }, { stats.closed, stats.open, stats.waiting, stats.opened, stats.signals,
      stats.scheduled })
    assert.are.equal("n0", stats.trades[1].note)
    assert.are.equal("csv", made.exchangeName)
    assert.matches("4 closed, 1 cancelled, 1 still open, 2 waiting", made:table(), 1, true)
  end)

  it("shows the candles around its trades, or since the time that was asked for", function()
    local candles, list = candlesOf(5000), { storedTrade(2000, 100, 1), storedTrade(2500, 500, 1) }
    local made = report.new { trades = list, candles = candles }
    local shown = made.candles.BTCUSDT
    assert.are.same({ at(1950), at(3049) }, { shown[1].timestamp, shown[#shown].timestamp })
    shown = report.new({ trades = list, candles = candles, since = at(100), till = at(4000) }).candles.BTCUSDT
    assert.are.same({ at(100), at(3999) }, { shown[1].timestamp, shown[#shown].timestamp })
    local open = signal("o", "long", 2600, { symbol = "BTCUSDT", strategyName = "main" })
    shown = report.new({ trades = list, positions = { open }, candles = candles }).candles.BTCUSDT
    assert.are.equal(at(4999), shown[#shown].timestamp)
    assert.are.equal(5000, #report.new({ trades = {}, symbol = "BTCUSDT", candles = candles }).candles.BTCUSDT)
  end)

  it("asks a function for the candles of its time", function()
    local asked = {}
    local function give(symbol, from, till)
      asked[#asked + 1] = { symbol, from, till }
      return symbol == "BTCUSDT" and candlesOf(90) or nil
    end
    local made = report.new { trades = portfolio(), candles = give }
    assert.are.same({ { "BTCUSDT", at(-30), at(60) }, { "ETHUSDT", at(-30), at(60) } }, asked)
    assert.are.equal(90, #made.candles.BTCUSDT)
    assert.is_nil(made.candles.ETHUSDT)
    asked = {}
    local open = signal("o", "long", 70, { symbol = "BTCUSDT", strategyName = "main" })
    report.new { trades = {}, positions = { open }, candles = give, since = at(50) }
    report.new { trades = {}, symbol = "BTCUSDT", candles = give, till = at(50) }
    assert.are.same({ { "BTCUSDT", at(40), math.huge }, { "BTCUSDT", 0, at(50) } }, asked)
    raises.error("invalid_argument", 'report: candles("BTCUSDT")[1] must be a table, but is 7', report.new,
      { trades = portfolio(), candles = function() return { 7 } end })
  end)

  it("refuses what is no trade, and candles of which nobody knows the symbol", function()
    local function refused(message, change)
      local run = { trades = portfolio() }
      change(run)
      raises.error("invalid_argument", "report: " .. message, report.new, run)
    end
    refused("trades[2].pnl must be a finite number, but is nil", function(run) run.trades[2].pnl = nil end)
    refused("trades[1].openedAt must be a time in ms since 1970, but is nil",
      function(run) run.trades[1].openedAt = nil end)
    refused('trades[1].action must be "closed" or "cancelled", but is "open"',
      function(run) run.trades[1].action = "open" end)
    refused("trades[1].symbol must be a string, but is 7", function(run) run.trades[1].symbol = 7 end)
    refused("give events or trades, not both", function(run) run.events = {} end)
    refused("positions[1].id is missing", function(run) run.positions = { {} } end)
    refused("candles is a list, but there are several symbols: make it { SYMBOL = { candles } }",
      function(run) run.candles = candlesOf(3) end)
    refused('candles["BTCUSDT"][2] must be a table, but is 1',
      function(run) run.candles = { BTCUSDT = { candlesOf(1)[1], 1 } } end)
  end)
end)

describe("the texts of a report", function()
  after_each(temp.removeAll)

  it("tell trades and figures in a terminal", function()
    local text = reportOf(someEvents()):table()
    assert.is_truthy(text:find("BTCUSDT main (csv, day)", 1, true))
    assert.is_truthy(text:find("1  long   2024-02-08 00:00  02-08 00:10", 1, true), text)
    assert.is_truthy(text:find("take profit   +2.00%  +2.00%\n", 1, true), text)
    assert.is_truthy(text:find("Win rate            40.0%", 1, true))
    assert.is_truthy(text:find("Max drawdown        3.00 pp", 1, true))
    assert.is_truthy(text:find("Closed by stop loss 2, take profit 2, time expired 1\n", 1, true))
    assert.is_truthy(text:find("Still open: short at 100.000 since 2024-02-08 05:00\n", 1, true), text)
  end)

  it("stay within 100 columns of a terminal", function()
    local events, long = someEvents(), string.rep("größe", 50) .. "\27[2J"
    assert.is_true(longest(reportOf(events):table()) <= 100)
    for i = 1, 1200 do
      local wide = signal("w" .. i, "short", 400 + i, { priceOpen = 123456789.25 })
      events[#events + 1] = event("opened", wide)
      events[#events + 1] = closed(wide, 500000 + i, "a_very_long_reason_to_close", -123.456, 987654321.75)
    end
    local text = reportOf(events, nil, { symbol = long, strategyName = long }):table()
    assert.is_true(longest(text) <= 100)
    assert.is_truthy(text:find("-123.46%", 1, true))
    assert.is_nil(text:find("[%z\1-\9\11-\31]"))
  end)

  it("say that there are no trades", function()
    local empty = reportOf({})
    assert.is_truthy(empty:table():find("No trades.", 1, true))
    assert.is_truthy(empty:markdown():find("No trades.", 1, true))
    assert.is_truthy(report.new({ symbol = "X", strategyName = "s", events = {} }):table():find("X s (live)", 1, true))
  end)

  it("keep a note in its cell of Markdown", function()
    local text = reportOf(someEvents("a|b\\|c\nsecond *line* <img> [x](y)")):markdown()
    local wanted = "| a\\|b\\\\\\|c<br>second \\*line\\* &lt;img&gt; \\[x\\](y) |\n"
    assert.is_truthy(text:find(wanted, 1, true), text)
    local rows = 0
    for line in text:gmatch("[^\n]+") do
      if line:find("^| %d") then
        rows = rows + 1
        assert.are.equal(12, select(2, line:gsub("\\.", ""):gsub("|", "")), line)
      end
    end
    assert.are.equal(5, rows)
  end)
end)

describe("the figures of a report", function()
  it("are shown as people write them", function()
    for _, case in ipairs { { 44292.654, 2, "44,292.65" }, { -1234567, 0, "-1,234,567" }, { 999.999, 2, "1,000.00" },
      { -0.001, 2, "0.00" }, { 0, 1, "0.0" }, { 0 / 0, 2, "n/a" }, { -999.5, 0, "-1,000" } } do
      assert.are.equal(case[3], figures.number(case[1], case[2]))
    end
    assert.are.same({ "+0.50%", "-0.50%", "0.00%", "0.00%", "+1,000.00%" }, { figures.percent(0.5),
      figures.percent(-0.5), figures.percent(0.001), figures.percent(-0.001), figures.percent(999.999) })
  end)

  it("have a time, or none where no date can say it", function()
    assert.are.same({ "2024-02-08 00:00", "1970-01-01 00:00", "1969-12-31 23:59" },
      { figures.time(start), figures.time(0), figures.time(-1) })
    assert.are.same({ "n/a", "n/a", "n/a", "n/a" },
      { figures.time(1e300), figures.time(1e300, "%Y"), figures.time(0 / 0), figures.time(nil) })
    assert.are.equal("2024-02-08 00:01", figures.time(start + 60000))
  end)
end)

describe("the JSON of a report", function()
  it("decodes to the same numbers", function()
    local made = reportOf(someEvents("n"))
    local value = holdfast.json.decode(made:json())
    assert.are.equal("BTCUSDT", value.symbol)
    assert.are.equal("day", value.frameName)
    for name in pairs(byHand) do assert.are.equal(made.stats[name], value.stats[name], name) end
    assert.are.equal(5, #value.stats.trades)
    for name, one in pairs(made.stats.trades[1]) do assert.are.equal(one, value.stats.trades[1][name], name) end
    assert.are.same({ take_profit = 2, stop_loss = 2, time_expired = 1 }, value.stats.byReason)
    assert.are.equal("h", value.stats.positions[1].id)
    assert.are.equal(made:json(), reportOf(someEvents("n")):json())
  end)

  it("has null where there is no value or no finite one", function()
    local value = holdfast.json.decode(report.new({ symbol = "\255", strategyName = "s", events = {} }):json())
    assert.are.equal("\239\191\189", value.symbol)
    assert.are.equal(holdfast.null, value.frameName)
    assert.are.equal(holdfast.null, value.stats.sharpe)
    assert.is_true(holdfast.isArray(value.stats.trades))
    local far = signal("far", "long", 0, { priceTakeProfit = math.huge })
    local text = reportOf({ event("opened", far), closed(far, 9, "stop_loss", -1, 99) }):json()
    assert.are.equal(holdfast.null, holdfast.json.decode(text).stats.trades[1].priceTakeProfit)
  end)
end)

describe("the chart of a report", function()
  after_each(temp.removeAll)

  it("has every trade, both panels and the figures", function()
    local picture = parsed(reportOf(someEvents("the note"), candlesOf(400)):svg())
    -- A group for each trade and the open position, and for what is clipped in each of the two panels.
    assert.are.equal(8, picture.counts.g)
    assert.are.equal(2, picture.counts.clipPath)
    for _, text in ipairs { "BTCUSDT main", "BUY AND HOLD", "buy and hold",
      "+2.00%", "40.0%", "3.00 pp", "Price", "Cumulative pnl", "Feb 8", "06:00",
      "UTC", "the note", "still open", "cancelled", "csv, day, 2024-02-08 00:00 to 2024-02-08 06:40 UTC" } do
      assert.is_true(has(picture.texts, text), text)
    end
  end)

  it("works without trades, without candles, and with one of each", function()
    local a = signal("a", "long", 0)
    local one = { event("opened", a), closed(a, 0, "stop_loss", -1, 99) }
    local flat = { { timestamp = at(0), open = 100, high = 100, low = 100, close = 100, volume = 0 } }
    local cases = {
      { {} }, { {}, {} }, { {}, flat }, { {}, candlesOf(300) }, { one }, { one, flat }, { one, candlesOf(300) },
      { { event("opened", a) } }, { { event("opened", a) }, flat }, { { event("scheduled", a) } }, { someEvents() },
    }
    for number, case in ipairs(cases) do
      local picture = parsed(reportOf(case[1], case[2]):svg())
      assert.are.equal(case[2] ~= nil and #case[2] > 0, has(picture.texts, "Price"), "case " .. number)
      local trades = #case[1] > 1
      assert.are.equal(not trades, has(picture.texts, "No closed trades"), "case " .. number)
    end
  end)

  it("has the date where its axis has hours only, and the year where it has days", function()
    for _, case in ipairs { { 5, "Feb 8, 2024" }, { 20000, "2024" } } do
      local a = signal("a", "long", 120)
      local made = reportOf { event("opened", a), closed(a, 120 + case[1], "stop_loss", -1, 99) }
      assert.is_truthy(made:svg():find(">" .. case[2] .. "</text>", 1, true), case[2])
    end
  end)

  it("has thin marks below the price above 80 trades, with tooltips up to 400", function()
    local function picture(count)
      local events = {}
      for i = 1, count do
        local one = signal("s" .. i, i % 2 == 0 and "long" or "short", i * 2)
        events[#events + 1] = event("opened", one)
        events[#events + 1] = closed(one, i * 2 + 1, "time_expired", i % 3 - 1, 100.5)
      end
      return reportOf(events, candlesOf(1000)):svg()
    end
    -- How often there is each, and whether the line of the price (1.2 wide) comes after the marks.
    local function look(svg)
      local price = svg:find('stroke="#334155" stroke-width="1.2"', 1, true)
      local _, zones = svg:gsub('fill%-opacity=".07"', "")
      local _, tooltips = svg:gsub("<g><title>", "")
      local lastMark = 0
      for place in svg:gmatch('()<path d="[^"]*" stroke="#0b8a6a"') do lastMark = place end
      return zones, tooltips, price > lastMark
    end
    assert.are.same({ 160, 80, false }, { look(picture(80)) })
    assert.are.same({ 0, 81, true }, { look(picture(81)) })
    local zones, tooltips, isOnTop = look(picture(401))
    assert.are.same({ 0, 0, true }, { zones, tooltips, isOnTop })
  end)

  it("is dark where the reader's screen is, or as it is told", function()
    local made = reportOf(someEvents(), candlesOf(400))
    local auto, light, dark = made:svg(), made:svg { theme = "light" }, made:svg { theme = "dark" }
    assert.matches('@media(prefers-color-scheme:dark){', auto, 1, true)
    assert.matches('[fill="#ffffff"]{fill:#0f151c}', auto, 1, true)
    assert.is_nil(light:find("<style>", 1, true))
    assert.is_nil(dark:find("#ffffff", 1, true))
    assert.are.equal(#light, #dark)
    parsed(auto)
    parsed(dark)
    raises.error("invalid_argument", 'report: theme must be "auto", "light" or "dark", but is "blue"', made.svg, made,
      { theme = "blue" })
  end)

  it("escapes what is markup, and drops what XML forbids", function()
    local text = "<b>&\"'\0\11\27 \255\237\160\128\239\191\191 ü€😀]]>"
    local svg = reportOf(someEvents(text), candlesOf(400), { symbol = text, exchangeName = text }):svg()
    local picture = parsed(svg)
    assert.is_nil(picture.counts.b)
    assert.is_true(has(picture.texts, "<b>&\"' "))
    assert.is_true(has(picture.texts, "ü€😀]]>"))
  end)

  it("has the size that is asked for", function()
    local made = reportOf(someEvents(), candlesOf(400))
    for _, size in ipairs { { 400, 400 }, { 640, 480 }, { 2400, 1400 } } do
      local svg = made:svg({ width = size[1], height = size[2] })
      assert.is_truthy(svg:find(string.format('width="%d" height="%d"', size[1], size[2]), 1, true))
      parsed(svg)
    end
    for _, bad in ipairs { 0, 100000, 0 / 0, "wide" } do
      raises.error("invalid_argument", "^report: width must be a number of pixels", made.svg, made, { width = bad })
    end
  end)

  it("stays below a megabyte with 200,000 candles and with 20,000 trades", function()
    local candles = candlesOf(200000)
    local svg = reportOf(someEvents(), candles):svg()
    assert.is_true(#svg > 20000 and #svg < 2 ^ 20, #svg .. " bytes")
    parsed(svg)
    local events = {}
    for i = 1, 20000 do
      local one = signal("s" .. i, i % 2 == 0 and "long" or "short", i * 10, { priceOpen = 98 + i % 5 })
      events[#events + 1] = event("opened", one)
      events[#events + 1] = closed(one, i * 10 + 5, "time_expired", math.sin(i), 98 + i % 7)
    end
    svg = reportOf(events, candles):svg({ width = 4000, height = 2000 })
    assert.is_true(#svg < 2 ^ 20, #svg .. " bytes")
    parsed(svg)
  end)

  it("shows the highest and the lowest price of all candles", function()
    local candles = candlesOf(50000)
    candles[20001].high, candles[30001].low = 140, 60
    local picture = parsed(reportOf({}, candles):svg())
    assert.is_true(has(picture.texts, "140"))
    assert.is_true(has(picture.texts, "60"))
  end)

  it("can be drawn whatever the numbers are", function()
    local list = {}
    for i, pnl in ipairs { 1.7e308, 1.7e308, -1.7e308, 1e-300, 0 } do
      list[i] = storedTrade(i * 10, 5, pnl, { priceOpen = i % 2 == 0 and 1e300 or 1e-320, priceClose = 1e300 })
    end
    list[6] = storedTrade(0, 5, 1, { openedAt = 8.64e15, closedAt = 0 })
    local candles = candlesOf(100)
    candles[7].high, candles[8].low = 1e300, -1e300
    local made = report.new { trades = list, candles = candles }
    parsed(made:svg())
    for _, form in ipairs { "table", "markdown", "json", "html" } do assert.is_string(made[form](made)) end
  end)

  it("has months and years on its axis of time where there are years", function()
    local a, b = signal("a", "long", 0), signal("b", "long", 3 * 365 * 1440)
    local texts = parsed(reportOf({ event("opened", a), closed(a, 9, "stop_loss", -1, 99), event("opened", b),
      closed(b, 3 * 365 * 1440 + 9, "stop_loss", -1, 99) }):svg()).texts
    for _, text in ipairs { "2025", "2026", "2027", "Jul" } do assert.is_true(has(texts, text), text) end
  end)
end)

-- What python3's parser of HTML finds: tags that are not closed or not open, how many there are of each, what they
-- refer to, ids that are there twice, and all texts.
local reader = [[
import collections, html.parser, json, sys
class Reader(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.stack, self.wrong, self.tags, self.refers, self.ids, self.texts = [], [], collections.Counter(), [], [], []
    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        if tag not in ("meta", "link", "img", "br"): self.stack.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action") or name.startswith("on"): self.refers.append(value)
            if name == "id": self.ids.append(value)
    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.stack and self.stack[-1] == tag: self.stack.pop()
    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag: self.wrong.append(tag)
    def handle_data(self, data):
        if data.strip(): self.texts.append(data.strip())
one = Reader()
one.feed(open(sys.argv[1], encoding="utf-8").read())
twice = [name for name, count in collections.Counter(one.ids).items() if count > 1]
print(json.dumps({"left": one.stack, "wrong": one.wrong, "tags": one.tags, "refers": one.refers, "twice": twice,
                  "texts": one.texts}))
]]

local function readPage(html)
  local folder = temp.directory()
  temp.writeFile(folder .. "/page.html", html)
  temp.writeFile(folder .. "/read.py", reader)
  local pipe = assert(io.popen(string.format("cd %s && python3 read.py page.html 2>&1", temp.quote(folder))))
  local out = pipe:read("*a")
  pipe:close()
  local ok, result = pcall(holdfast.json.decode, out)
  assert(ok, out)
  for _, what in ipairs { "left", "wrong", "refers", "twice" } do
    assert.are.same({}, { unpack(result[what]) }, what)
  end
  return result
end

describe("the page of a report", function()
  after_each(temp.removeAll)

  it("is whole, needs nothing from outside, and has figures, charts and trades", function()
    local made = report.new { trades = portfolio(), candles = { BTCUSDT = candlesOf(90) } }
    local html = made:html()
    local page = readPage(html)
    -- Two sizes each of the portfolio and of both symbols; heads and four trades, two strategies, two symbols.
    assert.are.equal(6, page.tags.svg)
    assert.are.equal(3 + 4 + 2 + 2, page.tags.tr)
    assert.is_nil(page.tags.script)
    for _, text in ipairs { "2 symbols, 2 strategies", "Buy and hold", "By strategy", "By symbol", "ETHUSDT", "n15" } do
      assert.is_true(has(page.texts, text), text)
    end
    assert.is_nil(html:gsub('xmlns="http://www.w3.org/2000/svg"', ""):find("://", 1, true))
    assert.matches("default-src 'none'", html, 1, true)
    assert.matches("prefers-color-scheme:dark", html, 1, true)
    assert.matches("width=device-width", html, 1, true)
    assert.is_nil(html:find("url(#[^)]*)[^)]*<script"))
  end)

  it("escapes every text", function()
    local text = "</title><script>alert(1)</script>\"'&\0\27]]>"
    local trade = storedTrade(0, 10, 1, { symbol = text, strategyName = text, reason = text, exchangeName = text,
      signal = { note = text } })
    local other = storedTrade(20, 10, 1, { symbol = text .. "2", strategyName = text .. "2" })
    local page = readPage(report.new({ trades = { trade, other }, candles = { [text] = candlesOf(60) } }):html())
    assert.is_nil(page.tags.script)
    assert.is_true(has(page.texts, '</title><script>alert(1)</script>"'))
  end)

  it("says how many trades and symbols it leaves out", function()
    local list = {}
    for i = 1, 1500 do list[i] = storedTrade(i, 5, 1, { symbol = "S" .. i % 30 }) end
    local html = report.new({ trades = list }):html()
    local page = readPage(html)
    assert.is_true(has(page.texts, "The last 1,000 of 1,500, the latest first"))
    assert.is_true(has(page.texts, "6 other symbols, with fewer trades, have no chart here."))
    assert.are.equal(2 * 25, page.tags.svg)
    assert.are.equal(1 + 1000 + 1 + 30, page.tags.tr)
    assert.is_true(#html < 2 ^ 21, #html .. " bytes")
  end)

  it("works without trades", function()
    local page = readPage(report.new({ trades = {} }):html())
    assert.is_true(has(page.texts, "No trades."))
    assert.are.equal(2, page.tags.svg)
  end)
end)

describe("a report refuses", function()
  local function refused(message, change)
    local run = { symbol = "BTCUSDT", strategyName = "main", events = someEvents(), candles = candlesOf(3) }
    change(run)
    raises.error("invalid_argument", "report: " .. message, report.new, run)
  end

  it("what is not a list of events", function()
    refused("events must be a list, but is nil", function(run) run.events = nil end)
    refused('events must be a list, but is "x"', function(run) run.events = "x" end)
    refused('events must be a list, but has the key "id"', function(run) run.events = { id = 1 } end)
    refused("events[2] must be a table, but is 7", function(run) run.events[2] = 7 end)
    refused("symbol must be a string, but is 7", function(run) run.symbol = 7 end)
    refused("events[1].symbol must be a string, but is nil", function(run)
      run.symbol, run.events[1].symbol = nil, nil
    end)
  end)

  it("an event without what its action has", function()
    refused("events[3].pnl must be a table, but is nil", function(run) run.events[3].pnl = nil end)
    refused("events[3].pnl.pnlPercentage must be a finite number, but is nil",
      function(run) run.events[3].pnl.pnlPercentage = nil end)
    refused("events[3].pnl.pnlPercentage must be a finite number, but is inf",
      function(run) run.events[3].pnl.pnlPercentage = math.huge end)
    refused("events[3].closeTimestamp must be a time in ms since 1970, but is nil",
      function(run) run.events[3].closeTimestamp = nil end)
    refused("events[3].closeReason must be a string, but is nil", function(run) run.events[3].closeReason = nil end)
    refused("events[1].signal must be a table, but is nil", function(run) run.events[1].signal = nil end)
    refused('events[1].signal.position must be "long" or "short", but is "up"',
      function(run) run.events[1].signal.position = "up" end)
    refused('events[1].action must be "scheduled", "opened", "closed" or "cancelled", but is "active"',
      function(run) run.events[1].action = "active" end)
  end)

  it("candles without prices or out of order", function()
    refused("candles[2].high must be a finite number, but is nil", function(run) run.candles[2].high = nil end)
    refused("candles[3].timestamp must be after the one before it",
      function(run) run.candles[3].timestamp = run.candles[1].timestamp end)
  end)
end)
