-- SPDX-License-Identifier: MIT
--
-- The life of handles: closing, reopening, sharing one store, failing to open, and being collected.

local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

stores.each(function(kind)
  it("close may be called again, and before anything else", function()
    local store = kind.open()
    store:writeValue("a", 1)
    assert.is_nil(store:close())
    assert.is_nil(store:close())
    local unused = kind.open()
    unused:close()
    raises.error("closed", nil, unused.readValue, unused, "a")
  end)

  it("a closed instance still says what it was", function()
    local store = kind.open("signal")
    store:close()
    assert.equal("signal", store.entityName)
    assert.equal(kind.base, store.url)
    assert.is_true(store.supports.transaction)
    assert.is_string(tostring(store))
  end)

  it("an iterator answers `closed` after its store was closed", function()
    local store = kind.open()
    store:writeMany({ a = 1, b = 2, c = 3 })
    local all = store:filter(function() return true end)
    local iterators = { store:keys(), store:values(), store:entries(), all, store:take(2) }
    for _, step in ipairs(iterators) do
      assert.is_truthy(step())
    end
    store:close()
    for _, step in ipairs(iterators) do
      raises.error("closed", nil, step)
      raises.error("closed", nil, step)
    end
  end)

  it("an iterator keeps working when nobody else holds its store", function()
    local step
    do
      local store = kind.open()
      local batch = {}
      for i = 1, 500 do
        batch[i] = i
      end
      store:writeMany(batch)
      step = store:values()
      step()
    end
    collectgarbage()
    collectgarbage()
    local n = 1
    for _ in step do
      n = n + 1
    end
    assert.equal(500, n)
  end)

  it("closing one of two handles leaves the other usable", function()
    local a, b, other = kind.open("signal"), kind.open("signal"), kind.open("other")
    a:writeValue("x", 1)
    assert.equal(1, b:readValue("x"))
    b:writeValue("x", 2)
    assert.equal(2, a:readValue("x"))
    other:writeValue("y", 3)
    a:close()
    assert.equal(2, b:readValue("x"))
    b:close()
    assert.equal(3, other:readValue("y"))
    raises.error("closed", nil, a.readValue, a, "x")
  end)

  it("a function that closes its own store gets `closed`, and no crash", function()
    local store = kind.open()
    local batch = {}
    for i = 1, 300 do
      batch[i] = i
    end
    store:writeMany(batch)
    raises.error("closed", nil, function()
      for _ in store:filter(function() store:close() return true end) do
      end
    end)
    store = kind.open()
    store:waitForInit(true)
    store:snapshot(function() store:close() end)
    raises.error("closed", nil, store.count, store)
    store = kind.open()
    local whole = holdfast.openStore(kind.base)
    holdfast.transaction(function()
      store:writeValue("x", 1)
      store:close()
      whole:close()
    end)
    raises.error("closed", nil, whole.entities, whole)
    raises.error("closed", nil, whole.stat, whole)
    raises.error("closed", nil, whole.verify, whole)
    whole:close()
  end)

  it("verify survives that its callback closes the store", function()
    local store = kind.open()
    local batch = {}
    for i = 1, 1500 do
      batch[i] = i
    end
    store:writeMany(batch)
    local whole = holdfast.openStore(kind.base)
    store:close()
    local ok, result = pcall(whole.verify, whole, { onEvent = function() whole:close() end })
    if ok then
      assert.equal(1500, result.entities)
    else
      assert.equal("closed", result.code)
    end
    raises.error("closed", nil, whole.stat, whole)
  end)

  it("handles that are dropped are closed by the collector", function()
    for i = 1, 50 do
      kind.open("name-" .. i):writeValue("a", i)
      kind.open("name-" .. i):keys()
      holdfast.openStore(kind.base)
    end
  end)

  it("options that contradict those of an open handle are a conflict that says which", function()
    local store = kind.open("signal", { durability = "sync" })
    store:waitForInit(true)
    local patterns = { durability = "durability=sync, not nosync", maxSize = "maxsize=0, not 1073741824" }
    for option, pattern in pairs(patterns) do
      local other = kind.open("signal", { [option] = option == "durability" and "nosync" or 1073741824 })
      local err = raises.error("conflict", nil, other.waitForInit, other, true)
      assert.is_truthy(err.message:find(pattern, 1, true), err.message)
      raises.error("conflict", nil, other.writeValue, other, "a", 1)
    end
    local reader = kind.open("signal", { readOnly = true })
    raises.error("conflict", nil, reader.readValue, reader, "a")
    store:writeValue("a", 1)
  end)

  it("waits for the options of another handle to go", function()
    local store = kind.open("signal")
    store:writeValue("a", 1)
    local other = kind.open("signal", { durability = "nosync" })
    raises.error("conflict", nil, other.readValue, other, "a")
    store:close()
    other:writeValue("a", 2)
    assert.equal(2, other:readValue("a"))
  end)
end)

describe("on lmdb", function()
  local kind = stores.kind("lmdb")
  stores.fresh(kind)

  it("what was written is there after closing and opening again", function()
    local store = kind.open()
    store:writeMany({ a = 1, b = { "two" } })
    local revision = store:writeValue("c", 3)
    store:close()
    for _ = 1, 3 do
      store = kind.open()
      assert.same({ "a 1", 'b ["two"]', "c 3" }, stores.content(store))
      assert.equal(revision, store:readEntry("c").revision)
      store:close()
    end
    store = kind.open()
    assert.is_true(store:writeValue("c", 4) > revision)
  end)

  it("the same directory by other names is the same store", function()
    local a = kind.open()
    a:writeValue("x", 1)
    for _, base in ipairs({ kind.base .. "/", "lmdb:" .. kind.base, "lmdb://" .. kind.base, kind.base .. "/../store",
      (("lmdb:" .. kind.base):gsub("store$", "%%73tore")) }) do
      local b = holdfast.PersistBase("signal", base)
      b:writeValue("x", b:readValue("x") + 1)
      b:close()
    end
    assert.equal(6, a:readValue("x"))
    os.execute("ln -s store " .. temp.quote(kind.base .. "-link"))
    local link = holdfast.PersistBase("signal", kind.base .. "-link")
    assert.equal(6, link:readValue("x"))
  end)

  it("making an instance touches nothing, the first operation does", function()
    local store = kind.open()
    assert.is_nil(io.open(kind.base .. "/data.mdb", "rb"))
    raises.error("invalid_argument", nil, store.readValue, store, "")
    raises.error("invalid_value", nil, store.writeValue, store, "a", print)
    assert.is_nil(io.open(kind.base .. "/data.mdb", "rb"))
    assert.is_false(store:hasValue("a"))
    local file = io.open(kind.base .. "/data.mdb", "rb")
    assert.is_truthy(file)
    file:close()
  end)

  it("parents of the directory are made", function()
    local store = holdfast.PersistBase("signal", kind.base .. "/a/b/c/")
    store:writeValue("x", 1)
    assert.equal(1, holdfast.PersistBase("signal", kind.base .. "/a/b/c"):readValue("x"))
  end)

  it("an init that failed is tried again by the next call", function()
    temp.writeFile(kind.base, "in the way")
    local store = kind.open()
    for _ = 1, 2 do
      local err = raises.error("invalid_argument", kind.base .. " is a file: a store needs a directory of its own",
        store.waitForInit, store, true)
      assert.equal("signal", err.entityName)
      assert.equal("lmdb", err.backend)
    end
    raises.error("invalid_argument", nil, store.writeValue, store, "a", 1)
    raises.error("invalid_argument", nil, store.keys, store)
    os.remove(kind.base)
    store:writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
  end)

  it("a directory that cannot be made is reported and retried too", function()
    temp.writeFile(kind.base, "in the way")
    local store = holdfast.PersistBase("signal", kind.base .. "/below/it")
    raises.error("invalid_argument", nil, store.waitForInit, store)
    os.remove(kind.base)
    store:writeValue("a", 1)
  end)

  it("create=false opens what exists and makes nothing", function()
    local store = kind.open("signal", { create = false })
    raises.error("not_found", "there is no store at " .. kind.base, store.waitForInit, store)
    assert.is_nil(io.open(kind.base, "rb"))
    kind.open():writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
    local byUrl = holdfast.PersistBase("signal", "lmdb:" .. kind.base .. "2?create=0")
    raises.error("not_found", nil, byUrl.readValue, byUrl, "a")
  end)

  it("a store opened read-only reads and refuses to write", function()
    local writer = kind.open()
    writer:writeMany({ a = 1, b = 2 })
    writer:close()
    local store = kind.open("signal", { readOnly = true })
    assert.same({ "a 1", "b 2" }, stores.content(store))
    for _, write in ipairs({
      function() store:writeValue("a", 2) end, function() store:removeValue("a") end, function() store:removeAll() end,
      function() store:writeMany({ a = 2 }) end, function() store:removeMany({ "a" }) end,
      function() holdfast.transaction(function() store:writeValue("a", 2) end) end,
    }) do
      local err = raises.error("readonly", nil, write)
      assert.equal("signal", err.entityName)
    end
    assert.equal(2, store:snapshot(function() return store:count() end))
    assert.same({ "a 1", "b 2" }, stores.content(store))
    local none = holdfast.PersistBase("signal", kind.base .. "/none", { readOnly = true })
    raises.error("not_found", nil, none.waitForInit, none)
    assert.is_nil(io.open(kind.base .. "/none", "rb"))
  end)

  it("stores may be collected while their iterators live, in any order", function()
    local iterators = {}
    for i = 1, 40 do
      local store = kind.open("name-" .. i % 5)
      store:writeValue(i, i)
      iterators[i] = store:keys()
      iterators[i]()
      if i % 3 == 0 then
        iterators[i] = nil
        collectgarbage()
      end
    end
    iterators = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
    assert.same({}, temp.openFiles())
  end)

  it("many handles share one environment", function()
    local handles = {}
    for i = 1, 100 do
      handles[i] = kind.open("signal")
      handles[i]:writeValue(i, i)
    end
    assert.equal(100, handles[1]:count())
    assert.is_true(#temp.openFiles() <= 4, "the environment is open more than once")
  end)
end)
