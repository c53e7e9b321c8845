-- SPDX-License-Identifier: MIT
--
-- Entities that expire, on a real PostgreSQL server: nobody finds them any more, other programs' tables and writes, and
-- when they are removed.

local holdfast = require("holdfast")

local expiry = require("holdfast.backends.postgres.expiry")
local ffi = require("ffi")
local postgres = require("support.postgres")
local raising = require("support.raises")
local stores = require("support.stores")
local expiring = require("support.expiring")

local list = stores.list

if not postgres.isInstalled or not pcall(ffi.load, "libpq.so.5") then
  pending("needs PostgreSQL (postgresql, libpq5)")
  return
end

local pg

setup(function() pg = postgres.start("fsync=off") end)
teardown(function() pg:stop("QUIT") end)

local function raises(code, fn, ...) return raising.error(code, nil, fn, ...) end

local function open(name, query, login) return holdfast.PersistBase(name or "signal", pg:url(query, login)) end

local function fresh(name)
  local store = open(name)
  store:removeAll()
  return store
end

local HOUR, at, filled = expiring.HOUR, expiring.at, expiring.filled

describe("an entity of PostgreSQL that has expired", function()
  it("is found by nobody", function()
    local store = filled(fresh("none"), 9)
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
    assert.equal(2, #list(store:values { where = function(v) return v.n > 5 and v.n < 9 end }))
    raises("not_found", store.removeValue, store, "e3")
    assert.equal(1, store:removeMany({ "e1", "e3" }))
    assert.equal("9", pg:psql("SELECT count(*) + 1 FROM persist_none"), "nothing is removed by who looks")
  end)

  it("is left out of loops of any size that ask", function()
    local store, values = fresh("many"), {}
    for i = 1, 3000 do values["e" .. i] = { n = i % 10 } end
    store:writeMany(values)
    pg:psql("UPDATE persist_many SET expires_at = NOW() - interval '1 s', expires_of = updated_at"
      .. " WHERE right(entity_id, 1) = '7'")
    local found = 0
    for value in store:values { where = function(v) return v.n == 7 or v.n == 8 end } do
      found = found + 1
      assert.equal(8, value.n)
    end
    assert.equal(300, found)
  end)

  it("says beforehand when that will be", function()
    local store, when = fresh("when"), at(HOUR)
    store:writeValue("a", 1, { expiresAt = when })
    store:writeValue("é", 1, { expiresAt = when + 1 })
    assert.equal(when, store:readEntry("a").expiresAt)
    assert.equal(when + 1, store:readEntry("é").expiresAt)
    store:writeValue("a", 2)
    assert.is_nil(store:readEntry("a").expiresAt)
  end)

  it("is in nobody's way", function()
    local store = filled(fresh("way"), 9)
    local old = tonumber(pg:psql("SELECT xmin FROM persist_way WHERE entity_id = 'e3'"))
    raises("conflict", store.writeValue, store, "e3", 1, { ifRevision = old })
    store:writeValue("e3", { n = 30 }, { ifAbsent = true })
    assert.same({ n = 30 }, store:readValue("e3"))
    raises("conflict", store.writeValue, store, "e3", 1, { ifAbsent = true })
    raises("conflict", store.writeValue, store, "e1", 1, { ifAbsent = true })
    store:writeValue("e6", { n = 60 })
    assert.same({ n = 60 }, store:readValue("e6"))
  end)

  it("does not take what was written in its place in the same transaction", function()
    local store = fresh("same")
    holdfast.transaction(function()
      store:writeValue("a", 1, { expiresAt = at(-1) })
      assert.is_false(store:hasValue("a"))
      store:writeValue("a", 2)
    end)
    assert.equal(2, store:readValue("a"))
  end)

  it("gives its values in a unique index to others", function()
    local store = fresh("unique")
    store:createIndex("n", { unique = true })
    store:writeValue("a", { n = 1 }, { expiresAt = at(-1) })
    store:writeValue("b", { n = 1 })
    store:writeValue("c", { n = 2 }, { expiresAt = at(-1) })
    holdfast.transaction(function() store:writeMany({ d = { n = 2 }, e = { n = 3 } }) end)
    assert.same({ "b", "d", "e" }, list(store:keys()))
    raises("duplicate", store.writeValue, store, "f", { n = 1 })
  end)
end)

describe("a PostgreSQL table without columns for what expires", function()
  local COLUMNS = "SELECT count(*) FROM information_schema.columns WHERE table_name = '%s'"

  before_each(function()
    pg:psql([[DROP TABLE IF EXISTS persist_old;
      CREATE TABLE persist_old (entity_id TEXT PRIMARY KEY, data JSONB NOT NULL, updated_at TIMESTAMP DEFAULT NOW());
      INSERT INTO persist_old (entity_id, data) VALUES ('old', '1')]])
  end)

  it("is used as it is until something expires", function()
    local store = open "old"
    store:writeValue("b", 2)
    assert.equal(2, store:count())
    assert.equal("3", pg:psql(COLUMNS:format "persist_old"))
    store:writeValue("c", 3, { expiresAt = at(-1) })
    assert.equal("5", pg:psql(COLUMNS:format "persist_old"))
    assert.same({ "b", "old" }, list(store:keys()))
  end)

  it("is understood by those who opened it before it had them", function()
    local store, other = open "old", open("old", "?timeout=61s")
    assert.equal(1, other:count())
    store:writeMany({ c = 3, d = 4 })
    store:writeValue("c", 3, { expiresAt = at(-1) })
    store:writeValue("d", 4, { expiresAt = at(-1) })
    assert.equal(1, other:count())
    raises("not_found", other.readValue, other, "c")
    other:writeValue("c", 5, { ifAbsent = true })
    assert.equal(5, store:readValue("c"))
    other:writeValue("d", 6)
    assert.equal(6, store:readValue("d"))
  end)

  it("gets none inside a transaction", function()
    local store = open "old"
    local err = raises("unsupported", holdfast.transaction, function()
      store:writeValue("c", 3, { expiresAt = at(HOUR) })
    end)
    assert.matches("outside of it first", err.message)
    assert.is_false(store:hasValue("c"))
  end)

  it("gets none from who may not alter it, who is told what to say to its owner", function()
    open "old":count()
    pg:psql("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN;"
      .. " GRANT SELECT, INSERT, UPDATE, DELETE ON persist_old TO guest")
    local store = open("old", "", "guest")
    store:writeValue("a", 1)
    local err = raises("unsupported", store.writeValue, store, "a", 1, { expiresAt = at(HOUR) })
    assert.matches("ALTER TABLE", err.message)
    pg:psql("REVOKE ALL ON persist_old FROM guest; DROP ROLE guest")
  end)

  it("is not waited for without end", function()
    local store = open("old", "?timeout=1s")
    assert.equal(1, store:count())
    local held = open("old", "?timeout=62s")
    holdfast.transaction(function()
      assert.equal(1, held:count())
      assert.has_error(function() store:writeValue("a", 1, { expiresAt = at(HOUR) }) end)
    end)
  end)
end)

describe("what other programs write to PostgreSQL", function()
  it("does not expire because of what was there before", function()
    local store = fresh("others")
    store:writeValue("a", 1, { expiresAt = at(-1) })
    store:writeValue("b", 1, { expiresAt = at(HOUR) })
    pg:psql([[INSERT INTO persist_others (entity_id, data, updated_at) VALUES ('a', '2', NOW()), ('b', '2', NOW())
      ON CONFLICT (entity_id) DO UPDATE SET data = excluded.data, updated_at = NOW()]])
    assert.equal(2, store:readValue("a"))
    assert.is_nil(store:readEntry("b").expiresAt)
  end)
end)

describe("what has expired in PostgreSQL", function()
  local agreement, pause, batch, apart = expiry.agreement, expiry.pause, expiry.batch, expiry.apart

  before_each(function() expiry.agreement, expiry.pause, expiry.batch = 0, 0, 3 end)
  after_each(function() expiry.agreement, expiry.pause, expiry.batch, expiry.apart = agreement, pause, batch, apart end)

  local function left(name) return tonumber(pg:psql(("SELECT count(*) FROM persist_%s"):format(name))) end

  local function aged(name, query)
    local store = open(name, query)
    store:removeAll()
    for i = 1, 10 do store:writeValue("old" .. i, i, { expiresAt = at(-HOUR) }) end
    return store
  end

  it("is removed by later writes, a few each", function()
    expiry.agreement = math.huge
    local store = aged("swept")
    store:writeValue("recent", 1, { expiresAt = at(-30 * 1000) })
    store:writeValue("living", 1, { expiresAt = at(HOUR) })
    assert.equal(12, left "swept")
    expiry.agreement = 0
    store:writeValue("a", 1)
    assert.equal(10, left "swept")
    for _ = 1, 5 do store:writeValue("a", 1) end
    assert.equal("a,living,recent",
      pg:psql "SELECT string_agg(entity_id, ',' ORDER BY entity_id COLLATE \"C\") FROM persist_swept")
  end)

  it("stays while the clocks have not agreed for long", function()
    expiry.agreement = 600
    local store = aged("kept", "?timeout=63s")
    for _ = 1, 5 do store:writeValue("a", 1) end
    assert.equal(11, left "kept")
  end)

  it("stays after the server's clock was set", function()
    expiry.agreement, expiry.apart = 0.001, -1 -- they never agree
    local store = aged("leapt", "?timeout=64s")
    for _ = 1, 5 do store:writeValue("a", 1) end
    assert.equal(11, left "leapt")
  end)

  it("stays if it was written again", function()
    local store = open "again"
    expiry.agreement = math.huge
    store:writeValue("a", 1, { expiresAt = at(-HOUR) })
    pg:psql "UPDATE persist_again SET updated_at = updated_at + interval '1 s'"
    expiry.agreement = 0
    for _ = 1, 3 do store:writeValue("b", 1) end
    assert.equal(1, store:readValue("a"))
  end)
end)
