-- SPDX-License-Identifier: MIT
--
-- `holdfast report`: what strategies have earned, from the trades in a store.  tests/spec/host/report_spec.lua has the
-- figures, tests/spec/host/stored_spec.lua the same for scripts.

local command = require "support.command"
local json = require "cjson"
local temp = require "support.temp"

local ok, fails = command.ok, command.fails

local START, MINUTE = 1707350400000, 60000 -- 2024-02-08T00:00:00Z

-- The trade of a signal that opened in minute `from`; `fields` override.
local function trade(from, pnl, fields)
  local one = { version = 1, action = "closed", strategyName = "main", symbol = "BTCUSDT", exchangeName = "test",
    backtest = false, position = "long", reason = "take_profit", pnl = pnl, priceOpen = 100, priceClose = 100 + pnl,
    priceTakeProfit = 110, priceStopLoss = 95, minuteEstimatedTime = 60, scheduledAt = START + from * MINUTE,
    openedAt = START + from * MINUTE, closedAt = START + (from + 10) * MINUTE, riskNames = {} }
  for name, value in pairs(fields or {}) do one[name] = value end
  local strategy = one.frameName and "backtest%2F" .. one.frameName .. "%2F" .. one.strategyName or one.strategyName
  one.signalId = ("%s/%s/%d"):format(one.strategyName, one.symbol, one.scheduledAt)
  one.eventId = one.signalId .. ":closed"
  one.signal = { id = one.signalId, note = "n" .. from }
  return { id = ("%s/%s/%s"):format(strategy, one.symbol, one.signalId:gsub("/", "%%2F")), value = one }
end

local function put(store, entity, list)
  local lines = {}
  for i, one in ipairs(list) do lines[i] = json.encode { entity = entity, id = one.id, value = one.value } end
  ok({ "import", store, "-" }, table.concat(lines, "\n") .. "\n")
end

local function row(strategyName, symbol, fields)
  local one = { id = "open", strategyName = strategyName, symbol = symbol, exchangeName = "test", position = "short",
    priceOpen = 50, priceTakeProfit = 45, priceStopLoss = 55, scheduledAt = START, pendingAt = START + 90 * MINUTE }
  for name, value in pairs(fields or {}) do one[name] = value end
  return { id = strategyName .. "/" .. symbol, value = one }
end

local function candles(path, count)
  local lines = { "timestamp,open,high,low,close,volume" }
  for i = 0, count - 1 do
    lines[#lines + 1] = ("%d,%g,%g,%g,%g,1"):format(START + i * MINUTE, 100 + i, 101 + i, 99 + i, 100 + i)
  end
  temp.writeFile(path, table.concat(lines, "\n") .. "\n")
end

local function reported(words)
  table.insert(words, "--json")
  return json.decode(ok(words))
end

describe("holdfast report", function()
  local dir, store

  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
    put(store, "trade", {
      trade(0, 4), trade(60, -1, { symbol = "ETHUSDT" }), trade(30, 2, { strategyName = "other" }),
      trade(2000, 1, { reason = "manual" }),
      trade(20, 0, { action = "cancelled", reason = "timeout", symbol = "ETHUSDT", pnl = json.null }),
      trade(0, 50, { backtest = true, frameName = "day" }), trade(20, -9, { backtest = true, frameName = "day" }),
      trade(0, 70, { backtest = true, frameName = "week" }),
    })
  end)

  after_each(temp.removeAll)

  it("sums up live runs, then shows each trade", function()
    local text = ok { "report", store }
    assert.matches("^2 symbols, 2 strategies %(test, live%)\n\nTrades +4 %(3 won, 1 lost%)", text)
    assert.matches("Total pnl           +6.00%", text, 1, true)
    assert.matches("\nother +1 +100.0%% +%+2.00%%", text)
    assert.matches("\nETHUSDT +1 +0.0%% +%-1.00%%", text)
    assert.matches("\n1 BTCUSDT +main .-\n2 BTCUSDT +other .-\n3 ETHUSDT +main .-\n4 BTCUSDT +main .-%+6.00%%\n$", text)
    assert.matches("Cancelled by timeout 1", text, 1, true)
  end)

  it("takes a part: by time, strategy, symbol", function()
    assert.equal(3, reported({ "report", store, "--symbol", "BTCUSDT" }).stats.closed)
    assert.equal(2, reported({ "report", store, "--strategy", "other" }).stats.totalPnl)
    local one = reported { "report", store, "--symbol", "ETHUSDT", "--strategy", "main" }
    assert.same({ -1, 1 }, { one.stats.totalPnl, one.stats.cancelled })
    assert.equal(1, reported({ "report", store, "--since", "2024-02-09" }).stats.closed)
    assert.equal(3, reported({ "report", store, "--till", "2024-02-09" }).stats.closed)
    assert.equal(2, reported({ "report", store, "--since", "2024-02-08T00:40:00Z", "--till", "2024-02-08T02:00:00Z" })
      .stats.closed)
    assert.equal(3, reported({ "report", store, "--since", tostring(START + 40 * MINUTE) }).stats.closed)
    assert.equal(4, reported({ "report", store, "--since", "5000w" }).stats.closed)
  end)

  it("says that nothing ended in a time in which nothing did", function()
    local text = ok { "report", store, "--since", "1d" }
    assert.matches("Trades              0 (0 won, 0 lost)", text, 1, true)
    assert.matches("No trades.", text, 1, true)
  end)

  it("reports backtests by their frames, and never among live runs", function()
    local day = reported { "report", store, "--frame", "day" }
    assert.same({ 2, 41, "day", "main" }, { day.stats.closed, day.stats.totalPnl, day.frameName, day.strategyName })
    assert.equal(70, reported({ "report", store, "--frame", "week" }).stats.totalPnl)
    fails(1, "there are those of day, week", { "report", store, "--frame", "month" })
  end)

  it("has what is open, and what waits, but not with a backtest", function()
    put(store, "signal", { row("main", "SOLUSDT"), row("other", "BTCUSDT") })
    put(store, "schedule", { row("main", "BTCUSDT", { pendingAt = 0 }) })
    local stats = reported({ "report", store }).stats
    assert.same({ 4, 2, 1, 8 }, { stats.closed, stats.open, stats.waiting, stats.signals })
    local line = "Still open: short at 50.0000 since 2024-02-08 01:30 (SOLUSDT main)"
    assert.matches(line, ok { "report", store }, 1, true)
    assert.same({ 1, 0 }, { reported({ "report", store, "--symbol", "SOLUSDT" }).stats.open,
      reported({ "report", store, "--frame", "day" }).stats.open })
  end)

  it("writes a page and a chart, each whole or not at all", function()
    local page, chart = dir .. "/page.html", dir .. "/chart.svg"
    assert.equal("4 trades reported to " .. page .. " and " .. chart .. "\n",
      ok { "report", store, "--html", page, "--svg", chart })
    assert.matches("^<!DOCTYPE html>\n.*n2000.*</html>\n$", temp.readFile(page))
    assert.matches("^<svg .*</svg>\n$", temp.readFile(chart))
    assert.equal(4, reported({ "report", store, "--html", page }).stats.closed)
    assert.matches("^<!DOCTYPE html>.*</html>\n$", ok { "report", store, "--html", "-" })
    assert.matches("^| #", ok({ "report", store, "--markdown", "--svg", chart }):match("\n(| # |.*)$"))
    fails(2, "is a file of the store", { "report", store, "--html", store .. "/data.mdb" })
    fails(2, "cannot open", { "report", store, "--html", dir .. "/no/such/page.html" })
    assert.equal(4, reported({ "report", store }).stats.closed)
  end)

  it("draws the price of candles that are given", function()
    local btc, eth, chart = dir .. "/btc.csv", dir .. "/eth=1.csv", dir .. "/chart.svg"
    candles(btc, 100)
    candles(eth, 60)
    ok { "report", store, "--symbol", "BTCUSDT", "--till", "2024-02-09", "--candles", btc, "--svg", chart }
    local svg = temp.readFile(chart)
    assert.matches(">Price</text>", svg, 1, true)
    local made = reported { "report", store, "--till", "2024-02-09", "--candles", "BTCUSDT=" .. btc,
      "--candles", "ETHUSDT=" .. eth }
    assert.near(2 * 99 + 59, made.stats.holdPnl, 1e-9)
    assert.equal(99 * 2, made.bySymbol[1].holdPnl)
    ok { "report", store, "--candles", "BTC/USDT=" .. btc }
    fails(2, "of which symbol? write SYMBOL=", { "report", store, "--candles", btc, "--candles", "ETHUSDT=" .. eth })
    fails(2, "there are several symbols", { "report", store, "--candles", btc })
    fails(2, "--candles of BTCUSDT are given twice",
      { "report", store, "--candles", "BTCUSDT=" .. btc, "--candles", "BTCUSDT=" .. btc })
    fails(2, "cannot read candles: " .. dir .. "/none.csv", { "report", store, "--candles", dir .. "/none.csv" })
    fails(2, "the columns must be", { "report", store, "--candles", dir .. "/chart.svg" })
  end)

  it("takes candles that are kept in a store, the same one or another", function()
    local btc, chart = dir .. "/btc.csv", dir .. "/chart.svg"
    candles(btc, 100)
    for _, kept in ipairs { store, "file:" .. dir .. "/kept" } do
      ok { "candles", "import", kept, "BTCUSDT", btc }
      ok { "report", store, "--symbol", "BTCUSDT", "--till", "2024-02-09", "--candles", kept, "--svg", chart }
      assert.matches(">Price</text>", temp.readFile(chart), 1, true)
      assert.equal(99, reported({ "report", store, "--symbol", "BTCUSDT", "--strategy", "other", "--candles", kept,
        "--since", "2024-02-08", "--readonly" }).stats.holdPnl)
    end
    fails(3, "there is no store at", { "report", store, "--candles", "lmdb:" .. dir .. "/none" })
    ok { "put", dir .. "/other", "order", "1", "{}" }
    fails(1, "there are no entities named 'candles'", { "report", store, "--candles", dir .. "/other" })
    fails(2, "is a store, which has all symbols", { "report", store, "--candles", store, "--candles", btc })
  end)

  it("says what is missing where there is nothing to report", function()
    fails(3, "there is no store at", { "report", dir .. "/none" })
    ok { "put", dir .. "/empty", "order", "1", "{}" }
    fails(1, "there are no entities named 'trade'", { "report", dir .. "/empty" })
    fails(1, "the store has: order", { "report", dir .. "/empty" })
    fails(1, "there are those of BTCUSDT, ETHUSDT", { "report", store, "--symbol", "DOGEUSDT" })
    fails(1, "there are no trades of the strategy 'mian'", { "report", store, "--strategy", "mian" })
    put(dir .. "/past", "trade", { trade(0, 50, { backtest = true, frameName = "day" }) })
    fails(1, "there are backtests: give --frame with one of day", { "report", dir .. "/past" })
    local failed = fails(1, "", { "report", dir .. "/past", "--json" })
    assert.equal("not_found", json.decode(failed.stderr).error.code)
  end)

  it("reports what is sound, and complains of what is not", function()
    ok { "put", store, "trade", "junk", "7" }
    ok { "put", store, "trade", "main/BTCUSDT/half", '{"action":"closed","backtest":false,"closedAt":1}' }
    ok({ "import", store, "-" }, '{"entity":"trade","id":"main/BTCUSDT/torn","damaged":"its checksum does not match",'
      .. '"bytes":"eyJ2"}\n')
    ok { "put", store, "signal", "main/BTCUSDT", '{"id":"x","position":"up"}' }
    for _, words in ipairs { { "report", store }, { "report", store, "--readonly" } } do
      local result = command.run(words)
      assert.equal(3, result.code)
      assert.matches("Trades              4 (3 won, 1 lost)", result.stdout, 1, true)
      for _, what in ipairs { "junk", "half", "torn", "signal:main/BTCUSDT" } do
        assert.matches(what, result.stderr, 1, true)
      end
    end
  end)

  it("works on files, on a script's store, and changes none", function()
    local files = dir .. "/files"
    ok { "copy", store, "file:" .. files }
    local before = ok { "export", "file:" .. files }
    assert.equal(6, reported({ "report", "file:" .. files }).stats.totalPnl)
    assert.equal(6, reported({ "report", "file:" .. files, "--readonly" }).stats.totalPnl)
    assert.equal(before, ok { "export", "file:" .. files })
    local adapter = dir .. "/adapter.lua"
    temp.writeFile(adapter, ([[
      local holdfast = require "holdfast"
      local Wrapped = holdfast.LmdbPersist:extend("Wrapped")
      function Wrapped:readValue(id) return holdfast.LmdbPersist.readValue(self, id) end
      return Wrapped
    ]]))
    assert.equal(6, reported({ "report", "lua:" .. adapter .. "?base=" .. store }).stats.totalPnl)
  end)

  it("refuses what it does not understand", function()
    fails(2, "'yesterday' is no time", { "report", store, "--since", "yesterday" })
    fails(2, "2024-02-30 is no date", { "report", store, "--till", "2024-02-30" })
    fails(2, "--since must be before --till", { "report", store, "--since", "2024-02-09", "--till", "2024-02-08" })
    local one = "the standard output is for one of"
    fails(2, one, { "report", store, "--json", "--markdown" })
    fails(2, one, { "report", store, "--json", "--html", "-" })
    fails(2, one, { "report", store, "--svg", "-", "--html", "-" })
    fails(2, "are to be two files", { "report", store, "--svg", dir .. "/x", "--html", dir .. "/x" })
  end)
end)
