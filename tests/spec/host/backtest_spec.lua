-- SPDX-License-Identifier: MIT
--
-- Backtests of the strategy host: what they give, what they store, and what stops them.  Whether the trades are right
-- is for trades_spec.lua.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE

describe("a backtest", function()
  local heard

  before_each(function()
    hosts.fresh()
    heard = hosts.hear()
    -- Up and down, a whole wave an hour.
    hosts.exchange(function(minute) return 100 + 3 * math.sin(minute / 60 * 2 * math.pi) end)
    host.addFrame { frameName = "day", startDate = START, endDate = START + 1439 * MINUTE }
  end)
  after_each(hosts.finish)

  local options = { strategyName = "main", exchangeName = "test", frameName = "day" }
  local waves = { interval = "5m", priceTakeProfit = 102, priceStopLoss = 96 }

  local function run()
    local events = {}
    for event in host.Backtest.run("BTCUSDT", options) do events[#events + 1] = event end
    return events
  end

  it("iterates its events, and tells listeners and the strategy of the same", function()
    local calls = { onOpen = 0, onClose = 0, onPartialProfit = 0, onPartialLoss = 0 }
    local callbacks = {}
    for name in pairs(calls) do callbacks[name] = function() calls[name] = calls[name] + 1 end end
    hosts.strategy {
      interval = "5m", priceTakeProfit = 102, priceStopLoss = 96, callbacks = callbacks,
      getSignal = function(_, when)
        if math.floor((when - START) / MINUTE) % 60 < 40 then return nil end
        return { position = "long", priceTakeProfit = 102, priceStopLoss = 96, minuteEstimatedTime = 90 }
      end,
    }
    local events = run()
    assert.is_true(#events > 20)
    assert.equal(#events, #heard.events)
    for i, event in ipairs(events) do
      assert.same(event, heard.events[i])
      assert.equal(i % 2 == 1 and "opened" or "closed", event.action)
      assert.is_true(event.backtest)
      assert.equal("day", event.frameName)
    end
    assert.equal(#events / 2, calls.onOpen)
    assert.equal(#events / 2, calls.onClose)
    assert.equal(#heard.partials, calls.onPartialProfit + calls.onPartialLoss)
    local seen = {}
    for _, e in ipairs(heard.partials) do
      assert.is_nil(seen[e.id])
      seen[e.id] = true
    end
    assert.is_true(#heard.partials >= #events / 2 * 5)
    assert.same({}, heard.errors)
    assert.equal(1, #heard.done)
  end)

  it("lets getSignal see nothing of what is to come", function()
    hosts.strategy {
      interval = "1m",
      getSignal = function(symbol, when)
        assert.equal(when, host.getDate())
        assert.equal("backtest", host.getMode())
        local last = host.getCandles(symbol, "1m", 10)
        assert.equal(10, #last)
        assert.equal(when - MINUTE, last[10].timestamp)
        local wide = host.getCandles(symbol, "15m", 2)
        assert.is_true(wide[2].timestamp + 15 * MINUTE <= when)
        local sum = 0
        for i = 6, 10 do sum = sum + (last[i].high + last[i].low + last[i].close) / 3 end
        assert.near(sum / 5, host.getAveragePrice(symbol), 1e-9)
      end,
    }
    local feed, list = host.candleFeed(), nil
    for i = -60, 1500 do
      feed:push("BTCUSDT", hosts.candle(START + i * MINUTE, 1, { high = 2, close = 1 + i % 7 / 7 }))
    end
    host.addExchange { exchangeName = "feed", getCandles = feed.getCandles }
    for event in host.Backtest.run("BTCUSDT", { strategyName = "main", exchangeName = "feed", frameName = "day" }) do
      list = event
    end
    assert.is_nil(list)
    assert.same({}, heard.errors)
  end)

  it("asks nothing outside of a strategy", function()
    raises.error("invalid_argument", "^host.getAveragePrice: call it inside getSignal", host.getAveragePrice, "BTCUSDT")
    raises.error("invalid_argument", "^host.getDate: call it inside getSignal", host.getDate)
  end)

  it("touches signal and schedule not at all, risk and partial under names of its own, and clears them", function()
    local touched = {}
    local Noted = holdfast.MemoryPersist:extend("Noted")
    function Noted:readValue(id)
      touched[self.entityName .. " read " .. id] = true
      return holdfast.MemoryPersist.readValue(self, id)
    end
    function Noted:writeValue(id, entity, more)
      if next(entity) then touched[self.entityName .. " " .. id] = entity end
      return holdfast.MemoryPersist.writeValue(self, id, entity, more)
    end
    hosts.fresh(Noted)
    heard = hosts.hear()
    hosts.exchange(function(minute) return 100 + 3 * math.sin(minute / 60 * 2 * math.pi) end)
    host.addFrame { frameName = "day", startDate = START, endDate = START + 3000 * MINUTE }
    host.addRisk { riskName = "limited", validations = { function(p) return p.activePositionCount < 1 end } }
    hosts.strategy {
      interval = "5m", priceTakeProfit = 120, priceStopLoss = 90, minuteEstimatedTime = 1440, riskName = "limited",
    }
    assert.is_true(#run() >= 4)
    for key in pairs(touched) do assert.is_falsy(key:find("^signal") or key:find("^schedule"), key) end
    assert.is_truthy(touched["risk backtest%2Fday%2Flimited/positions"])
    assert.equal("main", touched["risk backtest%2Fday%2Flimited/positions"][1].strategyName)
    assert.is_truthy(next(touched["partial backtest%2Fday%2FBTCUSDT/levels"]))
    assert.is_nil(holdfast.PersistRiskAdapter.readPositionData("backtest/day/limited"))
    assert.is_nil(holdfast.PersistRiskAdapter.readPositionData("limited"))
    assert.is_nil(holdfast.PersistPartialAdapter.readPartialData("backtest/day/BTCUSDT"))
  end)

  it("takes no slot from live positions, nor they from it", function()
    host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
    hosts.strategy { interval = "1d", riskName = "one", priceTakeProfit = 110, priceStopLoss = 90 }
    local clock = hosts.clock()
    hosts.live()
    clock:advance(MINUTE)
    assert.equal("opened", heard.summary())
    assert.is_true(#run() >= 2)
    assert.equal(1, #holdfast.PersistRiskAdapter.readPositionData("one"))
  end)

  it("has ticks that are the frame's interval apart, from its beginning on", function()
    host.addFrame {
      frameName = "quarters", interval = "15m", startDate = START, endDate = START + 100 * MINUTE,
    }
    local asked = hosts.strategy {
      interval = "1m", priceTakeProfit = 120, priceStopLoss = 90, minuteEstimatedTime = 20,
      getSignal = function(_, when)
        if (when - START) / MINUTE ~= 30 then return nil end
        return { position = "long", priceTakeProfit = 120, priceStopLoss = 90, minuteEstimatedTime = 20 }
      end,
    }
    local times = {}
    local quarters = { strategyName = "main", exchangeName = "test", frameName = "quarters" }
    for event in host.Backtest.run("BTCUSDT", quarters) do
      times[#times + 1] = (event.timestamp - START) / MINUTE
    end
    assert.same({ 30, 50 }, times) -- an open signal is looked at in each candle
    assert.same({ 0, 15, 30, 60, 75, 90 }, asked)
    raises.error("invalid_argument", "^addFrame 'x': interval '2m': 1m, 3m,", host.addFrame,
      { frameName = "x", interval = "2m", startDate = START, endDate = START })
  end)

  it("tells how far it is", function()
    local steps = {}
    host.listenProgress(function(p) steps[#steps + 1] = p end)
    hosts.strategy(waves)
    run()
    local last = steps[#steps]
    assert.same({ 1440, 1440, 1, "BTCUSDT", "main", "day" }, {
      last.processedFrames, last.totalFrames, last.progress, last.symbol, last.strategyName, last.frameName,
    })
    assert.is_true(#steps >= 2)
    for i = 2, #steps do assert.is_true(steps[i].progress > steps[i - 1].progress) end
  end)

  it("runs in the background beside others", function()
    hosts.clock()
    hosts.strategy(waves)
    hosts.strategy { strategyName = "other", interval = "15m", priceTakeProfit = 102, priceStopLoss = 96 }
    host.Backtest.background("BTCUSDT", options)
    host.Backtest.background("ETHUSDT", { strategyName = "other", exchangeName = "test", frameName = "day" })
    assert.equal(0, #heard.events)
    host.run()
    assert.equal(2, #heard.done)
    local alone = {}
    for _, e in ipairs(heard.events) do
      if e.strategyName == "main" then alone[#alone + 1] = e end
    end
    assert.same(run(), alone)
  end)

  it("is ended by what starting it returned", function()
    hosts.clock()
    host.addFrame { frameName = "long", startDate = START, endDate = START + 100000 * MINUTE }
    hosts.strategy(waves)
    local long = { strategyName = "main", exchangeName = "test", frameName = "long" }
    local stop = host.Backtest.background("BTCUSDT", long)
    host.listenProgress(function() stop() end)
    host.run()
    assert.equal(1, #heard.done)
    assert.is_true(#heard.events < 200)
    holdfast.PersistRiskAdapter.close()
    holdfast.PersistRiskAdapter.useMemory()
  end)

  it("leaves nothing in the adapters, whenever it is ended", function()
    hosts.clock()
    host.addFrame { frameName = "long", startDate = START, endDate = START + 9000 * MINUTE }
    hosts.strategy(waves)
    local long = { strategyName = "main", exchangeName = "test", frameName = "long" }
    local stop = host.Backtest.background("BTCUSDT", long)
    local stored
    host.listenSignalBacktest(function()
      stored = holdfast.PersistPartialAdapter.readPartialData("backtest/long/BTCUSDT")
      if stored then stop() end
    end)
    host.run()
    assert.is_truthy(stored)
    assert.is_nil(holdfast.PersistPartialAdapter.readPartialData("backtest/long/BTCUSDT"))
  end)

  it("that is left early lets adapters be registered again, once it is collected", function()
    hosts.strategy(waves)
    assert.equal("opened", host.Backtest.run("BTCUSDT", options)().action)
    collectgarbage()
    collectgarbage()
    holdfast.PersistRiskAdapter.close()
    holdfast.PersistRiskAdapter.useMemory()
  end)

  it("gives a report, with its table, Markdown, JSON and picture", function()
    hosts.strategy(waves)
    local report = host.Backtest.report("BTCUSDT", options)
    local events = run()
    local closed, sum = 0, 0
    for _, e in ipairs(events) do
      if e.action == "closed" then
        closed, sum = closed + 1, sum + e.pnl.pnlPercentage
      end
    end
    assert.equal(closed, report.stats.closed)
    assert.near(sum, report.stats.totalPnl, 1e-9)
    assert.matches("BTCUSDT main %(test, day%)", report:table())
    assert.matches("| Trades |", report:markdown(), 1, true)
    assert.equal(closed, holdfast.json.decode(report:json()).stats.closed)
    assert.matches("^<svg", report:svg())
  end)

  it("asks further where an exchange gives fewer candles than it was asked for", function()
    hosts.strategy(waves)
    local whole = run()
    host.addExchange {
      exchangeName = "limited",
      getCandles = function(symbol, interval, since, limit)
        local list = {}
        for i = 0, math.min(limit, 97) - 1 do
          local minute = (since - START) / MINUTE + i
          list[i + 1] = hosts.candle(since + i * MINUTE, 100 + 3 * math.sin(minute / 60 * 2 * math.pi))
        end
        return list
      end,
    }
    local n = 0
    for event in host.Backtest.run("BTCUSDT", { strategyName = "main", exchangeName = "limited", frameName = "day" }) do
      n = n + 1
      assert.equal(whole[n].id, event.id)
      assert.equal(whole[n].currentPrice, event.currentPrice)
    end
    assert.equal(#whole, n)
  end)

  it("ends where the candles do, wherever that is, and never before it began", function()
    host.addFrame { frameName = "hour", startDate = START, endDate = START + 60 * MINUTE }
    hosts.strategy { interval = "1m", minuteEstimatedTime = 7 }
    hosts.strategy { strategyName = "waits", interval = "1m", minuteEstimatedTime = 7, priceOpen = 97 }
    for last = -1, 62 do
      local exchange = "ends at " .. last
      host.addExchange {
        exchangeName = exchange,
        getCandles = host.candleFeed { symbol = "BTCUSDT", candles = hosts.candles(START - 5 * MINUTE, 6 + last, 100) }
          .getCandles,
      }
      for _, name in ipairs { "main", "waits" } do
        local options_ = { strategyName = name, exchangeName = exchange, frameName = "hour" }
        for event in host.Backtest.run("BTCUSDT", options_) do
          local at = event.closeTimestamp
          if at then
            assert.is_true(at >= event.signal.scheduledAt, name .. " " .. exchange)
            assert.is_true(at <= START + math.min(last, 61) * MINUTE, name .. " " .. exchange)
          end
        end
      end
    end
    for _, failure in ipairs(heard.errors) do assert.matches("has no candles of BTCUSDT after", failure.message) end
  end)

  it("is the same, whatever else is tested beside it or was left early", function()
    host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
    hosts.strategy { interval = "5m", priceTakeProfit = 102, priceStopLoss = 96, riskName = "one" }
    local alone = #run()
    assert.equal("opened", host.Backtest.run("ETHUSDT", options)().action)
    assert.equal(alone, #run())
  end)

  describe("is stopped by", function()
    -- An exchange whose list for some request is spoilt.
    local function spoilt(spoil)
      host.setConfig { CC_MAX_CANDLES_PER_REQUEST = 300 } -- so that it comes when something is stored
      hosts.strategy(waves)
      host.addExchange {
        exchangeName = "bad",
        getCandles = function(symbol, interval, since, limit)
          local list = hosts.candles(since, limit, 100)
          if since > START + 1100 * MINUTE then return spoil(list) end
          return list
        end,
      }
      return pcall(function()
        for _ in host.Backtest.run("BTCUSDT", { strategyName = "main", exchangeName = "bad", frameName = "day" }) do end
      end)
    end

    local function assertStopped(code, message, spoil)
      local ok, failure = spoilt(spoil)
      assert.is_false(ok)
      assert.equal(code, failure.code)
      assert.matches(message, failure.message)
      assert.is_nil(holdfast.PersistPartialAdapter.readPartialData("backtest/day/BTCUSDT"))
      holdfast.PersistRiskAdapter.close() -- nothing is held
      holdfast.PersistRiskAdapter.useMemory()
    end

    it("a candle that is missing", function()
      assertStopped("invalid_value", "^exchange 'bad': getCandles.*the candle of .* is missing: the next is",
        function(list)
          table.remove(list, 7)
          return list
        end)
    end)
    it("candles out of order", function()
      assertStopped("invalid_value", "they must be in order of time", function(list)
        list[7], list[8] = list[8], list[7]
        return list
      end)
    end)
    it("NaN", function()
      assertStopped("invalid_value", "candle 3 .*volume is nan", function(list)
        list[3].volume = 0 / 0
        return list
      end)
    end)
    it("an exchange that raises", function()
      assertStopped("script", "raised: gone$", function() error("gone", 0) end)
    end)
    it("what is not a list", function()
      assertStopped("invalid_value", "it must return a list of candles, not 7", function() return 7 end)
    end)
  end)

  it("closes what is open where history ends before the frame", function()
    local feed = host.candleFeed()
    for i = -10, 99 do
      feed:push("BTCUSDT", hosts.candle(START + i * MINUTE, 100))
    end
    host.addExchange { exchangeName = "short", getCandles = feed.getCandles }
    hosts.strategy { interval = "1d", minuteEstimatedTime = 600 }
    for _ in host.Backtest.run("BTCUSDT", { strategyName = "main", exchangeName = "short", frameName = "day" }) do end
    assert.equal("opened closed:time_expired", heard.summary())
    assert.equal(START + 99 * MINUTE, heard.events[2].closeTimestamp)
    assert.equal(1, #heard.errors)
    assert.equal("exchange 'short' has no candles of BTCUSDT after 2024-02-07T23:42:00Z: the backtest ends there, "
      .. "and not at 2024-02-08T22:02:00Z", heard.errors[1].message)
  end)

  it("goes on where getSignal raises or gives nonsense, and says so", function()
    local n = 0
    hosts.strategy {
      interval = "1h",
      getSignal = function()
        n = n + 1
        if n % 2 == 1 then error("odd", 0) end
        return { position = "long", priceTakeProfit = 1, priceStopLoss = 96 }
      end,
    }
    assert.same({}, run())
    assert.is_true(n >= 24)
    assert.equal(n, #heard.errors)
    assert.equal("odd", heard.errors[1].message)
    assert.matches("priceTakeProfit of a long must be above priceOpen", heard.errors[2].message)
    assert.equal(START, heard.errors[1].when)
  end)

  it("says which candles are missing where there are none before it", function()
    host.addExchange { exchangeName = "none", getCandles = host.candleFeed().getCandles }
    hosts.strategy(waves)
    raises.error("invalid_value",
      "Backtest.run: exchange 'none' has not the 5 candles of BTCUSDT that are needed from 2024-02-07T21:58:00Z on, "
      .. "before the frame begins: begin it later, or have getCandles give older ones", host.Backtest.run, "BTCUSDT",
      { strategyName = "main", exchangeName = "none", frameName = "day" })
  end)
end)
