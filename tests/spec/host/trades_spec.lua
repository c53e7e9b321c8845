-- SPDX-License-Identifier: MIT
--
-- The trades that the host must make (tests/data/host_trades.mjs): whether it makes them, whether the committed file
-- asks for everything that can happen in a backtest, and whether its candles are made here as they were made for it.

local candles = require "holdfast.host.market.candles"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local json = holdfast.json
local temp = require "support.temp"

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
package.path = source .. "/examples/?.lua;" .. package.path
local market = require "market"

describe("the trades to reproduce", function()
  local markets = json.decode(temp.readFile(source .. "/tests/data/host_trades.json")).markets

  local function eachEvent(fn)
    for _, m in ipairs(markets) do
      local rows = market.candles(m.candles.count, m.candles)
      for _, run in ipairs(m.runs) do
        for _, event in ipairs(run.events) do fn(event, run.strategy, rows) end
      end
    end
  end

  it("are of every kind, for every reason, long and short", function()
    local count = {}
    eachEvent(function(event)
      local kind = table.concat({ event.action, event.reason or "-", event.position }, " ")
      count[kind] = (count[kind] or 0) + 1
    end)
    for _, position in ipairs { "long", "short" } do
      for _, kind in ipairs { "scheduled -", "opened -", "closed take_profit", "closed stop_loss",
        "closed time_expired", "cancelled timeout", "cancelled price_reject" } do
        local name = kind .. " " .. position
        assert.is_truthy(count[name] and count[name] >= 2, name)
        count[name] = nil
      end
    end
    assert.same({}, count)
  end)

  it("begin at the average price of the candles that are made here, to the last bit", function()
    local silent = 0
    eachEvent(function(event, strategy, rows)
      if event.action ~= "scheduled" and (event.action ~= "opened" or strategy.limit) then return end
      local next = (event.scheduledAt - rows[1].timestamp) / 60000 + 1
      assert.equal(candles.average(rows, next - 5, next - 1), event.currentPrice)
      local volume = 0
      for i = next - 5, next - 1 do volume = volume + rows[i].volume end
      if volume == 0 then silent = silent + 1 end
    end)
    assert.is_true(silent >= 3)
  end)

  it("end at candles after the frame where they were still open or waiting", function()
    local ended = {}
    eachEvent(function(event, strategy, rows)
      if event.closeTimestamp and event.closeTimestamp > rows[strategy.to + 1].timestamp then
        assert.equal(rows[strategy.to + 2].timestamp, event.closeTimestamp)
        local kind = event.action .. " " .. event.reason
        ended[kind] = (ended[kind] or 0) + 1
      end
    end)
    assert.is_truthy(ended["closed time_expired"] >= 2 and ended["cancelled timeout"] >= 2)
    ended["closed time_expired"], ended["cancelled timeout"] = nil, nil
    assert.same({}, ended)
  end)

  it("are stop losses where a candle reaches both sides", function()
    local both = 0
    eachEvent(function(event, strategy, rows)
      if event.reason ~= "stop_loss" then return end
      local sign = event.position == "long" and 1 or -1
      local asked = (event.scheduledAt - rows[1].timestamp) / 60000 + 1
      local price = candles.average(rows, asked - 5, asked - 1)
      local last = (event.closeTimestamp - rows[1].timestamp) / 60000 + 1
      local reached = candles.average(rows, last - 4, last)
      if (reached - price * (1 + sign * strategy.tp)) * sign >= 0 then both = both + 1 end
    end)
    assert.is_true(both >= 2)
  end)

  local function strategyOf(s)
    local asked = 0
    return {
      strategyName = s.name, interval = s.interval,
      getSignal = function(symbol)
        local price, position = host.getAveragePrice(symbol), s.position
        if position == "alternate" then
          position = asked % 2 == 1 and "short" or "long"
          asked = asked + 1
        end
        local sign = position == "long" and 1 or -1
        return {
          position = position, note = s.name, minuteEstimatedTime = s.minutes,
          priceTakeProfit = price * (1 + sign * s.tp), priceStopLoss = price * (1 - sign * s.sl),
          priceOpen = s.limit and price * (1 - sign * s.limit) or nil,
        }
      end,
    }
  end

  -- What the file has of an event.
  local function fieldsOf(event)
    return {
      action = event.action, reason = event.closeReason or event.reason, position = event.signal.position,
      scheduledAt = event.signal.scheduledAt, pendingAt = event.signal.pendingAt,
      closeTimestamp = event.closeTimestamp, priceOpen = event.signal.priceOpen, currentPrice = event.currentPrice,
      pnlPercentage = event.pnl and event.pnl.pnlPercentage,
    }
  end

  -- Equal, prices and percentages but for what rounding leaves: the framework takes priceOpen through a harmonic mean.
  local function assertEvent(expected, event, what)
    local got = fieldsOf(event)
    for _, field in ipairs { "priceOpen", "currentPrice", "pnlPercentage" } do
      if expected[field] then assert.near(expected[field], got[field], 1e-9, what .. field) end
      expected[field], got[field] = nil, nil
    end
    assert.same(expected, got, what)
  end

  local function assertTrades(rows, runs)
    local exchange = host.candleFeed { symbol = "BTCUSDT", candles = rows }
    host.addExchange { exchangeName = "csv", getCandles = exchange.getCandles }
    for _, run in ipairs(runs) do
      local s, number = run.strategy, 0
      host.addStrategy(strategyOf(s))
      host.addFrame {
        frameName = s.name, startDate = rows[s.from + 1].timestamp, endDate = rows[s.to + 1].timestamp,
      }
      for event in host.Backtest.run("BTCUSDT", { strategyName = s.name, exchangeName = "csv", frameName = s.name }) do
        number = number + 1
        local what = ("%s, event %d: "):format(s.name, number)
        assert.is_truthy(run.events[number], what .. "there is one too many")
        assertEvent(run.events[number], event, what)
      end
      assert.equal(#run.events, number, s.name)
    end
  end

  before_each(function()
    hosts.fresh()
  end)

  after_each(function() host.clear() end)

  for number, m in ipairs(markets) do
    it("are made, every event of them, of market " .. number, function()
      assertTrades(market.candles(m.candles.count, m.candles), m.runs)
    end)
  end

  it("are made of real candles", function()
    local folder = os.getenv("HOLDFAST_TEST_TRADES")
    if not folder then pending("set HOLDFAST_TEST_TRADES to a folder with candles.csv and trades.json") return end
    local rows = host.readCandles(folder .. "/candles.csv")
    assertTrades(rows, json.decode(temp.readFile(folder .. "/trades.json")).result)
  end)
end)
