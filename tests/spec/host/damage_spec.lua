-- SPDX-License-Identifier: MIT
--
-- Rows of other kinds than the position's own that are damaged, wrong, or out of reach: whatever they are, what is open
-- is watched and closed, and what one of them says holds up none of the others.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local temp = require "support.temp"

local hostData, trades, partials = holdfast.PersistHostAdapter, holdfast.PersistTradeAdapter,
  holdfast.PersistPartialAdapter
local NOWHERE = "redis://127.0.0.1:1"

describe("a live run beside what is damaged", function()
  local world, heard

  before_each(function()
    world = hosts.world()
    heard = world.heard
  end)
  after_each(function()
    hosts.finish()
    hosts.fresh()
  end)

  -- An open position of two minutes.
  local function open(fields)
    hosts.strategy(fields)
    hosts.live()
    world.pass(2)
  end
  -- Ends it, and goes on with what `change` leaves.
  local function again(change)
    host.Live.stop()
    host.run()
    change()
    hosts.live()
    world.pass(1)
  end
  local function codes()
    local seen = {}
    for _, failure in ipairs(heard.errors) do seen[#seen + 1] = failure.source .. ":" .. failure.code end
    return seen
  end

  it("closes at its stop loss where the store of trades cannot be reached", function()
    trades.close()
    trades.usePersistTradeAdapter(NOWHERE)
    open()
    world.pass(1, { low = 80, high = 100, open = 100, close = 100 })
    assert.equal("opened closed:stop_loss", heard.summary())
    assert.equal("PersistTradeAdapter:unavailable", codes()[1])
  end)

  it("waits once in a minute for a store of trades that does not answer, whatever runs", function()
    local Silent, asked = holdfast.MemoryPersist:extend("Silent"), 0
    function Silent.readValue()
      asked = asked + 1
      error(holdfast.error("unavailable", "no answer within the deadline"))
    end
    for number = 1, 5 do hosts.strategy { strategyName = "main" .. number } end
    local function all()
      for number = 1, 5 do hosts.live("main" .. number) end
    end
    all()
    world.pass(2)
    host.Live.stop()
    host.run()
    trades.close()
    trades.usePersistTradeAdapter(Silent, "memory:silent")
    all()
    world.pass(0) -- the minute in which they begin
    for minute = 1, 4 do
      assert.same({ minute, minute }, { asked, #heard.errors })
      world.pass(1)
    end
    world.pass(1, { low = 80, high = 100, open = 100, close = 100 })
    assert.equal(5, select(2, heard.summary():gsub("closed:stop_loss", "")))
  end)

  it("closes where that of slots cannot be reached, nor that of trades", function()
    open()
    again(function()
      for _, kind in ipairs { "Trade", "Risk" } do
        local adapter = holdfast["Persist" .. kind .. "Adapter"]
        adapter.close()
        adapter["usePersist" .. kind .. "Adapter"](NOWHERE)
      end
    end)
    world.pass(1, { low = 80, high = 100, open = 100, close = 100 })
    assert.equal("opened closed:stop_loss", heard.summary())
  end)

  it("closes in a store that has no room for its trade, which is written once there is", function()
    local url = "lmdb:" .. temp.directory() .. "?maxsize=262144"
    world = hosts.world(url)
    heard = world.heard
    open()
    local others = holdfast.PersistBase("others", url)
    for _, size in ipairs { 700, 1 } do
      local number = 0
      repeat
        number = number + 1
        local ok = pcall(others.writeValue, others, size .. "/" .. number, { text = ("x"):rep(size) })
      until not ok
    end
    world.pass(1, { low = 80, high = 100, open = 100, close = 100 })
    assert.equal("opened closed:stop_loss", heard.summary())
    assert.same({ "PersistTradeAdapter:full" }, codes())
    assert.is_nil(host.trades()())
    others:removeAll()
    world.pass(1)
    assert.equal("stop_loss", host.trades()().reason)
  end)

  it("closes where the outbox has the end of something that is no signal, and says which", function()
    open()
    again(function()
      local levels = partials.readPartialData "BTCUSDT"
      for _, entry in pairs(levels) do
        entry.events = { { id = "x:closed:1", action = "closed", signal = { id = "x" } } }
      end
      partials.writePartialData(levels, "BTCUSDT")
    end)
    world.pass(1, { low = 80, high = 100, open = 100, close = 100 })
    assert.equal("opened again:closed closed:stop_loss", heard.summary())
    assert.same({ "PersistTradeAdapter:corrupt" }, codes())
    assert.matches("no trade is kept of the event x:closed:1", heard.errors[1].message)
    assert.equal("stop_loss", host.trades()().reason)
  end)

  it("refuses to close at a price at which nothing can be earned, and watches on", function()
    world.pass(6, 0.01)
    open { priceTakeProfit = 0.011, priceStopLoss = 0.0095 }
    local id = host.close("BTCUSDT", { strategyName = "main", price = 1.7e308 })
    world.pass(1, 0.005)
    assert.equal("opened closed:stop_loss", heard.summary())
    local answer = host.answer(id)
    assert.equal("refused", answer.outcome)
    assert.matches("at the price 1.7e%+308 what it has earned is no number", answer.message)
  end)

  it("answers each request that is over, whatever the others are", function()
    local function request(id, symbol)
      return { version = 1, id = id, kind = "close", strategyName = "x", symbol = symbol, at = 1, validTill = 60001 }
    end
    hostData.writeHostData(request("a", ("y"):rep(400)), "request", "a")
    hostData.writeHostData(request("b", ""), "request", "b")
    hostData.writeHostData("no request", "request", "c")
    hostData.writeHostData(request("d", "DAMAGED"), "request", "d")
    hostData.writeHostData(request("e", "ETHUSDT"), "request", "e")
    partials.writePartialData("no entries", "DAMAGED")
    hosts.strategy {}
    hosts.live()
    world.pass(1)
    local outcomes = {}
    for _, id in ipairs { "a", "b", "c", "e" } do outcomes[#outcomes + 1] = host.answer(id).outcome end
    assert.same({ "expired", "expired", "refused", "expired" }, outcomes)
    assert.is_nil(host.answer "d") -- somebody may have taken it up: the outbox knows
    assert.equal("PersistHostAdapter:corrupt", codes()[1])
  end)

  it("gives its answer to no other request under the same id, a day later", function()
    open()
    host.close("BTCUSDT", { strategyName = "main", id = "evening" })
    world.pass(0)
    assert.equal("opened closed:manual", heard.summary())
    again(function() -- its answer is forgotten, and the id is that of a request for another run
      hostData.writeHostData(nil, "answer", "evening")
      hostData.writeHostData({
        version = 1, id = "evening", kind = "close", strategyName = "other", symbol = "ETHUSDT",
        at = hosts.START, validTill = hosts.START + 3600000,
      }, "request", "evening")
      host.pause()
    end)
    assert.is_nil(host.answer "evening")
    assert.is_table(hostData.readHostData("request", "evening"))
  end)

  it("tries once in a minute what a listener asks for because that fails", function()
    host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 0 }
    local isDown = false
    host.addExchange {
      exchangeName = "flaky",
      getCandles = function(_, _, since, limit)
        if isDown then error("it is down", 0) end
        return hosts.candles(since, limit, 100)
      end,
    }
    hosts.strategy {}
    hosts.live("main", "BTCUSDT", "flaky")
    world.pass(2)
    local asked = 0
    host.listenError(function()
      asked = asked + 1
      if asked > 50 then isDown = false end -- rather than for ever
      host.close("BTCUSDT", { strategyName = "main" })
    end)
    isDown = true
    world.pass(3)
    assert.is_true(asked <= 8, asked)
    isDown = false
    world.pass(1)
    assert.matches("^opened closed:manual", heard.summary())
  end)

  it("opens again once a pause that is none is removed with all others", function()
    hostData.writeHostData({ version = 1, strategyName = 7 }, "pause", "main/BTCUSDT")
    hostData.writeHostData({ version = 1, strategyName = "other", symbol = "ETHUSDT" }, "pause", "main/*")
    hosts.strategy {}
    hosts.live()
    world.pass(2)
    assert.equal("", heard.summary())
    assert.equal(0, (host.resume { strategyName = "other" }))
    assert.equal(1, (host.resume { symbol = "BTCUSDT" }))
    assert.equal(1, (host.resume()))
    world.pass(1)
    assert.equal("opened", heard.summary())
  end)

  it("goes on where all that it notes of itself is damaged", function()
    for _, value in ipairs { "text", 7, { version = 2 }, { position = "x", failures = 3 } } do
      hostData.writeHostData(value, "status", "main/BTCUSDT")
      hostData.writeHostData(value, "answer", "x" .. tostring(value):sub(1, 3))
    end
    open()
    world.pass(60)
    assert.same({}, codes())
  end)
end)
