-- SPDX-License-Identifier: MIT
--
-- Transitions of one minute that share a commit: what is one commit and what is not, that each has its own result, and
-- that nothing is told before the commit.

local clocks = require "holdfast.util.clock"
local core = require "holdfast.core"
local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local Position = require "holdfast.host.state.position"
local temp = require "support.temp"
local together = require "holdfast.host.state.together"

local signals, risks = holdfast.PersistSignalAdapter, holdfast.PersistRiskAdapter
local trades = holdfast.PersistTradeAdapter
local LONG_MS, transaction, writeTrade = together.LONG_MS, core.transaction, trades.writeTradeData

local function compute(ms)
  local till = clocks.now() + ms / 1000
  while clocks.now() < till do end -- luacheck: ignore 542
end

describe("transitions of one minute", function()
  local world, heard

  local function start(store, base)
    world = hosts.world(store or "lmdb:" .. temp.directory(), base)
    heard = world.heard
    together.LONG_MS = 60000 -- whatever else this machine does
  end

  after_each(function()
    core.transaction = transaction -- luacheck: ignore 122
    trades.writeTradeData = writeTrade
    together.LONG_MS = LONG_MS
    hosts.finish()
  end)

  local function live(count, strategyName)
    for i = 1, count do hosts.live(strategyName, "S" .. i) end
  end

  local function revision(i) return signals.collection():readEntry("main/S" .. i).revision end

  local function slots(name)
    local symbols = {}
    for i, slot in ipairs(risks.readPositionData(name) or {}) do symbols[i] = slot.symbol end
    return table.concat(symbols, " ")
  end

  -- The symbols of which an event was heard.
  local function symbols(action)
    local list = {}
    for _, event in ipairs(heard.events) do
      if event.action == action then list[#list + 1] = event.symbol end
    end
    return table.concat(list, " ")
  end

  -- Has commits fail for as long as isDown() says so.
  local function failCommits(isDown)
    local depth = 0
    function core.transaction(fn, ...) -- luacheck: ignore 122
      depth = depth + 1
      local ok, raised = pcall(transaction, function(...)
        fn(...)
        if depth == 1 and isDown() then error(holdfast.error("io", "the disk is gone"), 0) end
      end, ...)
      depth = depth - 1
      if not ok then error(raised, 0) end
    end
  end

  it("are one commit, and what was heard of them another one", function()
    start()
    host.addRisk { riskName = "many", validations = { function(p) return p.activePositionCount < 200 end } }
    hosts.strategy { riskName = "many", minuteEstimatedTime = 1 }
    live(200)
    world.pass(0)
    local first = revision(1)
    for i = 2, 200 do assert.equal(first, revision(i)) end
    assert.equal(first, risks.collection():readEntry("many/positions").revision)
    assert.equal(200, #risks.readPositionData("many"))
    assert.equal(200, #heard.events)
    world.pass(1)
    assert.equal("", slots("many"))
    local ended = trades.collection()
    local second
    for id in ended:keys() do
      second = second or ended:readEntry(id).revision
      assert.equal(second, ended:readEntry(id).revision)
    end
    assert.equal(200, ended:count())
    assert.same({}, heard.errors)
  end)

  it("see the slots that earlier ones have taken", function()
    start()
    host.addRisk { riskName = "three", validations = { function(p) return p.activePositionCount < 3 end } }
    hosts.strategy { riskName = "three" }
    live(8)
    local seen = {}
    host.listenRisk(function(event) seen[#seen + 1] = #event.activePositions end)
    world.pass(0)
    assert.equal("S1 S2 S3", symbols("opened"))
    assert.equal("S1 S2 S3", slots("three"))
    assert.equal(revision(1), revision(3))
    assert.same({ 3, 3, 3, 3, 3 }, seen)
    assert.same({}, heard.errors)
  end)

  it("look for pauses that were made since they were handed in, each for its own", function()
    start()
    local function pausing(symbol)
      if symbol == "S3" then host.pause { symbol = "S2" } end
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90 }
    end
    hosts.strategy { getSignal = pausing }
    live(4)
    world.pass(0)
    assert.equal("S1 S3 S4", symbols("opened"))
    assert.equal(revision(1), revision(4))
    host.resume { symbol = "S2" }
    world.pass(1)
    assert.equal("S1 S3 S4 S2", symbols("opened"))
    assert.same({}, heard.errors)
  end)

  it("give back what they have taken where another profile refuses", function()
    start()
    host.addRisk { riskName = "a", validations = { function(p) return p.activePositionCount < 2 end } }
    host.addRisk { riskName = "b", validations = { function(p) return p.symbol ~= "S1" end } }
    hosts.strategy { riskList = { "a", "b" } }
    live(4)
    world.pass(0)
    assert.equal("S2 S3", symbols("opened"))
    assert.equal("S2 S3", slots("a"))
    assert.equal("S2 S3", slots("b"))
  end)

  it("are undone alone where they raise", function()
    local Failing = holdfast.LmdbPersist:extend("FailingTogether")
    local fails = true
    function Failing:writeValue(id, entity, options)
      if fails and self.entityName == "signal" and id == "main/S2" then
        error(holdfast.error("io", "this one is out of reach"), 0)
      end
      return holdfast.LmdbPersist.writeValue(self, id, entity, options)
    end
    start(Failing, temp.directory())
    host.addRisk { riskName = "free", validations = { function() end } }
    hosts.strategy { riskName = "free", minuteEstimatedTime = 9 }
    live(4)
    world.pass(0)
    assert.equal("S1 S3 S4", symbols("opened"))
    assert.equal(revision(3), revision(4))
    assert.equal("S1 S3 S4", slots("free"))
    assert.equal(1, #heard.errors)
    assert.equal("S2", heard.errors[1].symbol)
    assert.matches("out of reach", heard.errors[1].message)
    fails = false
    world.pass(1)
    assert.equal("S1 S3 S4 S2", symbols("opened"))
    assert.equal("S1 S3 S4 S2", slots("free"))
  end)

  it("have not happened where the commit fails, nor are told, and are tried again", function()
    start()
    host.addRisk { riskName = "free", validations = { function() end } }
    hosts.strategy { riskName = "free", minuteEstimatedTime = 5 }
    live(5)
    local isDown = false
    failCommits(function() return isDown end)
    world.pass(0)
    assert.equal("S1 S2 S3 S4 S5", symbols("opened"))
    isDown = true
    world.pass(8) -- its time is over while no commit succeeds
    assert.equal("", symbols("closed"))
    assert.equal("S1 S2 S3 S4 S5", slots("free"))
    local sources = {}
    for _, failure in ipairs(heard.errors) do sources[failure.symbol] = failure.code end
    assert.same({ S1 = "io", S2 = "io", S3 = "io", S4 = "io", S5 = "io" }, sources)
    isDown = false
    world.pass(1)
    assert.equal("S1 S2 S3 S4 S5", symbols("closed"))
    assert.equal(5, holdfast.PersistTradeAdapter.collection():count())
  end)

  it("come in the order in which the runs began, whatever these did in the minute before", function()
    start()
    hosts.strategy { minuteEstimatedTime = 1, getSignal = function(symbol, when)
      if symbol == "S2" and when == hosts.START then return nil end
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 1 }
    end }
    live(3)
    world.pass(1)
    local list = {}
    for i, event in ipairs(heard.events) do list[i] = event.action .. " " .. event.symbol end
    assert.equal("opened S1, opened S3, closed S1, opened S2, closed S3", table.concat(list, ", "))
  end)

  it("wait for no others where one computes for long", function()
    start()
    together.LONG_MS = 200
    host.addRisk { riskName = "slow", validations = { function(p) if p.symbol == "S2" then compute(300) end end } }
    hosts.strategy { riskName = "slow" }
    live(4)
    world.pass(0)
    assert.equal("S1 S2 S3 S4", symbols("opened"))
    assert.equal(revision(1), revision(2))
    assert.is_true(revision(2) < revision(3))
    assert.equal(revision(3), revision(4))
    assert.equal("S1 S2 S3 S4", slots("slow"))
    assert.same({}, heard.errors)
  end)

  it("are carried out while others still compute", function()
    start()
    together.LONG_MS = 50
    local stored
    hosts.strategy {}
    hosts.strategy { strategyName = "thinker", getSignal = function()
      compute(60)
      stored = signals.readSignalData("main", "S1") ~= nil
    end }
    live(1)
    live(3, "thinker")
    world.pass(0)
    assert.is_true(stored) -- when the last of them thought
    assert.equal("S1", symbols("opened"))
  end)

  it("leave out whose lock was lost meanwhile, and none else", function()
    local directory = temp.directory()
    start("lmdb:" .. directory)
    together.LONG_MS = 40
    local thief
    host.addRisk { riskName = "free", validations = { function(p)
      if p.symbol ~= "S3" or thief then return end
      local path = directory .. "/.lease/signal/main/S1.lock"
      assert(os.remove(path))
      thief = core.lease(path, "a thief", 0)
      compute(60)
    end } }
    hosts.strategy { riskName = "free" }
    live(3)
    world.pass(0)
    thief:release()
    assert.equal("S2 S3", symbols("opened"))
    assert.equal("S2 S3", slots("free"))
    assert.is_nil(signals.readSignalData("main", "S1"))
    assert.equal("busy", heard.errors[1].code)
    assert.equal("S1", heard.errors[1].symbol)
  end)

  it("leave out whose lock was lost before, and none else", function()
    local directory = temp.directory()
    start("lmdb:" .. directory)
    local thief
    hosts.strategy { getSignal = function(symbol)
      if symbol == "S3" then
        local path = directory .. "/.lease/signal/main/S2.lock"
        assert(os.remove(path))
        thief = core.lease(path, "a thief", 0)
      end
      return { position = "long", priceTakeProfit = 110, priceStopLoss = 90 }
    end }
    live(3)
    world.pass(0)
    thief:release()
    assert.equal("S1 S3", symbols("opened"))
    assert.is_nil(signals.readSignalData("main", "S2"))
  end)

  it("count slots that are being taken when a signal is to be scheduled", function()
    start()
    host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
    hosts.strategy { riskName = "one" }
    hosts.strategy { strategyName = "waits", riskName = "one", priceOpen = 95 }
    hosts.live("main", "S1")
    hosts.live("waits", "S2")
    world.pass(0)
    assert.equal("S1", symbols("opened"))
    assert.equal("", symbols("scheduled"))
  end)

  it("grow the store where they do not fit, and lose no minute", function()
    start("lmdb:" .. temp.directory() .. "?mapsize=1048576")
    hosts.strategy { note = ("x"):rep(20000) }
    live(100)
    world.pass(0)
    assert.equal(100, #heard.events)
    assert.same({}, heard.errors)
  end)

  it("leave acknowledged what a loop acknowledges while they wait", function()
    start()
    local taken, step = {}, nil
    local loop = coroutine.create(function()
      for event in step do
        taken[#taken + 1] = event.action
        coroutine.yield()
      end
    end)
    hosts.strategy { minuteEstimatedTime = 2, interval = "1d" }
    hosts.strategy { strategyName = "other", getSignal = function(_, when)
      if when == hosts.START + 2 * hosts.MINUTE then assert(coroutine.resume(loop)) end -- it asks for the next one
    end }
    step = host.Live.run("S1", { strategyName = "main", exchangeName = "test" })
    hosts.live("other", "S2")
    world.pass(0)
    assert(coroutine.resume(loop))
    world.pass(3)
    assert.equal("opened closed", table.concat(taken, " "))
    assert.equal("opened closed:time_expired", heard.summary())
    local _, entry = next(holdfast.PersistPartialAdapter.readPartialData("S1"))
    assert.same({ "closed" }, { entry.events[1].action, entry.events[2] })
    assert.same({}, heard.errors)
  end)

  it("leave acknowledged what a loop acknowledges while an end waits whose trade cannot be written", function()
    start()
    local taken, step, isDown = {}, nil, false
    local loop = coroutine.create(function()
      for event in step do
        taken[#taken + 1] = event.action
        coroutine.yield()
      end
    end)
    function trades.writeTradeData(...)
      if isDown then error(holdfast.error("corrupt", "no trade"), 0) end
      return writeTrade(...)
    end
    hosts.strategy { minuteEstimatedTime = 2, interval = "1d" }
    hosts.strategy { strategyName = "other", getSignal = function(_, when)
      if when == hosts.START + 2 * hosts.MINUTE then
        isDown = true
        assert(coroutine.resume(loop)) -- it asks for the next one
      end
    end }
    step = host.Live.run("S1", { strategyName = "main", exchangeName = "test" })
    hosts.live("other", "S2")
    world.pass(0)
    assert(coroutine.resume(loop))
    world.pass(2)
    isDown = false
    world.pass(1)
    assert.equal("opened closed", table.concat(taken, " "))
    assert.equal("opened closed:time_expired", heard.summary())
  end)

  it("give back no slot before it is noted who was refused it", function()
    start()
    host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
    host.addRisk { riskName = "never", validations = { function() return "never" end } }
    local function later(_, when)
      if when == hosts.START + 2 * hosts.MINUTE then
        return { position = "long", priceTakeProfit = 110, priceStopLoss = 90, minuteEstimatedTime = 60 }
      end
    end
    hosts.strategy { strategyName = "late", riskName = "one", getSignal = later }
    hosts.strategy { riskName = "one", minuteEstimatedTime = 2, interval = "1d" }
    hosts.strategy { strategyName = "no", riskName = "never", getSignal = later }
    hosts.live("late", "S1")
    hosts.live("main", "S2")
    hosts.live("no", "S3")
    world.pass(2)
    assert.equal("S2", symbols("opened"))
    assert.equal("S2", symbols("closed"))
    local ended = trades.collection()
    local id = ended:keys()()
    local noted = holdfast.PersistPartialAdapter.collection():readEntry("S1/levels").revision
    assert.is_true(noted <= ended:readEntry(id).revision)
    assert.same({}, heard.errors)
  end)

  -- What is told of a minute in which a slot is refused and given back, where the process ends after so many commits of
  -- that minute and another one begins in the same.
  local function tellWhereItEnds(commits, ms)
    local store = "lmdb:" .. temp.directory()
    local function begin(minutes)
      start(store)
      together.LONG_MS = ms
      world.clock = hosts.clock(1)
      world.pass(0, 94) -- its price from then on
      world.clock = hosts.clock(minutes)
      host.addRisk { riskName = "one", validations = { function(p) return p.activePositionCount < 1 end } }
      local function add(name, minute, priceOpen)
        hosts.strategy { strategyName = name, riskName = "one", getSignal = function(_, when)
          if when ~= hosts.START + minute * hosts.MINUTE then return end
          return { position = "long", priceTakeProfit = 110, priceStopLoss = 80, priceOpen = priceOpen }
        end }
      end
      add("waits", 0, 99)
      add("late", 2)
      add("later", 2, 90)
      hosts.strategy { riskName = "one", minuteEstimatedTime = 2, interval = "1d" }
      for i, name in ipairs { "waits", "late", "later", "main", "late" } do hosts.live(name, "S" .. i) end
    end
    local told = {}
    local function take()
      for _, event in ipairs(heard.events) do
        local what = event.symbol .. " " .. event.action
        if not told[event.id] then told[#told + 1] = what end
        told[event.id] = what
      end
    end
    begin(0)
    world.pass(1)
    local count = 0
    failCommits(function()
      count = count + 1
      return count > commits
    end)
    world.pass(1)
    local isWhole = count <= commits
    hosts.finish()
    core.transaction = transaction -- luacheck: ignore 122
    take()
    begin(2)
    world.pass(1)
    take()
    return table.concat(told, ", "), isWhole
  end

  it("are not in memory before they are durable", function()
    start()
    local make, position = Position.new, nil
    function Position.new(...)
      position = make(...)
      return position
    end
    hosts.strategy { minuteEstimatedTime = 1 }
    live(1)
    Position.new = make
    local seen = {}
    failCommits(function()
      seen[#seen + 1] = position.row and "row" or "none"
      return false
    end)
    world.pass(0)
    assert.is_table(position.row)
    assert.equal("none", table.concat(seen, " "):match("%w+"))
    seen = {}
    world.pass(1)
    assert.is_nil(position.row)
    assert.equal("row", table.concat(seen, " "):match("%w+"))
    assert.equal("opened closed:time_expired", heard.summary())
  end)

  it("tell the same wherever the process ends between their commits", function()
    local expected = tellWhereItEnds(1000, 60000)
    assert.matches("S1 cancelled", expected)
    assert.matches("S4 closed, S5 opened", expected)
    for _, ms in ipairs { 60000, 0 } do -- 0: as on a machine that stands still after each of them
      local commits = 0
      repeat
        local told, isWhole = tellWhereItEnds(commits, ms)
        assert.equal(expected, told, ("after %d commits, where %d ms are long"):format(commits, ms))
        commits = commits + 1
      until isWhole
      assert.is_true(commits > 2)
    end
  end)
end)
