-- SPDX-License-Identifier: MIT
--
-- examples/expiring.lua: expiry around a store that has none.

local clock = require("holdfast.util.clock")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local Expiring = dofile("examples/" .. "expiring.lua")
local HOUR = 3600000

describe("examples/expiring.lua", function()
  local store, base

  before_each(function()
    base = temp.quickDirectory() .. "/store"
    store = Expiring("session", base, { durability = "nosync" })
  end)

  after_each(function()
    store:close()
    temp.removeAll()
  end)

  it("lets nobody find what has expired", function()
    store:writeMany({ a = { n = 1 }, b = { n = 2 } }, { expiresAt = 1 })
    store:writeValue("c", { n = 3 }, { ttl = "1h" })
    store:writeValue("d", { n = 4 })
    assert.is_true(store.supports.ttl)
    assert.same({ "c", "d" }, stores.list(store:keys()))
    assert.equal(2, store:count())
    assert.is_false(store:hasValue("a"))
    raises.error("not_found", nil, store.readValue, store, "a")
    raises.error("not_found", nil, store.removeValue, store, "b")
    local times = {}
    for id, value, _, _, expiresAt in store:entries() do times[id .. value.n] = expiresAt or "never" end
    assert.equal("never", times.d4)
    assert.is_true(math.abs(times.c3 - clock.wall() - HOUR) < 60000)
    assert.equal(times.c3, store:readEntry("c").expiresAt)
    store:writeValue("a", { n = 5 })
    assert.equal(5, store:readValue("a").n)
  end)

  it("sweeps it away, and nothing else", function()
    store:writeMany({ a = 1, b = 2 }, { expiresAt = 1 })
    store:writeValue("c", 3, { ttl = "1h" })
    store:writeValue("d", 4, { expiresAt = clock.wall() - 1000 }) -- not so long ago
    store:writeValue("a", 5)
    assert.equal(1, store:sweep())
    local below = holdfast.FilePersist("session", base, { durability = "nosync" })
    assert.same({ "a", "c", "d" }, stores.list(below:keys()))
    below:close()
    assert.equal(0, store:sweep())
  end)

  it("goes around other classes", function()
    local OverMemory = Expiring.over(holdfast.MemoryPersist)
    local other = OverMemory("session", "expiring-example")
    other:writeValue("a", 1, { expiresAt = 1 })
    assert.is_false(other:hasValue("a"))
    assert.equal(1, other:sweep())
    other:close()
  end)
end)
