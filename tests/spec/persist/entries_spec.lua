-- SPDX-License-Identifier: MIT
--
-- What entries() gives beside id and entity: the revision and the time that readEntry has, or nil where there is none.

local ScriptPersist = require("support.ScriptPersist")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local stores = require("support.stores")
local temp = require("support.temp")

local source = os.getenv("HOLDFAST_SOURCE") or "."

-- What readEntry says, in the form of entries(): 0 is nil there.
local function known(n) return n ~= 0 and n or nil end

-- All that entries(range) gives, as lists {id, value, revision, updatedAt}.
local function rows(store, range)
  local list = {}
  for id, value, revision, updatedAt in store:entries(range) do
    list[#list + 1] = { id, value, revision or false, updatedAt or false }
  end
  return list
end

-- The same by readEntry.
local function entries(store, range)
  local list = {}
  for id in store:keys(range) do
    local e = store:readEntry(id)
    list[#list + 1] = { id, e.value, known(e.revision) or false, known(e.updatedAt) or false }
  end
  return list
end

-- Entities of several commits; enough of them for several pages.
local function fill(store)
  local batch = {}
  for i = 1, 300 do batch["log-" .. i] = { n = i } end
  store:writeMany(batch)
  for _, i in ipairs({ 299, 3, 150 }) do store:writeValue("log-" .. i, { n = -i }) end
  store:writeValue("other", "text")
end

local RANGES = {
  {}, { reverse = true }, { limit = 5 }, { prefix = "log-1" }, { from = "log-140", to = "log-160", reverse = true },
  { from = "log-9" },
}

local function agree(store)
  for i, range in ipairs(RANGES) do
    local expected = entries(store, range)
    assert.is_true(#expected > 0 or range.to ~= nil)
    assert.same(expected, rows(store, range), "range " .. i)
  end
end

stores.each(function(kind)
  describe("entries", function()
    it("give the revision and the time that readEntry gives", function()
      local store = kind.open("signal")
      local before = os.time() * 1000
      fill(store)
      agree(store)
      local all = rows(store)
      assert.equal(301, #all)
      for _, row in ipairs(all) do
        assert.equal(store.supports.revision, row[3] ~= false)
        assert.is_true(not row[4] or row[4] >= before - 1000)
      end
      local last = all[#all]
      if store.supports.revision then
        assert.equal(last[3], store:readEntry("other").revision)
        assert.is_true(last[3] > all[1][3])
        store:writeValue("other", 5, { ifRevision = last[3] })
      end
    end)

    it("give them in transactions and snapshots", function()
      local store = kind.open("signal")
      fill(store)
      if store.supports.snapshot then
        local outside = rows(store)
        store:snapshot(function(inside)
          assert.same(outside, rows(inside))
          agree(inside)
        end)
      end
      if not store.supports.transaction then return end
      holdfast.transaction(function()
        store:writeValue("log-7", { n = 7.5 })
        store:removeValue("log-8")
        agree(store)
      end)
      agree(store)
    end)

    it("give four results, and two to a loop that takes two", function()
      local store = kind.open("signal")
      fill(store)
      assert.equal(4, select("#", store:entries()()))
      assert.equal(1, select("#", store:values()()))
      assert.equal(1, select("#", store:keys()()))
      local n = 0
      for id, value in store:entries({ prefix = "log-" }) do
        n = n + 1
        assert.equal("log-" .. math.abs(value.n), id)
      end
      assert.equal(300, n)
    end)
  end)
end, stores.all)

describe("entries of a class of one's own", function()
  after_each(function() stores.leaveNothing() end)

  -- With revisions: the length of the text.
  local function variant(methods, supports)
    local Class = ScriptPersist:extend("Variant")
    function Class:writeValue(id, entity, _)
      ScriptPersist.writeValue(self, id, entity)
      return #self.texts[id]
    end
    function Class:readEntry(id)
      return { id = id, value = ScriptPersist.readValue(self, id), revision = #self.texts[id], updatedAt = 7000 }
    end
    for name, method in pairs(methods) do Class[name] = method end
    Class.supports = supports or { revision = true }
    local store = Class("signal", "entries")
    for i = 1, 40 do store:writeValue("log-" .. i, i) end
    ScriptPersist.forgetLog()
    return store
  end

  local EXPECTED = { "log-40", 40, 2, 7000 }

  it("are made of readEntry", function()
    local store = variant({})
    assert.same(entries(store), rows(store))
    assert.same({ EXPECTED }, rows(store, { reverse = true, limit = 1 }))
  end)

  it("are made of readEntry where readMany, which knows no revision, would do for values", function()
    local batches = 0
    local function readMany(self, ids)
      local out = {}
      batches = batches + 1
      for _, id in ipairs(ids) do out[id] = ScriptPersist.readValue(self, id) end
      return out
    end
    local store = variant({ readMany = readMany })
    assert.same(entries(store), rows(store))
    assert.equal(0, batches)
    for _ in core.texts(store) do end -- which nobody asks for revisions
    for _ in store:values({ prefix = "log-" }) do end
    assert.is_true(batches > 1 and batches < 20)
    local without = variant({ readMany = readMany }, {}) -- has no revisions to tell
    batches = 0
    assert.same({ { "log-40", 40, false, false } }, rows(without, { reverse = true, limit = 1 }))
    assert.is_true(batches > 0)
  end)

  it("are what its entries() gives, which hears whether somebody looks", function()
    local asked = {}
    local function giving(...)
      local more = { ... }
      return variant({
        entries = function(self, range, info)
          asked[#asked + 1] = { range, info }
          local nextId = self:keys(range.prefix and { prefix = range.prefix })
          return function()
            local id = nextId()
            if id then return id, ScriptPersist.readValue(self, id), unpack(more) end
          end
        end,
      }, {})
    end
    local function first(...)
      local row = rows(giving(...), { prefix = "log-4" })[1]
      return row[3], row[4]
    end
    assert.same({ 5, 1707264000000 }, { first(5, 1707264000000) })
    assert.same({ false, 8 }, { first(nil, 8) })
    assert.same({ false, false }, { first() })
    assert.same({ false, false }, { first("no number", {}) })
    assert.same({ { prefix = "log-4" }, true }, asked[1])
    asked = {}
    for _ in core.texts(giving(5)) do end
    assert.same({ { {}, false } }, asked)
  end)

  it("get the range where they take one, whatever keys() takes", function()
    local function entriesOf(self, range)
      local nextId = self:keys(range)
      return function()
        local id = nextId()
        if id then return id, 1 end
      end
    end
    local store = variant({ entries = entriesOf }, {})
    assert.same({ { "log-40", 1, false, false } }, rows(store, { reverse = true, limit = 1 }))
    local plain = variant({
      keys = function(self, range) -- luacheck: ignore 212
        local ids = ScriptPersist.keys(self)
        if not range.reverse then return ids end
        local reversed = {}
        for i = #ids, 1, -1 do reversed[#reversed + 1] = ids[i] end
        return reversed
      end,
      entries = function(self) return entriesOf(self, {}) end,
    }, {})
    assert.same({ { "log-40", 1, false, false } }, rows(plain, { reverse = true, limit = 1 }))
    assert.equal("log-40", plain:keys({ reverse = true })())
  end)

  it("come with the revision of readEntry where they have none, and the store has", function()
    local store = variant({
      entries = function(self)
        local nextId = self:keys()
        return coroutine.wrap(function()
          for id in nextId do coroutine.yield(id, ScriptPersist.readValue(self, id)) end
        end)
      end,
    })
    assert.same(entries(store), rows(store))
  end)

  it("of the kit's right adapters are those of readEntry", function()
    for _, name in ipairs({ "everything", "journal", "memory", "texts", "wrapper" }) do
      local base = temp.directory() .. "/" .. name
      local path = source .. "/tests/conformance/right/" .. name .. ".lua"
      local store = holdfast.PersistBase("signal", "lua:" .. path .. "?base=" .. base)
      store:writeMany({ a = 1, b = 2 })
      store:writeValue("a", 3)
      assert.same(entries(store), rows(store), name)
      store:close()
    end
  end)
end)

describe("entries of a class around a store", function()
  after_each(function() stores.leaveNothing() end)

  local function wrapped(methods, supports)
    local Class = holdfast.LmdbPersist:extend("Wrapped")
    for name, method in pairs(methods) do Class[name] = method end
    Class.supports = supports
    local store = Class("signal", temp.directory() .. "/store", { durability = "nosync" })
    for i = 1, 40 do store:writeValue("log-" .. i, { n = i }) end
    return store
  end

  local Lmdb = holdfast.LmdbPersist

  it("keep the store's revision where reading is the store's", function()
    local store = wrapped({
      writeValue = function(self, id, entity, options) return Lmdb.writeValue(self, id, entity, options) end,
    })
    agree(store)
    assert.is_true(rows(store)[1][3] > 0)
  end)

  it("have none where the value may be another one", function()
    local store = wrapped({ readValue = function(self, id) return { Lmdb.readValue(self, id).n } end })
    assert.is_false(store.supports.revision)
    for i, row in ipairs(rows(store)) do assert.same({ "log-" .. i, { i }, false, false }, row) end
  end)

  it("have that of the class's own readEntry", function()
    local store = wrapped({
      readValue = function(self, id) return { Lmdb.readValue(self, id).n } end,
      readEntry = function(self, id)
        local entry = Lmdb.readEntry(self, id)
        entry.value = { entry.value.n }
        return entry
      end,
    })
    assert.is_true(store.supports.revision)
    local all = rows(store)
    for i, row in ipairs(all) do
      assert.same({ i }, row[2])
      assert.equal(Lmdb.readEntry(store, row[1]).revision, row[3])
    end
    store:writeValue("log-1", { n = 5 }, { ifRevision = all[1][3] })
    agree(store)
  end)

  it("are those of the examples", function()
    for _, name in ipairs({ "audited", "cached", "retrying" }) do
      local base = temp.directory() .. "/store"
      local store = holdfast.PersistBase("signal", "lua:" .. source .. "/examples/" .. name .. ".lua?base=" .. base)
      store:writeMany({ a = 1, b = 2 })
      store:writeValue("a", 3)
      local all = rows(store)
      assert.same(entries(store), all, name)
      assert.equal(store.supports.revision, all[1][3] ~= false, name)
      store:close()
    end
  end)
end)
