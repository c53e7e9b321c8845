-- SPDX-License-Identifier: MIT
--
-- Indexes of classes: of those that have them by methods of their own, that have those of the store that they extend,
-- and that have none.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

-- Calls the function, which must raise this code, with this in its message.
local function refuses(code, piece, fn, ...)
  local err = raises.error(code, nil, fn, ...)
  assert.is_truthy(err.message:find(piece, 1, true), ("%q is not in: %s"):format(piece, err.message))
  return err
end

local counter = 0
local function newBase()
  counter = counter + 1
  return "indexes-" .. counter
end

-- A class over a store in memory that keeps a list of its indexes, and what was called.
local function withOwn(entries)
  local Own = holdfast.MemoryPersist:extend("Own")
  Own.supports = { index = true }
  local list, log = {}, {}
  function Own:readValue(id) return holdfast.MemoryPersist.readValue(self, id) end
  function Own:createIndex(paths, options) -- luacheck: ignore 212
    log[#log + 1] = "create " .. table.concat(paths, ",") .. (options.unique and " unique" or "")
    list[#list + 1] = { paths = paths, unique = options.unique, entries = entries }
  end
  function Own:dropIndex(paths) -- luacheck: ignore 212
    log[#log + 1] = "drop " .. table.concat(paths, ",")
    table.remove(list)
  end
  function Own:indexes() return list end -- luacheck: ignore 212
  return Own, log, list
end

after_each(function() stores.leaveNothing() end)

describe("a class with indexes of its own", function()
  it("makes, lists and forgets them by its methods", function()
    local Own, log = withOwn(7)
    local store = Own("signal", newBase())
    assert.is_true(store.supports.index)
    assert.is_false(store.supports.indexOrder)
    store:createIndex("v['metadata'].symbol")
    store:createIndex({ "strategyName", "symbol" }, { unique = true })
    assert.same({
      { name = "metadata.symbol", paths = { "metadata.symbol" }, unique = false, ready = true, entries = 7 },
      { name = "strategyName,symbol", paths = { "strategyName", "symbol" }, unique = true, ready = true, entries = 7 },
    }, store:indexes())
    store:dropIndex({ "v.strategyName", "symbol" })
    assert.same({ "create metadata.symbol", "create strategyName,symbol unique", "drop strategyName,symbol" }, log)
  end)

  it("has them compared by nobody, which is not said to be that there are none", function()
    local store = withOwn(7)("signal", newBase())
    store:createIndex("n")
    refuses("unsupported", "cannot be compared with the entities from here: drop one that is in doubt",
      core.checkIndexes, store)
  end)

  it("is asked only for what is not there, and to forget what is", function()
    local Own, log, list = withOwn()
    local store = Own("signal", newBase())
    store:createIndex("a")
    store:createIndex("v.a")
    refuses("conflict", "signal has an index a already, which is not unique", store.createIndex, store, "a",
      { unique = true })
    refuses("not_found", "signal has no index b", store.dropIndex, store, "b")
    assert.same({ "create a" }, log)
    list[1].ready = false
    assert.same({ { name = "a", paths = { "a" }, unique = false, ready = false } }, store:indexes())
    store:createIndex("a")
    assert.same({ "create a", "create a" }, log)
  end)

  it("is given the steps of its paths", function()
    local Own = withOwn()
    local given
    function Own:createIndex(...) given = { ... } end -- luacheck: ignore 212
    Own("signal", newBase()):createIndex({ "metadata.symbol", "v['any key'].list[2]", "v[1]" }, { unique = true })
    assert.same({ { "metadata.symbol", "v[\"any key\"].list[2]", "v[1]" }, { unique = true },
      { { "metadata", "symbol" }, { "any key", "list", 2 }, { 1 } } }, given)
  end)

  it("is never given what is no path", function()
    local Own, log = withOwn()
    local store = Own("signal", newBase())
    refuses("invalid_argument", "a.", store.createIndex, store, "a.")
    refuses("invalid_argument", "list", store.createIndex, store, {})
    refuses("invalid_argument", "list", store.createIndex, store, "a", "b")
    refuses("unsupported", "not inside a transaction", holdfast.transaction, function() store:createIndex("a") end)
    assert.same({}, log)
  end)

  it("is told what is wrong with its list", function()
    local Own, _, list = withOwn()
    local store = Own("signal", newBase())
    local function says(text) refuses("script", text, store.indexes, store) end
    list[1] = "symbol"
    says("Own:indexes must return a list of tables {paths=, unique=}, not of a string")
    list[1] = { "symbol" }
    says("Own:indexes must give a list of 1 to 4 texts as `paths` of each index")
    list[1] = { paths = { 1 } }
    says("Own:indexes must give texts as `paths` of each index, not a number")
    list[1] = { paths = { "a b" } }
    says("Own:indexes gave `paths` that are none")
    list[1] = { paths = { "a" }, unique = "yes" }
    says("Own:indexes must give true or false as `unique` of each index, not a string")
    function Own:indexes() return nil end -- luacheck: ignore 212
    says("Own:indexes must return a list of indexes")
  end)

  it("passes on what its methods raise", function()
    local Own = withOwn()
    function Own:createIndex() error(holdfast.error("duplicate", "a and b are the same")) end -- luacheck: ignore 212
    function Own:writeValue() error(holdfast.error("duplicate", "b has it already")) end -- luacheck: ignore 212
    local store = Own("signal", newBase())
    refuses("duplicate", "a and b are the same", store.createIndex, store, "n", { unique = true })
    local err = refuses("duplicate", "b has it already", store.writeValue, store, "a", 1)
    assert.equal("signal", err.entityName)
    assert.equal("a", err.entityId)
    assert.is_false(err.retryable)
  end)

  it("reaches those of the store that it extends by its parent's methods", function()
    local Own = withOwn()
    for _, name in ipairs { "createIndex", "dropIndex", "indexes" } do
      Own[name] = function(self, ...) return holdfast.MemoryPersist[name](self, ...) end
    end
    local base = newBase()
    local store, below = Own("signal", base), holdfast.MemoryPersist("signal", base)
    store:createIndex("n", { unique = true })
    assert.equal("n", below:indexes()[1].name)
    assert.is_true(store:indexes()[1].unique)
    store:dropIndex("n")
    assert.same({}, below:indexes())
  end)

  it("has all three methods", function()
    local Own = withOwn()
    Own.dropIndex = nil
    refuses("invalid_argument", "Own declares supports.index, and lacks dropIndex", Own, "signal", newBase())
    Own.createIndex, Own.indexes = nil, nil
    refuses("invalid_argument", "Own declares supports.index, and has its own readValue", Own, "signal", newBase())
    Own.supports = { indexOrder = true }
    refuses("invalid_argument", "Own declares supports.indexOrder, which only stores in C can have", Own, "signal",
      newBase())
  end)
end)

describe("a class of one's own", function()
  local function oneOfItsOwn(supports)
    local Alone = holdfast.PersistBase:extend("Alone")
    for _, name in ipairs { "waitForInit", "readValue", "hasValue", "writeValue", "removeValue", "removeAll", "values",
      "keys" } do
      Alone[name] = function() return function() end end
    end
    Alone.supports = supports
    return Alone
  end

  it("declares no indexes that it does not have", function()
    refuses("invalid_argument", "Alone declares supports.index, but has no methods createIndex, dropIndex and indexes",
      oneOfItsOwn({ index = true }), "signal", newBase())
    refuses("invalid_argument", "Alone declares supports.indexOrder, which only stores in C can have",
      oneOfItsOwn({ indexOrder = true }), "signal", newBase())
  end)

  it("that declares none refuses them, and says what to do", function()
    local store = oneOfItsOwn()("signal", newBase())
    assert.is_false(store.supports.index)
    refuses("unsupported", "the class keeps no indexes: one that does has methods createIndex", store.createIndex,
      store, "n")
  end)

  it("goes in the order of no index, also where its values() gets the range", function()
    local Alone = oneOfItsOwn()
    function Alone:values(range) -- luacheck: ignore 212
      assert(range == nil or range.index == nil, "the class was given an order that it does not know")
      return { { n = 2 }, { n = 1 } }
    end
    local store = Alone("signal", newBase())
    local function always() return true end
    for _, method in ipairs { "values", "entries", "keys" } do
      for _, where in ipairs { false, always } do
        refuses("unsupported", "cannot iterate in the order of an index", function()
          stores.list(store[method](store, { index = "n", where = where or nil }))
        end)
      end
    end
    refuses("unsupported", "order of an index", function() stores.list(store:filter(always, { index = "n" })) end)
    refuses("unsupported", "order of an index", function() stores.list(store:take(1, { index = "n" })) end)
    assert.same({ { n = 2 }, { n = 1 } }, stores.list(store:values({ prefix = "a" })))
  end)

  it("that declares none has its own methods of these names untouched", function()
    for _, Class in ipairs { oneOfItsOwn(), oneOfItsOwn({ durable = true }), holdfast.MemoryPersist:extend("Mine") } do
      function Class:indexes(...) return self.entityName, ... end
      function Class:createIndex(...) return "created", ... end
      Class.dropIndex = 5
      local store = Class("signal", newBase())
      assert.same({ "signal", 1, nil, 3 }, { store:indexes(1, nil, 3) })
      assert.same({ "created", "a.", "b" }, { store:createIndex("a.", "b") })
      assert.equal(5, store.dropIndex)
    end
  end)
end)

describe("a class that extends a store", function()
  -- Names of methods -> a class that has them, which call their parent's.
  local function extending(...)
    local Class = holdfast.MemoryPersist:extend("Extending")
    for _, name in ipairs { ... } do
      Class[name] = function(self, a, b) return holdfast.MemoryPersist[name](self, a, b) end
    end
    return Class
  end

  it("has the store's indexes where it gives what the store keeps", function()
    local base = newBase()
    local store, below = extending("writeValue", "removeValue")("signal", base), holdfast.MemoryPersist("signal", base)
    assert.is_true(store.supports.index)
    assert.is_true(store.supports.indexOrder)
    store:createIndex("n", { unique = true })
    for i = 1, 100 do store:writeValue("id-" .. i, { n = i }) end
    assert.equal(100, below:indexes()[1].entries)
    assert.same({ { n = 42 } }, stores.list(store:filter(function(v) return v.n == 42 end)))
    assert.same({ { n = 100 }, { n = 99 } }, stores.list(store:values({ index = "n", reverse = true, limit = 2 })))
    local err = refuses("duplicate", "id-7", store.writeValue, store, "another", { n = 7 })
    assert.equal("another", err.entityId)
    store:removeValue("id-7")
    store:writeValue("another", { n = 7 })
    store:dropIndex("n")
    assert.same({}, below:indexes())
  end)

  it("has none where its methods give entities", function()
    for _, name in ipairs { "readValue", "readEntry", "readMany", "values", "entries", "keys" } do
      local base = newBase()
      holdfast.MemoryPersist("signal", base):createIndex("n")
      local store = extending(name)("signal", base)
      assert.is_false(store.supports.index, name)
      assert.is_false(store.supports.indexOrder, name)
      refuses("unsupported", "those of the memory store that it extends know only what that keeps",
        store.createIndex, store, "n")
      refuses("unsupported", "give the class createIndex", store.indexes, store)
      refuses("unsupported", "index", function() stores.list(store:keys({ index = "n" })) end)
    end
  end)

  it("may say that it has none", function()
    local Class = extending("writeValue")
    Class.supports = { index = false }
    local store = Class("signal", newBase())
    assert.is_false(store.supports.index)
    assert.is_false(store.supports.indexOrder)
    refuses("unsupported", "declares that it has no indexes", store.createIndex, store, "n")
  end)

  it("has none where the store has none", function()
    local File = holdfast.NullPersist:extend("Nothing")
    function File:writeValue(id, entity) return holdfast.NullPersist.writeValue(self, id, entity) end
    local store = File("signal", newBase())
    refuses("unsupported", "null stores keep no indexes", store.createIndex, store, "n")
    File.supports = { index = true }
    refuses("invalid_argument", "declares supports.index, which the store that it extends does not have", File,
      "signal", newBase())
  end)
end)

describe("the examples that wrap a store", function()
  local examples = (os.getenv("HOLDFAST_SOURCE") or ".") .. "/examples/"

  it("have the store's indexes where they give what it keeps: audited.lua", function()
    local store = dofile(examples .. "audited.lua")("risk", temp.directory() .. "/store")
    store:createIndex("limit", { unique = true })
    store:writeMany { BTCUSDT = { limit = 10 }, ETHUSDT = { limit = 4 } }
    assert.equal(2, store.audit:count())
    assert.equal("limit", store:explain(function(v) return v.limit == 4 end).index)
    assert.same({ "ETHUSDT" }, stores.list(store:keys { where = function(v) return v.limit == 4 end }))
    local err = refuses("duplicate", "BTCUSDT has the same", store.writeValue, store, "SOLUSDT", { limit = 10 })
    assert.same({ "risk", "SOLUSDT" }, { err.entityName, err.entityId })
    refuses("duplicate", "BTCUSDT has the same", store.writeMany, store, { A = { limit = 1 }, B = { limit = 10 } })
    assert.same({ "BTCUSDT", "ETHUSDT" }, stores.list(store:keys()))
    assert.equal(2, store.audit:count(), "what was refused is noted")
    store:removeValue("BTCUSDT")
    store:writeValue("SOLUSDT", { limit = 10 })
    store:removeAll()
    store:writeValue("XRPUSDT", { limit = 10 })
    assert.same({ "XRPUSDT" }, stores.list(store:keys { where = function(v) return v.limit == 10 end }))
    store.audit:close()
    store:close()
  end)

  it("refuse to make indexes where they give something else: cached.lua, retrying.lua", function()
    local retrying = dofile(examples .. "retrying.lua").over(holdfast.LmdbPersist)
    local Lists = holdfast.FilePersist:extend("Lists")
    local cached = dofile(examples .. "cached.lua").over(Lists)
    for Class, piece in pairs {
      [retrying] = "those of the lmdb store that it extends know only what that keeps: give the class createIndex",
      [cached] = "file stores keep no indexes",
    } do
      local store = Class("risk", temp.directory() .. "/store")
      refuses("unsupported", piece, store.createIndex, store, "limit")
      refuses("unsupported", piece, store.indexes, store)
      assert.is_false(store.supports.index)
      store:close()
    end
  end)

  it("may hand them on, and then unique ones hold: a wrapper with the three methods", function()
    local Boxed = holdfast.LmdbPersist:extend("Boxed")
    Boxed.supports = { index = true, indexOrder = false }
    function Boxed:readValue(id) return holdfast.LmdbPersist.readValue(self, id).box end
    function Boxed:writeValue(id, value) return holdfast.LmdbPersist.writeValue(self, id, { box = value }) end
    for _, name in ipairs { "createIndex", "dropIndex" } do
      Boxed[name] = function(self, paths, options)
        local boxed = {}
        for i, path in ipairs(paths) do boxed[i] = "box." .. path end
        return holdfast.LmdbPersist[name](self, boxed, options)
      end
    end
    function Boxed:indexes()
      local list = holdfast.LmdbPersist.indexes(self)
      for _, index in ipairs(list) do
        for i, path in ipairs(index.paths) do index.paths[i] = path:gsub("^box%.", "") end
      end
      return list
    end
    local store = Boxed("risk", temp.directory() .. "/store")
    store:createIndex({ "limit", "side" }, { unique = true })
    assert.same({ { name = "limit,side", paths = { "limit", "side" }, unique = true, ready = true, entries = 0 } },
      store:indexes())
    store:writeValue("a", { limit = 1, side = "long" })
    refuses("duplicate", "the index box.limit,box.side is unique, and a has the same", store.writeValue, store, "b",
      { limit = 1, side = "long" })
    assert.same({ "a" }, stores.list(store:keys { where = function(v) return v.limit == 1 end }))
    store:dropIndex { "limit", "side" }
    assert.same({}, stores.list(ipairs(store:indexes())))
    store:close()
  end)
end)

describe("what is opened read-only", function()
  it("uses the indexes that there are, and makes and forgets none", function()
    for _, open in ipairs {
      function(base, options) return holdfast.LmdbPersist("signal", base, options) end,
      function(base, options)
        local Writing = holdfast.LmdbPersist:extend("Writing")
        function Writing:writeValue(...) return holdfast.LmdbPersist.writeValue(self, ...) end
        return Writing("signal", base, options)
      end,
    } do
      local base = temp.directory() .. "/store"
      local store = open(base)
      store:createIndex("n")
      for i = 1, 100 do store:writeValue(i, { n = i }) end
      store:close()
      store = open(base, { readOnly = true })
      refuses("readonly", "read-only", store.createIndex, store, "m")
      refuses("readonly", "read-only", store.dropIndex, store, "n")
      assert.equal("n", store:indexes()[1].name)
      assert.equal("n", store:explain(function(v) return v.n == 7 end).index)
      assert.same({ { n = 7 } }, stores.list(store:filter(function(v) return v.n == 7 end)))
      store:close()
    end
  end)

  it("is refused before a class with indexes of its own hears of it", function()
    local Own, log = withOwn()
    local store = Own("signal", newBase(), { readOnly = true })
    refuses("readonly", "read-only", store.createIndex, store, "n")
    refuses("readonly", "read-only", store.dropIndex, store, "n")
    assert.same({}, log)
    assert.same({}, stores.list(ipairs(store:indexes())))
  end)
end)
