-- SPDX-License-Identifier: MIT
--
-- holdfast.transactions{ fn, fn, ... }: several transactions in one commit, each undone alone.

local assert = require("luassert")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local transaction, transactions = holdfast.transaction, holdfast.transactions

--- A function that writes this.
local function writing(store, id, value)
  return function() return store:writeValue(id, value) end
end

local function copyOf(model)
  local copy = {}
  for name, ids in pairs(model) do
    copy[name] = {}
    for id, value in pairs(ids) do copy[name][id] = value end
  end
  return copy
end

--- Changes the stores and the model at random, and may go into transactions or several, and raise.
local function change(model, all, depth)
  for _ = 1, math.random(6) do
    local name = math.random(2)
    local store, id, what = all[name], "id-" .. math.random(8), math.random(20)
    if what <= 10 then
      model[name][id] = math.random(1000)
      store:writeValue(id, model[name][id])
    elseif what <= 15 then
      model[name][id] = nil
      store:removeMany({ id })
    elseif what == 16 then
      model[name] = {}
      store:removeAll()
    elseif depth < 4 then
      local saved
      local function part()
        saved = copyOf(model)
        change(model, all, depth + 1)
        if math.random(3) == 1 then
          for i = 1, 2 do model[i] = saved[i] end
          error("undo")
        end
      end
      if what <= 18 then pcall(transaction, part) else transactions { part, part, part } end
    end
  end
end

--- What became of each: true, or what it raised.
local function outcomes(results)
  local out = {}
  for i, result in ipairs(results) do out[i] = result.ok or result.error end
  return out
end

stores.each(function(kind)
  it("gives what each function returned or raised, in their order", function()
    local store, thrown = kind.open(), {}
    local results = transactions {
      function()
        store:writeValue("a", 1)
        return 1, nil, "three", nil
      end,
      function()
        store:writeValue("b", 1)
        error("no", 0)
      end,
      function() end,
      function() error(thrown) end,
      function() error(nil) end,
      function() store:readValue("none") end,
      function() return core.inTransaction() end,
    }
    assert.equal(7, #results)
    assert.same({ ok = true, n = 4, 1, nil, "three" }, results[1])
    assert.same({ ok = false, n = 0, error = "no" }, results[2])
    assert.same({ ok = true, n = 0 }, results[3])
    assert.equal(thrown, results[4].error)
    assert.same({ ok = false, n = 0 }, results[5])
    assert.is_true(holdfast.isError(results[6].error, "not_found"))
    assert.equal("Entity signal:none not found", results[6].error.message)
    assert.is_true(results[7][1])
    assert.same({ "a 1" }, stores.content(store))
    assert.is_false(core.inTransaction())
  end)

  it("undoes alone what raises, in whatever order, over several collections", function()
    local signal, risk = kind.open("signal"), kind.open("risk")
    signal:writeValue("kept", 1)
    local functions = {}
    for i = 1, 60 do
      functions[i] = function()
        signal:writeValue(i, i)
        risk:writeMany({ ["x" .. i] = i, last = i })
        if i % 3 == 0 then signal:removeAll() end
        if i % 3 == 0 then error("undo", 0) end
        return risk:readValue("last")
      end
    end
    local results = transactions(functions)
    for i = 1, 60 do
      assert.equal(i % 3 ~= 0, results[i].ok)
      if i % 3 ~= 0 then assert.equal(i, results[i][1]) end
    end
    assert.equal(41, signal:count())
    assert.equal(41, risk:count())
    assert.equal(59, risk:readValue("last"))
    assert.is_false(signal:hasValue(60))
  end)

  it("lets later ones see what earlier ones wrote, and no revision of it", function()
    local store = kind.open()
    local old = store:writeValue("old", 0)
    store:writeValue("undone", 0)
    local undone = store:readEntry("undone").revision
    local results = transactions {
      writing(store, "a", 1),
      function()
        store:writeValue("undone", 1)
        error("undo", 0)
      end,
      function()
        local entry = store:readEntry("a")
        assert.equal(1, entry.value)
        assert.equal(-1, entry.revision)
        assert.equal(-1, store:writeValue("a", 2))
        assert.equal(old, store:readEntry("old").revision)
        assert.equal(undone, store:readEntry("undone").revision)
        local seen = {}
        for id, value, revision in store:entries() do seen[id] = { value, revision } end
        assert.same({ a = { 2, -1 }, old = { 0, old }, undone = { 0, undone } }, seen)
      end,
      function() store:writeValue("a", 3, { ifRevision = old + 3 }) end,
      function() store:removeValue("a", { ifRevision = old + 3 }) end,
      function() store:writeValue("old", 1, { ifRevision = old }) end,
      function() store:writeValue("old", 2, { ifRevision = old }) end,
    }
    local became = outcomes(results)
    assert.same({ true, "undo", true, true }, { became[1], became[2], became[3], became[6] })
    for _, i in ipairs { 4, 5, 7 } do
      assert.is_true(holdfast.isError(became[i], "conflict"), tostring(became[i]))
      assert.matches(": what a commit has written has no revision before it is done$", became[i].message)
    end
    assert.is_true(store:readEntry("a").revision > old)
    store:writeValue("a", 4, { ifRevision = store:readEntry("a").revision })
    assert.same({ "a 4", "old 1", "undone 0" }, stores.content(store))
  end)

  it("refuses for ever what is to happen at a revision that it did not tell", function()
    local store = kind.open()
    local results = transactions {
      function() return store:writeValue("a", 1) end,
      function() return store:readEntry("a").revision end,
      function() return (select(3, store:entries()())) end,
    }
    local function refused(fn, ...)
      raises.error("conflict", "^Entity signal:a: the revision that was given is unknown.*: read the entity again$", fn,
        store, "a", ...)
    end
    for i = 1, 3 do
      local revision = results[i][1]
      refused(store.writeValue, 2, { ifRevision = revision })
      refused(store.removeValue, { ifRevision = revision })
    end
    results = transactions {
      function() store:writeValue("a", 2, { ifRevision = results[1][1] }) end,
      function() store:writeValue("b", 2) end,
    }
    assert.is_true(holdfast.isError(results[1].error, "conflict"), tostring(results[1].error))
    assert.same({ "a 1", "b 2" }, stores.content(store))
  end)

  it("is nested in the transaction around it, and durable with that", function()
    local store = kind.open()
    local results
    raises.caught(transaction, function()
      results = transactions { writing(store, "a", 1), writing(store, "b", print), writing(store, "c", 1) }
      assert.equal(2, store:count())
      error("undo")
    end)
    assert.is_true(results[1].ok)
    assert.is_true(holdfast.isError(results[2].error, "invalid_value"))
    assert.equal(0, store:count())
    transaction(function()
      store:writeValue("before", 1)
      transactions { writing(store, "a", 1), function() transactions { writing(store, "b", 1), error } end }
      store:writeValue("after", 1)
    end)
    assert.same({ "a 1", "after 1", "b 1", "before 1" }, stores.content(store))
  end)

  it("covers one store, and names both where another is touched", function()
    local store, other = kind.open(), holdfast.MemoryPersist("signal", "second")
    local results = transactions { writing(store, "a", 1), writing(other, "b", 1), writing(store, "c", 1) }
    local why = results[2].error
    assert.is_true(holdfast.isError(why, "unsupported"), tostring(why))
    assert.is_truthy(why.message:find(store.url, 1, true), why.message)
    assert.is_truthy(why.message:find(other.url, 1, true), why.message)
    assert.same({ "a 1", "c 1" }, stores.content(store))
    assert.equal(0, other:count())
    other:close()
  end)

  it("cannot begin inside a snapshot", function()
    local store = kind.open()
    store:snapshot(function()
      raises.error("readonly", nil, transactions, { writing(store, "a", 1) })
      raises.error("readonly", nil, transactions, {})
    end)
    assert.equal(0, store:count())
  end)

  it("is not left by a yield", function()
    local store = kind.open()
    local co = coroutine.wrap(function()
      local results = transactions { writing(store, "a", 1), coroutine.yield, writing(store, "c", 1) }
      coroutine.yield(results)
      return "done"
    end)
    local results = co()
    assert.matches("yield", tostring(results[2].error))
    assert.equal("done", co())
    assert.same({ "a 1", "c 1" }, stores.content(store))
  end)

  it("goes on where a function changes the list, or drops and closes what it uses", function()
    local store = kind.open()
    store:waitForInit(true)
    local list = {}
    for i = 1, 5 do
      list[i] = function()
        list[i + 1] = nil
        list.x = true
        local own = kind.open("own")
        own:writeValue(i, i)
        own:close()
        collectgarbage()
      end
    end
    assert.same({ true, true, true, true, true }, outcomes(transactions(list)))
    assert.equal(5, kind.open("own"):count())
    assert.equal(0, store:count())
  end)

  it("leaves what a model has after changes at random, at every depth", function()
    local seed = os.time()
    math.randomseed(seed)
    local model, all = { {}, {} }, { kind.open("one"), kind.open("two") }
    for _ = 1, 150 do
      transactions {
        function() change(model, all, 1) end,
        function()
          local saved = copyOf(model)
          change(model, all, 1)
          model[1], model[2] = saved[1], saved[2]
          error("undo")
        end,
        function() change(model, all, 1) end,
      }
      for i, store in ipairs(all) do
        local found = {}
        for id, value in store:entries() do found[id] = value end
        assert.same(model[i], found, "seed " .. seed)
        assert.equal(#stores.list(store:keys()), store:count())
      end
    end
  end)

  it("runs more than there is room for on Lua's stack", function()
    local store, many = kind.open(), {}
    for i = 1, 20000 do many[i] = function() return i end end
    many[7] = writing(store, "a", 1)
    local results = transactions(many)
    assert.equal(20000, results[20000][1])
    local returned = transactions { function() return unpack(results, 1, 5000) end }
    assert.equal(5000, returned[1].n)
    assert.equal(results[5000], returned[1][5000])
    assert.equal(1, store:count())
  end)
end)

describe("transactions", function()
  it("refuses what is no list of functions, before anything runs", function()
    local function never() error("it ran") end
    raises.error("invalid_argument", "transactions: give a list of functions, not a nil", transactions)
    raises.error("invalid_argument", "transactions: give a list of functions, not a function", transactions, never)
    raises.error("invalid_argument", "transactions: give one list of functions, and nothing after it: they are called "
      .. "without arguments", transactions, { never }, 1)
    raises.error("invalid_argument", "transactions: give a list of functions: number 2 is a table", transactions,
      { never, {} })
    raises.error("invalid_argument", "transactions: give a list of functions: number 2 is a nil", transactions,
      { never, nil, never })
    raises.error("invalid_argument", "transactions: give a list of functions: it has the key late", transactions,
      { never, late = never })
    raises.error("invalid_argument", "transactions: give a list of functions: it has the key 1.5", transactions,
      { never, [1.5] = never })
    raises.error("invalid_argument", "transactions: give a list of functions: it has the key boolean", transactions,
      { never, [true] = never })
    assert.same({}, transactions {})
  end)
end)

stores.each(function(kind)
  it("is full for all where the map has to grow, and runs nothing twice", function()
    local store = holdfast.PersistBase("signal", kind.base, { mapSize = 524288 })
    local big, runs, after = ("x"):rep(600000), 0, 0
    local function parts()
      return transactions {
        writing(store, "a", 1),
        function()
          runs = runs + 1
          pcall(store.writeValue, store, "big", big) -- that it goes on does not help
        end,
        function() after = after + 1 end,
      }
    end
    local err = raises.error("full", "it grows when that has ended, so run it again$", parts)
    assert.is_true(err.retryable)
    assert.same({ 1, 0 }, { runs, after })
    assert.equal(0, store:count())
    for _ = 1, 3 do
      local ok, raised = pcall(parts)
      if ok then break end
      assert.equal("full", raised.code)
    end
    assert.equal(1, after)
    assert.equal(2, store:count())
    store:close()
  end)
end, { "lmdb" })

stores.each(function(kind)
  it("runs them one by one where there are no transactions, and what was written stays", function()
    local store = kind.open()
    local results = transactions {
      writing(store, "a", 1),
      function()
        store:writeMany({ b = 1 })
        error("no", 0)
      end,
      function() return store:readValue("b") end,
      function() transaction(writing(store, "c", 1)) end,
      function() return transactions { writing(store, "d", 1), error }[1].ok end,
    }
    local became = outcomes(results)
    assert.same({ true, "no", true, true }, { became[1], became[2], became[3], became[5] })
    assert.is_true(holdfast.isError(became[4], "unsupported"))
    assert.equal(1, results[3][1])
    assert.is_true(results[5][1])
    assert.same({ "a 1", "b 1", "d 1" }, stores.content(store))
    assert.is_false(core.inTransaction())
  end)
end, { "file", "script" })

--- A class around LMDB that reads and writes by methods of its own, and gives the revisions of LMDB.
local function classWith(supports)
  local Class = holdfast.LmdbPersist:extend("Class")
  Class.supports = supports
  function Class:readValue(id) return holdfast.LmdbPersist.readValue(self, id).box end
  function Class:readEntry(id)
    local entry = holdfast.LmdbPersist.readEntry(self, id)
    entry.value = entry.value.box
    return entry
  end
  function Class:writeValue(id, entity, options)
    return holdfast.LmdbPersist.writeValue(self, id, { box = entity }, options)
  end
  return Class
end

stores.each(function(kind)
  it("goes through a class's methods to the store that it wraps", function()
    local store = classWith({ revision = true })("signal", (kind.base:gsub("^.*base=", "")))
    local old = store:writeValue("old", 0)
    assert.is_true(old > 0)
    local results = transactions {
      writing(store, "a", 1),
      function()
        store:writeValue("b", 1)
        error("undo", 0)
      end,
      function() return store:readEntry("a").revision, store:readValue("a"), store:readEntry("old").revision end,
      function() store:writeValue("a", 2, { ifRevision = old + 1 }) end,
    }
    local became = outcomes(results)
    assert.same({ true, "undo", true }, { became[1], became[2], became[3] })
    assert.is_true(holdfast.isError(became[4], "conflict"), tostring(became[4]))
    assert.same({ ok = true, n = 3, -1, 1, old }, results[3])
    assert.same({ ok = true, n = 1, -1 }, results[1])
    assert.same({ "a", "old" }, stores.list(store:keys()))
    store:close()
  end)

  it("runs one by one where a class declares that it does not nest, or has no transactions", function()
    for _, lacks in ipairs { "nested", "transaction" } do
      local Class = classWith({ revision = true, nested = false, [lacks] = false })
      local store = Class("signal", (kind.base:gsub("^.*base=", "")) .. lacks)
      local results = transactions {
        writing(store, "a", 1),
        function()
          store:writeValue("b", 1)
          error("undo", 0)
        end,
        function() return store:readEntry("a").revision end,
      }
      assert.same({ true, "undo", true }, outcomes(results))
      assert.is_true(results[3][1] > 0) -- it was committed before
      assert.equal(lacks == "nested" and 1 or 2, store:count())
      store:close()
    end
  end)
end, { "wrapper" })
