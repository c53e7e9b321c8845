-- SPDX-License-Identifier: MIT
--
-- Watching: what loops over changes give, in which order, and when they wait, end or raise.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local raises = require "support.raises"
local stores = require "support.stores"
local temp = require "support.temp"

-- A change in short: "write a:1", with a dot where it was the last one of its commit.
local function short(change)
  return ("%s %s:%s%s"):format(change.what, change.entityName, change.id or "", change.last and "." or "")
end

local function shorts(watch)
  local list = {}
  for change in watch do list[#list + 1] = short(change) end
  return list
end

stores.each(function(kind)
  describe("a watch", function()
    local options = kind.durable and { durability = "nosync" } or nil
    local whole, store

    before_each(function()
      whole = holdfast.openStore(kind.base, options)
      whole:settings { changes = "7d" }
      store = kind.open("signal", options)
    end)

    after_each(function()
      store:close()
      whole:close()
      whole, store = nil, nil
    end)

    it("gives what was committed since, and ends when its time is over", function()
      local w = store:watch { timeout = 0 }
      local before = w.revision
      store:writeValue("BTC", { pnl = 1 })
      store:writeValue("ETH", { pnl = 2 })
      store:removeValue("BTC")
      store:removeAll()
      local other = kind.open("risk", options)
      other:writeValue("x", 1)
      local list = stores.list(w)
      assert.equal(4, #list)
      assert.same({ revision = before + 2, at = list[2].at, entityName = "signal", id = "ETH", what = "write",
        value = nil, current = true, last = true }, list[2])
      assert.same({ "write signal:BTC.", "write signal:ETH.", "remove signal:BTC.", "clear signal:." },
        { short(list[1]), short(list[2]), short(list[3]), short(list[4]) })
      assert.is_nil(list[4].id)
      assert.is_true(math.abs(list[1].at - os.time() * 1000) < 3600000)
      assert.equal(before + 5, w.revision) -- that of the other name was seen, too
      assert.is_nil(w:next(0))
      store:writeValue("SOL", { pnl = 3 })
      assert.same({ pnl = 3 }, w:next().value)
      w:close()
      other:close()
    end)

    it("gives the changes of a transaction together, those undone never", function()
      local w = whole:watch { timeout = 0 }
      local risk = kind.open("risk", options)
      holdfast.transaction(function()
        store:writeValue("a", 1)
        risk:writeValue("b", 2)
        store:removeValue("a")
      end)
      pcall(holdfast.transaction, function()
        store:writeValue("c", 3)
        error("no")
      end)
      local list = {}
      for change in w do list[#list + 1] = change end
      assert.is_true(list[#list].last)
      for i, change in ipairs(list) do
        assert.equal(list[1].revision, change.revision)
        assert.equal(i == #list or nil, change.last)
        assert.is_true(change.id == "a" or change.id == "b")
      end
      w:close()
      risk:close()
    end)

    it("says which change is the last of a commit, over however many entity names", function()
      local many, w = {}, whole:watch { timeout = 0 }
      for i = 1, 70 do many[i] = kind.open("name-" .. i, options) end
      local before = w.revision
      holdfast.transaction(function()
        for _, each in ipairs(many) do each:writeValue("a", 1) end
      end)
      local count, last = 0, 0
      for change in w do
        count = count + 1
        if change.last then last = count end
        assert.equal(count < 70 and before or change.revision, w.revision)
      end
      assert.same({ 70, 70 }, { count, last })
      for _, each in ipairs(many) do each:close() end
      w:close()
    end)

    it("goes on from a revision, as often as one likes", function()
      local first = store:watch { timeout = 0 }
      for i = 1, 1000 do store:writeValue(i, i) end
      local from = first.revision + 1
      for _, start in ipairs { from, from + 1, from + 999 } do
        local n = start
        for change in store:watch { from = start, timeout = 0 } do
          assert.equal(n, change.revision)
          assert.equal(n - from + 1, change.value)
          n = n + 1
        end
        assert.equal(from + 1000, n)
      end
      assert.same({}, shorts(store:watch { from = from + 5000, timeout = 0 }))
      first:close()
    end)

    it("leaves out other ids, and writes for which the predicate is false", function()
      local from = store:watch().revision + 1
      for i = 1, 40 do store:writeValue("A" .. i, { n = i }) end
      store:writeValue("B1", { n = 100 })
      store:removeValue("B1")
      local limit, asked = 30, 0
      local function least(n) return function(v) return v.n > n end end
      assert.equal(10, #shorts(store:watch { from = from, timeout = 0, prefix = "A", where = least(30) }))
      assert.equal(12, #shorts(store:watch { from = from, timeout = 0, where = least(30) })) -- the value of B1 is gone
      local list = shorts(store:watch { from = from, timeout = 0, where = function(v, id)
        asked = asked + 1
        limit = limit + 0
        return v.n > limit and id ~= "A40"
      end })
      assert.equal(40, asked)
      assert.equal(11, #list)
      assert.equal("remove signal:B1.", list[11])
      assert.equal("write signal:B1.", list[10])
    end)

    it("tells a predicate that raises of which entity", function()
      local w = store:watch { where = function(v) return v.a.b end }
      store:writeValue("x", { n = 1 })
      local err = raises.error("script", nil, w.next, w, 0)
      assert.matches("^watch: the predicate raised: .*index field 'a'", err.message)
      assert.equal("signal", err.entityName)
      assert.equal("x", err.entityId)
      w:close()
    end)

    it("says where to begin again when changes went", function()
      whole:settings { changes = "5" }
      local w = store:watch { timeout = 0 }
      local from = w.revision + 1
      for i = 1, 300 do store:writeValue("x", i) end
      local err = raises.error("compacted", nil, w.next, w)
      assert.is_true(err.revision > from)
      assert.equal(from - 1, w.revision)
      raises.error("compacted", nil, store.watch, store, { from = from })
      local list = shorts(store:watch { from = err.revision, timeout = 0 })
      assert.equal(from + 300 - err.revision, #list)
      w:close()
    end)

    it("is refused where no log is kept, or not any more", function()
      local w = store:watch()
      whole:settings { changes = "off" }
      raises.error("unsupported", nil, w.next, w)
      local err = raises.error("unsupported", nil, store.watch, store)
      assert.matches("changes=", err.message)
      w:close()
    end)

    it("is not for transactions, and does not wait in snapshots", function()
      local w = store:watch()
      holdfast.transaction(function()
        store:writeValue("a", 1)
        raises.error("unsupported", nil, w.next, w, 0)
        raises.error("unsupported", nil, w.next, w)
        raises.error("unsupported", nil, store.watch, store)
      end)
      store:snapshot(function()
        assert.equal("a", w:next(0).id) -- what is committed, whatever the snapshot sees
        assert.is_nil(w:next(0))
        raises.error("unsupported", nil, w.next, w)
      end)
      w:close()
    end)

    it("can be closed in the middle, and is closed when it is collected", function()
      local w = store:watch { from = whole:watch().revision + 1, timeout = 0 }
      store:writeValue("a", 1)
      store:writeValue("b", 1)
      assert.equal("a", w:next().id)
      w:close()
      local err = raises.error("closed", nil, w.next, w)
      assert.matches("^the watch is closed", err.message)
      raises.error("closed", nil, function() return w.revision end)
      store:watch { timeout = 0 }:next() -- and left
    end)

    it("keeps the store open by itself", function()
      local url = kind.base
      local w = holdfast.watch(url, { timeout = 0 })
      whole:close()
      store:writeValue("a", 1)
      store:close()
      if not kind.durable then assert.equal("a", w:next().id) end
      w:close()
    end)

    it("refuses what it does not know", function()
      raises.error("invalid_argument", "watch: there is no option 'form': from, prefix, where and timeout exist",
        store.watch, store, { form = 1 })
      raises.error("invalid_argument", "watch: from must be a number, not a string", store.watch, store, { from = "1" })
      raises.error("invalid_argument", "watch: from must be a revision, a whole number from 0 on", store.watch, store,
        { from = 1.5 })
      raises.error("invalid_argument", "^watch: where must be a function, not a string", store.watch, store,
        { where = "v.x" })
      raises.error("invalid_argument", nil, store.watch, store, 5)
      raises.error("invalid_argument", nil, store.watch)
    end)

    it("refuses a class that may keep other values than it gives, unless it has a method of its own", function()
      local Own = holdfast[kind.class]:extend("Own")
      function Own:readValue(id) return holdfast[kind.class].readValue(self, id) end
      local own = Own("signal", (kind.base:gsub("^memory:", "")), options)
      local err = raises.error("unsupported", nil, own.watch, own)
      assert.matches("watch the store itself", err.message)
      function Own:watch(what) return what .. self.entityName end
      assert.equal("my signal", own:watch("my "))
      own:close()
    end)
  end)
end)

describe("holdfast.watch", function()
  after_each(function() stores.leaveNothing() end)

  it("takes a store as it is open, whatever options that was with", function()
    local base = temp.directory() .. "/store"
    local store = holdfast.LmdbPersist("signal", base, { durability = "nosync" })
    store:writeValue("a", 1)
    local whole = holdfast.openStore(base, { durability = "nosync" })
    whole:settings { changes = "7d" }
    local w = holdfast.watch(base, { timeout = 0 })
    store:writeValue("b", 1)
    assert.equal("b", w:next().id)
    w:close()
    store:close()
    whole:close()
  end)

  it("opens it where it is not", function()
    local base = temp.directory() .. "/store"
    local whole = holdfast.openStore(base)
    whole:settings { changes = "7d" }
    local revision = whole:stat().revision
    whole:close()
    local w = holdfast.watch(base, { from = revision + 1, timeout = 0 })
    assert.is_nil(w:next())
    w:close()
  end)

  it("is refused for stores that cannot", function()
    raises.error("unsupported", nil, holdfast.watch, "file:" .. temp.directory() .. "/store")
    raises.error("unsupported", nil, holdfast.watch, "null:")
  end)
end)

describe("a watch in a loop of libuv", function()
  local uv = require "luv"
  local base, store, whole

  before_each(function()
    base = temp.directory() .. "/store"
    whole = holdfast.openStore(base, { durability = "nosync" })
    whole:settings { changes = "7d" }
    store = holdfast.LmdbPersist("signal", base, { durability = "nosync" })
  end)

  after_each(function()
    store:close()
    whole:close()
    store, whole = nil, nil
    stores.leaveNothing()
  end)

  it("calls for each change, and not any more when it is closed", function()
    local w, seen = store:watch(), {}
    w:listen(uv, function(change)
      seen[#seen + 1] = change.id
      if #seen == 3 then w:close() end
      if #seen == 1 then store:writeValue("c", 1) end
    end)
    store:writeValue("a", 1)
    store:writeValue("b", 1)
    uv.run()
    store:writeValue("d", 1)
    uv.run("nowait")
    assert.same({ "a", "b", "c" }, seen)
  end)

  it("says what was raised, and ends", function()
    local w, got = store:watch(), nil
    w:listen(uv, function(change, raised)
      if change then error("not today") end
      got = raised
    end)
    store:writeValue("a", 1)
    uv.run()
    assert.matches("not today", got.message)
    raises.error("closed", nil, w.next, w, 0)
  end)

  it("does not hold up the host's other tasks", function()
    local loop = require "holdfast.host.scheduler.loop"
    loop.setClock(nil)
    local seen, slept = {}, 0
    loop.spawn(function()
      local w = store:watch()
      while #seen < 5 do seen[#seen + 1] = w:next().id end
      w:close()
      assert(w.handle)
    end)
    loop.spawn(function()
      for i = 1, 5 do
        loop.sleep(1)
        slept = slept + 1
        store:writeValue("a" .. i, i)
      end
    end)
    loop.run()
    assert.same({ "a1", "a2", "a3", "a4", "a5" }, seen)
    assert.equal(5, slept)
    -- The script itself waits, and others run meanwhile.
    local w = store:watch()
    loop.spawn(function()
      loop.sleep(1)
      store:writeValue("b", 1)
    end)
    assert.equal("b", w:next().id)
    loop.run()
    assert.is_nil(w:next(1))
    w:close()
    -- One task closes what another one waits for.
    w = store:watch()
    local err
    loop.spawn(function() err = raises.error("closed", nil, w.next, w) end)
    loop.spawn(function()
      loop.sleep(1)
      w:close()
    end)
    loop.run()
    assert.equal("closed", err.code)
    local asked = coroutine.wrap(function() return store:watch { timeout = 1 }:next() end)
    assert.is_nil(asked()) -- a coroutine that is not the host's waits by itself
    assert.is_false(core.inTransaction())
  end)
end)
