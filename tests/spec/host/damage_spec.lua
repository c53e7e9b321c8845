-- SPDX-License-Identifier: MIT
--
-- Rows of other kinds than the position's own that are damaged, wrong, or out of reach: whatever they are, what is open
-- is watched and closed, and what one of them says holds up none of the others.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"

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
