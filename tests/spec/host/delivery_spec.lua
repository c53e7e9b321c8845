-- SPDX-License-Identifier: MIT
--
-- When an event leaves the outbox: not before all have heard it, not while another process has the position, and not
-- one run too late.

local holdfast = require "holdfast"
local host = require "holdfast.host"
local hosts = require "support.hosts"
local lease = require "holdfast.core".lease
local temp = require "support.temp"

local partials = holdfast.PersistPartialAdapter

describe("an event", function()
  local world, heard

  before_each(function()
    world = hosts.world()
    heard = world.heard
  end)
  after_each(hosts.finish)

  -- The events in the outbox of BTCUSDT, as the store has it: "opened partial".
  local function untold()
    local list = {}
    for _, entry in pairs(partials.readPartialData("BTCUSDT")) do
      for _, event in ipairs(entry.events) do list[#list + 1] = event.action end
    end
    return table.concat(list, " ")
  end

  it("stays while a listener is at it, though what was before it is acknowledged", function()
    hosts.strategy { interval = "1d" }
    local step = host.Live.run("BTCUSDT", { strategyName = "main", exchangeName = "test" })
    local meanwhile
    host.listenPartial(function()
      if meanwhile then return end
      coroutine.wrap(step)() -- acknowledges "opened", and waits for the next
      host.sleep(1) -- what was heard is noted when there is time
      meanwhile = untold()
    end)
    assert.equal("opened", step().action)
    world.pass(1)
    assert.equal("opened", untold())
    world.pass(2, 105)
    assert.equal("partial", meanwhile)
    world.pass(1)
    assert.equal("", untold())
    assert.same({}, heard.errors)
  end)

  it("that was heard by the listener that ends the run is not told again", function()
    hosts.strategy { interval = "1d" }
    local stop
    host.listenSignalLive(function(event)
      if event.action == "opened" then stop() end
    end)
    stop = hosts.live()
    world.pass(1)
    assert.same({}, host.Live.list())
    assert.equal("", untold())
    hosts.live()
    world.pass(1)
    assert.equal("opened", heard.summary())
  end)

  it("stays where it could not be noted before another process took the position", function()
    local folder, isDown = temp.directory(), false
    local Down = holdfast.MemoryPersist:extend("Down")
    function Down:writeValue(...)
      if isDown then error(holdfast.error("unavailable", "no store")) end
      return holdfast.MemoryPersist.writeValue(self, ...)
    end
    world = hosts.world("lmdb:" .. folder)
    heard = world.heard
    partials.close()
    partials.usePersistPartialAdapter(Down, "memory:down")
    hosts.strategy { interval = "1d" }
    host.listenSignalLive(function(event) isDown = isDown or event.action == "opened" end)
    hosts.live()
    world.pass(1)
    assert.matches("no store", heard.errors[1].message)
    assert.equal("opened", untold())
    isDown = false
    local lock = folder .. "/.lease/signal/main/BTCUSDT.lock"
    os.remove(lock)
    local other = lease(lock, "another bot")
    world.pass(1)
    assert.same({}, host.Live.list())
    assert.equal("opened", untold()) -- whoever has it now delivers it again
    other:release()
    hosts.fresh() -- closes the store
    temp.removeAll()
  end)
end)
