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
