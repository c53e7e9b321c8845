-- SPDX-License-Identifier: MIT
--
-- Entities that expire, as scripts write and read them.

local clock = require("holdfast.util.clock")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local list = stores.list
local HOUR = 3600000

-- Waits until it is true.
local function eventually(what)
  local deadline = clock.wall() + 60000
  while not what() do
    assert(clock.wall() < deadline, "it never happened")
  end
end

stores.each(function(kind)
  if kind.name ~= "lmdb" and kind.name ~= "memory" then return end

  describe("what expires, in " .. kind.name, function()
    local store

    before_each(function()
      store = kind.open("signal")
    end)

    after_each(function()
      store:close()
    end)

    it("is there until then, and says when that is", function()
      local before = clock.wall()
      store:writeValue("a", { v = 1 }, { ttl = "1h" })
      store:writeValue("b", { v = 2 })
      local entry = store:readEntry("a")
      assert.is_true(entry.expiresAt >= before + HOUR and entry.expiresAt <= clock.wall() + HOUR)
      assert.is_nil(store:readEntry("b").expiresAt)
      local times = {}
      for id, _, _, _, expiresAt in store:entries() do times[id] = expiresAt or "never" end
      assert.same({ a = entry.expiresAt, b = "never" }, times)
      assert.is_true(store.supports.ttl)
      times = {}
      local function isFirst(v) return v.v == 1 end
      for id, _, _, _, expiresAt in store:entries { where = isFirst } do times[id] = expiresAt end
      assert.same({ a = entry.expiresAt }, times)
    end)

    it("is found by nobody from then on", function()
      store:writeMany({ a = { v = 1 }, b = { v = 2 } }, { ttl = "60ms" })
      store:writeMany({ c = { v = 3 } })
      eventually(function() return not store:hasValue("a") end)
      raises.error("not_found", nil, store.readValue, store, "a")
      assert.same({ "c" }, list(store:keys()))
      assert.equal(1, store:count())
      assert.equal(1, store:count(function(v) return v.v > 0 end))
      assert.same({ c = { v = 3 } }, store:readMany { "a", "b", "c" })
      assert.is_nil((store:first(function(v) return v.v == 2 end)))
      assert.equal(0, store:removeMany { "a", "b" })
      raises.error("not_found", nil, store.removeValue, store, "a")
      raises.error("conflict", nil, store.writeValue, store, "a", 1, { ifRevision = 2 })
      store:writeValue("a", { v = 4 }, { ifAbsent = true })
      assert.same({ "a", "c" }, list(store:keys()))
      assert.same(4, store:readValue("a").v)
    end)

    it("lasts for ever once it is written again without", function()
      store:writeValue("a", 1, { ttl = "20ms" })
      store:writeValue("a", 2)
      store:writeValue("b", 1, { ttl = "20ms" })
      eventually(function() return not store:hasValue("b") end)
      assert.equal(2, store:readValue("a"))
      assert.is_nil(store:readEntry("a").expiresAt)
    end)

    it("may be over already", function()
      store:writeValue("a", 1, { expiresAt = 1 })
      assert.is_false(store:hasValue("a"))
      store:writeValue("b", 1)
      store:writeValue("b", 2, { expiresAt = 1 })
      assert.is_false(store:hasValue("b"))
      assert.equal(0, store:count())
    end)

    it("is there for all of a snapshot, or for none", function()
      store:writeValue("a", 1, { ttl = "150ms" })
      local other = kind.open("signal")
      store:snapshot(function()
        if not store:hasValue("a") then return end -- a slow machine
        local deadline = clock.wall() + 200
        eventually(function() return clock.wall() > deadline end)
        assert.equal(1, store:readValue("a"))
        assert.equal(1, store:count())
        assert.same({ "a" }, list(store:keys()))
      end)
      assert.is_false(other:hasValue("a"))
      other:close()
    end)

    it("is said by a length of time, or a time", function()
      local function refused(message, options)
        raises.error("invalid_argument", message, store.writeValue, store, "a", 1, options)
      end
      refused("^writeValue: ttl must be a length of time such as", { ttl = 60 })
      refused("^writeValue: ttl must be a length of time such as", { ttl = "60" })
      refused("^writeValue: ttl must be a length of time such as", { ttl = "-1s" })
      refused("^writeValue: ttl must be a length of time such as", { ttl = "0s" })
      refused("^writeValue: expiresAt must be a time", { expiresAt = "1h" })
      refused("^writeValue: expiresAt must be a time", { expiresAt = 0 })
      refused("^writeValue: expiresAt must be a time", { expiresAt = 1.5 })
      refused("^writeValue: expiresAt must be a time", { expiresAt = 2 ^ 48 })
      refused("writeValue: give ttl or expiresAt, not both", { ttl = "1h", expiresAt = 1 })
      raises.error("invalid_argument", "writeMany: there is no option 'ifAbsent': ttl and expiresAt exist",
        store.writeMany, store, { a = 1 }, { ifAbsent = true })
      assert.equal(0, store:count())
    end)

    it("goes with its transaction", function()
      store:writeValue("a", 1, { ttl = "1h" })
      pcall(store.transaction, store, function()
        store:writeValue("a", 2, { expiresAt = 1 })
        store:writeValue("b", 2, { ttl = "1h" })
        assert.is_false(store:hasValue("a"))
        error("undone")
      end)
      assert.equal(1, store:readValue("a"))
      assert.equal(1, store:count())
    end)

    it("has no unique value any more", function()
      store:createIndex("v.v", { unique = true })
      store:writeValue("a", { v = 1 }, { ttl = "40ms" })
      eventually(function() return not store:hasValue("a") end)
      store:writeValue("b", { v = 1 })
      assert.same({ "b" }, list(store:keys { where = function(v) return v.v == 1 end }))
      assert.equal(1, store:count(function(v) return v.v == 1 end))
    end)
  end)
end)

describe("stores without expiry", function()
  after_each(function() stores.leaveNothing() end)

  it("refuse it", function()
    local store = holdfast.FilePersist("signal", require("support.temp").quickDirectory() .. "/store")
    assert.is_falsy(store.supports.ttl)
    local sentence = "file stores have no expiry: leave out ttl and expiresAt, or wrap the store in a class that keeps "
      .. "them"
    raises.error("unsupported", sentence, store.writeValue, store, "a", 1, { ttl = "1h" })
    raises.error("unsupported", sentence, store.writeMany, store, { a = 1 }, { ttl = "1h" })
    assert.equal(0, store:count())
    store:close()
  end)
end)
