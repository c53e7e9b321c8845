-- SPDX-License-Identifier: MIT
--
-- holdfast.transaction(fn): all or nothing, over every collection of one store.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local transaction = holdfast.transaction

stores.each(function(kind)
  it("commits what its function wrote, over several collections", function()
    local signal, risk = kind.open("signal"), kind.open("risk")
    transaction(function()
      signal:writeValue("BTC", { n = 1 })
      signal:writeMany({ ETH = 2, XRP = 3 })
      risk:writeValue("positions", { "BTC" })
      signal:removeValue("XRP")
    end)
    assert.same({ 'BTC {"n":1}', "ETH 2" }, stores.content(signal))
    assert.same({ "BTC" }, risk:readValue("positions"))
  end)

  it("undoes everything when its function raises", function()
    local signal, risk, new = kind.open("signal"), kind.open("risk"), kind.open("new")
    signal:writeMany({ a = 1, b = 2, c = 3 })
    risk:writeValue("positions", 1)
    local before, riskBefore = stores.content(signal), stores.content(risk)
    local raised = raises.caught(transaction, function()
      signal:writeValue("a", 9)
      signal:removeValue("b")
      signal:removeMany({ "c" })
      signal:writeMany({ d = 9, e = 9 })
      signal:removeAll()
      signal:writeValue("z", 9)
      risk:removeAll()
      new:writeValue("x", 1)
      error("stop", 0)
    end)
    assert.equal("stop", raised)
    assert.same(before, stores.content(signal))
    assert.same(riskBefore, stores.content(risk))
    assert.equal(0, new:count())
    new:writeValue("x", 2)
    assert.equal(2, new:readValue("x"))
  end)

  it("passes arguments in and all results out", function()
    local store = kind.open()
    local function collect(...)
      return select("#", ...), { ... }
    end
    local n, results = collect(transaction(function(a, b, c)
      store:writeValue("x", 1)
      return c, b, a, nil
    end, 1, nil, "three"))
    assert.equal(4, n)
    assert.same({ "three", nil, 1 }, results)
    assert.equal(0, (collect(transaction(function() end))))
    local many = {}
    for i = 1, 200 do
      many[i] = i
    end
    assert.equal(200, (collect(transaction(function(...) return ... end, unpack(many)))))
  end)

  it("passes on whatever is raised, unchanged", function()
    local store = kind.open()
    for _, thrown in ipairs({ "text", 5, {}, holdfast.error("conflict", "mine"), print }) do
      assert.equal(thrown, raises.caught(transaction, function()
        store:writeValue("x", 1)
        error(thrown, 0)
      end))
    end
    local inner
    local err = raises.error("not_found", "Entity signal:none not found", transaction, function()
      local ok
      ok, inner = pcall(store.readValue, store, "none")
      assert.is_false(ok)
      error(inner)
    end)
    assert.equal(inner, err)
    assert.is_nil((raises.caught(transaction, function() error(nil) end)))
    assert.equal(0, store:count())
  end)

  it("sees its own writes, in every way of reading", function()
    local store = kind.open()
    store:writeMany({ a = 1, b = 2 })
    transaction(function()
      store:writeValue("c", 3)
      store:removeValue("a")
      assert.is_false(store:hasValue("a"))
      assert.equal(3, store:readValue("c"))
      assert.equal(3, store:readEntry("c").value)
      assert.equal(2, store:count())
      assert.same({ "b", "c" }, stores.list(store:keys()))
      assert.same({ 2, 3 }, stores.list(store:values()))
      assert.same({ 3 }, stores.list(store:filter(function(v) return v == 3 end)))
      assert.same({ b = 2, c = 3 }, store:readMany({ "a", "b", "c" }))
      assert.same({ "c", "b" }, stores.list(store:keys({ reverse = true })))
      raises.error("not_found", nil, store.readValue, store, "a")
    end)
    assert.same({ "b", "c" }, stores.list(store:keys()))
  end)

  it("may write inside a loop over many pages", function()
    local store = kind.open()
    local batch = {}
    for i = 1, 1000 do
      batch[i] = i
    end
    store:writeMany(batch)
    transaction(function()
      local seen = 0
      for id, value in store:entries() do
        seen = seen + 1
        store:writeValue(id, value + 1)
        if value % 2 == 0 then
          store:removeValue(id)
        end
      end
      assert.equal(1000, seen)
    end)
    assert.equal(500, store:count())
    assert.equal(2, store:readValue(1))
  end)

  it("an iterator from inside goes on outside, and the other way round", function()
    local store = kind.open()
    local batch = {}
    for i = 1, 100 do
      batch[i] = i
    end
    store:writeMany(batch)
    local outer = store:keys()
    outer()
    local inner
    transaction(function()
      store:removeMany({ 50, 51 })
      inner = store:keys()
      inner()
      for _ = 1, 40 do
        outer()
      end
    end)
    assert.equal(97, #stores.list(inner))
    assert.is_true(#stores.list(outer) >= 57)
  end)

  it("keeps what was not harmed when its function catches an error", function()
    local store = kind.open()
    transaction(function()
      store:writeValue("a", 1)
      raises.error("not_found", nil, store.readValue, store, "none")
      raises.error("not_found", nil, store.removeValue, store, "none")
      raises.error("invalid_value", nil, store.writeValue, store, "b", 0 / 0)
      raises.error("invalid_argument", nil, store.writeValue, store, "", 1)
      raises.error("conflict", nil, store.writeValue, store, "a", 2, { ifAbsent = true })
      raises.error("invalid_value", nil, store.writeMany, store, { c = 1, d = print })
    end)
    assert.same({ "a 1" }, stores.content(store))
  end)

  it("covers one store, and names both when a second is touched", function()
    local store = kind.open()
    local other = holdfast.MemoryPersist("signal", "second")
    other:writeValue("x", 0)
    local err = raises.error("unsupported", nil, transaction, function()
      store:writeValue("x", 1)
      other:writeValue("x", 2)
    end)
    assert.is_truthy(err.message:find(store.url, 1, true), err.message)
    assert.is_truthy(err.message:find(other.url, 1, true), err.message)
    assert.is_false(store:hasValue("x"))
    assert.equal(0, other:readValue("x"))
    raises.error("unsupported", nil, transaction, function()
      other:readValue("x")
      store:readValue("x")
    end)
    transaction(function() other:writeValue("x", 5) end)
    assert.equal(5, other:readValue("x"))
    other:close()
  end)

  it("nests: an inner raise undoes the inner part only", function()
    local store, late = kind.open("signal"), kind.open("late")
    transaction(function()
      store:writeValue("outer", 1)
      raises.caught(transaction, function()
        store:writeValue("outer", 2)
        store:writeValue("inner", 2)
        late:writeValue("x", 1)
        error("undo")
      end)
      assert.equal(1, store:readValue("outer"))
      assert.is_false(store:hasValue("inner"))
      assert.equal(0, late:count())
      transaction(function()
        store:writeValue("second", 3)
        transaction(function() late:writeValue("y", 4) end)
      end)
      assert.equal(4, late:readValue("y"))
    end)
    assert.same({ "outer 1", "second 3" }, stores.content(store))
    assert.same({ "y 4" }, stores.content(late))
  end)

  it("nests: an outer raise undoes what inner ones committed", function()
    local store, new = kind.open("signal"), kind.open("new")
    store:writeValue("a", 1)
    raises.caught(transaction, function()
      transaction(function()
        store:writeValue("a", 2)
        new:writeValue("x", 1)
      end)
      assert.equal(2, store:readValue("a"))
      error("undo")
    end)
    assert.equal(1, store:readValue("a"))
    assert.equal(0, new:count())
    new:writeValue("x", 3)
    assert.equal(3, new:readValue("x"))
  end)

  it("cannot begin inside a snapshot", function()
    local store = kind.open()
    store:writeValue("a", 1)
    store:snapshot(function()
      raises.error("readonly", nil, transaction, function() store:writeValue("a", 2) end)
    end)
    assert.equal(1, store:readValue("a"))
  end)

  it("may be made outside a snapshot of another store, which goes on", function()
    local source, target = kind.open(), holdfast.PersistBase("signal", kind.newBase())
    for i = 1, 300 do source:writeValue(i, i) end
    source:snapshot(function()
      local seen = 0
      for id, text in core.texts(source) do
        core.outside(function()
          assert.is_false(core.inTransaction())
          if seen == 0 then transaction(function() target:writeMany({ a = 1, b = 2 }) end) end
          core.writeText(target, id, text)
          raises.error("unsupported", "^store .* is being read at one moment:", source.writeValue, source, "x", 1)
          raises.error("unsupported", "^store .* is being read at one moment:", source.readValue, source, "1")
          raises.error("unsupported", "^store .* is being read at one moment:", transaction, source.count, source)
        end)
        seen = seen + 1
      end
      assert.equal(300, seen)
      raises.error("unsupported", "^a transaction covers one store", target.count, target)
      assert.equal("inner", raises.caught(core.outside, function()
        core.outside(function() target:writeValue("c", 3) end)
        target:snapshot(function()
          raises.error("unsupported", "^a transaction covers one store", source.count, source)
          assert.is_false((core.outside(pcall, target.count, target)))
        end)
        error("inner", 0)
      end))
      raises.error("readonly", nil, source.writeValue, source, "x", 1)
    end)
    assert.equal(303, target:count())
    assert.equal(300, source:count())
    target:close()
  end)

  it("is not stepped out of", function()
    local store = kind.open()
    assert.same({ 1, nil, 2 }, { core.outside(function(...) return ... end, 1, nil, 2) })
    transaction(function()
      store:writeValue("a", 1)
      raises.error("unsupported", "^only a snapshot", core.outside, print)
      store:snapshot(function() raises.error("unsupported", "^only a snapshot", core.outside, print) end)
    end)
    raises.error("invalid_argument", "^outside: give a function", core.outside, 1)
    assert.equal(1, store:readValue("a"))
  end)

  it("works inside a coroutine, and refuses to be left by a yield", function()
    local store = kind.open()
    local co = coroutine.wrap(function()
      transaction(function() store:writeValue("a", 1) end)
      coroutine.yield("between")
      transaction(function()
        store:writeValue("a", 2)
        coroutine.yield("inside")
      end)
    end)
    assert.equal("between", co())
    assert.equal(1, store:readValue("a"))
    local raised = raises.caught(co)
    assert.matches("yield", tostring(raised))
    assert.equal(1, store:readValue("a"))
    store:writeValue("a", 3)
    assert.equal(3, store:readValue("a"))
  end)

  it("includes what coroutines do inside it", function()
    local store = kind.open()
    raises.caught(transaction, function()
      local co = coroutine.wrap(function()
        store:writeValue("a", 1)
        coroutine.yield()
        store:writeValue("b", 1)
      end)
      co()
      co()
      error("undo")
    end)
    assert.equal(0, store:count())
  end)

  it("that touches nothing is nothing", function()
    kind.open()
    assert.equal(5, transaction(function() return 5 end))
    assert.equal("x", raises.caught(transaction, function() error("x", 0) end))
  end)

  it("survives closing and collecting its handles inside", function()
    local keep = kind.open("keep")
    keep:waitForInit(true)
    transaction(function()
      local store = kind.open("signal")
      store:writeValue("a", 1)
      store:close()
      kind.open("other"):writeValue("b", 2)
      collectgarbage()
      collectgarbage()
    end)
    assert.equal(1, kind.open("signal"):readValue("a"))
    assert.equal(2, kind.open("other"):readValue("b"))
  end)

  it("commits even when its only handle was closed inside", function()
    if not kind.durable then
      return -- nothing of a memory store is left without a handle
    end
    transaction(function()
      local store = kind.open("signal")
      store:writeValue("a", 1)
      store:close()
    end)
    assert.equal(1, kind.open("signal"):readValue("a"))
  end)

  it("gives the revision that the commit will have", function()
    local store = kind.open()
    local first = store:writeValue("a", 1)
    local second = transaction(function()
      local revision = store:writeValue("a", 2, { ifRevision = first })
      return store:writeValue("a", 3, { ifRevision = revision })
    end)
    assert.is_true(second > first)
    assert.equal(second, store:readEntry("a").revision)
  end)

  it("holds hundreds of writes of many collections, or says clearly that it cannot", function()
    local many = {}
    for i = 1, 300 do
      many[i] = kind.open("name-" .. i)
    end
    local function writeAll()
      for i, store in ipairs(many) do
        store:writeValue("a", i)
      end
    end
    local ok, err = pcall(transaction, writeAll)
    if not ok then
      assert.equal("unsupported", err.code, err.message)
      assert.matches("one transaction can touch at most %d+ entity names", err.message)
      assert.matches("^name%-%d+$", err.entityName)
      for _, store in ipairs(many) do
        assert.equal(0, store:count())
      end
      local most = tonumber(err.message:match("at most (%d+) entity names"))
      many = { unpack(many, 1, most) }
      transaction(writeAll)
    end
    for i, store in ipairs(many) do
      assert.equal(i, store:readValue("a"))
    end
    transaction(writeAll)
    for _, store in ipairs(many) do
      store:close()
    end
  end)
end)
