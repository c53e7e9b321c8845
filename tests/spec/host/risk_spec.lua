-- SPDX-License-Identifier: MIT
--
-- Risk profiles of the strategy host: who may open one more position, and what is stored of those who hold one.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE
local risks, signals = holdfast.PersistRiskAdapter, holdfast.PersistSignalAdapter

describe("a risk profile", function()
  local clock, heard, price

  before_each(function()
    hosts.fresh()
    clock, heard, price = hosts.clock(), hosts.hear(), 100
    hosts.exchange(function() return price end)
  end)
  after_each(hosts.finish)

  local function pass(minutes) clock:advance(minutes * MINUTE) end

  local function atMost(count, name)
    host.addRisk {
      riskName = name or "limited",
      validations = {
        function(p) if p.activePositionCount >= count then error("there are " .. p.activePositionCount, 0) end end,
      },
    }
  end

  local function opened()
    local list = {}
    for _, e in ipairs(heard.events) do
      if e.action == "opened" then list[#list + 1] = e.strategyName .. " " .. e.symbol end
    end
    return table.concat(list, ", ")
  end

  it("lets no more open than it says, whatever asks at once", function()
    atMost(3)
    for i = 1, 5 do hosts.strategy { strategyName = "s" .. i, interval = "1d", riskName = "limited" } end
    for i = 1, 5 do hosts.live("s" .. i) end
    pass(1)
    assert.equal("s1 BTCUSDT, s2 BTCUSDT, s3 BTCUSDT", opened())
    assert.equal(3, #risks.readPositionData("limited"))
    assert.same({}, heard.errors) -- being refused is none
  end)

  it("gives a slot back when its position closes", function()
    atMost(1)
    hosts.strategy { strategyName = "a", interval = "1d", minuteEstimatedTime = 5, riskName = "limited" }
    local asked = hosts.strategy { strategyName = "b", interval = "1m", riskName = "limited" }
    hosts.live("a")
    hosts.live("b")
    pass(8)
    assert.equal("a BTCUSDT, b BTCUSDT", opened())
    assert.same({ 0, 1, 2, 3, 4, 5 }, asked)
    assert.equal("b", risks.readPositionData("limited")[1].strategyName)
  end)

  it("is told all that it decides upon", function()
    local payloads, allowed, rejected, told = {}, {}, {}, nil
    host.listenRisk(function(event) told = event end)
    host.addRisk {
      riskName = "limited",
      validations = {
        { note = "at most one", validate = function(p)
          payloads[#payloads + 1] = p
          return p.activePositionCount < 1
        end },
      },
      callbacks = {
        onAllowed = function(symbol, p) allowed[#allowed + 1] = symbol .. " " .. p.strategyName end,
        onRejected = function(symbol, p, reason) rejected[#rejected + 1] = symbol .. ": " .. reason end,
      },
    }
    hosts.strategy { strategyName = "a", interval = "1d", riskName = "limited" }
    hosts.strategy { strategyName = "b", interval = "1d", riskName = "limited", priceOpen = 99 }
    hosts.live("a")
    hosts.live("b")
    pass(1)
    local p = payloads[2]
    assert.same({ "BTCUSDT", "b", "test", "limited", 100, START, false, 1 }, {
      p.symbol, p.strategyName, p.exchangeName, p.riskName, p.currentPrice, p.timestamp, p.backtest,
      p.activePositionCount,
    })
    assert.equal(99, p.currentSignal.priceOpen)
    local slot = p.activePositions[1]
    assert.same({ "a", "BTCUSDT", "long", 100, START, 60 }, {
      slot.strategyName, slot.symbol, slot.position, slot.priceOpen, slot.openTimestamp, slot.minuteEstimatedTime,
    })
    assert.same({ "BTCUSDT a" }, allowed)
    assert.same({ "BTCUSDT: refused (at most one)" }, rejected)
    assert.equal("refused (at most one)", told.reason)
    assert.equal("b", told.strategyName)
    assert.equal("a BTCUSDT", opened())
  end)

  it("shows what is open to whoever looks, and not only how much", function()
    local seen, told, allowed = {}, nil, nil
    local function see(p) seen[#seen + 1] = p.symbol .. ":" .. #p.activePositions end
    host.listenRisk(function(event) told = event end)
    host.addRisk {
      riskName = "looks",
      validations = {
        function(p) return p.activePositionCount < 2 end,
        function(p) if p.activePositionCount == 1 and #p.activePositions ~= 1 then return "shows none" end end,
        function(p) if p.pnl { open = true } > 1e9 then return "rich" end end,
        function(p)
          see(p)
          p.activePositions[1] = nil -- a copy
        end,
      },
      callbacks = { onAllowed = function(_, p) allowed = p end },
    }
    host.addRisk {
      riskName = "counts",
      validations = { function(p) return p.activePositionCount < 2 end },
      callbacks = {
        onAllowed = function(_, p) allowed = p end,
        onRejected = function(symbol, p) seen[#seen + 1] = symbol .. ":" .. #p.activePositions end,
      },
    }
    hosts.strategy { strategyName = "a", interval = "1d", riskList = { "looks" } }
    hosts.strategy { strategyName = "b", interval = "1d", riskList = { "counts" } }
    for i = 1, 3 do hosts.live("a", "S" .. i) end
    pass(1)
    assert.same({ "S1:0", "S2:1" }, seen)
    assert.same({ "S1", "S2" }, { told.activePositions[1].symbol, told.activePositions[2].symbol })
    assert.equal("S2", allowed.symbol)
    seen = {}
    for i = 4, 6 do hosts.live("b", "S" .. i) end
    pass(1)
    assert.same({ "S6:2" }, seen)
    assert.same({ "S4", nil }, { allowed.activePositions[1].symbol, allowed.activePositions[2] })
    assert.same({ "S4", "S5" }, { told.activePositions[1].symbol, told.activePositions[2].symbol })
  end)

  it("refuses in many ways, and allows in the others", function()
    local reasons = {}
    host.listenRisk(function(event) reasons[#reasons + 1] = event.reason end)
    for i, answer in ipairs { "no", { note = "noted" }, false } do
      host.addRisk { riskName = "no" .. i, validations = { function() return answer end } }
      hosts.strategy { strategyName = "no" .. i, interval = "1d", riskName = "no" .. i }
      hosts.live("no" .. i)
    end
    host.addRisk { riskName = "yes1", validations = { function() end } }
    host.addRisk { riskName = "yes2", validations = { function() return true end } }
    host.addRisk { riskName = "yes3", validations = { function() return "" end } }
    for i = 1, 3 do
      hosts.strategy { strategyName = "yes" .. i, interval = "1d", riskName = "yes" .. i }
      hosts.live("yes" .. i)
    end
    pass(1)
    assert.same({ "no (validations[1])", "noted (validations[1])", "refused (validations[1])" }, reasons)
    assert.equal("yes1 BTCUSDT, yes2 BTCUSDT, yes3 BTCUSDT", opened())
  end)

  it("keeps getSignal from being asked again in an interval in which it refused, after a restart too", function()
    host.addRisk { riskName = "no", validations = { function() return "no" end } }
    local asked = hosts.strategy { interval = "1h", riskName = "no" }
    for _ = 1, 3 do
      local stop = hosts.live()
      pass(2)
      stop()
      host.run()
    end
    assert.same({ 0 }, asked)
  end)

  it("is heard of where a validation has a mistake, or waits", function()
    host.addRisk { riskName = "mistaken", validations = { function(p) return p.nothing.here end } }
    host.addRisk { riskName = "waits", validations = { function() host.sleep(1) end } }
    hosts.strategy { strategyName = "a", interval = "1d", riskName = "mistaken" }
    hosts.strategy { strategyName = "b", interval = "1d", riskName = "waits" }
    hosts.live("a")
    hosts.live("b")
    pass(1)
    assert.equal("", heard.summary())
    assert.equal(2, #heard.errors)
    assert.equal("risk 'mistaken'", heard.errors[1].source)
    assert.matches("attempt to index field 'nothing'", heard.errors[1].message)
    assert.equal("validations[1] of risk profile 'waits' has failed, so that signal b/BTCUSDT/" .. START .. " of "
      .. "strategy 'b' on BTCUSDT is refused: it must not wait: others wait for its answer. Mend it; to refuse, it "
      .. "returns or raises a text", heard.errors[2].message)
  end)

  describe("with a validation that fails", function()
    local refusals, decisions

    before_each(function()
      refusals, decisions = {}, {}
      host.listenRisk(function(event) refusals[#refusals + 1] = event.reason end)
    end)

    local function profile(name, validate, note)
      host.addRisk {
        riskName = name, validations = { { validate = validate, note = note } },
        callbacks = {
          onRejected = function(_, _, reason) decisions[#decisions + 1] = reason end,
          onAllowed = function() decisions[#decisions + 1] = "allowed" end,
        },
      }
    end

    it("refuses, says so in each minute, and takes it for no refusal: a store that it cannot reach", function()
      local others = holdfast.PersistBase("limits", "memory:limits")
      others:writeValue("most", { count = 3 })
      profile("other store", function(p)
        return p.activePositionCount < others:readValue("most").count
      end, "the limits")
      hosts.strategy { riskName = "other store" }
      hosts.live()
      pass(3)
      assert.equal("", heard.summary())
      assert.same({}, refusals)
      assert.same({}, decisions)
      assert.equal(4, #heard.errors)
      local failure = heard.errors[1]
      assert.equal("unsupported", failure.code)
      assert.equal("risk 'other store'", failure.source)
      assert.equal("main", failure.strategyName)
      assert.matches("^validations%[1%] %(the limits%) of risk profile 'other store' has failed, so that signal "
        .. "main/BTCUSDT/%d+ of strategy 'main' on BTCUSDT is refused: a transaction covers one store: .* as well%. "
        .. "Slots are taken in a transaction of the store of the risk profiles: read others before, in getSignal, and "
        .. "let the validation look at what you kept of them; to refuse, it returns or raises a text$", failure.message)
      others:close()
    end)

    it("refuses and says so, however it fails", function()
      local closed = holdfast.PersistBase("closed", "memory:closed")
      closed:close()
      local function raised(code) return function() error(holdfast.error(code, "a store")) end end
      local failing = {
        function(p) return p.nothing.here end, function() return ("x"):rep {} end, function() return 1 < {} end,
        function() return require "no such module" end, function(p) p[nil] = 1 end,
        function() return closed:readValue("x") end, function() _G.assert(pcall(closed.readValue, closed, "x")) end,
        function() return pcall(closed.readValue, closed, "x") end,
        function() return select(2, pcall(closed.readValue, closed, "x")) end,
        function() return nil, holdfast.error("io", "the disk") end,
        function(p) error(select(2, pcall(function() return p.nothing.here end)), 0) end,
        function() local function again() return 1 + again() end return again() end,
        function() coroutine.yield() end, function() return 42 end,
        raised "unsupported", raised "io", raised "unavailable", raised "timeout", raised "busy", raised "full",
        raised "closed", raised "corrupt", raised "not_found", raised "script",
      }
      for i, validate in ipairs(failing) do
        profile("p" .. i, validate)
        hosts.strategy { strategyName = "s" .. i, interval = "1d", riskName = "p" .. i }
        hosts.live("s" .. i)
      end
      pass(1)
      assert.equal("", heard.summary())
      assert.same({}, refusals)
      assert.same({}, decisions)
      local sources = {}
      for _, failure in ipairs(heard.errors) do sources[failure.source] = true end
      for i in ipairs(failing) do assert.is_true(sources["risk 'p" .. i .. "'"], i .. " was not heard of") end
      assert.equal(#failing, #heard.errors)
    end)

    it("is told from one that refuses by raising on purpose", function()
      local refusing = {
        function() error("no", 0) end, function() error({ note = "no" }) end, function() _G.assert(false, "no") end,
        function() ("x"):gsub("x", function() error("no", 0) end) end,
        function() error(setmetatable({}, { __tostring = function() return "no" end })) end,
      }
      for i, validate in ipairs(refusing) do
        profile("p" .. i, validate, "rule")
        hosts.strategy { strategyName = "s" .. i, interval = "1d", riskName = "p" .. i }
        hosts.live("s" .. i)
      end
      pass(1)
      assert.same({}, heard.errors)
      assert.equal(#refusing, #refusals)
      for _, reason in ipairs(refusals) do assert.matches("no %(rule%)$", reason) end
      assert.same(refusals, decisions)
    end)

    it("is heard of once a minute, with how many were refused", function()
      profile("broken", function(p) return p.nothing.here end)
      for i = 1, 3 do
        hosts.strategy { strategyName = "s" .. i, riskName = "broken" }
        hosts.live("s" .. i)
      end
      pass(2)
      assert.equal(3, #heard.errors)
      assert.falsy(heard.errors[1].message:find("more", 1, true))
      assert.matches(" %(and so were 2 more since the last such error%)$", heard.errors[2].message)
    end)

    it("cancels a signal whose turn has come, and says why", function()
      local broken = false
      profile("breaks", function(p) return not broken or p.nothing.here end)
      hosts.strategy { interval = "1d", priceOpen = 99, riskName = "breaks" }
      hosts.live()
      pass(1)
      broken, price = true, 98
      pass(1)
      assert.equal("scheduled cancelled:risk", heard.summary())
      assert.equal(1, #heard.errors)
      assert.same({}, refusals)
    end)

    it("asks again where another process was in the way", function()
      local asked = 0
      profile("busy", function()
        asked = asked + 1
        if asked < 3 then error(holdfast.error("conflict", "somebody else", { retryable = true })) end
      end)
      hosts.strategy { interval = "1d", riskName = "busy" }
      hosts.live()
      pass(1)
      assert.equal("opened", heard.summary())
      assert.equal(3, asked)
      assert.same({}, heard.errors)
    end)

    it("is heard of in a backtest, and not in each of its minutes", function()
      profile("broken", function(p) return p.nothing.here end)
      hosts.strategy { riskName = "broken" }
      host.addFrame { frameName = "hour", startDate = START, endDate = START + 60 * MINUTE }
      local options = { strategyName = "main", exchangeName = "test", frameName = "hour" }
      assert.equal(0, host.Backtest.report("BTCUSDT", options).stats.opened)
      assert.is_true(#heard.errors == 1 or #heard.errors == 2) -- where a real minute ends meanwhile
      assert.same({}, refusals)
    end)
  end)

  it("cancels a signal whose turn comes when there is no slot", function()
    atMost(1)
    hosts.strategy { strategyName = "waits", interval = "1d", priceOpen = 99, riskName = "limited" }
    hosts.strategy { strategyName = "a", interval = "1d", riskName = "limited", priceStopLoss = 95 }
    hosts.live("waits")
    hosts.live("a")
    pass(1)
    price = 98
    pass(1)
    assert.equal("scheduled opened cancelled:risk", heard.summary())
    assert.is_nil(holdfast.PersistScheduleAdapter.readScheduleData("waits", "BTCUSDT"))
    assert.equal("a", risks.readPositionData("limited")[1].strategyName)
  end)

  it("is one of several: all must agree, and none keeps a slot of who was refused", function()
    atMost(5, "a")
    atMost(0, "b")
    hosts.strategy { interval = "1d", riskList = { "b", "a" } }
    hosts.live()
    pass(1)
    assert.equal("", heard.summary())
    assert.is_nil(risks.readPositionData("a"))
    assert.is_nil(risks.readPositionData("b"))
  end)

  it("loses the slots of positions that are over and gone, and keeps the others", function()
    local function slot(name, symbol, minutes)
      return {
        signalId = name .. symbol, strategyName = name, symbol = symbol, exchangeName = "test", position = "long",
        priceOpen = 100, openTimestamp = START - 100 * MINUTE, minuteEstimatedTime = minutes,
      }
    end
    risks.writePositionData({
      slot("gone", "A", 60), slot("open", "B", 60), slot("young", "C", 600), slot("for ever", "D", math.huge),
      slot("main", "BTCUSDT", 60), slot("unknown", "E", 60),
    }, "limited")
    signals.writeSignalData({ id = "openB", strategyName = "open" }, "open", "B")
    local read = signals.readSignalData
    finally(function() signals.readSignalData = read end)
    function signals.readSignalData(name, symbol)
      if name == "unknown" then error(holdfast.error("corrupt", "it is damaged"), 0) end
      return read(name, symbol)
    end
    atMost(10)
    hosts.strategy { interval = "1d", riskName = "limited", getSignal = function() end }
    hosts.live()
    pass(1)
    local names = {}
    for _, each in ipairs(risks.readPositionData("limited")) do names[#names + 1] = each.strategyName end
    assert.same({ "open", "young", "for ever", "unknown" }, names)
  end)

  it("that cannot be read stops nobody else, and is left as it is", function()
    risks.writePositionData({ not_a = "list" }, "limited")
    atMost(10)
    hosts.strategy { interval = "1d", riskName = "limited" }
    hosts.strategy { strategyName = "free", interval = "1d" }
    hosts.live()
    hosts.live("free")
    pass(2)
    assert.equal("free BTCUSDT", opened())
    assert.equal("corrupt", heard.errors[1].code)
    assert.matches("the positions of the risk profile 'limited' are no list", heard.errors[1].message)
    assert.same({ not_a = "list" }, risks.readPositionData("limited"))
  end)

  it("must be there when a run begins", function()
    hosts.strategy { riskName = "other" }
    raises.error("invalid_argument",
      "Live.background: riskName: there is no risk 'other'; add it with host.addRisk", hosts.live)
  end)
end)
