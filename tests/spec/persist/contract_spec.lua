-- SPDX-License-Identifier: MIT
--
-- The contract of PersistBase, row by row, on every store that is built in; then the two programs of the document
-- that describes it: the test template for custom adapters, and the direct use for a log.

local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local list = stores.list

stores.each(function(kind)
  describe("waitForInit", function()
    it("opens the store, and calling it again changes nothing", function()
      local store = kind.open()
      assert.is_nil(store:waitForInit(true))
      store:writeValue("BTC", 1)
      assert.is_nil(store:waitForInit(true))
      assert.is_nil(store:waitForInit(false))
      assert.is_nil(store:waitForInit())
      assert.equal(1, store:readValue("BTC"))
    end)

    it("is done by every other operation by itself", function()
      local operations = {
        function(s) assert.is_false(s:hasValue("a")) end,
        function(s) s:writeValue("a", 1) end,
        function(s) raises.error("not_found", nil, s.readValue, s, "a") end,
        function(s) raises.error("not_found", nil, s.removeValue, s, "a") end,
        function(s) s:removeAll() end,
        function(s) assert.same({}, list(s:keys())) end,
        function(s) assert.same({}, list(s:values())) end,
        function(s) assert.same({}, list(s:filter(function() return true end))) end,
        function(s) assert.same({}, list(s:take(3))) end,
        function(s) assert.equal(0, s:count()) end,
        function(s) assert.same({}, s:readMany({ "a" })) end,
        function(s) s:writeMany({ a = 1 }) end,
        function(s) assert.equal(0, s:removeMany({ "a" })) end,
        function(s) assert.is_table(s:stat()) end,
        function(s) return not s.supports.snapshot or assert.equal(7, s:snapshot(function() return 7 end)) end,
      }
      for i, operation in ipairs(operations) do
        local store = kind.open("name-" .. i)
        operation(store)
        store:close()
        store = kind.open("name-" .. i)
        store:removeAll()
      end
    end)
  end)

  describe("readValue", function()
    it("gives the entity", function()
      local store = kind.open()
      local signal = { symbol = "BTC", prices = { 1, 2.5 }, open = true }
      store:writeValue("BTC", signal)
      assert.same(signal, store:readValue("BTC"))
    end)

    it("gives a fresh value each time", function()
      local store = kind.open()
      local written = { list = { 1 } }
      store:writeValue("BTC", written)
      written.list[1] = 2
      store:readValue("BTC").list[1] = 3
      assert.same({ list = { 1 } }, store:readValue("BTC"))
    end)

    it("raises not_found and names the entity", function()
      local store = kind.open("signal")
      local err = raises.error("not_found", "Entity signal:BTC not found", store.readValue, store, "BTC")
      assert.equal("signal", err.entityName)
      assert.equal("BTC", err.entityId)
      assert.equal(kind.name, err.backend)
      assert.is_false(err.retryable)
    end)
  end)

  describe("readEntry", function()
    it("gives the entity with what is known about it", function()
      local store = kind.open()
      local before = os.time()
      local revision = store:writeValue("BTC", { n = 1 })
      local entry = store:readEntry("BTC")
      assert.equal("BTC", entry.id)
      assert.same({ n = 1 }, entry.value)
      assert.equal(revision or 0, entry.revision)
      if kind.name == "lua" then return end -- an author's readEntry would know
      -- The clock that stamps files lags that of programs by some ms.
      assert.is_true(entry.updatedAt >= before * 1000 - 20 and entry.updatedAt <= (os.time() + 1) * 1000)
    end)

    it("raises not_found like readValue", function()
      local store = kind.open("signal")
      raises.error("not_found", "Entity signal:BTC not found", store.readEntry, store, "BTC")
    end)
  end)

  describe("hasValue", function()
    it("says whether the entity exists", function()
      local store = kind.open()
      store:writeValue("BTC", false)
      assert.is_true(store:hasValue("BTC"))
      assert.is_false(store:hasValue("ETH"))
      assert.is_false(store:hasValue("btc"))
    end)
  end)

  describe("writeValue", function()
    it("inserts and replaces", function()
      local store = kind.open()
      store:writeValue("BTC", { a = 1, b = 2 })
      store:writeValue("BTC", { a = 3 })
      assert.same({ a = 3 }, store:readValue("BTC"))
      assert.equal(1, store:count())
    end)

    it("takes an entity of a million bytes, and a shorter one after it", function()
      local store = kind.open()
      local text = ("0123456789"):rep(100000)
      store:writeValue("big", { text = text })
      assert.equal(text, store:readValue("big").text)
      store:writeValue("big", { text = "short" })
      assert.equal("short", store:readValue("big").text)
    end)
  end)

  describe("removeValue", function()
    it("deletes one entity and no other", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = 2, c = 3 })
      assert.is_nil(store:removeValue("b"))
      assert.same({ "a", "c" }, list(store:keys()))
    end)

    it("raises not_found when there is nothing to delete", function()
      local store = kind.open("signal")
      local err =
        raises.error("not_found", "Entity signal:BTC not found for deletion", store.removeValue, store, "BTC")
      assert.equal("BTC", err.entityId)
    end)
  end)

  describe("removeAll", function()
    it("deletes every entity of this name and nothing else", function()
      local signal, other = kind.open("signal"), kind.open("signal2")
      signal:writeMany({ a = 1, b = 2 })
      other:writeMany({ a = 3 })
      signal:removeAll()
      assert.equal(0, signal:count())
      assert.equal(3, other:readValue("a"))
      signal:removeAll()
      signal:writeValue("a", 4)
      assert.same({ 4 }, list(signal:values()))
    end)
  end)

  describe("values and keys", function()
    it("go through all entities in natural id order", function()
      local store = kind.open()
      for _, n in ipairs({ 10, 2, 1, 100, 20 }) do
        store:writeValue("log-" .. n, n)
      end
      assert.same({ 1, 2, 10, 20, 100 }, list(store:values()))
      assert.same({ "log-1", "log-2", "log-10", "log-20", "log-100" }, list(store:keys()))
    end)

    it("yield values that Lua takes for nothing", function()
      local store = kind.open()
      store:writeMany({ a = false, b = holdfast.null, c = 0, d = "" })
      local values = list(store:values())
      assert.equal(4, #values)
      assert.equal(false, values[1])
      assert.equal(holdfast.null, values[2])
    end)

    it("go on yielding nothing after the end", function()
      local store = kind.open()
      store:writeValue("a", 1)
      local nextValue = store:values()
      assert.equal(1, nextValue())
      assert.is_nil(nextValue())
      assert.is_nil(nextValue())
    end)
  end)

  describe("entries", function()
    it("yields ids with their values", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = { 2 } })
      local seen = {}
      for id, value in store:entries() do
        seen[id] = value
      end
      assert.same({ a = 1, b = { 2 } }, seen)
    end)
  end)

  describe("filter", function()
    it("yields the values for which the predicate is true, in order", function()
      local store = kind.open()
      for i = 1, 30 do
        store:writeValue(i, { n = i })
      end
      local found = list(store:filter(function(v) return v.n % 10 == 0 end))
      assert.same({ { n = 10 }, { n = 20 }, { n = 30 } }, found)
    end)

    it("calls the predicate once for each entity, and only as far as the loop goes", function()
      local store = kind.open()
      for i = 1, 30 do
        store:writeValue(i, i)
      end
      local calls = 0
      local step = store:filter(function(v) calls = calls + 1 return v >= 5 end)
      assert.equal(0, calls)
      assert.equal(5, step())
      assert.equal(5, calls)
    end)

    it("takes anything but false and nil for true", function()
      local store = kind.open()
      store:writeMany({ a = 0, b = "", c = 1 })
      assert.equal(3, #list(store:filter(function(v) return v end)))
      assert.equal(0, #list(store:filter(function() end)))
    end)

    it("lets the predicate yield out of a coroutine", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = 2 })
      local run = coroutine.wrap(function()
        return list(store:filter(function(v) return coroutine.yield(v) end))
      end)
      assert.equal(1, run())
      assert.equal(2, run(false))
      assert.same({ 2 }, run(true))
    end)
  end)

  describe("take", function()
    it("yields the first values", function()
      local store = kind.open()
      for i = 1, 20 do
        store:writeValue(i, i)
      end
      assert.same({ 1, 2, 3 }, list(store:take(3)))
      assert.equal(20, #list(store:take(20)))
      assert.equal(20, #list(store:take(1000000)))
    end)

    it("yields nothing for 0", function()
      local store = kind.open()
      store:writeValue("a", 1)
      assert.same({}, list(store:take(0)))
    end)
  end)

  describe("count and stat", function()
    it("know how many entities there are", function()
      local store = kind.open()
      assert.equal(0, store:count())
      store:writeMany({ a = 1, b = 2 })
      assert.equal(2, store:count())
      local stat = store:stat()
      assert.equal(2, stat.entities)
      if kind.name ~= "lua" then assert.equal(kind.name, stat.backend) end -- one around a store shows that
      assert.equal("signal", stat.entityName)
    end)
  end)

  describe("ids", function()
    it("are strings or numbers, and a number is its JSON text", function()
      local store = kind.open()
      store:writeValue(1, "one")
      assert.equal("one", store:readValue("1"))
      store:writeValue("2", "two")
      assert.equal("two", store:readValue(2))
      store:writeValue(0.5, "half")
      store:writeValue(1e21, "big")
      store:writeValue(-3, "negative")
      assert.same({ "-3", "0.5", "1", "1e+21", "2" }, list(store:keys()))
      local zero = 0
      store:writeValue(-zero, "zero")
      assert.equal("zero", store:readValue("0"))
    end)

    it("may hold what means something to files and to other stores", function()
      local store = kind.open()
      local ids = {
        "BTC/USDT:USDT", "../../etc/passwd", "..", ".", "/", "a%2Fb", "a/b", "%", "a:b", "signal:x", "*", "?", "con",
        "a b", " a", "a ", "a\\b", "\"", "'", "BTC", "btc", "Btc", "ü", "日本", "😀", "e\204\129", "é",
      }
      for i, id in ipairs(ids) do
        store:writeValue(id, i)
      end
      for i, id in ipairs(ids) do
        assert.equal(i, store:readValue(id), id)
      end
      assert.equal(#ids, store:count())
      assert.equal(#ids, #list(store:keys()))
    end)

    it("have up to 250 bytes, whatever they are made of", function()
      local store = kind.open()
      for _, unit in ipairs({ "a", "1", "a1", "1a", "/", "é", "0", "9a", "😀a" }) do
        local id = unit:rep(math.floor(250 / #unit))
        id = id .. ("x"):rep(250 - #id)
        store:writeValue(id, unit)
        assert.equal(unit, store:readValue(id))
        assert.is_true(store:hasValue(id))
      end
      assert.equal(9, #list(store:keys()))
    end)
  end)

  describe("entity names", function()
    it("are as free as ids and never meet", function()
      local names = { "signal", "Signal", "signal/x", "..", "a:b", "%", "ü", ("n"):rep(250), "1", "01" }
      for i, name in ipairs(names) do
        kind.open(name):writeValue("id", i)
        if i == 1 then
          kind.keep = kind.open(name) -- a memory store lasts while a handle is open
        end
      end
      for i, name in ipairs(names) do
        assert.equal(i, kind.open(name):readValue("id"), name)
      end
      kind.keep = nil
    end)

    it("are listed by the store", function()
      local a, b = kind.open("log-10"), kind.open("log-2")
      a:writeValue("x", 1)
      b:writeValue("x", 1)
      local whole = holdfast.openStore(kind.base)
      assert.same({ "log-2", "log-10" }, { unpack(whole:entities()) })
      whole:close()
    end)
  end)

  describe("supports", function()
    it("lists every capability as true or false", function()
      local supports = kind.open().supports
      for name, promised in pairs(supports) do
        assert.is_boolean(promised, name)
      end
      if not kind.pages then return end
      for _, name in ipairs({ "transaction", "snapshot", "nested", "revision", "ifAbsent", "atomicBatch",
        "removeIfRevision" }) do
        assert.is_true(supports[name], name)
      end
      assert.is_true(supports.quarantine)
      for _, name in ipairs({ "durable", "checksum" }) do
        assert.equal(kind.durable, supports[name], name)
      end
    end)
  end)

  it("an instance knows its entity name, base and URL", function()
    local store = kind.open("signal")
    assert.equal("signal", store.entityName)
    assert.equal(kind.base, store.baseDir)
    if kind.name ~= "lua" then assert.equal(kind.base, store.url) end -- that of the class
    assert.equal(('PersistBase("signal", %q)'):format(kind.base), tostring(store))
    assert.is_nil(store.unknownField)
  end)

  -- The document's template: eight tests, in one run on one adapter.
  it("Custom adapter implements PersistBase correctly", function()
    local adapter = kind.open("test-entity")

    -- Test 1: Initialization
    adapter:waitForInit(true)

    -- Test 2: Write and read
    local testData = { id = "test1", value = 42 }
    adapter:writeValue("test1", testData)
    local readData = adapter:readValue("test1")
    assert.same(testData, readData, "Data mismatch between write and read")

    -- Test 3: Existence check
    assert.is_true(adapter:hasValue("test1"), "hasValue should return true")
    assert.is_false(adapter:hasValue("nonexistent"), "hasValue should return false for missing entity")

    -- Test 4: Iteration
    adapter:writeValue("test2", { id = "test2", value = 100 })
    adapter:writeValue("test3", { id = "test3", value = 200 })
    local values = {}
    for value in adapter:values() do
      values[#values + 1] = value
    end
    assert.equal(3, #values, "values() iterator returns all entities")

    -- Test 5: Key iteration
    local keys, includes = {}, {}
    for key in adapter:keys() do
      keys[#keys + 1] = key
      includes[key] = true
    end
    assert.equal(3, #keys)
    assert.is_true(includes.test1, "keys() iterator does not return correct IDs")

    -- Test 6: Delete
    adapter:removeValue("test1")
    assert.is_false(pcall(adapter.readValue, adapter, "test1"), "readValue should throw after removeValue")

    -- Test 7: Delete all
    adapter:removeAll()
    local emptyKeys = {}
    for key in adapter:keys() do
      emptyKeys[#emptyKeys + 1] = key
    end
    assert.equal(0, #emptyKeys, "removeAll did not clear all entities")

    -- Test 8: Error handling for missing entity
    assert.is_false(pcall(adapter.readValue, adapter, "never-existed"))
    assert.is_false(pcall(adapter.removeValue, adapter, "never-existed"))
  end)

  -- The document's direct use, line by line.
  it("keeps a trading log as the document shows it", function()
    local printed = {}
    local function print(...)
      printed[#printed + 1] = { ... }
    end

    -- Create custom persistence for trading logs
    local tradingLogs = holdfast.PersistBase("trading-logs", kind.base)

    -- Initialize
    tradingLogs:waitForInit(true)

    -- Write log entry
    tradingLogs:writeValue("log-1", {
      timestamp = 1704067200000,
      message = "Strategy started",
      metadata = { symbol = "BTCUSDT", strategy = "sma-crossover" },
    })

    -- Read log entry
    local log = tradingLogs:readValue("log-1")
    print(log)

    -- Check if log exists
    local exists = tradingLogs:hasValue("log-1")
    print("Log exists: " .. tostring(exists))

    -- Iterate over all logs
    for l in tradingLogs:values() do
      print("Log:", l)
    end

    -- Filter logs
    for l in tradingLogs:filter(function(l) return l.metadata.symbol == "BTCUSDT" end) do
      print("BTC Log:", l)
    end

    -- Take first 5 logs
    for l in tradingLogs:take(5) do
      print("Recent Log:", l)
    end

    -- Remove specific log
    tradingLogs:removeValue("log-1")

    -- Remove all logs
    tradingLogs:removeAll()

    local expected = { { log }, { "Log exists: true" }, { "Log:", log }, { "BTC Log:", log }, { "Recent Log:", log } }
    assert.same(expected, printed)
    assert.equal("Strategy started", log.message)
    assert.equal(0, tradingLogs:count())
  end)
end, stores.all)

describe("the null store", function()
  it("accepts everything and keeps nothing", function()
    local store = holdfast.NullPersist("signal")
    store:writeValue("a", 1)
    store:writeMany({ b = 2 })
    assert.is_false(store:hasValue("a"))
    assert.equal(0, store:count())
    assert.same({}, list(store:values()))
    assert.same({}, store:readMany({ "a", "b" }))
    raises.error("not_found", "Entity signal:a not found", store.readValue, store, "a")
    raises.error("not_found", "Entity signal:a not found for deletion", store.removeValue, store, "a")
  end)

  it("checks ids and values like every other", function()
    local store = holdfast.PersistBase("signal", "null:")
    raises.error("invalid_argument", nil, store.writeValue, store, "", 1)
    raises.error("invalid_value", "cannot store NaN", store.writeValue, store, "a", 0 / 0)
    raises.error("invalid_argument", nil, store.take, store, -1)
  end)

  it("refuses what it does not support, as its capabilities say", function()
    local store = holdfast.NullPersist("signal")
    assert.is_false(store.supports.transaction)
    assert.is_false(store.supports.snapshot)
    assert.is_false(store.supports.revision)
    raises.error("unsupported", nil, holdfast.transaction, function() store:writeValue("a", 1) end)
    raises.error("unsupported", nil, store.snapshot, store, function() end)
    raises.error("unsupported", nil, store.writeValue, store, "a", 1, { ifRevision = 1 })
    raises.error("unsupported", "null stores cannot remove at a revision: ifRevision cannot be honoured",
      store.removeValue, store, "a", { ifRevision = 1 })
  end)
end)
