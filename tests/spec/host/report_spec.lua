-- SPDX-License-Identifier: MIT
--
-- The report of a run: statistics against numbers worked out by hand, and its four forms.

local holdfast = require("holdfast")
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

-- 2 - 1 - 2 + 3 + 0 falls from 2 to -1; the squares of the deviations are 2.56, 1.96, 5.76, 6.76 and 0.16, over 4; five
-- trades in 240 minutes are 10950 a year of 525600.
local byHand = {
  signals = 8, scheduled = 3, opened = 6, closed = 5, cancelled = 1, open = 1, waiting = 1, wins = 2, losses = 2,
  winRate = 40, totalPnl = 2, averagePnl = 0.4, bestPnl = 3, worstPnl = -2, averageWin = 2.5, averageLoss = -1.5,
  profitFactor = 1.6666666666666667, maxDrawdown = 3, deviation = 2.073644135332772, sharpe = 0.19289712886816487,
  annualizedSharpe = 20.18518913622353, tradesPerYear = 10950, medianDurationMinutes = 30, averageDurationMinutes = 32,
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
    assert.are.same({ id = "a", position = "long", note = "why", openedAt = at(0), closedAt = at(10), minutes = 10,
      priceOpen = 100, priceClose = 102.4, priceTakeProfit = 110, priceStopLoss = 95, reason = "take_profit", pnl = 2,
      cumulative = 2 }, trades[1])
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

  it("take the middle of two durations, and a position that was open before the events", function()
    local a, b = signal("a", "long", 0), signal("b", "long", 20)
    local stats = reportOf({ closed(a, 10, "take_profit", 1, 101), event("opened", b),
      closed(b, 50, "take_profit", 1, 101) }).stats
    assert.are.equal(20, stats.medianDurationMinutes)
    assert.are.equal(1, stats.opened)
    assert.are.equal(2, stats.closed)
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
    -- A group for each trade and the open position, one for what is clipped.
    assert.are.equal(7, picture.counts.g)
    assert.are.equal(1, picture.counts.clipPath)
    for _, text in ipairs { "BTCUSDT  main", "+2.00%", "40.0%", "3.00 pp", "Price", "Cumulative pnl", "Feb 8", "06:00",
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

  it("has months and years on its axis of time where there are years", function()
    local a, b = signal("a", "long", 0), signal("b", "long", 3 * 365 * 1440)
    local texts = parsed(reportOf({ event("opened", a), closed(a, 9, "stop_loss", -1, 99), event("opened", b),
      closed(b, 3 * 365 * 1440 + 9, "stop_loss", -1, 99) }):svg()).texts
    for _, text in ipairs { "2025", "2026", "2027", "Jul" } do assert.is_true(has(texts, text), text) end
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
    refused("symbol must be a string, but is nil", function(run) run.symbol = nil end)
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
