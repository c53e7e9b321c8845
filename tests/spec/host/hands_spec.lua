-- SPDX-License-Identifier: MIT
--
-- A live host taken in hand, in its own process: closing, cancelling, pausing.  From another process is for
-- tests/spec/cli/hands_spec.lua; kill -9 for tests/fault.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE
local signals, schedules = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
local hostData = holdfast.PersistHostAdapter

describe("a live run that is taken in hand", function()
  local world, heard

  before_each(function()
    world = hosts.world()
    heard = world.heard
  end)
  after_each(hosts.finish)

  local function pass(minutes, at) world.pass(minutes, at) end
  local function idsOf(kind)
    local ids = {}
    for id in hostData.collection():keys { prefix = kind .. "/" } do ids[#ids + 1] = id end
    return ids
  end
  local function outcome(id)
    local answer = host.answer(id)
    return answer and answer.outcome
  end
  -- An open position of two minutes.
  local function open(fields)
    hosts.strategy(fields)
    hosts.live()
    pass(2)
  end

  describe("closes by hand", function()
    it("at once, at the average price, where its minute is free", function()
      open()
      pass(1, 104)
      local id, isHere = host.close("BTCUSDT", { strategyName = "main", note = "too hot" })
      assert.is_true(isHere)
      assert.is_nil(host.answer(id))
      pass(0)
      assert.equal("opened closed:manual", heard.summary())
      local event = heard.events[2]
      assert.same({ "too hot", id, START + 3 * MINUTE }, { event.note, event.requestId, event.timestamp })
      assert.near(100.8, event.currentPrice, 1e-9) -- one of five candles is at 104
      assert.is_nil(signals.readSignalData("main", "BTCUSDT"))
      local answer = host.answer(id)
      assert.same({ "done", event.id, "close", 1 }, { answer.outcome, answer.eventId, answer.kind, answer.version })
      assert.same({}, idsOf "request")
    end)

    it("in the next minute, where something has changed in this one", function()
      hosts.strategy {}
      hosts.live()
      pass(0)
      local id = host.close("BTCUSDT", { strategyName = "main" })
      pass(0)
      assert.equal("opened", heard.summary())
      pass(1)
      assert.equal("opened closed:manual", heard.summary())
      assert.equal("done", outcome(id))
    end)

    it("from a callback of its own, by the name that runs there", function()
      local id
      hosts.strategy {
        callbacks = {
          onTick = function(symbol, event) if event.action == "active" then id = host.close(symbol) end end,
        },
      }
      hosts.live()
      pass(1)
      assert.equal("opened closed:manual", heard.summary())
      assert.equal("done", outcome(id))
    end)

    it("at the price that is given, also while there is no other", function()
      host.addExchange { exchangeName = "down", getCandles = function() error("it is down", 0) end }
      host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
      open()
      host.Live.stop()
      host.run()
      -- The same position, once its exchange is down.
      local row = signals.readSignalData("main", "BTCUSDT")
      row.exchangeName = "down"
      signals.writeSignalData(row, "main", "BTCUSDT")
      hosts.live("main", "BTCUSDT", "down")
      local waits = host.close("BTCUSDT", { strategyName = "main", valid = 2 * MINUTE })
      pass(2)
      assert.is_nil(outcome(waits))
      assert.equal("opened", heard.summary())
      pass(1)
      assert.equal("expired", outcome(waits))
      local id = host.close("BTCUSDT", { strategyName = "main", price = 93.5 })
      pass(1)
      assert.equal("done", outcome(id))
      assert.equal(93.5, heard.events[#heard.events].currentPrice)
    end)

    it("after what its prices come to, which is older, and before that at a price of its own", function()
      hosts.strategy {}
      hosts.live()
      pass(0, { low = 80, high = 100, open = 100, close = 100 })
      local refused = host.close("BTCUSDT", { strategyName = "main" })
      pass(1)
      assert.equal("opened closed:stop_loss", heard.summary())
      assert.equal("refused", outcome(refused))
      assert.matches("was closed in the minute 2024%-02%-07T22:04:00Z", host.answer(refused).message)
      pass(1, 100)
      local own = host.close("BTCUSDT", { strategyName = "main", price = 99 })
      pass(1)
      assert.equal("opened closed:stop_loss opened closed:manual", heard.summary())
      assert.equal("done", outcome(own))
    end)

    it("once, however often it is asked, and never the next signal", function()
      open()
      local first = host.close("BTCUSDT", { strategyName = "main" })
      local second = host.close("BTCUSDT", { strategyName = "main" })
      pass(5)
      assert.equal("opened closed:manual opened", heard.summary())
      assert.same({ "done", "refused" }, { outcome(first), outcome(second) })
    end)

    it("once for an id, also where that was answered already", function()
      open()
      local id = host.close("BTCUSDT", { strategyName = "main", id = "the event/1" })
      assert.equal("the event/1", id)
      host.close("BTCUSDT", { strategyName = "main", id = id })
      pass(3)
      assert.equal("opened closed:manual opened", heard.summary())
      host.close("BTCUSDT", { strategyName = "main", id = id })
      pass(3)
      assert.equal("opened closed:manual opened", heard.summary())
      assert.equal("done", outcome(id))
      raises.error("conflict", "host.cancel: the id the event/1 is that of another request", host.cancel, "BTCUSDT",
        { strategyName = "main", id = id })
    end)

    it("with the request that brings a price first, and of the others the older one", function()
      open()
      pass(0)
      local older = host.close("BTCUSDT", { strategyName = "main" })
      local priced = host.close("BTCUSDT", { strategyName = "main", price = 97 })
      pass(1)
      assert.same({ "refused", "done" }, { outcome(older), outcome(priced) })
      pass(2)
      older = host.close("BTCUSDT", { strategyName = "main", note = "older" })
      host.close("BTCUSDT", { strategyName = "main", note = "younger" })
      pass(1)
      assert.equal("done", outcome(older))
    end)

    it("not where the request was taken back", function()
      hosts.strategy {}
      hosts.live()
      pass(0)
      local id = host.close("BTCUSDT", { strategyName = "main" })
      assert.is_true(host.takeBack(id))
      assert.is_false(host.takeBack(id))
      pass(2)
      assert.equal("opened", heard.summary())
      assert.is_nil(host.answer(id))
    end)

    it("not where it was taken back in the last moment: while the run asks for the price", function()
      local id
      hosts.strategy {}
      host.addExchange {
        exchangeName = "slow",
        getCandles = function(_, _, since, limit)
          if id then hostData.writeHostData(nil, "request", id) end -- as `holdfast rm` does
          return hosts.candles(since, limit, 100)
        end,
      }
      hosts.live("main", "BTCUSDT", "slow")
      pass(0)
      id = host.close("BTCUSDT", { strategyName = "main" })
      pass(2)
      assert.equal("opened", heard.summary())
      assert.equal(0, #heard.errors)
      assert.equal("active", heard.ticks[#heard.ticks].action) -- it goes on
    end)

    it("where the request is known only after a restart", function()
      open()
      host.Live.stop()
      host.run()
      local id, isHere = host.close("BTCUSDT", { strategyName = "main" })
      assert.is_false(isHere)
      hosts.live()
      pass(0)
      assert.equal("opened closed:manual", heard.summary())
      assert.equal("done", outcome(id))
    end)
  end)

  describe("cancels by hand", function()
    it("what waits, at the average price", function()
      open { priceOpen = 95 }
      local id = host.cancel("BTCUSDT", { strategyName = "main" })
      pass(0)
      assert.equal("scheduled cancelled:manual", heard.summary())
      assert.same({ 100, id }, { heard.events[2].currentPrice, heard.events[2].requestId })
      assert.is_nil(schedules.readScheduleData("main", "BTCUSDT"))
      assert.equal("done", outcome(id))
    end)

    it("before it opens in the same minute", function()
      hosts.strategy { priceOpen = 95 }
      hosts.live()
      pass(0, 94)
      local id = host.cancel("BTCUSDT", { strategyName = "main" })
      pass(1)
      pass(5)
      assert.equal("scheduled cancelled:manual", heard.summary():match "^%S+ %S+")
      assert.equal("done", outcome(id))
    end)

    it("also while there is no price", function()
      host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
      local isDown = false
      host.addExchange {
        exchangeName = "falls",
        getCandles = function(_, _, since, limit)
          if isDown then error("it is down", 0) end
          return hosts.candles(since, limit, 100)
        end,
      }
      hosts.strategy { priceOpen = 95 }
      hosts.live("main", "BTCUSDT", "falls")
      pass(0)
      isDown = true
      local id = host.cancel("BTCUSDT", { strategyName = "main" })
      pass(1)
      assert.equal("scheduled cancelled:manual", heard.summary())
      assert.equal(95, heard.events[2].currentPrice)
      assert.equal("done", outcome(id))
    end)

    it("not what has opened meanwhile, and says so", function()
      hosts.strategy { priceOpen = 95 }
      hosts.live()
      pass(0)
      local id = host.cancel("BTCUSDT", { strategyName = "main" })
      host.Live.stop()
      host.run()
      -- It opens by another process that has not seen the request.
      local row = schedules.readScheduleData("main", "BTCUSDT")
      row.pendingAt = START
      signals.writeSignalData(row, "main", "BTCUSDT")
      schedules.writeScheduleData(nil, "main", "BTCUSDT")
      hosts.live()
      pass(1)
      assert.equal("refused", outcome(id))
      assert.matches("has opened: close it", host.answer(id).message)
    end)
  end)

  describe("refuses", function()
    local function refuses(code, message, ...) raises.error(code, message, ...) end

    it("what is not there, and says what is", function()
      refuses("not_found", "host.close: nothing is open of 'main' on BTCUSDT", host.close, "BTCUSDT",
        { strategyName = "main" })
      open { priceOpen = 95 }
      refuses("not_found", "^host.close: nothing is open .*: a signal waits for its price there, which cancel ends$",
        host.close, "BTCUSDT", { strategyName = "main" })
      hosts.finish()
      world = hosts.world()
      open()
      refuses("not_found", "^host.cancel: nothing waits .*: its signal is open, which close ends$", host.cancel,
        "BTCUSDT", { strategyName = "main" })
      assert.same({}, idsOf "request")
    end)

    it("what is wrong, with what to change", function()
      open()
      refuses("invalid_argument", "^host.close: give a symbol", host.close)
      refuses("invalid_argument", "^host.close: strategyName must be", host.close, "BTCUSDT")
      refuses("invalid_argument", "^host.close: give {strategyName=}", host.close, "BTCUSDT", "main")
      refuses("invalid_argument", "^host.close: there is no field 'name'", host.close, "BTCUSDT", { name = "main" })
      for _, price in ipairs { 0, -1, 0 / 0, math.huge, "100" } do
        refuses("invalid_argument", "^host.close: price must be a positive number", host.close, "BTCUSDT",
          { strategyName = "main", price = price })
      end
      for _, valid in ipairs { 0, -1, 0 / 0, math.huge, "10m" } do
        refuses("invalid_argument", "^host.close: valid must be a number of milliseconds", host.close, "BTCUSDT",
          { strategyName = "main", valid = valid })
      end
      refuses("invalid_argument", "^host.close: note must be a string", host.close, "BTCUSDT",
        { strategyName = "main", note = 1 })
      refuses("invalid_argument", "^host.pause: till is 2024%-01%-01T00:00:00Z, which is over", host.pause,
        { till = "2024-01-01" })
      refuses("invalid_argument", "^host.pause: symbol must be a string", host.pause, { symbol = "" })
      refuses("invalid_argument", "^host.pause: there is no field 'until'", host.pause, { ["until"] = 1 })
      refuses("invalid_argument", "^host.resume: there is no field 'reason'", host.resume, { reason = "x" })
      refuses("invalid_argument", "^host.answer: give the id", host.answer)
      refuses("invalid_argument", "^host.answer: give milliseconds", host.answer, "x", -1)
      assert.same({}, idsOf "request")
      assert.same({}, idsOf "pause")
    end)

    it("to be undone with a transaction, and in a backtest", function()
      open()
      for _, what in ipairs { "close", "cancel" } do
        refuses("busy", "^host." .. what .. ": not inside a transaction", holdfast.transaction, host[what], "BTCUSDT",
          { strategyName = "main" })
      end
      refuses("busy", "^host.pause: not inside a transaction", holdfast.transaction, host.pause)
      refuses("busy", "^host.resume: not inside a transaction", holdfast.transaction, host.resume)
      local problem
      host.addStrategy {
        strategyName = "tested",
        getSignal = function() problem = select(2, pcall(host.pause)) end,
      }
      host.addFrame { frameName = "short", startDate = START, endDate = START + MINUTE }
      host.Backtest.report("BTCUSDT", { strategyName = "tested", exchangeName = "test", frameName = "short" })
      assert.matches("^host.pause: not in a backtest", problem.message)
    end)
  end)

  describe("is paused", function()
    it("and asks for nothing until it is resumed", function()
      local asked = hosts.strategy { getSignal = function() end }
      hosts.live()
      pass(0)
      host.pause { strategyName = "main", reason = "night" }
      pass(3)
      assert.same({ 0 }, asked)
      assert.is_true(heard.ticks[#heard.ticks].paused)
      assert.same({ 1, {} }, { host.resume { strategyName = "main" } })
      pass(1)
      assert.same({ 0, 4 }, asked)
      assert.is_nil(heard.ticks[#heard.ticks].paused)
      assert.same({ 0, {} }, { host.resume() })
    end)

    it("while what is open is watched and closed", function()
      open()
      host.pause()
      pass(1, 105)
      assert.is_true(#heard.partials > 0)
      pass(5, 111)
      assert.equal("opened closed:take_profit", heard.summary())
    end)

    it("while what waits goes on waiting, and opens when it is resumed", function()
      hosts.strategy { priceOpen = 95 }
      hosts.live()
      pass(0)
      host.pause { symbol = "BTCUSDT" }
      pass(6, 94)
      assert.equal("scheduled", heard.summary())
      assert.same({ "waiting", true }, { heard.ticks[#heard.ticks].action, heard.ticks[#heard.ticks].paused })
      host.resume()
      pass(1)
      assert.equal("scheduled opened", heard.summary())
      assert.equal(95, heard.events[2].currentPrice)
    end)

    it("while what waits is cancelled, when its time is over or its stop loss is reached", function()
      hosts.strategy { priceOpen = 95 }
      hosts.live()
      pass(0)
      host.pause()
      pass(121)
      assert.equal("scheduled cancelled:timeout", heard.summary())
      host.resume()
      pass(1)
      host.pause()
      pass(6, 80)
      assert.equal("scheduled cancelled:timeout scheduled cancelled:price_reject", heard.summary())
    end)

    it("until a time, from which on it goes on by itself", function()
      local asked = hosts.strategy { getSignal = function() end }
      host.pause { till = START + 3 * MINUTE }
      hosts.live()
      pass(4)
      assert.same({ 3, 4 }, asked)
    end)

    it("over restarts", function()
      local asked = hosts.strategy { getSignal = function() end }
      host.pause { strategyName = "main", symbol = "BTCUSDT" }
      hosts.live()
      pass(1)
      host.Live.stop()
      host.run()
      hosts.live()
      pass(1)
      assert.same({}, asked)
    end)

    it("by its strategy, its symbol, or with all others, and by no other name", function()
      local asked = {}
      for _, name in ipairs { "main", "a/b", "*" } do
        asked[name] = hosts.strategy { strategyName = name, getSignal = function() end }
        hosts.live(name)
      end
      local function askedIn(scope)
        host.pause(scope)
        local before = {}
        for name, list in pairs(asked) do before[name] = #list end
        pass(1)
        local names = {}
        for name, list in pairs(asked) do names[#names + 1] = #list > before[name] and name or nil end
        table.sort(names)
        assert.same({ 1, {} }, { host.resume(scope) })
        return table.concat(names, " ")
      end
      assert.equal("* a/b", askedIn { strategyName = "main" })
      assert.equal("* main", askedIn { strategyName = "a/b", symbol = "BTCUSDT" })
      assert.equal("", askedIn { symbol = "BTCUSDT" })
      assert.equal("", askedIn {})
      assert.equal("* a/b main", askedIn { symbol = "ETHUSDT" })
      assert.equal("* a/b main", askedIn { strategyName = "a" })
    end)

    it("whatever its names are, as long as they can be stored", function()
      local name, symbol = ("%/*"):rep(13), ("a/"):rep(35)
      local asked = hosts.strategy { strategyName = name, getSignal = function() end }
      hosts.live(name, symbol)
      host.pause { strategyName = name, symbol = symbol }
      host.pause { strategyName = name:sub(2), symbol = symbol }
      pass(2)
      assert.same({}, asked)
      assert.equal(0, #heard.errors)
      assert.same({ 1, {} }, { host.resume { strategyName = name } })
      pass(1)
      assert.same({ 3 }, asked)
    end)

    it("for as long as any pause holds that it is in", function()
      host.pause { strategyName = "main", symbol = "BTCUSDT" }
      host.pause { strategyName = "main" }
      host.pause { symbol = "ETHUSDT" }
      local removed, others = host.resume { strategyName = "main", symbol = "BTCUSDT" }
      assert.same({ 1, 1, "main", "*" }, { removed, #others, others[1].strategyName, others[1].symbol })
      assert.same({ 2, {} }, { host.resume() })
    end)

    it("from the moment on that the pause is stored, also between asking and opening", function()
      local asked
      asked = hosts.strategy {
        getSignal = function()
          local everything = { version = 1, strategyName = "*", symbol = "*" }
          if #asked == 1 then hostData.writeHostData(everything, "pause", "*/*") end
          return { position = "long", priceTakeProfit = 110, priceStopLoss = 90 }
        end,
      }
      hosts.live()
      pass(2)
      assert.equal("", heard.summary())
      assert.equal(0, #heard.errors)
      host.resume()
      pass(1)
      assert.equal("opened", heard.summary())
    end)

    it("from that moment on for what is to wait, too", function()
      local asked
      asked = hosts.strategy {
        getSignal = function()
          if #asked == 1 then host.pause() end
          return { position = "long", priceOpen = 95, priceTakeProfit = 110, priceStopLoss = 90 }
        end,
      }
      hosts.live()
      pass(2)
      assert.equal("", heard.summary())
      host.resume()
      pass(1)
      assert.equal("scheduled", heard.summary())
    end)

    it("by what cannot be understood, too", function()
      open { priceOpen = 95 }
      hostData.writeHostData("what is this", "pause", "main/*")
      pass(6, 94)
      assert.equal("scheduled", heard.summary())
      assert.equal(1, (host.resume { strategyName = "main" }))
      pass(1)
      assert.equal("scheduled opened", heard.summary())
    end)
  end)

  describe("answers", function()
    it("what is no request, and leaves the others alone", function()
      open()
      hostData.writeHostData({ version = 1, id = "x", kind = "burn" }, "request", "x")
      hostData.writeHostData("nothing", "request", "y")
      hostData.writeHostData({ version = 2, id = "z", kind = "close" }, "request", "z")
      local id = host.close("BTCUSDT", { strategyName = "main" })
      pass(1)
      assert.equal("done", outcome(id))
      assert.equal("it is no request: its kind is burn", host.answer "x".message)
      assert.equal("it is no request: it is a string", host.answer "y".message)
      assert.equal("it is no request: its version is 2, and 1 is known here", host.answer "z".message)
      assert.same({}, idsOf "request")
    end)

    it("requests of runs that nobody runs, some time after they have expired", function()
      open()
      signals.writeSignalData({ id = "other", strategyName = "other", symbol = "BTCUSDT" }, "other", "BTCUSDT")
      local id, isHere = host.close("BTCUSDT", { strategyName = "other" })
      assert.is_false(isHere)
      pass(12)
      assert.is_nil(outcome(id))
      pass(1)
      assert.equal("expired", outcome(id))
      assert.matches("nobody took it up in the 10 minutes", host.answer(id).message)
    end)

    it("requests for what is not its own row, some time after they have expired", function()
      open()
      host.Live.stop()
      host.run()
      local id = host.close("BTCUSDT", { strategyName = "main" })
      local row = signals.readSignalData("main", "BTCUSDT")
      row.exchangeName = "another"
      signals.writeSignalData(row, "main", "BTCUSDT")
      hosts.live()
      pass(14)
      assert.equal("expired", outcome(id))
      assert.is_not_nil(signals.readSignalData("main", "BTCUSDT"))
    end)

    it("and forgets the answers after a day", function()
      open()
      local id = host.close("BTCUSDT", { strategyName = "main" })
      host.pause()
      pass(24 * 60 - 60)
      assert.equal("done", outcome(id))
      pass(180)
      assert.is_nil(outcome(id))
      assert.same({}, idsOf "answer")
    end)

    it("to a script that waits for it", function()
      open()
      local id = host.close("BTCUSDT", { strategyName = "main" })
      assert.equal("done", host.answer(id, 2 * MINUTE).outcome)
      assert.is_nil(host.answer("no such", 1000))
    end)

    it("no request of somebody whose row is of another signal", function()
      open()
      hostData.writeHostData({
        version = 1, id = "r", kind = "close", strategyName = "main", symbol = "BTCUSDT", signalId = "another",
        at = START, validTill = START + 1e9,
      }, "request", "r")
      pass(1)
      assert.same({ "refused", "the signal another has ended" }, { outcome "r", host.answer "r".message })
      hostData.writeHostData({
        version = 1, id = "s", kind = "close", strategyName = "main", symbol = "BTCUSDT", at = START,
        validTill = START + 1e9,
      }, "request", "s")
      pass(1)
      assert.equal("done", outcome "s") -- it does not say for which
    end)
  end)
end)

-- A class that raises where the test says so, before it does anything.
local function failing(Parent, fails)
  local Failing = Parent:extend("Failing")
  for _, name in ipairs { "readValue", "writeValue", "removeValue" } do
    Failing[name] = function(self, id, ...)
      local isGone = fails.when and fails.when(self.entityName, name, id)
      if isGone then error(holdfast.error("io", "the disk is gone"), 0) end
      return Parent[name](self, id, ...)
    end
  end
  return Failing
end

for _, kind in ipairs { "memory", "file", "script" } do
  describe("a live run on a store of kind " .. kind .. " that is taken in hand", function()
    local world, fails
    local stores, temp = require "support.stores", require "support.temp"

    before_each(function()
      fails = {}
      local Parent = kind == "memory" and holdfast.MemoryPersist or kind == "file" and holdfast.FilePersist
        or require "support.ScriptPersist"
      local base = kind == "memory" and "memory:hands" or temp.quickDirectory() .. "/hands"
      world = hosts.world(failing(Parent, fails), base)
      hosts.strategy {}
      hosts.live()
      world.pass(2)
    end)
    after_each(function()
      hosts.finish()
      hosts.fresh()
      stores.leaveNothing()
    end)

    it("answers what it has done, also where the answer could not be stored at first", function()
      local id = host.close("BTCUSDT", { strategyName = "main" })
      fails.when = function(name, what, row) return name == "host" and what == "writeValue" and row:find "^answer/" end
      world.pass(1)
      local closedWithout = world.heard.summary() == "opened closed:manual"
      assert.equal(kind ~= "memory", closedWithout) -- in a transaction neither has happened
      world.pass(2)
      assert.is_true(#world.heard.errors > 0)
      -- Nothing new opens before: nobody would know any more which request it was.
      assert.is_nil(world.heard.summary():match "opened.*opened")
      fails.when = nil
      world.pass(1)
      assert.equal("done", host.answer(id).outcome)
      world.pass(2)
      assert.equal("opened closed:manual opened", world.heard.summary())
      assert.is_true(host.answer(id).eventId == world.heard.events[2].id)
    end)

    it("is answered by another run what it has done and could not answer, long after", function()
      if kind == "memory" then return end -- there the two are one
      local id = host.close("BTCUSDT", { strategyName = "main" })
      fails.when = function(name, what, row) return name == "host" and what == "writeValue" and row:find "^answer/" end
      world.pass(1)
      host.Live.stop()
      world.pass(1)
      fails.when = nil
      hosts.strategy { strategyName = "other", getSignal = function() end }
      hosts.live("other", "ETHUSDT")
      world.pass(15)
      assert.equal("done", host.answer(id).outcome)
    end)

    it("goes on where what people want cannot be read", function()
      fails.when = function(name, what) return name == "host" and what == "readValue" end
      world.pass(1)
      world.pass(5, 111)
      assert.equal("opened closed:take_profit", world.heard.summary())
      world.pass(2, 100) -- and opens nothing
      assert.equal("opened closed:take_profit", world.heard.summary())
      assert.is_true(#world.heard.errors > 0)
      fails.when = nil
      world.pass(5)
      assert.equal("opened closed:take_profit opened", world.heard.summary())
    end)
  end)
end
