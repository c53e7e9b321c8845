-- SPDX-License-Identifier: MIT
--
-- The trades that the host must make (tests/data/host_trades.mjs): whether the committed file asks for everything that
-- can happen in a backtest, and whether its candles are made here as they were made for it.

local candles = require "holdfast.host.candles"
local json = require "holdfast".json
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
end)
