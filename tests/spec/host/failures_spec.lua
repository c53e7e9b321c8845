-- SPDX-License-Identifier: MIT
--
-- What goes wrong around the strategy host: exchanges, strategies and listeners that raise, hang, or give nonsense.
-- Everything is said, and nothing ends the host.  Stores that fail are for stores_spec.lua.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE

describe("in live mode", function()
  local clock, heard, price

  before_each(function()
    hosts.fresh()
    clock, heard, price = hosts.clock(), hosts.hear(), 100
  end)
  after_each(hosts.finish)

  local function pass(minutes) clock:advance(minutes * MINUTE) end

  local function assertError(code, source, message)
    local last = heard.errors[#heard.errors]
    assert.is_truthy(last, "nothing was reported")
    assert.equal(code, last.code, last.message)
    assert.equal(source, last.source)
    assert.matches(message, last.message)
    assert.equal("main", last.strategyName)
    assert.equal("BTCUSDT", last.symbol)
    return last
  end

  describe("getCandles", function()
    -- An exchange that is bad for some minutes, and good again.
    local function live(bad)
      host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
      local until_ = START + 5 * MINUTE
      host.addExchange {
        exchangeName = "test",
        getCandles = function(symbol, interval, since, limit)
          local list = hosts.candles(since, limit, price)
          if host.now() < until_ then return bad(list) end
          return list
        end,
      }
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(3)
      assert.equal("", heard.summary())
      assert.equal(4, #heard.errors) -- each minute says so
      pass(3)
      assert.equal("opened", heard.summary())
    end

    local function before() return "^exchange 'test': getCandles%('BTCUSDT', '1m', %d+, 5%): " end

    it("raises", function()
      live(function() error("no connection", 0) end)
      assertError("script", "tick", before():sub(1, -3) .. " raised: no connection$")
      assert.matches("failures_spec.lua:%d+: in function", heard.errors[1].traceback)
    end)

    it("gives nothing", function()
      live(function() return nil end)
      assertError("invalid_value", "tick", before() .. "it must return a list of candles, not nil$")
    end)

    it("leaves one out", function()
      live(function(list) return { list[1], list[2], list[4], list[5] } end)
      assertError("invalid_value", "tick", before() .. "the candle of 2024%-.-Z is missing: the next is 2024%-.-Z$")
    end)

    it("gives too few", function()
      live(function(list) return list[5] and { list[1], list[2] } or {} end)
      assertError("invalid_value", "tick",
        before() .. "the candle of 2024%-.-Z is missing: it gave none from then on, and 2 of 5 before$")
    end)

    it("gives them out of order", function()
      live(function(list) return { list[1], list[3], list[2], list[4], list[5] } end)
      assertError("invalid_value", "tick",
        before() .. "candle 3 %(2024%-.-%) comes after 2024%-.-: they must be in order")
    end)

    it("gives NaN", function()
      live(function(list)
        list[2].close = 0 / 0
        return list
      end)
      assertError("invalid_value", "tick", before() .. "candle 2 %(2024%-.-%): close is nan$")
    end)

    it("gives a price of nothing", function()
      live(function(list)
        list[5].low = 0
        return list
      end)
      assertError("invalid_value", "tick", before() .. "candle 5 %(2024%-.-%): low is 0$")
    end)

    it("gives seconds in place of milliseconds", function()
      live(function(list)
        for _, c in ipairs(list) do c.timestamp = c.timestamp / 1000 end
        return list
      end)
      assertError("invalid_value", "tick", "candle 1: timestamp %d+ looks like seconds: times are milliseconds")
    end)

    it("gives a high below the low", function()
      live(function(list)
        list[1].high = 99
        return list
      end)
      assertError("invalid_value", "tick", "candle 1 %(.-%): high 99 is below low 100$")
    end)

    it("is asked again in the same minute", function()
      local calls = 0
      host.addExchange {
        exchangeName = "test",
        getCandles = function(_, _, since, limit)
          calls = calls + 1
          if calls <= 2 then error("busy", 0) end
          return hosts.candles(since, limit, 1)
        end,
      }
      hosts.strategy { interval = "1d", priceTakeProfit = 1.1, priceStopLoss = 0.9 }
      hosts.live()
      pass(0.5)
      assert.equal(3, calls)
      assert.equal("opened", heard.summary())
      assert.equal(START, heard.events[1].timestamp)
      assert.same({}, heard.errors)
    end)

    it("hangs", function()
      host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
      hosts.strategy { interval = "1d" }
      host.addExchange { exchangeName = "test", getCandles = function() coroutine.yield() end }
      hosts.live()
      pass(2)
      assert.same({}, heard.errors)
      pass(1)
      assertError("timeout", "tick", before():sub(1, -3) .. " has not returned in 180 s: nobody waits for it any more$")
    end)
  end)

  describe("getSignal", function()
    before_each(function() hosts.exchange(function() return price end) end)

    -- What a signal with these fields is answered.
    local function assertRefused(fields, message)
      hosts.strategy(fields)
      hosts.live()
      pass(0)
      assert.equal("", heard.summary())
      assertError("invalid_value", "getSignal", "^strategy 'main', BTCUSDT: getSignal: " .. message)
    end

    it("raises", function()
      hosts.strategy { getSignal = function() error("no idea", 0) end }
      hosts.live()
      pass(1)
      assertError("script", "getSignal", "^no idea$")
      assert.equal(2, #heard.errors)
    end)

    it("gives what is not a table", function()
      assertRefused({ getSignal = function() return "buy" end },
        "it must return nil or a table, not the string \"buy\"$")
    end)
    it("gives a field that there is not", function()
      assertRefused({ priceTakeprofit = 120 }, "a signal has no field 'priceTakeprofit': id, position, ")
    end)
    it("gives no side", function()
      assertRefused({ position = "up" }, 'position must be "long" or "short", not the string "up"$')
    end)
    it("gives no take profit", function()
      assertRefused({ getSignal = function() return { position = "long", priceStopLoss = 90 } end },
        "priceTakeProfit must be a finite number, not nil")
    end)
    it("gives a price that is none", function()
      assertRefused({ priceStopLoss = 0 / 0 }, "priceStopLoss must be a finite number, not nan")
    end)
    it("gives an infinite price", function()
      assertRefused({ priceTakeProfit = math.huge }, "priceTakeProfit must be a finite number, not inf")
    end)
    it("gives a price below zero", function()
      assertRefused({ priceStopLoss = -90 }, "priceStopLoss must be positive, not %-90")
    end)
    it("gives a take profit on the wrong side", function()
      assertRefused({ priceTakeProfit = 95 },
        "priceTakeProfit of a long must be above priceOpen: 95, and priceOpen 100")
    end)
    it("gives a stop loss on the wrong side", function()
      assertRefused({ position = "short", priceTakeProfit = 90, priceStopLoss = 95 },
        "priceStopLoss of a short must be above priceOpen: 95, and priceOpen 100")
    end)
    it("gives a take profit that does not pay its fees", function()
      assertRefused({ priceTakeProfit = 100.4 }, "priceTakeProfit is 0.400%% from priceOpen: at least 0.5%% are needed")
    end)
    it("gives a stop loss that is too near", function()
      assertRefused({ priceStopLoss = 99.6 }, "priceStopLoss is 0.400%% from priceOpen: at least 0.5%% are needed")
    end)
    it("gives a stop loss that is too far", function()
      assertRefused({ priceStopLoss = 79 }, "priceStopLoss is 21.000%% from priceOpen: at most 20%% may be lost")
    end)
    it("gives a time that is too long", function()
      assertRefused({ minuteEstimatedTime = 1441 }, "minuteEstimatedTime is 1441 minutes: at most 1440")
    end)
    it("gives a time that is none", function()
      assertRefused({ minuteEstimatedTime = 0 }, "minuteEstimatedTime must be a whole number of minutes, not 0")
    end)
    it("gives an id that was used", function()
      hosts.strategy { id = "again", minuteEstimatedTime = 2 }
      hosts.live()
      pass(3)
      assert.equal("opened closed:time_expired", heard.summary())
      assertError("invalid_value", "getSignal", "the id again is that of the last signal")
    end)

    it("hangs, and the position of another goes on", function()
      hosts.strategy { interval = "1h", getSignal = function() coroutine.yield() end }
      hosts.strategy { strategyName = "other", minuteEstimatedTime = 2 }
      hosts.live()
      hosts.live("other")
      pass(2)
      assert.equal("opened closed:time_expired", heard.summary())
      assert.same({}, heard.errors)
      pass(1)
      assertError("timeout", "getSignal", "^getSignal of strategy 'main' on BTCUSDT has not returned in 180 s")
    end)

    it("computes for ever, and the position of another goes on", function()
      host.setConfig { CC_MAX_SIGNAL_GENERATION_SECONDS = 0.2 }
      host.addStrategy {
        strategyName = "main", interval = "1d",
        getSignal = function()
          local n = 0
          while true do n = n + 1 end
        end,
      }
      hosts.strategy { strategyName = "other", interval = "1d" }
      hosts.live()
      hosts.live("other")
      pass(1)
      assert.equal("opened", heard.summary())
      assertError("timeout", "getSignal", "^getSignal of strategy 'main' on BTCUSDT has not returned in 0.2 s")
    end)

    it("computes for ever after a wait, or catches what ends it", function()
      host.setConfig { CC_MAX_SIGNAL_GENERATION_SECONDS = 0.2 }
      host.addStrategy {
        strategyName = "main", interval = "1d",
        getSignal = function()
          host.sleep(1)
          while true do end -- luacheck: ignore 542
        end,
      }
      host.addStrategy {
        strategyName = "other", interval = "1d",
        getSignal = function()
          local n = 0
          while true do pcall(function() for _ = 1, 1e4 do n = n + 1 end end) end
        end,
      }
      hosts.live()
      hosts.live("other")
      pass(1)
      assert.equal(2, #heard.errors)
      assert.equal("timeout", heard.errors[1].code)
      assert.equal("timeout", heard.errors[2].code)
    end)

    it("is resumed once more after it has returned", function()
      local co, waits
      host.addExchange {
        exchangeName = "slow",
        getCandles = function(_, _, since, limit)
          if waits then host.sleep(1000) end
          return hosts.candles(since, limit, 100)
        end,
      }
      hosts.strategy {
        getSignal = function()
          co = coroutine.running()
          return waits and { position = "long", priceTakeProfit = 110, priceStopLoss = 90 } or nil
        end,
      }
      hosts.live("main", "BTCUSDT", "slow")
      pass(2)
      assert.is_true(coroutine.resume(co))
      waits = true
      pass(2)
      assert.equal("opened", heard.summary())
      assert.same({}, heard.errors)
    end)

    it("waits for something, as long as it likes within its time", function()
      hosts.strategy {
        interval = "1d",
        getSignal = function()
          host.sleep(90 * 1000)
          return { position = "long", priceTakeProfit = 110, priceStopLoss = 90 }
        end,
      }
      hosts.live()
      pass(1)
      assert.equal("", heard.summary())
      pass(1)
      assert.equal("opened", heard.summary())
      assert.equal(START, heard.events[1].timestamp)
    end)
  end)

  it("strategies on one symbol wait for one answer of the exchange", function()
    local calls = 0
    host.addExchange {
      exchangeName = "test",
      getCandles = function(_, _, since, limit)
        calls = calls + 1
        host.sleep(100)
        return hosts.candles(since, limit, 100)
      end,
    }
    for i = 1, 5 do
      hosts.strategy { strategyName = "s" .. i, interval = "1d" }
      hosts.live("s" .. i)
    end
    pass(9.5)
    assert.equal("opened opened opened opened opened", heard.summary())
    assert.equal(10, calls)
  end)

  it("a strategy that is stopped takes the answer from nobody who waits for the same", function()
    local bad = true
    host.addExchange {
      exchangeName = "test",
      getCandles = function(_, _, since, limit)
        if bad then error("not yet", 0) end
        return hosts.candles(since, limit, 100)
      end,
    }
    hosts.strategy { strategyName = "first", interval = "1d" }
    hosts.strategy { interval = "1d" }
    local stop = hosts.live("first")
    hosts.live()
    clock:advance(1000) -- both wait for the second try
    stop()
    clock:advance(5000) -- that fails as well
    bad = false
    clock:advance(10000)
    assert.same({}, heard.errors)
    assert.equal("opened", heard.summary())
    assert.equal("main", heard.events[1].strategyName)
  end)

  it("candles that a strategy changes are its own", function()
    local feed = host.candleFeed { symbol = "BTCUSDT", candles = hosts.candles(START - 90 * MINUTE, 200, 100) }
    host.addExchange { exchangeName = "test", getCandles = feed.getCandles }
    hosts.strategy {
      strategyName = "spoils", getSignal = function(symbol)
        for _, candle in ipairs(host.getCandles(symbol, "1m", 60)) do
          for _, field in ipairs { "open", "high", "low", "close" } do candle[field] = candle[field] / 150 end
        end
      end,
    }
    hosts.strategy { interval = "1d" }
    hosts.live("spoils")
    hosts.live()
    pass(5)
    assert.equal("opened", heard.summary())
  end)

  it("a stop loss that was touched in a minute without an answer is seen in the next", function()
    local quiet
    host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
    host.addExchange {
      exchangeName = "test",
      getCandles = function(_, _, since, limit)
        if host.now() == quiet then error("no answer", 0) end
        local list = hosts.candles(since, limit, 100)
        for _, candle in ipairs(list) do
          if candle.timestamp == START + 2 * MINUTE then candle.low = 50 end
        end
        return list
      end,
    }
    quiet = START + 3 * MINUTE -- the first that sees the candle of minute 2
    hosts.strategy { interval = "1d" }
    hosts.live()
    pass(3)
    assert.equal("opened", heard.summary())
    pass(1)
    assert.equal("opened closed:stop_loss", heard.summary())
  end)

  it("a listener of errors that never ends keeps nobody", function()
    hosts.exchange(function() return price end)
    host.listenError(function() coroutine.yield() end)
    hosts.strategy { getSignal = function() error("no idea", 0) end }
    hosts.strategy { strategyName = "other", interval = "1d" }
    hosts.live()
    hosts.live("other")
    pass(10)
    assert.equal(11, #heard.errors)
    assert.equal("opened", heard.summary())
  end)

  it("a listener that catches its end twice keeps nobody else from hearing", function()
    hosts.exchange(function() return price end)
    host.setConfig { CC_MAX_SIGNAL_GENERATION_SECONDS = 0.1 }
    for catches = 0, 6 do
      hosts.strategy { strategyName = "s" .. catches, interval = "1d" }
      local stop = host.listenSignalLive(function(event)
        if event.action ~= "opened" then return end
        local function place()
          local n = 0
          while true do n = n + 1 end
        end
        for _ = 1, catches do pcall(place) end
        place()
      end)
      local second
      local stopSecond = host.listenSignalLive(function(event) second = second or event.id and event.action end)
      hosts.live("s" .. catches)
      pass(1)
      assert.equal("opened", second, catches .. " catches")
      stop()
      stopSecond()
    end
  end)

  it("nothing happens inside a transaction of a script that waits", function()
    hosts.exchange(function() return price end)
    hosts.strategy { interval = "1d" }
    hosts.live()
    raises.error("busy", "^waiting: not inside a transaction", holdfast.transaction, function() host.sleep(60000) end)
    raises.error("busy", "^advanceTo: not inside a transaction", holdfast.transaction, function() pass(1) end)
    assert.equal("", heard.summary())
    pass(1)
    assert.equal("opened", heard.summary())
  end)

  describe("a listener", function()
    before_each(function() hosts.exchange(function() return price end) end)

    it("raises: it is said, others hear, and nothing is told twice", function()
      local calls, after = 0, 0
      host.listenSignalLive(function(event)
        if not event.id then return end
        calls = calls + 1
        error("I do not like it", 0)
      end)
      host.listenSignalLive(function(event) after = after + (event.id and 1 or 0) end)
      hosts.strategy { interval = "1d", callbacks = { onOpen = function() error("nor do I", 0) end } }
      local stop = hosts.live()
      pass(3)
      stop()
      host.run()
      hosts.live()
      pass(3)
      assert.same({ 1, 1 }, { calls, after })
      assert.equal(2, #heard.errors)
      assert.equal("callbacks.onOpen", heard.errors[1].source)
      assertError("script", "a listener", "I do not like it")
    end)

    it("hangs: it is left to itself", function()
      host.listenSignalLive(function(event)
        if event.action == "opened" then coroutine.yield() end
      end)
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(2)
      assert.equal("opened", heard.summary())
      pass(2)
      assertError("timeout", "a listener", "^a listener of strategy 'main' on BTCUSDT has not returned in 180 s")
      price = 115
      pass(1)
      assert.equal("opened closed:take_profit", heard.summary())
    end)

    it("ends the listening in the middle of an event", function()
      local stops, calls = {}, { 0, 0 }
      for i = 1, 2 do
        stops[i] = host.listenSignalLive(function()
          calls[i] = calls[i] + 1
          stops[1]()
          stops[2]()
        end)
      end
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(3)
      assert.same({ 1, 1 }, calls)
    end)

    it("is no function", function()
      raises.error("invalid_argument", "host.listenDone: give a function, not a nil", host.listenDone)
    end)
  end)
end)
