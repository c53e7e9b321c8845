-- SPDX-License-Identifier: MIT
--
-- The host inside a program that owns time and the market.  That nothing is lost when such a program is killed is
-- tests/fault/host/strategy_host_test.sh.

local host = require "holdfast.host"
local hosts = require "support.hosts"
local json = require "holdfast".json
local ledger = require "holdfast.host.state.outbox"
local raises = require "support.raises"

local START, MINUTE = hosts.START, hosts.MINUTE

describe("an embedded host", function()
  local embed, told, minute, errors

  before_each(function()
    hosts.fresh()
    package.loaded["holdfast.host.embed"] = nil -- as in a new process
    embed = require "holdfast.host.embed"
    told, minute, errors = {}, 0, {}
  end)
  after_each(function()
    hosts.finish()
    assert.same({}, errors)
  end)

  local function push(at, price)
    embed.push("BTCUSDT",
      { timestamp = START + at * MINUTE, open = price, high = price, low = price, close = price, volume = 1 })
  end

  -- One more minute, with a price.
  local function pass(price)
    push(minute - 1, price)
    embed.advance(START + minute * MINUTE)
    minute = minute + 1
  end

  -- Begins with five minutes of history at 100, and a strategy that buys.
  local function begin(keep)
    embed.start(START, keep)
    host.listenError(function(event) errors[#errors + 1] = event.message end)
    embed.listen(function(id, event, again)
      assert.equal("string", type(id))
      told[#told + 1] = { id = json.decode(id), text = event, event = json.decode(event), again = again }
    end)
    for i = 5, 2, -1 do push(-i, 100) end
    host.addExchange { exchangeName = "test", getCandles = embed.getCandles }
    local asked = hosts.strategy { interval = "1d" }
    hosts.live()
    return asked
  end

  local function summary()
    local words = {}
    for i, one in ipairs(told) do
      words[i] = (one.again and "again:" or "") .. one.event.action .. (one.event.level or "")
    end
    return table.concat(words, " ")
  end

  it("does nothing until it is this time", function()
    local asked = begin()
    assert.same({}, asked)
    pass(100)
    assert.same({ 0 }, asked)
    assert.equal(START, host.now())
    pass(100)
    assert.equal(START + MINUTE, host.now())
  end)

  it("tells what happens, in order, as JSON with its id, and no minutes in which nothing does", function()
    begin()
    for _ = 1, 3 do pass(100) end
    assert.equal("opened", summary())
    for _ = 1, 5 do pass(103) end
    for _ = 1, 5 do pass(111) end
    assert.truthy(summary():find("^opened partial10 partial20 .*partial%d0 closed$"), summary())
    for i, one in ipairs(told) do
      assert.equal(one.id, one.event.id)
      assert.falsy(one.again)
      for k = 1, i - 1 do assert.not_equal(one.id, told[k].id) end
    end
    assert.equal(START, told[1].event.timestamp)
  end)

  it("tells again what may not have been heard, with the same id and the same content", function()
    begin()
    pass(100)
    local first = told[1]
    -- As when the process was killed before it was known that it had been heard.
    local entry = ledger.read("BTCUSDT", "main")
    assert.same({}, entry.events)
    host.Live.stop()
    embed.advance(START)
    ledger.write("BTCUSDT", { ledger.with(entry, { events = { first.event } }) })
    host.clear()

    told = {}
    begin()
    assert.equal(1, embed.restored()[1].untold)
    minute = 0
    pass(100)
    assert.equal("again:opened", summary())
    assert.equal(first.id, told[1].id)
    assert.same(first.event, told[1].event)
    assert.equal(0, embed.restored()[1].untold)
  end)

  it("says what is stored of that which runs", function()
    begin()
    assert.equal("[]", json.encode(embed.restored()))
    pass(100)
    local list = embed.restored()
    assert.equal(1, #list)
    assert.equal("main", list[1].strategyName)
    assert.equal("BTCUSDT", list[1].symbol)
    assert.equal(told[1].event.signal.id, list[1].signal.id)
    assert.is_nil(list[1].scheduled)
    assert.equal(0, list[1].untold)
  end)

  it("ends all strategies, and keeps what is open", function()
    begin()
    pass(100)
    assert.is_true(embed.stop())
    assert.same({}, host.Live.list())
    pass(200)
    assert.equal("opened", summary())
    hosts.live()
    assert.truthy(embed.restored()[1].signal)
  end)

  it("says so when a strategy that waits cannot end yet", function()
    embed.start(START)
    host.addExchange { exchangeName = "test", getCandles = embed.getCandles }
    hosts.strategy()
    hosts.live()
    host.setConfig { CC_GET_CANDLES_RETRY_COUNT = 1 }
    host.listenError(function() end)
    embed.advance(START) -- there are no candles: it waits to ask for them again
    assert.is_false(embed.stop())
    embed.advance(START + MINUTE)
    assert.is_true(embed.stop())
  end)

  it("stops telling who does not want to hear any more", function()
    begin()
    local count = 0
    local stop = embed.listen(function() count = count + 1 end)
    pass(100)
    assert.equal(1, count)
    stop()
    for _ = 1, 10 do pass(111) end
    assert.equal(1, count)
    assert.truthy(summary():find("^opened partial.* closed$"), summary())
  end)

  it("keeps as many candles as it is told to", function()
    begin(5)
    pass(100)
    pass(100)
    assert.equal(0, #embed.getCandles("BTCUSDT", "1m", START - 5 * MINUTE, 1))
    assert.equal(5, #embed.getCandles("BTCUSDT", "1m", START - 4 * MINUTE, 10))
  end)

  it("refuses what comes too early, and what is not a listener", function()
    for name, call in pairs {
      push = function() embed.push("BTCUSDT", {}) end, advance = function() embed.advance(START) end,
      getCandles = function() embed.getCandles("BTCUSDT", "1m", START, 1) end, stop = function() embed.stop() end,
    } do
      raises.error("invalid_argument", "embed." .. name .. ": call embed.start(ms) first: it says what time it is",
        call)
    end
    raises.error("invalid_argument", "embed.listen: give a function, not a nil", embed.listen)
    raises.error("invalid_argument", "^manualClock: give a time in milliseconds since the epoch, not a string$",
      embed.start, "now")
    raises.error("invalid_argument", "candleFeed: keep must be a whole number of at least 1, not 0", embed.start, START,
      0)
    begin()
    raises.error("busy", nil, embed.start, START)
  end)
end)
