-- SPDX-License-Identifier: MIT
--
-- host.listenMinute: a run is heard of in each minute that it has gone through, and not once it stands still.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"

local START, MINUTE = hosts.START, hosts.MINUTE

describe("each minute of a live run", function()
  local world, minutes

  before_each(function()
    world, minutes = hosts.world(), {}
    host.listenMinute(function(event) minutes[#minutes + 1] = event end)
  end)
  after_each(hosts.finish)

  -- "0 1 2!": the minutes that were heard of, those that failed with a mark.
  local function heard(symbol)
    local words = {}
    for _, event in ipairs(minutes) do
      if event.symbol == (symbol or "BTCUSDT") then
        words[#words + 1] = (event.timestamp - START) / MINUTE .. (event.failed and "!" or "")
      end
    end
    return table.concat(words, " ")
  end

  it("is heard of after it was lived", function()
    local events = {}
    host.listenSignalLive(function(event) events[#events + 1] = event.action end)
    host.listenMinute(function() events[#events + 1] = "minute" end)
    hosts.strategy {}
    hosts.live()
    world.pass(2)
    assert.equal("0 1 2", heard())
    assert.same({ "opened", "minute", "active", "minute", "active", "minute" }, events)
    assert.same({ symbol = "BTCUSDT", strategyName = "main", exchangeName = "test", backtest = false,
      timestamp = START, failed = false }, minutes[1])
  end)

  it("is heard of where it failed", function()
    local down = false
    host.addExchange {
      exchangeName = "shaky",
      getCandles = function(_, _, since, limit)
        if down then error("down", 0) end
        return hosts.candles(since, limit, 100)
      end,
    }
    hosts.strategy {}
    hosts.live("main", "BTCUSDT", "shaky")
    world.pass(1)
    down = true
    world.pass(2)
    down = false
    world.pass(2)
    assert.equal("0 1 2! 3 4 5", heard(), "the exchange is asked again within minute 3, when it is up")
  end)

  it("is heard of where nothing may be done in it", function()
    holdfast.PersistSignalAdapter.writeSignalData({ id = "x" }, "main", "BTCUSDT")
    hosts.strategy {}
    hosts.live()
    world.pass(2)
    assert.equal("0 1 2", heard())
    assert.equal(0, #world.heard.ticks + #world.heard.events)
    assert.equal("restore", world.heard.errors[1].source)
  end)

  it("is not heard of where the run hangs in it, until it is left to itself", function()
    local hangs = false
    hosts.strategy { getSignal = function() if hangs then coroutine.yield() end end }
    hosts.live()
    hosts.strategy { strategyName = "other" }
    hosts.live("other", "ETHUSDT")
    world.pass(1)
    hangs = true
    world.pass(3)
    assert.equal("0 1", heard())
    assert.equal("0 1 2 3 4", heard "ETHUSDT")
    hangs = false
    world.pass(2)
    assert.equal("0 1 2 5 6", heard(), "left after 180 seconds, and on from there")
  end)

  it("is not heard of in a backtest", function()
    hosts.strategy {}
    host.addFrame { frameName = "ten", startDate = START, endDate = START + 10 * MINUTE }
    for _ in host.Backtest.run("BTCUSDT", { strategyName = "main", exchangeName = "test", frameName = "ten" }) do end
    assert.equal("", heard())
  end)
end)
