-- SPDX-License-Identifier: MIT
--
-- The strategy host: what is added to it, its settings, its clocks and its feeds of candles.

local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE

describe("the host", function()
  before_each(function() hosts.fresh() end)
  after_each(hosts.finish)

  local function noop() end

  local function refuses(message, fn, ...) raises.error("invalid_argument", message, fn, ...) end

  describe("adds", function()
    it("strategies, and says what is wrong with one", function()
      refuses("addStrategy: give a table {strategyName=, ...}, not a nil", host.addStrategy)
      refuses("addStrategy: strategyName must be a string of 1 to 100 bytes, not an empty one", host.addStrategy,
        { strategyName = "" })
      refuses("addStrategy 'a': getSignal must be a function, not a nil", host.addStrategy, { strategyName = "a" })
      refuses("^addStrategy 'a': interval '7m': 1m, 3m, 5m, .* exist$", host.addStrategy,
        { strategyName = "a", interval = "7m", getSignal = noop })
      refuses("^addStrategy 'a': there is no field 'getsignal': strategyName, note, .* exist$", host.addStrategy,
        { strategyName = "a", getsignal = noop })
      refuses("^addStrategy 'a': callbacks: there is no field 'onopen': onTick, .* exist$", host.addStrategy,
        { strategyName = "a", getSignal = noop, callbacks = { onopen = noop } })
      refuses("addStrategy 'a': callbacks.onOpen must be a function, not a string", host.addStrategy,
        { strategyName = "a", getSignal = noop, callbacks = { onOpen = "yes" } })
      host.addStrategy { strategyName = "a", getSignal = noop }
      refuses("addStrategy 'a': there is one of that name already: choose another strategyName", host.addStrategy,
        { strategyName = "a", getSignal = noop })
    end)

    it("exchanges, risk profiles and frames, and says what is wrong with one", function()
      refuses("addExchange 'a': getCandles must be a function, not a nil", host.addExchange, { exchangeName = "a" })
      refuses("addRisk 'a': validations must be a list of functions, or of {validate=, note=}", host.addRisk,
        { riskName = "a", validations = {} })
      refuses("addRisk 'a': validations[2] must be a function, not a number", host.addRisk,
        { riskName = "a", validations = { noop, 2 } })
      refuses("^addFrame 'a': startDate must be a time in milliseconds since the epoch", host.addFrame,
        { frameName = "a" })
      refuses("addFrame 'a': startDate: 1707343380 looks like seconds: times are milliseconds since the epoch",
        host.addFrame, { frameName = "a", startDate = 1707343380, endDate = START })
      refuses("addFrame 'a': startDate: the time is the text '1707343380000': give the number, tonumber(...)",
        host.addFrame, { frameName = "a", startDate = "1707343380000", endDate = START })
      refuses("addFrame 'a': startDate must be at the beginning of a minute", host.addFrame,
        { frameName = "a", startDate = START + 1, endDate = START + MINUTE })
      refuses("addFrame 'a': endDate must not be before startDate", host.addFrame,
        { frameName = "a", startDate = START, endDate = START - 1 })
      host.addFrame { frameName = "a", startDate = "2024-02-07T22:03:00Z", endDate = "2024-02-29" }
      for date, message in pairs {
        ["2024-02-30"] = "2024-02-30 is no date", ["2023-02-29"] = "2023-02-29 is no date",
        ["2024-13-01"] = "2024-13-01 is no date", ["2024-02-01T24:00:00Z"] = "2024-02-01T24:00:00Z is no time of a day",
      } do
        refuses("addFrame 'b': startDate: " .. message, host.addFrame, { frameName = "b", startDate = date })
      end
      refuses('addStrategy \'b\': riskList must be a list of names: { "a", "b" }', host.addStrategy,
        { strategyName = "b", getSignal = noop, riskList = { r = true } })
    end)

    it("copies: what is changed later changes nothing", function()
      local clock, heard = hosts.clock(), hosts.hear()
      hosts.exchange(function() return 100 end)
      local strategy = {
        strategyName = "main",
        getSignal = function() return { position = "long", priceTakeProfit = 110, priceStopLoss = 90 } end,
      }
      host.addStrategy(strategy)
      strategy.getSignal = nil
      hosts.live()
      clock:advance(MINUTE)
      assert.equal("opened", heard.summary())
    end)
  end)

  describe("has settings", function()
    it("that change what is allowed, and refuses what is none", function()
      refuses("^setConfig: there is no setting CC_FEE: CC_AVG_PRICE_CANDLES_COUNT, ", host.setConfig, { CC_FEE = 1 })
      refuses("setConfig: CC_PERCENT_FEE must be a number of at least 0, not -1", host.setConfig,
        { CC_PERCENT_FEE = -1 })
      refuses("setConfig: CC_PERCENT_FEE must be a number, not a string", host.setConfig, { CC_PERCENT_FEE = "1" })
      refuses("setConfig: CC_GET_CANDLES_RETRY_COUNT must be a whole number of at least 0, not 0.5", host.setConfig,
        { CC_PERCENT_FEE = 7, CC_GET_CANDLES_RETRY_COUNT = 0.5 })
      -- All or nothing: the fee is what it was.
      local clock, heard = hosts.clock(), hosts.hear()
      local price = 100
      hosts.exchange(function() return price end)
      host.setConfig { CC_PERCENT_SLIPPAGE = 0 }
      hosts.strategy { interval = "1d" }
      hosts.live()
      clock:advance(MINUTE)
      price = 110
      clock:advance(MINUTE)
      assert.near(10 - 0.1 - 0.1 * 1.1, heard.events[2].pnl.pnlPercentage, 1e-9)
    end)
  end)

  describe("has a clock", function()
    it("that stands still until it is moved, and then does in order what was due", function()
      local clock = hosts.clock()
      local order = {}
      local live = { "a", "b" }
      hosts.exchange(function() return 100 end)
      for _, name in ipairs(live) do
        hosts.strategy {
          strategyName = name,
          getSignal = function(_, when) order[#order + 1] = name .. (when - START) / MINUTE end,
        }
        hosts.live(name)
      end
      clock:advanceTo(START + 2.5 * MINUTE)
      assert.equal(START + 2.5 * MINUTE, host.now())
      clock:advanceTo(START) -- never back
      assert.equal(START + 2.5 * MINUTE, host.now())
      assert.same({ "a0", "b0", "a1", "b1", "a2", "b2" }, order)
    end)

    it("that sleeping outside of everything moves", function()
      hosts.clock()
      host.sleep(90 * 1000)
      assert.equal(START + 1.5 * MINUTE, host.now())
    end)

    it("that cannot be changed while something runs by it", function()
      hosts.clock()
      hosts.exchange(function() return 100 end)
      hosts.strategy {}
      hosts.live()
      raises.error("busy", "setClock: something runs by the present clock: stop it first", host.setClock, nil)
      refuses("manualClock: give a time in milliseconds since the epoch, not a nil", host.manualClock)
      refuses("manualClock: 1707343200 looks like seconds: times are milliseconds since the epoch", host.manualClock,
        1707343200)
      refuses("sleep: give milliseconds, not nil", host.sleep)
    end)

    it("that cannot be moved by what its moving has called", function()
      local clock, heard = hosts.clock(), hosts.hear()
      hosts.exchange(function() return 100 end)
      hosts.strategy { getSignal = function() clock:advance(MINUTE) end }
      hosts.live()
      clock:advance(0)
      assert.equal("busy", heard.errors[1].code)
    end)

    it("of the machine, with libuv: a tick at once, and others' callbacks beside it", function()
      local uv = require "luv"
      local heard, fired = hosts.hear(), 0
      host.addExchange {
        exchangeName = "test",
        -- Waits for a timer of its own, as for an answer from the net.
        getCandles = function(_, _, since, limit)
          local co = coroutine.running()
          local timer = uv.new_timer()
          timer:start(10, 0, function()
            timer:close()
            fired = fired + 1
            assert(coroutine.resume(co))
          end)
          coroutine.yield()
          return hosts.candles(since, limit, 100)
        end,
      }
      hosts.strategy { interval = "1d" }
      local stop = hosts.live()
      local before = uv.hrtime()
      host.sleep(100)
      assert.is_true(uv.hrtime() - before >= 99e6)
      assert.equal(1, fired)
      assert.equal("opened", heard.summary())
      assert.near(os.time() * 1000, heard.events[1].timestamp, 62000)
      assert.equal(0, heard.events[1].timestamp % MINUTE)
      stop()
      host.run()
      uv.run("nowait") -- closed timers are gone only then
      assert.is_falsy(uv.loop_alive())
    end)

    it("of the machine, under a loop of libuv that somebody else runs", function()
      local uv = require "luv"
      local heard = hosts.hear()
      hosts.exchange(function() return 100 end)
      hosts.strategy { interval = "1d" }
      local stop = hosts.live()
      local timer = uv.new_timer()
      timer:start(50, 0, function()
        timer:close()
        stop()
      end)
      uv.run()
      assert.equal("opened", heard.summary())
      assert.equal(1, #heard.done)
    end)
  end)

  describe("has feeds of candles", function()
    local function candle(minute, close)
      return hosts.candle(START + minute * MINUTE, close, { high = close + 1, low = close - 1, volume = 2 })
    end

    it("that make longer ones of minutes, keep the last, and let that be corrected", function()
      local feed = host.candleFeed { keep = 30 }
      for i = 0, 60 do feed:push("A", candle(i, 100 + i)) end
      feed:push("A", candle(60, 500))
      assert.equal(500, feed.getCandles("A", "1m", START + 60 * MINUTE, 5)[1].close)
      assert.same({}, feed.getCandles("A", "1m", START, 5)) -- no longer kept
      local five = feed.getCandles("A", "5m", START + 42 * MINUTE, 2)
      assert.same({
        timestamp = START + 42 * MINUTE, open = 142, high = 147, low = 141, close = 146, volume = 10,
      }, five[1])
      assert.same({}, feed.getCandles("B", "1m", START, 5))
    end)

    it("that refuse what does not follow, and what is not a candle", function()
      local feed = host.candleFeed()
      feed:push("A", candle(0, 100))
      raises.error("invalid_value", "^feed of A: the candle of 2024%-02%-07T22:05:00Z does not follow that of "
        .. "2024%-02%-07T22:03:00Z: there must be one for each minute$", feed.push, feed, "A", candle(2, 100))
      raises.error("invalid_value", "^feed of A: candle 1: timestamp is nil", feed.push, feed, "A", {})
      raises.error("invalid_value", "^feed of A: candle 1 is a nil, not a table", feed.push, feed, "A")
    end)

    it("and reads them from files", function()
      local path = os.tmpname()
      local function write(text)
        local file = assert(io.open(path, "w"))
        file:write(text)
        file:close()
      end
      write("timestamp,open,high,low,close,volume\n1707343380000,1,2,0.5,1.5,7\n\n1707343440000,1,2,0.5,1.5,8\n")
      assert.equal(8, host.readCandles(path)[2].volume)
      write("time,open\n")
      raises.error("invalid_value", path .. ":1: the columns must be timestamp,open,high,low,close,volume",
        host.readCandles, path)
      write("timestamp,open,high,low,close,volume\n1707343380000,1,2,0.5,1.5,7\n1707343440000,1,two,0.5,1.5,8\n")
      raises.error("invalid_value", path .. ":3: these are not six numbers: 1707343440000,1,two,0.5,1.5,8",
        host.readCandles, path)
      write("timestamp,open,high,low,close,volume\n1707343380000,1,2,0.5,-1.5,7\n")
      raises.error("invalid_value", path .. ":2: candle 1 (2024-02-07T22:03:00Z): close is -1.5", host.readCandles,
        path)
      os.remove(path)
      raises.error("io", "^cannot read candles: ", host.readCandles, path)
    end)
  end)
end)
