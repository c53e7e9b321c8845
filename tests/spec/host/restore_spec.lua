-- SPDX-License-Identifier: MIT
--
-- What the strategy host finds when it begins, and what others do to its state meanwhile: rows that it takes up, rows
-- that are not its own, ledgers and leases, stores of risk profiles that are down.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local temp = require "support.temp"

local START = hosts.START
local signals, schedules = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter
local risks, partials = holdfast.PersistRiskAdapter, holdfast.PersistPartialAdapter

describe("a live run", function()
  local world, heard

  before_each(function()
    world = hosts.world()
    heard = world.heard
  end)
  after_each(hosts.finish)

  local function pass(minutes, at) world.pass(minutes, at) end

  it("writes nothing any more once it has ended, whatever a loop over it asks for", function()
    local price = 100
    host.addExchange { exchangeName = "own", getCandles = function(_, _, since, limit)
      return hosts.candles(since, limit, price)
    end }
    hosts.strategy { interval = "1d" }
    local options = { strategyName = "main", exchangeName = "own" }
    local step = host.Live.run("BTCUSDT", options)
    assert.equal("opened", step().action)
    host.Live.stop()
    host.run()
    host.Live.background("BTCUSDT", options)
    price = 80
    pass(2)
    local function stage()
      local _, entry = next(partials.readPartialData("BTCUSDT"))
      return entry.stage
    end
    assert.equal("closed", stage())
    assert.is_nil(step())
    pass(1)
    assert.equal("closed", stage())
  end)

  it("ends where its lease is lost, and says to whom", function()
    local folder = temp.directory()
    world = hosts.world("lmdb:" .. folder)
    heard = world.heard
    hosts.strategy { interval = "1d" }
    hosts.live()
    pass(1)
    local lock = folder .. "/.lease/signal/main/BTCUSDT.lock"
    os.remove(lock)
    pass(1) -- it is made again
    assert.same({}, heard.errors)
    assert.is_true(#temp.readFile(lock) > 0)
    os.remove(lock)
    local other = require "holdfast.core".lease(lock, "another bot")
    pass(1)
    assert.equal("busy", heard.errors[1].code)
    assert.matches("is held by process %d+ on host .* %(another bot, since", heard.errors[1].message)
    assert.same({}, host.Live.list())
    other:release()
    hosts.fresh() -- closes the store
    temp.removeAll()
  end)

  -- A store of the slots that is down where the function says so, and a strategy that takes one.
  local function slotsIn(isDown)
    local Down = holdfast.MemoryPersist:extend("Down")
    function Down:readValue(id)
      if isDown() then error(holdfast.error("unavailable", "no risk store")) end
      return holdfast.MemoryPersist.readValue(self, id)
    end
    risks.close()
    risks.usePersistRiskAdapter(Down, "memory:down")
    host.addRisk { riskName = "r", validations = { function() end } }
    hosts.strategy { interval = "1d", riskName = "r" }
  end

  for when, isRestarted in pairs { ["is down when it starts"] = true, ["goes down meanwhile"] = false } do
    it("closes and tells where the risk profiles' store " .. when .. ", and gives the slot back later", function()
      local down = false
      slotsIn(function() return down end)
      local stop = hosts.live()
      pass(1)
      if isRestarted then
        stop()
        host.run()
      end
      down = true
      if isRestarted then hosts.live() end
      pass(3)
      pass(6, 80)
      assert.equal("opened closed:stop_loss", heard.summary())
      assert.matches("no risk store", heard.errors[1].message)
      down = false
      pass(1)
      assert.is_nil(next(risks.readPositionData("r") or {}))
    end)
  end

  it("keeps the slot that another process takes while it looks for those whose time is over", function()
    local function slot(id, name)
      return { signalId = id, strategyName = name, symbol = "BTCUSDT", openTimestamp = START, minuteEstimatedTime = 1 }
    end
    local Busy = holdfast.MemoryPersist:extend("Busy")
    function Busy:readValue(id)
      if id == "over/BTCUSDT" then -- by a clock that is not that of the other process, its new slot has expired, too
        risks.writePositionData({ slot("x1", "over"), slot("x2", "late") }, "r")
      end
      return holdfast.MemoryPersist.readValue(self, id)
    end
    signals.close()
    signals.usePersistSignalAdapter(Busy, "memory:busy")
    signals.writeSignalData({ id = "x2" }, "late", "BTCUSDT")
    risks.writePositionData({ slot("x1", "over") }, "r")
    host.addRisk { riskName = "r", validations = { function() return "none" end } }
    hosts.strategy { interval = "1d", riskName = "r" }
    pass(10)
    hosts.live()
    pass(1)
    local slots = risks.readPositionData("r")
    assert.equal(1, #slots)
    assert.equal("x2", slots[1].signalId)
  end)

  it("is not blocked by rows of others in a risk profile", function()
    host.addRisk { riskName = "r", validations = { function() end } }
    risks.writePositionData({ { openTimestamp = 1, minuteEstimatedTime = 5, note = "foreign" } }, "r")
    hosts.strategy { interval = "1d", riskName = "r" }
    hosts.live()
    pass(1)
    assert.equal("opened", heard.summary())
    assert.same({}, heard.errors)
    assert.equal(2, #risks.readPositionData("r"))
  end)

  it("is blocked by a ledger that makes no sense, before anything is stored", function()
    for number, spoilt in ipairs {
      { "x" }, { a = { strategyName = "main", at = 1e300 } },
      { a = { strategyName = "main", at = 1, askedAt = 1, stage = "idle", profitLevels = {}, lossLevels = {},
        events = { "x" } } },
    } do
      local symbol = "S" .. number
      partials.writePartialData(spoilt, symbol)
      if number == 1 then hosts.strategy { interval = "1d" } end
      hosts.live("main", symbol)
      pass(2)
      assert.equal("", heard.summary())
      assert.equal(number, #heard.errors)
      assert.matches("the levels of S%d: ", heard.errors[number].message)
      assert.is_nil(signals.readSignalData("main", symbol))
    end
  end)

  it("opens nothing under the id of another strategy's signal", function()
    hosts.strategy { strategyName = "one", interval = "1d", id = "same" }
    hosts.strategy { strategyName = "two", interval = "1d", id = "same" }
    hosts.live("one")
    hosts.live("two")
    pass(1)
    assert.equal("opened", heard.summary())
    assert.equal("the signal's id same is that of strategy 'one' on BTCUSDT: each needs its own",
      heard.errors[1].message)
    assert.is_nil(signals.readSignalData("two", "BTCUSDT"))
  end)

  describe("leaves alone, and reports,", function()
    local function row(changes)
      local r = {
        id = "x1", symbol = "BTCUSDT", strategyName = "main", exchangeName = "test", position = "long",
        priceOpen = 100, priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60, scheduledAt = START,
        pendingAt = START,
      }
      for k, v in pairs(changes or {}) do r[k] = v end
      return r
    end

    local function assertLeft(given, message)
      signals.writeSignalData(given, "main", "BTCUSDT")
      local asked = hosts.strategy {}
      hosts.live()
      pass(10)
      assert.same({}, asked)
      assert.equal("", heard.summary())
      assert.equal(1, #heard.errors)
      assert.equal("conflict", heard.errors[1].code)
      assert.matches(message, heard.errors[1].message)
      assert.same(given, signals.readSignalData("main", "BTCUSDT"))
      -- Once it is gone, the strategy goes on by itself.
      signals.writeSignalData(nil, "main", "BTCUSDT")
      pass(1)
      assert.equal("opened", heard.summary())
    end

    it("a signal of another exchange", function()
      assertLeft(row { exchangeName = "other" }, "its exchange is 'other', and this run's is 'test'")
    end)

    it("a signal of another strategy", function()
      assertLeft(row { strategyName = "other" }, "its strategy is 'other'")
    end)

    it("what is not a signal", function() assertLeft({ hello = "there" }, "its id is nil") end)

    it("a signal with a price that is none", function()
      assertLeft(row { priceStopLoss = "cheap" }, "its priceStopLoss is cheap")
    end)
  end)

  it("takes up a signal that nothing else knows of: tells that it opened, and makes its slot", function()
    host.addRisk { riskName = "one", validations = { function() return "never" end } }
    signals.writeSignalData({
      id = "x1", symbol = "BTCUSDT", strategyName = "main", exchangeName = "test", position = "long", priceOpen = 100,
      priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60, scheduledAt = START, pendingAt = START,
    }, "main", "BTCUSDT")
    hosts.strategy { riskName = "one", interval = "1d" }
    hosts.live()
    pass(1)
    assert.equal("again:opened", heard.summary())
    assert.equal("x1", risks.readPositionData("one")[1].signalId)
    pass(6, 120)
    assert.equal("again:opened closed:take_profit", heard.summary())
    assert.is_nil(next(risks.readPositionData("one") or {}))
  end)

  it("clears a scheduled signal that has opened already", function()
    local r = {
      id = "x1", symbol = "BTCUSDT", strategyName = "main", exchangeName = "test", position = "long", priceOpen = 100,
      priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60, scheduledAt = START, pendingAt = START,
    }
    signals.writeSignalData(r, "main", "BTCUSDT")
    r.pendingAt = 0
    schedules.writeScheduleData(r, "main", "BTCUSDT")
    hosts.strategy { interval = "1d" }
    hosts.live()
    pass(1)
    assert.equal("again:opened", heard.summary())
    assert.is_nil(schedules.readScheduleData("main", "BTCUSDT"))
  end)

  it("says so where an open signal was cleared by somebody, and goes on", function()
    hosts.strategy { interval = "1h" }
    local stop = hosts.live()
    pass(1)
    stop()
    host.run()
    signals.writeSignalData(nil, "main", "BTCUSDT")
    hosts.live()
    pass(1)
    assert.matches("was opened and its row is gone", heard.errors[1].message)
    pass(60)
    assert.equal("opened opened", heard.summary())
  end)

  it("says so where the clock has gone back, and does nothing until it has come again", function()
    hosts.strategy { minuteEstimatedTime = 2 }
    pass(100)
    local stop = hosts.live()
    pass(4)
    stop()
    host.run()
    local before = heard.summary()
    world.clock = hosts.clock(50)
    hosts.live()
    pass(10)
    assert.equal(before, heard.summary())
    assert.equal(1, #heard.errors)
    assert.matches("^the clock says 2024%-02%-07T22:53:00Z, and what is stored is of 2024%-02%-07T23:4.*: nothing is "
      .. "done until then, and the open signal main/BTCUSDT/%d+ of strategy 'main' .* is NOT WATCHED for 5%d min",
      heard.errors[1].message)
    pass(50)
    assert.is_true(#heard.summary() > #before)
  end)
end)
