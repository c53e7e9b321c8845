-- SPDX-License-Identifier: MIT
--
-- Entities that expire, on real Redis servers: nobody finds them any more, and who reads is told when that will be.

local holdfast = require("holdfast")
local raising = require("support.raises")
local redis = require("support.redis")
local stores = require("support.stores")
local temp = require("support.temp")
local expiring = require("support.expiring")

local list = stores.list

if not redis.isInstalled then
  pending("needs redis-server and redis-cli")
  return
end

local function raises(code, fn, ...) return raising.error(code, nil, fn, ...) end

local HOUR, at, filled = expiring.HOUR, expiring.at, expiring.filled

-- What holds wherever the server is.
local function check(store)
  filled(store, 9)
  local living = { "e1", "e2", "e4", "e5", "e7", "e8" }
  assert.is_false(store:hasValue("e3"))
  raises("not_found", store.readValue, store, "e3")
  raises("not_found", store.readEntry, store, "e3")
  assert.equal(6, store:count())
  assert.same(living, list(store:keys()))
  local seen = {}
  for id in store:entries() do seen[#seen + 1] = id end
  assert.same(living, seen)
  assert.same({ e1 = { n = 1 } }, store:readMany({ "e1", "e3" }))
  raises("not_found", store.removeValue, store, "e3")
  assert.equal(1, store:removeMany({ "e1", "e3" }))
  store:writeValue("e3", { n = 30 }, { ifAbsent = true })
  raises("conflict", store.writeValue, store, "e3", 1, { ifAbsent = true })
  local when = at(HOUR)
  store:writeValue("e4", 1, { expiresAt = when })
  assert.equal(when, store:readEntry("e4").expiresAt)
  store:writeValue("e4", 2, { expiresAt = when + 1, ifRevision = store:readEntry("e4").revision })
  assert.equal(when + 1, store:readEntry("e4").expiresAt)
  store:writeValue("e4", 3, { ifRevision = store:readEntry("e4").revision })
  assert.is_nil(store:readEntry("e4").expiresAt)
end

describe("an entity of Redis that has expired", function()
  local s
  setup(function() s = redis.start() end)
  teardown(function()
    s:stop()
    temp.removeAll()
  end)
  before_each(function() s:cli "flushall" end)

  local function open(name, query, login)
    return holdfast.PersistBase(name or "signal", ("redis://%s127.0.0.1:%d%s"):format(login or "", s.port, query or ""))
  end

  it("is found by nobody, and is in nobody's way", function() check(open()) end)

  it("is found by nobody where changes are logged", function()
    holdfast.openStore(("redis://127.0.0.1:%d"):format(s.port)):settings { changes = "7d" }
    check(open())
  end)

  it("is found by nobody in a transaction that wrote it", function()
    local store, when = open(), at(HOUR)
    holdfast.transaction(function()
      store:writeValue("gone", 1, { expiresAt = at(-1) })
      store:writeValue("a", 1, { expiresAt = when })
      store:writeValue("b", 1, { expiresAt = when })
      store:writeValue("b", 2)
      assert.is_false(store:hasValue("gone"))
      assert.same({ "a", "b" }, list(store:keys()))
      assert.equal(2, store:count())
      assert.equal(when, store:readEntry("a").expiresAt)
    end)
    assert.same({ "a", "b" }, list(store:keys()))
    assert.equal(tostring(when), s:cli("pexpiretime", "signal:a"))
    assert.equal("-1", s:cli("pexpiretime", "signal:b"))
    holdfast.transaction(function() assert.equal(when, store:readEntry("a").expiresAt) end)
  end)

  it("has a time of its own beside that of the URL", function()
    local store, when = open("signal", "?ttl=1m"), at(HOUR)
    store:writeValue("a", 1, { expiresAt = when })
    store:writeValue("b", 1)
    assert.equal(when, store:readEntry("a").expiresAt)
    assert.is_true(math.abs(store:readEntry("b").expiresAt - at(60000)) < 10000)
  end)

  it("tells its time where many are read", function()
    local store, values = open(), {}
    for i = 1, 3000 do values["e" .. i] = i end
    store:writeMany(values)
    s:cli("pexpireat", "signal:e2999", tostring(at(HOUR)))
    local copy = holdfast.MemoryPersist("signal", "redis-expiry")
    for id in store:entries() do
      if id == "e2999" then copy:writeValue(id, store:readEntry(id).expiresAt ~= nil) end
    end
    assert.is_true(copy:readValue("e2999"))
  end)

  it("is told without its time to who may not run scripts", function()
    s:cli("acl", "setuser", "plain", "on", ">x", "~*", "+@all", "-eval")
    local store = open("signal", "", "plain:x@")
    store:writeValue("a", 1, { expiresAt = at(HOUR) })
    assert.is_nil(store:readEntry("a").expiresAt)
    assert.equal(1, store:readEntry("a").value)
    holdfast.transaction(function() assert.equal(1, store:readEntry("a").value) end)
    assert.is_not.equal("-1", s:cli("pttl", "signal:a"))
  end)

  it("is found by nobody in a cluster", function()
    local nodes, addresses = redis.cluster(3)
    check(holdfast.PersistBase("signal", "redis+cluster://" .. addresses))
    for _, node in ipairs(nodes) do node:stop() end
  end)
end)
