-- SPDX-License-Identifier: MIT
--
-- What live runs note of themselves for other processes to see: what is in it, when it is written, and that nothing
-- comes to depend on it.

local clocks = require "holdfast.util.clock"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local temp = require "support.temp"

local START, MINUTE = hosts.START, hosts.MINUTE
local notes = holdfast.PersistHostAdapter

-- By a clock that the test moves, notes are 100 ms of real time apart at least.
local function breathe() clocks.sleep(0.11) end

local function note(symbol) return notes.readHostData("status", "main/" .. (symbol or "BTCUSDT")) end

local function revisionOf(adapter, id) return adapter.collection():readEntry(id).revision end

local function noteRevision(symbol) return revisionOf(notes, "status/main%2F" .. symbol) end

local function near(expected, got) assert.is_true(math.abs(expected - got) < 1e-9, tostring(got)) end

describe("the note of a run", function()
  local world
  before_each(function() world = hosts.world() end)
  after_each(hosts.finish)

  local function pass(...)
    breathe()
    world.pass(...)
  end

  it("says who runs it, and since when", function()
    hosts.strategy { getSignal = function() end }
    hosts.live()
    local before = clocks.wall()
    world.pass(0)
    local seen = note()
    assert.equal("main BTCUSDT test", table.concat({ seen.strategyName, seen.symbol, seen.exchangeName }, " "))
    assert.same({ 1, 1, true, START }, { seen.version, seen.interval, seen.manual, seen.clockTime })
    assert.equal(require("ffi").C.getpid(), seen.pid)
    assert.matches(("^process %d %%(Live%%.background BTCUSDT main, since 2"):format(seen.pid), seen.holder)
    assert.is_true(seen.writtenAt >= before and seen.writtenAt <= clocks.wall())
    assert.is_true(seen.startedAt <= seen.writtenAt and seen.startedAt > before - 5000)
    assert.same({ 100, START }, { seen.price, seen.minute })
    assert.same({}, seen.failures)
    for _, field in ipairs { "position", "waiting", "slots", "blocked", "endedAt", "stopping" } do
      assert.is_nil(seen[field], field)
    end
  end)

  it("has the open position at the last price", function()
    host.addRisk { riskName = "few", validations = { function() end } }
    hosts.strategy { priceTakeProfit = 110, priceStopLoss = 95, minuteEstimatedTime = math.huge, riskName = "few" }
    host.setConfig { CC_MAX_SIGNAL_LIFETIME_MINUTES = math.huge }
    hosts.live()
    world.pass(5)
    world.pass(5, 104)
    pass(1)
    local seen = note()
    assert.same({ 104, START + 11 * MINUTE }, { seen.price, seen.minute })
    local position = seen.position
    assert.same({ "long", 100, 110, 95, START, math.huge }, { position.position, position.priceOpen,
      position.priceTakeProfit, position.priceStopLoss, position.openedAt, position.minuteEstimatedTime })
    near(6 / 104 * 100, position.toTakeProfit)
    near(9 / 104 * 100, position.toStopLoss)
    near((104 * 0.999 - 100.1) / 100.1 * 100 - 0.1 - 0.1 * (104 * 0.999) / 100.1, position.pnl)
    assert.equal(holdfast.PersistSignalAdapter.readSignalData("main", "BTCUSDT").id, position.id)
    assert.same({ few = 1 }, seen.slots)
  end)

  it("has the signal that waits, and until when it does", function()
    hosts.strategy { position = "short", priceOpen = 105, priceTakeProfit = 90, priceStopLoss = 110 }
    hosts.live()
    world.pass(0)
    local seen = note()
    assert.is_nil(seen.position)
    assert.same({ "short", 105, START, START + 120 * MINUTE },
      { seen.waiting.position, seen.waiting.priceOpen, seen.waiting.scheduledAt, seen.waiting.till })
    near(5, seen.waiting.toOpen) -- percent of the price, which has to rise
  end)

  it("has what failed of late, things that are alike once", function()
    local number = 0
    hosts.strategy { getSignal = function()
      number = number + 1
      if number == 4 then error(("x\255"):rep(400)) end
      if number == 5 then error("another thing") end
      error("no idea, for the time number " .. number)
    end }
    hosts.live()
    for _ = 1, 5 do world.pass(1) end
    pass(1)
    local failures = note().failures
    assert.equal(3, #failures)
    assert.equal(300, #failures[1].message)
    assert.is_nil(failures[1].message:find("\255", 1, true))
    assert.matches("another thing$", failures[2].message)
    assert.same({ "getSignal", "script", 5, START + 6 * MINUTE },
      { failures[3].source, failures[3].code, failures[3].count, failures[3].at })
    assert.matches("for the time number 7$", failures[3].message)
  end)

  it("keeps the latest five kinds of failures, for a day", function()
    hosts.strategy { interval = "1m", getSignal = function(_, when)
      error("kind " .. ("x"):rep(1 + (when - START) / MINUTE))
    end }
    hosts.live()
    for _ = 1, 7 do world.pass(1) end
    pass(0)
    pass(1)
    local failures = note().failures
    assert.equal(5, #failures)
    assert.matches("kind x+$", failures[5].message)
    assert.equal(START + 8 * MINUTE, failures[5].at)
  end)

  it("is none of a name that is too long for it, which keeps no other from its own", function()
    local long = ("x"):rep(240)
    hosts.strategy { getSignal = function() end }
    hosts.exchange(function() return 100 end, "\255")
    hosts.live("main", long)
    hosts.live("main", "BTCUSDT", "\255")
    world.pass(1)
    assert.equal("?", note().exchangeName)
    assert.same({ 1, "PersistHostAdapter", "invalid_argument" },
      { #world.heard.errors, world.heard.errors[1].source, world.heard.errors[1].code })
  end)

  it("goes with a run that ends with nothing open", function()
    hosts.strategy { getSignal = function() end }
    local stop = hosts.live()
    world.pass(1)
    assert.is_truthy(note())
    stop()
    host.run()
    assert.is_nil(note())
  end)

  it("stays when something is open, and says when the run has ended", function()
    hosts.strategy()
    local stop = hosts.live()
    world.pass(1)
    assert.is_nil(note().endedAt)
    stop()
    host.run()
    local seen = note()
    assert.is_true(math.abs(clocks.wall() - seen.endedAt) < 60000)
    assert.equal("long", seen.position.position)
    hosts.live()
    breathe()
    world.pass(1)
    assert.is_nil(note().endedAt)
  end)

  it("is not written where no minutes are between two, and goes all the same", function()
    hosts.strategy()
    local stop = hosts.live()
    world.pass(1)
    stop()
    host.run()
    host.setConfig { CC_STATUS_INTERVAL_MINUTES = 0 }
    local before = note().writtenAt
    stop = hosts.live()
    pass(3)
    assert.equal(before, note().writtenAt)
    stop()
    host.run()
    assert.is_nil(note())
  end)

  it("comes as often as is asked for", function()
    host.setConfig { CC_STATUS_INTERVAL_MINUTES = 3 }
    hosts.strategy { getSignal = function() end }
    hosts.live()
    local minutes = {}
    for _ = 1, 8 do
      pass(1)
      minutes[#minutes + 1] = (note().minute - START) / MINUTE
    end
    assert.same({ 0, 0, 3, 3, 3, 6, 6, 6 }, minutes)
    assert.has_error(function() host.setConfig { CC_STATUS_INTERVAL_MINUTES = 0.5 } end)
    assert.has_error(function() host.setConfig { CC_STATUS_INTERVAL_MINUTES = math.huge } end)
  end)

  it("comes at once when the clock goes back", function()
    hosts.strategy { getSignal = function() end }
    local stop = hosts.live()
    pass(30)
    stop()
    host.run()
    host.setClock()
    world.clock = hosts.clock(20)
    hosts.live()
    pass(0)
    assert.equal(START + 20 * MINUTE, note().clockTime)
  end)

  it("is none of a backtest, nor is what fails in one", function()
    hosts.strategy { getSignal = function(symbol) if symbol == "BTCUSDT" then error "no idea" end end }
    host.addFrame { frameName = "hour", startDate = START, endDate = START + 3 * MINUTE }
    hosts.live("main", "ETHUSDT")
    hosts.live()
    world.pass(0)
    local live = note().failures[1].count
    for _ in host.Backtest.run("BTCUSDT", { strategyName = "main", exchangeName = "test", frameName = "hour" }) do
      assert(nil)
    end
    pass(1)
    assert.equal(live + 1, note().failures[1].count)
    local ids = {}
    for id in notes.collection():keys() do ids[#ids + 1] = id end
    assert.same({ "status/main%2FBTCUSDT", "status/main%2FETHUSDT" }, ids)
  end)

  it("is there when a run waits for its exchange, and keeps no other from its own", function()
    local hangs
    host.addExchange {
      exchangeName = "slow",
      getCandles = function(_, _, since, limit)
        if hangs then host.sleep(170000) end
        return hosts.candles(since, limit, 50)
      end,
    }
    hosts.strategy { getSignal = function() end }
    hosts.live("main", "BTCUSDT", "test")
    hosts.live("main", "ETHUSDT", "slow")
    world.pass(1)
    hangs = true
    breathe()
    world.clock:advance(MINUTE)
    assert.same({ START, START }, { note().minute, note("ETHUSDT").minute })
    world.clock:advance(21000)
    assert.same({ START + 2 * MINUTE, START + MINUTE }, { note().minute, note("ETHUSDT").minute })
    assert.equal(START + 2 * MINUTE + 20000, note("ETHUSDT").clockTime)
    breathe()
    world.clock:advance(MINUTE)
    assert.same({ START + 3 * MINUTE, START + MINUTE }, { note().minute, note("ETHUSDT").minute })
    hangs = false
    world.clock:advance(2 * MINUTE)
    breathe()
    world.clock:advance(MINUTE)
    assert.equal(note().minute, note("ETHUSDT").minute)
  end)
end)

describe("notes in a store with transactions", function()
  local world
  after_each(hosts.finish)

  it("are one commit for all runs, with what was acknowledged, and the only one of a quiet minute", function()
    world = hosts.world("lmdb:" .. temp.directory())
    local silent = true
    hosts.strategy { getSignal = function()
      return not silent and { position = "long", priceTakeProfit = 110, priceStopLoss = 90 } or nil
    end }
    local symbols = { "BTCUSDT", "ETHUSDT", "SOLUSDT" }
    for _, symbol in ipairs(symbols) do hosts.live("main", symbol) end
    local function same()
      local revision = noteRevision "BTCUSDT"
      for _, symbol in ipairs(symbols) do assert.equal(revision, noteRevision(symbol)) end
      return revision
    end
    world.pass(0)
    local first = same()
    for minute = 1, 3 do
      breathe()
      world.pass(1)
      assert.equal(first + minute, same())
    end
    silent = false
    breathe()
    world.pass(1) -- three openings, in one commit, and then what was acknowledged, with the notes
    assert.equal(first + 3 + 1 + 1, same())
    assert.equal(same(), revisionOf(holdfast.PersistPartialAdapter, "BTCUSDT/levels"))
    assert.same({}, holdfast.PersistPartialAdapter.readPartialData("BTCUSDT")[note().position.id].events)
  end)

  it("are one commit of runs that end together", function()
    local directory = temp.directory()
    world = hosts.world("lmdb:" .. directory)
    hosts.strategy { getSignal = function() end }
    for _, symbol in ipairs { "BTCUSDT", "ETHUSDT", "SOLUSDT" } do hosts.live("main", symbol) end
    world.pass(1)
    local before = noteRevision "BTCUSDT"
    host.Live.stop()
    host.run()
    assert.equal(0, notes.collection():count())
    notes.writeHostData({}, "test", "x")
    assert.equal(before + 2, revisionOf(notes, "test/x"))
  end)

  it("are no more than ten a second where minutes are played as fast as can be", function()
    world = hosts.world("lmdb:" .. temp.directory())
    hosts.strategy { getSignal = function() end }
    hosts.live()
    world.pass(0)
    local before, began = noteRevision "BTCUSDT", clocks.now()
    world.pass(500)
    local most = math.floor((clocks.now() - began) * 10) + 1
    assert.is_true(noteRevision "BTCUSDT" - before <= most, tostring(noteRevision "BTCUSDT" - before))
  end)
end)

describe("notes in a store without transactions", function()
  after_each(hosts.finish)

  it("are written one after the other, and what is due meanwhile is done in between", function()
    local Slow = holdfast.FilePersist:extend "Slow"
    local between = {}
    function Slow:writeValue(id, entity, options)
      if self.entityName == "host" then
        clocks.sleep(0.1)
        between[#between + 1] = id
      end
      return holdfast.FilePersist.writeValue(self, id, entity, options)
    end
    hosts.fresh(Slow, temp.quickDirectory())
    hosts.exchange(function() return 100 end)
    hosts.strategy { getSignal = function() end }
    for number = 1, 4 do hosts.live("main", "S" .. number) end
    local done
    for _ = 1, 100 do
      host.sleep(20)
      if #between == 4 then break end
      if #between > 0 then done = #between end -- this script has its turn
    end
    assert.same({ "status/main%2FS1", "status/main%2FS2", "status/main%2FS3", "status/main%2FS4" }, between)
    assert.is_truthy(done and done < 4)
    assert.equal(100, note("S4").price)
    host.Live.stop()
    host.run()
    assert.equal(0, notes.collection():count())
  end)
end)

describe("a store that takes no notes", function()
  local world, down, tries
  before_each(function()
    down, tries = true, 0
    local Notes = holdfast.MemoryPersist:extend "Notes"
    function Notes:writeValue(id, entity, options)
      tries = tries + 1
      if down == "invalid" and id:find "BTCUSDT" then
        error(holdfast.error("invalid_value", "it has no such number"))
      end
      if down == true then error(holdfast.error("unavailable", "the notes are out of reach")) end
      return holdfast.MemoryPersist.writeValue(self, id, entity, options)
    end
    function Notes:removeValue(id)
      tries = tries + 1
      if down == true then error(holdfast.error("unavailable", "the notes are out of reach")) end
      return holdfast.MemoryPersist.removeValue(self, id)
    end
    world = hosts.world()
    notes.usePersistHostAdapter(Notes, "memory:notes" .. tostring(clocks.wall()))
  end)
  after_each(function()
    hosts.finish()
    notes.close()
  end)

  local function pass(...)
    breathe()
    world.pass(...)
  end

  it("is told of once an hour and tried each minute, and nothing else changes", function()
    hosts.strategy { interval = "1d" }
    hosts.live()
    for _ = 1, 4 do pass(1) end
    pass(6, 115)
    assert.equal("opened closed:take_profit", world.heard.summary())
    assert.equal(1, #world.heard.errors)
    local failure = world.heard.errors[1]
    assert.same({ "PersistHostAdapter", "unavailable", "main" },
      { failure.source, failure.code, failure.strategyName })
    assert.is_true(tries >= 5, tostring(tries))
    pass(60)
    pass(1)
    assert.equal(2, #world.heard.errors)
    down = false
    pass(1)
    assert.equal("unavailable", note().failures[1].code)
  end)

  it("keeps no run from ending, and is asked once for all that end", function()
    hosts.strategy { getSignal = function() end }
    for _, symbol in ipairs { "BTCUSDT", "ETHUSDT", "SOLUSDT" } do hosts.live("main", symbol) end
    down = false
    world.pass(1)
    down = true
    local before = tries
    host.Live.stop()
    host.run()
    assert.same({}, host.Live.list())
    assert.equal(before + 1, tries)
  end)

  it("takes those of the others where it refuses one", function()
    down = "invalid"
    hosts.strategy { getSignal = function() end }
    hosts.live()
    hosts.live("main", "ETHUSDT")
    world.pass(1)
    assert.is_nil(note())
    assert.equal(START, note("ETHUSDT").minute)
    assert.equal("invalid_value", world.heard.errors[1].code)
    assert.equal(1, #world.heard.errors)
  end)
end)
