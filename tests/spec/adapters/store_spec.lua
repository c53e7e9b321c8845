-- SPDX-License-Identifier: MIT
--
-- What hosts ask of the stores of adapters, from scripts: what they support, whether one transaction covers two, and
-- where they are.  tests/unit/adapters/test_store.c has the C side.

local ScriptPersist = require("support.ScriptPersist")
local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local signals, scheduled, risk = holdfast.PersistSignalAdapter, holdfast.PersistScheduleAdapter,
  holdfast.PersistRiskAdapter
local supports, isSameStore, place = core.adapters.supports, core.adapters.isSameStore, core.adapters.place

after_each(function() stores.leaveNothing { signals, scheduled, risk } end)

-- A directory as places name it.
local function directory()
  local pipe = io.popen("cd " .. temp.quote(temp.directory()) .. " && pwd -P")
  local path = pipe:read("*l")
  pipe:close()
  return path
end

-- A class of one's own with transactions.
local function transactional()
  local Class = ScriptPersist:extend("Transactional")
  Class.calls = {}
  for _, name in ipairs({ "begin", "commit", "rollback" }) do
    Class[name] = function() table.insert(Class.calls, name) end
  end
  return Class
end

-- Whether a transaction really covers both.
local function oneTransaction()
  return (pcall(holdfast.transaction, function()
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    scheduled.writeScheduleData({ n = 1 }, "main", "BTCUSDT")
  end))
end

describe("supports", function()
  it("is what the store supports", function()
    signals.useLmdb(temp.directory())
    assert.same(holdfast.LmdbPersist("x", temp.directory()).supports, supports("PersistSignalAdapter"))
    scheduled.useFile(temp.directory())
    assert.is_false(supports("PersistScheduleAdapter").transaction)
    risk.usePersistRiskAdapter(ScriptPersist, "x")
    assert.same(ScriptPersist("x", "x").supports, supports("PersistRiskAdapter"))
    risk.close()
    risk.usePersistRiskAdapter(transactional(), "x")
    assert.is_true(supports("PersistRiskAdapter").transaction)
  end)

  it("is the first use, and says where", function()
    signals.useMemory("first")
    local line = raises.here():gsub("%d+$", function(n) return tostring(n + 1) end)
    supports("PersistSignalAdapter")
    raises.error("busy", ("PersistSignalAdapter is in use (since supports at %s) with memory:first: register before "
      .. "the first read or write"):format(line), signals.useMemory, "second")
  end)

  it("raises what opening raises", function()
    signals.useLmdb(temp.directory() .. "/none", { create = false })
    raises.error("not_found", nil, supports, "PersistSignalAdapter")
    raises.error("invalid_argument", "^there is no adapter Persist;", supports, "Persist")
    local Closing = ScriptPersist:extend("Closing")
    function Closing:waitForInit() signals.close() end
    signals.usePersistSignalAdapter(Closing, "x")
    raises.error("closed", nil, supports, "PersistSignalAdapter")
  end)
end)

describe("isSameStore", function()
  -- {what, register, expected}
  local path, own, Wrap = nil, nil, nil
  before_each(function()
    path, own = temp.directory(), transactional()
    Wrap = holdfast.LmdbPersist:extend("Wrap")
    function Wrap:writeValue(id, value, options)
      return holdfast.LmdbPersist.writeValue(self, id, value, options)
    end
  end)
  for _, case in ipairs({
    { "two adapters in one LMDB store", true, function()
      signals.useLmdb(path)
      scheduled.usePersistScheduleAdapter(path .. "/../" .. path:match("[^/]+$"))
    end },
    { "two LMDB stores", false, function()
      signals.useLmdb(path .. "/a")
      scheduled.useLmdb(path .. "/b")
    end },
    { "a store and a class that extends it", true, function()
      signals.useLmdb(path)
      scheduled.usePersistScheduleAdapter(Wrap, path)
    end },
    { "two classes that extend one store", true, function()
      signals.usePersistSignalAdapter(Wrap, path)
      scheduled.usePersistScheduleAdapter(Wrap:extend("Other"), path)
    end },
    { "a class that extends a store and declares that it has no transactions", false, function()
      Wrap.supports = { transaction = false, nested = false }
      signals.useLmdb(path)
      scheduled.usePersistScheduleAdapter(Wrap, path)
    end },
    { "a class that extends another store", false, function()
      signals.useLmdb(path .. "/a")
      scheduled.usePersistScheduleAdapter(Wrap, path .. "/b")
    end },
    { "one store in memory", true, function()
      signals.useMemory("same")
      scheduled.usePersistScheduleAdapter("memory:same")
    end },
    { "two stores in memory", false, function()
      signals.useMemory("one")
      scheduled.useMemory("two")
    end },
    { "one store of files, which has no transactions", false, function()
      signals.useFile(path)
      scheduled.useFile(path)
    end },
    { "one store that keeps nothing", false, function()
      signals.useDummy()
      scheduled.useDummy()
    end },
    { "a class of one's own without transactions", false, function()
      signals.usePersistSignalAdapter(ScriptPersist, "same")
      scheduled.usePersistScheduleAdapter(ScriptPersist, "same")
    end },
    { "a class of one's own with transactions, on one base", true, function()
      signals.usePersistSignalAdapter(own, "same")
      scheduled.usePersistScheduleAdapter(own, "same")
    end },
    { "a class of one's own with transactions, on two bases", false, function()
      signals.usePersistSignalAdapter(own, "one")
      scheduled.usePersistScheduleAdapter(own, "two")
    end },
    { "two classes of one's own with transactions", false, function()
      signals.usePersistSignalAdapter(own, "same")
      scheduled.usePersistScheduleAdapter(transactional(), "same")
    end },
  }) do
    it((case[2] and "is true for " or "is false for ") .. case[1] .. ", as a transaction finds", function()
      case[3]()
      assert.equal(case[2], isSameStore("PersistSignalAdapter", "PersistScheduleAdapter"))
      assert.equal(case[2], isSameStore("PersistScheduleAdapter", "PersistSignalAdapter"))
      assert.equal(case[2], oneTransaction())
    end)
  end

  it("is true for an adapter and itself where it has transactions", function()
    signals.useMemory("self")
    assert.is_true(isSameStore("PersistSignalAdapter", "PersistSignalAdapter"))
    scheduled.useFile(temp.directory())
    assert.is_false(isSameStore("PersistScheduleAdapter", "PersistScheduleAdapter"))
  end)

  it("is the first use of both", function()
    signals.useMemory("x")
    scheduled.useMemory("x")
    isSameStore("PersistSignalAdapter", "PersistScheduleAdapter")
    raises.error("busy", "^PersistSignalAdapter is in use %(since isSameStore at ", signals.useMemory, "y")
    raises.error("busy", "^PersistScheduleAdapter is in use %(since isSameStore at ", scheduled.useMemory, "y")
    raises.error("invalid_argument", "^there is no adapter Persist;", isSameStore, "PersistSignalAdapter", "Persist")
  end)
end)

describe("place", function()
  local function placeOf(...)
    signals.usePersistSignalAdapter(...)
    local found = { place("PersistSignalAdapter") }
    assert.is_nil(holdfast.adapters.list()[1].since)
    assert.same({}, ScriptPersist.bases)
    return found
  end

  it("is the directory of a local store, and creates nothing", function()
    local path = directory()
    os.execute("ln -s . " .. temp.quote(path .. "/link"))
    for _, base in ipairs({ "", "/link/", "/none/../link" }) do
      assert.same({ path, path }, placeOf(path .. base))
      assert.same({ path, path }, placeOf("file:" .. path .. base))
      assert.same({ path, path }, placeOf(holdfast.PersistBase, path .. base))
      assert.same({ path, path }, placeOf(holdfast.LmdbPersist, path .. base))
      assert.same({ path, path }, placeOf(holdfast.FilePersist:extend("Files"), path .. base))
    end
    assert.same({ path .. "/a?%b", path .. "/a?%b" }, placeOf(holdfast.FilePersist, path .. "/a?%b"))
    local pipe = io.popen("ls -A " .. temp.quote(path))
    assert.equal("link\n", pipe:read("*a"))
    pipe:close()
  end)

  it("is the base of a class of one's own, if that is a path", function()
    local path = directory()
    assert.same({ path .. "/x", path .. "/x" }, placeOf(ScriptPersist, path .. "/./x"))
    assert.same({ nil, "http://me:***@host/api" }, placeOf(ScriptPersist, "http://me:secret@host/api"))
    local pipe = io.popen("pwd -P")
    local here = pipe:read("*l")
    pipe:close()
    assert.same({ here .. "/dump/data", here .. "/dump/data" }, placeOf(ScriptPersist))
    assert.same({ here .. "/dump/risk", here .. "/dump/risk" }, placeOf(ScriptPersist, "dump/risk"))
  end)

  it("is no directory for memory and servers, and no password", function()
    assert.same({ nil, "memory:./dump/data" }, placeOf(holdfast.MemoryPersist))
    assert.same({ nil, "memory:x" }, placeOf(holdfast.MemoryPersist:extend("Mine"), "x"))
    assert.same({ nil, "redis://:***@localhost/2" }, placeOf("redis://:secret@localhost/2"))
    assert.same({ nil, "redis://localhost/2" }, placeOf(holdfast.RedisPersist, "redis://localhost/2"))
    assert.same({ nil, "mongodb://localhost/db" }, placeOf(holdfast.MongoPersist, "mongodb://localhost/db"))
    signals.useDummy()
    assert.same({ nil, "null:" }, { place("PersistSignalAdapter") })
  end)

  it("is the same before and after the first use", function()
    local path = directory()
    local Wrap = holdfast.LmdbPersist:extend("Wrap")
    function Wrap:writeValue(id, value, options)
      return holdfast.LmdbPersist.writeValue(self, id, value, options)
    end
    for _, class in ipairs({ holdfast.LmdbPersist, holdfast.FilePersist, Wrap, ScriptPersist }) do
      signals.usePersistSignalAdapter(class, path .. "/" .. class.className)
      local before = { place("PersistSignalAdapter") }
      signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
      assert.same(before, { place("PersistSignalAdapter") })
      signals.close()
      assert.same(before, { place("PersistSignalAdapter") })
    end
  end)

  it("needs no server", function()
    for _, scheme in ipairs({ "redis", "postgres", "mongodb" }) do
      local found = placeOf(scheme .. "://me:secret@127.0.0.1:1/1?timeout=1s")
      assert.same({ nil, scheme .. "://me:***@127.0.0.1:1/1?timeout=1s" }, found)
    end
    raises.error("invalid_argument", "^there is no adapter Persist;", place, "Persist")
  end)
end)

describe("placeOf", function()
  it("says of an instance what place says of an adapter on the same store", function()
    local path = directory()
    os.execute("ln -s . " .. temp.quote(path .. "/link"))
    local Wrap = holdfast.LmdbPersist:extend("Wrap")
    function Wrap:writeValue(id, value, options) return holdfast.LmdbPersist.writeValue(self, id, value, options) end
    for _, given in ipairs({
      { holdfast.PersistBase, path }, { holdfast.PersistBase, "file:" .. path .. "/link/x" },
      { holdfast.LmdbPersist, path .. "/none/../link" }, { holdfast.FilePersist, path }, { Wrap, path },
      { ScriptPersist, path .. "/./x" }, { ScriptPersist, "dump/risk" }, { ScriptPersist, "http://me:secret@host/api" },
      { holdfast.PersistBase, "memory:x" }, { holdfast.PersistBase, "null:" },
      { holdfast.PersistBase, "redis://:secret@localhost/2" }, { holdfast.PersistBase, "postgres://a:b@127.0.0.1:1/c" },
      { holdfast.PersistBase, "mongodb://localhost/db" },
    }) do
      local class, base = unpack(given)
      if class == holdfast.PersistBase then
        holdfast.adapters.useAll(base)
      else
        signals.usePersistSignalAdapter(class, base)
      end
      local expected = { place("PersistSignalAdapter") }
      local instance = class("signal", base)
      assert.same(expected, { core.adapters.placeOf(instance) })
      assert.same({}, ScriptPersist.log) -- nothing was opened
      instance:close()
      ScriptPersist.forgetLog()
    end
    signals.close()
    raises.error("not_found", nil, core.adapters.placeOf, holdfast.PersistBase("signal", path .. "/no",
      { create = false }))
    local pipe = io.popen("ls -A " .. temp.quote(path))
    assert.equal("link\n", pipe:read("*a"))
    pipe:close()
  end)
end)

describe("collection", function()
  it("is of the store that is open, wherever that is by now", function()
    local path = directory()
    local store, moved = path .. "/store", path .. "/moved"
    signals.useLmdb(store)
    signals.writeSignalData({ n = 1 }, "main", "BTCUSDT")
    os.execute("mv " .. temp.quote(store) .. " " .. temp.quote(moved))
    local collection = signals.collection()
    assert.same({ n = 1 }, collection:readValue("main/BTCUSDT"))
    assert.equal(core.url(signals.collection()), core.url(collection))
    assert.same({ place("PersistSignalAdapter") }, { core.adapters.placeOf(collection) })
    collection:close()
    assert.same({ n = 1 }, signals.readSignalData("main", "BTCUSDT"))
    assert.is_nil(io.open(store .. "/data.mdb")) -- no other one was made
  end)
end)
