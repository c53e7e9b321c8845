-- SPDX-License-Identifier: MIT
--
-- The strategy host in live mode: the life of a signal, what is stored of it, and what the next run goes on with.  What
-- that finds that is not its own is for restore_spec.lua; that nothing is lost when the process is killed is for
-- tests/fault/host/kill9_test.sh.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE
local signals, schedules = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
local partials = holdfast.PersistPartialAdapter

describe("a live run", function()
  local world, heard

  before_each(function()
    world = hosts.world()
    heard = world.heard
  end)
  after_each(hosts.finish)

  local function pass(minutes, at) world.pass(minutes, at) end

  describe("opens", function()
    it("at once, at the average price, and says so once it is stored", function()
      local stored
      hosts.strategy { callbacks = { onOpen = function() stored = signals.readSignalData("main", "BTCUSDT") end } }
      hosts.live()
      pass(0)
      assert.equal("opened", heard.summary())
      local event = heard.events[1]
      assert.equal("main/BTCUSDT/" .. START, event.signal.id)
      assert.equal(event.signal.id .. ":opened:", event.id:sub(1, -17)) -- and what its content comes to
      assert.equal(100, event.currentPrice)
      assert.equal(START, event.signal.pendingAt)
      assert.equal(START, event.timestamp)
      assert.is_false(event.backtest)
      assert.same(event.signal, stored)
    end)

    it("by the volume-weighted price of the five minutes before, and not of the one that is under way", function()
      hosts.strategy {}
      host.addExchange {
        exchangeName = "uneven",
        getCandles = function(_, _, since, limit)
          local list = {}
          for i = 0, limit do -- one more: the minute that is under way
            local time = since + i * MINUTE
            local n = (time - START) / MINUTE
            list[#list + 1] = {
              timestamp = time, open = 100, high = n < 0 and 103 + n * 0.1 or 500, low = n < 0 and 97 or 1,
              close = 100, volume = n < 0 and -n or 1e9,
            }
          end
          return list
        end,
      }
      hosts.live("main", "BTCUSDT", "uneven")
      pass(0)
      local sum, volume = 0, 0
      for n = -5, -1 do
        sum, volume = sum + (103 + n * 0.1 + 97 + 100) / 3 * -n, volume - n
      end
      assert.near(sum / volume, heard.events[1].signal.priceOpen, 1e-9)
    end)

    it("with getSignal asked first at once, then in each interval of the epoch", function()
      local asked = hosts.strategy { interval = "5m", getSignal = function() end }
      hosts.live()
      pass(12)
      -- START is three minutes into an interval of five.
      assert.same({ 0, 2, 7, 12 }, asked)
      assert.equal("", heard.summary())
    end)

    it("where getSignal says, once the price is there", function()
      hosts.strategy { priceOpen = 98 }
      hosts.live()
      pass(1)
      assert.equal("scheduled", heard.summary())
      assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
      assert.equal(98, schedules.readScheduleData("main", "BTCUSDT").priceOpen)
      pass(4, 97.6) -- the average is of five candles
      assert.equal("scheduled", heard.summary())
      pass(1)
      assert.equal("scheduled opened", heard.summary())
      local row = heard.events[2].signal
      assert.equal(98, row.priceOpen)
      assert.equal(START, row.scheduledAt)
      assert.equal(START + 6 * MINUTE, row.pendingAt)
      assert.same(row, signals.readSignalData("main", "BTCUSDT"))
      assert.is_nil(schedules.readScheduleData("main", "BTCUSDT"))
    end)

    it("at once where the price is there already", function()
      hosts.strategy { priceOpen = 101 }
      hosts.live()
      pass(0)
      assert.equal("opened", heard.summary())
      assert.equal(101, heard.events[1].signal.priceOpen)
    end)
  end)

  describe("closes", function()
    it("at the take profit, exactly", function()
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(1)
      pass(9, 115)
      assert.equal("opened closed:take_profit", heard.summary())
      local event = heard.events[2]
      assert.equal(110, event.currentPrice)
      local o, c = 100 * 1.001, 110 * 0.999
      assert.near((c - o) / o * 100 - 0.1 - 0.1 * c / o, event.pnl.pnlPercentage, 1e-12)
      assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
    end)

    it("at the stop loss, exactly, as soon as a candle has touched it", function()
      hosts.strategy { interval = "1d", position = "short", priceTakeProfit = 90, priceStopLoss = 110 }
      hosts.live()
      pass(1)
      pass(1, { high = 110.5 })
      assert.equal("opened closed:stop_loss", heard.summary())
      assert.equal(110, heard.events[2].currentPrice)
      assert.equal(START + 2 * MINUTE, heard.events[2].closeTimestamp)
      local o, c = 100 * 0.999, 110 * 1.001
      assert.near((o - c) / o * 100 - 0.1 - 0.1 * c / o, heard.events[2].pnl.pnlPercentage, 1e-12)
    end)

    it("when its time is over, at the average price", function()
      hosts.strategy { interval = "1d", minuteEstimatedTime = 30 }
      hosts.live()
      pass(10)
      pass(20, 104)
      assert.equal("opened closed:time_expired", heard.summary())
      assert.equal(104, heard.events[2].currentPrice)
      assert.equal(START + 30 * MINUTE, heard.events[2].closeTimestamp)
    end)

    it("never, of age, where it may last for ever", function()
      host.setConfig { CC_MAX_SIGNAL_LIFETIME_MINUTES = math.huge }
      hosts.strategy { minuteEstimatedTime = math.huge }
      local stop = hosts.live()
      pass(3000)
      assert.equal("opened", heard.summary())
      stop()
      host.run()
      hosts.live()
      pass(10)
      assert.equal("opened", heard.summary())
      assert.equal(math.huge, signals.readSignalData("main", "BTCUSDT").minuteEstimatedTime)
    end)

    it("and asks again in the next minute, in an interval in which it has not", function()
      local asked = hosts.strategy { interval = "5m", minuteEstimatedTime = 3 }
      hosts.live()
      pass(12)
      -- Opened in minute 0, closed in 3; asked in 4, since the interval that began in minute 2 had no question.
      assert.same({ 0, 4, 8, 12 }, asked)
      assert.equal("opened closed:time_expired opened closed:time_expired opened closed:time_expired opened",
        heard.summary())
    end)
  end)

  describe("cancels what waits", function()
    it("after two hours", function()
      hosts.strategy { interval = "1d", priceOpen = 98 }
      hosts.live()
      pass(119)
      assert.equal("scheduled", heard.summary())
      pass(1)
      assert.equal("scheduled cancelled:timeout", heard.summary())
      assert.equal(START + 120 * MINUTE, heard.events[2].closeTimestamp)
      assert.is_nil(schedules.readScheduleData("main", "BTCUSDT"))
    end)

    it("when the price jumps beyond its stop loss", function()
      hosts.strategy { interval = "1d", priceOpen = 98 }
      hosts.live()
      pass(1)
      pass(1, 50) -- the average: 90
      assert.equal("scheduled cancelled:price_reject", heard.summary())
    end)
  end)

  describe("reports levels", function()
    it("each once, those that were jumped over too, and stores them first", function()
      local stored
      host.listenPartial(function() stored = partials.readPartialData("BTCUSDT") end)
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(1)
      pass(5, 103.5)
      pass(5, 100.5)
      pass(5, 103.5)
      pass(6, 98)
      local levels = {}
      for i, e in ipairs(heard.partials) do levels[i] = e.way .. e.level end
      assert.same({ "profit10", "profit20", "profit30", "loss10", "loss20" }, levels)
      assert.equal("main/BTCUSDT/" .. START .. ":loss:20:", heard.partials[5].id:sub(1, -17))
      local _, entry = next(stored)
      assert.same({ 10, 20, 30 }, entry.profitLevels)
    end)
  end)

  describe("calls", function()
    it("the strategy's functions, each for what it is", function()
      local calls = {}
      local callbacks = {}
      for _, name in ipairs { "onTick", "onIdle", "onOpen", "onActive", "onClose", "onSchedule", "onCancel",
        "onPartialProfit", "onPartialLoss", "onWrite" } do
        callbacks[name] = function(...)
          local list = calls[name] or {}
          calls[name] = list
          list[#list + 1] = { ... }
        end
      end
      hosts.strategy { interval = "1d", priceOpen = 98, callbacks = callbacks }
      hosts.live()
      pass(1)
      pass(6, 98)
      pass(6, 96.5)
      pass(6, 110)
      pass(2, 100)
      assert.equal("scheduled opened closed:take_profit", heard.summary())
      assert.equal(1, #calls.onSchedule)
      assert.equal(1, #calls.onOpen)
      assert.equal(1, #calls.onClose)
      assert.is_nil(calls.onActive)
      assert.equal(1, #calls.onPartialLoss)
      assert.is_true(#calls.onPartialProfit >= 3)
      assert.is_true(#calls.onIdle >= 2)
      assert.equal(22, #calls.onTick) -- one a minute, of the first and the last too
      local symbol, row, at, when, backtest = unpack(calls.onOpen[1])
      assert.same({ "BTCUSDT", 98, 98, false }, { symbol, row.priceOpen, at, backtest })
      assert.equal(row.pendingAt, when)
      assert.equal(10, calls.onPartialProfit[1][3])
      assert.equal(2, #calls.onWrite)
      assert.equal("table", type(calls.onWrite[1][2]))
      assert.is_nil(calls.onWrite[2][2])
      local actions = {}
      for _, call in ipairs(calls.onTick) do actions[call[2].action] = (actions[call[2].action] or 0) + 1 end
      assert.same({ scheduled = 1, waiting = 5, opened = 1, active = 11, closed = 1, idle = 3 }, actions)
    end)

    it("listeners with events of their own, which they may change", function()
      local second
      host.listenSignalLive(function(event)
        if not event.id then return end
        event.signal.priceTakeProfit = 1
        event.action = "spoilt"
      end)
      host.listenSignalLive(function(event) second = second or event.id and event end)
      hosts.strategy { interval = "1d" }
      hosts.live()
      pass(2)
      assert.equal("opened", second.action)
      assert.equal(110, second.signal.priceTakeProfit)
      assert.equal(110, signals.readSignalData("main", "BTCUSDT").priceTakeProfit)
      assert.equal("opened", heard.summary())
    end)
  end)

  describe("is stopped", function()
    it("and what was open is taken up by the next run, through onActive", function()
      local active
      hosts.strategy {
        interval = "1d", callbacks = { onActive = function(_, row, at) active = { row.id, at } end },
      }
      local stop = hosts.live()
      pass(3)
      stop()
      hosts.live() -- at once: it waits for the first to end
      pass(0)
      assert.same({ "main/BTCUSDT/" .. START, 100 }, active)
      active = nil
      pass(5)
      assert.is_nil(active)
      assert.equal("opened", heard.summary())
      pass(6, 115)
      assert.equal("opened closed:take_profit", heard.summary())
      assert.equal(1, #heard.done)
    end)

    it("and what was waiting is taken up, through onSchedule", function()
      local scheduled = 0
      hosts.strategy {
        interval = "1d", priceOpen = 98, callbacks = { onSchedule = function() scheduled = scheduled + 1 end },
      }
      local stop = hosts.live()
      pass(3)
      stop()
      host.run()
      hosts.live()
      pass(6, 97)
      assert.equal(2, scheduled)
      assert.equal("scheduled opened", heard.summary())
    end)

    it("with its time counted from pendingAt", function()
      hosts.strategy { interval = "1d", minuteEstimatedTime = 30 }
      local stop = hosts.live()
      pass(10)
      stop()
      host.run()
      pass(15)
      hosts.live()
      pass(4)
      assert.equal("opened", heard.summary())
      pass(1)
      assert.equal("opened closed:time_expired", heard.summary())
      assert.equal(START + 30 * MINUTE, heard.events[2].closeTimestamp)
    end)

    it("by Live.stop, of all or of some", function()
      hosts.strategy { interval = "1d", getSignal = function() end }
      hosts.live("main", "A")
      hosts.live("main", "B")
      pass(1)
      assert.equal(1, host.Live.stop("A"))
      pass(0)
      assert.same({ "B" }, { host.Live.list()[1].symbol, host.Live.list()[2] })
      assert.equal(0, host.Live.stop("B", { strategyName = "other" }))
      assert.equal(1, host.Live.stop())
      host.run()
      assert.same({}, host.Live.list())
    end)
  end)

  it("asks at most once in an interval, over stops and starts too", function()
    local asked = hosts.strategy { interval = "1h", getSignal = function() end }
    for _ = 1, 5 do
      local stop = hosts.live()
      pass(3)
      stop()
      host.run()
    end
    assert.same({ 0 }, asked)
  end)

  it("iterates its events", function()
    hosts.strategy { minuteEstimatedTime = 2 }
    local actions = {}
    for event in host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "test" }) do
      actions[#actions + 1] = event.action
      if #actions == 4 then break end
    end
    assert.same({ "opened", "closed", "opened", "closed" }, actions)
    assert.equal(1, #host.Live.list())
  end)

  it("keeps an event of an iterator until the loop asks for the next, and then no longer", function()
    hosts.strategy { minuteEstimatedTime = 5 }
    local kept
    local function untold()
      local list = {}
      for _, entry in pairs(partials.readPartialData("BTCUSDT")) do
        for _, event in ipairs(entry.events) do list[#list + 1] = event.action end
      end
      return table.concat(list, " ")
    end
    for event in host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "test" }) do
      host.sleep(1) -- what was heard is noted when there is time
      kept = (kept or "") .. event.action .. "(" .. untold() .. ") "
      host.sleep(6.5 * MINUTE) -- the next ones happen meanwhile
      if event.action == "closed" then break end
    end
    assert.equal("opened(opened) closed(closed opened) ", kept)
    assert.equal("opened closed opened closed opened", (heard.summary():gsub(":time_expired", "")))
    collectgarbage()
    collectgarbage()
    pass(20) -- nobody iterates any more
    assert.equal("", untold())
    assert.same({}, heard.errors)
  end)

  it("goes on with many symbols and strategies at once", function()
    for i = 1, 5 do hosts.strategy { strategyName = "s" .. i, interval = "3m", minuteEstimatedTime = i } end
    for symbol = 1, 40 do
      for i = 1, 5 do hosts.live("s" .. i, "SYMBOL" .. symbol) end
    end
    pass(30)
    local opened, closed = {}, 0
    for _, e in ipairs(heard.events) do
      if e.action == "opened" then
        assert.is_nil(opened[e.id])
        opened[e.id] = true
      else
        closed = closed + 1
      end
    end
    assert.is_true(closed > 40 * 5 * 4)
    assert.same({}, heard.errors)
  end)

  describe("is refused", function()
    it("where the strategy runs on the symbol already", function()
      hosts.strategy {}
      hosts.live()
      raises.error("busy", "Live.background: strategy 'main' runs on BTCUSDT already: stop it first", hosts.live)
    end)

    it("where a name is not known, and says which are", function()
      hosts.strategy {}
      raises.error("invalid_argument", "Live.background: strategyName: there is no strategy 'other'; added were: main",
        hosts.live, "other")
      raises.error("invalid_argument", "Live.background: exchangeName: there is no exchange 'other'; added were: test",
        hosts.live, "main", "BTCUSDT", "other")
      raises.error("invalid_argument",
        "Live.background: there is no option 'strategy': strategyName, exchangeName exist", host.Live.background,
        "BTCUSDT", { strategy = "main" })
      raises.error("invalid_argument", "^Live.run: give a symbol", host.Live.run, nil, {})
    end)

    it("and registers no adapter while it runs", function()
      hosts.strategy {}
      hosts.live()
      raises.error("busy", "^PersistSignalAdapter cannot change its store while Live.background BTCUSDT main runs",
        signals.useMemory)
    end)
  end)
end)
