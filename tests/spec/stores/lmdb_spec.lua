-- SPDX-License-Identifier: MIT
--
-- What is special about stores on disk: files that are not stores, damaged values, permissions, sizes, other processes.

local ffi = require("ffi")

local another = require("support.another")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

ffi.cdef([[
  int mdb_env_create(void **env);
  int mdb_env_open(void *env, const char *path, unsigned flags, unsigned mode);
  void mdb_env_close(void *env);
  int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn);
  int mdb_txn_commit(void *txn);
  int mdb_dbi_open(void *txn, const char *name, unsigned flags, unsigned *dbi);
  typedef struct { size_t size; const char *data; } test_mdb_val;
  int mdb_put(void *txn, unsigned dbi, test_mdb_val *key, test_mdb_val *data, unsigned flags);
  unsigned geteuid(void);
]])

local kind = stores.kind("lmdb")

-- Puts one record into the unnamed database of an LMDB file, as any other program would.
local function makeForeign(path)
  local lmdb = ffi.load("lmdb")
  local env, txn, dbi = ffi.new("void *[1]"), ffi.new("void *[1]"), ffi.new("unsigned[1]")
  local key, value = ffi.new("test_mdb_val", 3, "key"), ffi.new("test_mdb_val", 5, "value")
  assert(lmdb.mdb_env_create(env) == 0)
  assert(lmdb.mdb_env_open(env[0], path, 0, 420) == 0)
  assert(lmdb.mdb_txn_begin(env[0], nil, 0, txn) == 0)
  assert(lmdb.mdb_dbi_open(txn[0], nil, 0, dbi) == 0)
  assert(lmdb.mdb_put(txn[0], dbi[0], key, value, 0) == 0)
  assert(lmdb.mdb_txn_commit(txn[0]) == 0)
  lmdb.mdb_env_close(env[0])
end

local function dataFile()
  return kind.base .. "/data.mdb"
end

-- A store with three entities, closed; the text of "b" can be found in its file.
local function written()
  local store = kind.open("signal")
  store:writeMany({ a = { n = 1 }, b = { mark = "needle-in-b" }, c = { n = 3 } })
  store:close()
end

-- Flips one bit of the value of "b" where it lies.
local function damage()
  assert.is_true(temp.patchFile(dataFile(), "needle-in-b", "needle-in-c") > 0)
end

describe("a directory that holds no store", function()
  stores.fresh(kind)

  local function refused(code, pattern)
    local before = temp.readFile(dataFile())
    for _ = 1, 2 do
      local store = kind.open("signal")
      for _, operation in ipairs({
        function() store:waitForInit(true) end,
        function() store:writeValue("a", 1) end,
        function() store:readValue("a") end,
        function() holdfast.openStore(kind.base) end,
      }) do
        local err = raises.error(code, nil, operation)
        assert.matches(pattern, err.message)
        assert.is_truthy(err.message:find(kind.base, 1, true), err.message)
        assert.equal("lmdb", err.backend)
      end
    end
    assert.equal(before, temp.readFile(dataFile()), "the file was changed")
  end

  before_each(function()
    os.execute("mkdir -p " .. temp.quote(kind.base))
  end)

  it("because its file is no LMDB file is corrupt", function()
    temp.writeFile(dataFile(), ("not a database\n"):rep(1000))
    refused("corrupt", "is not an LMDB file")
  end)

  it("because its file is short is corrupt", function()
    temp.writeFile(dataFile(), "x")
    refused("corrupt", "is not an LMDB file")
  end)

  it("because its file is empty is corrupt, and not taken for a new store", function()
    temp.writeFile(dataFile(), "")
    refused("corrupt", "is empty")
  end)

  it("because another program made the file is corrupt", function()
    makeForeign(kind.base)
    refused("corrupt", "is an LMDB file, but no Holdfast store")
  end)

  it("because the file is all zeros is corrupt", function()
    temp.writeFile(dataFile(), ("\0"):rep(65536))
    refused("corrupt", "is not an LMDB file")
  end)

  it("because the file was cut off is corrupt", function()
    local store = kind.open("signal")
    for i = 1, 200 do
      store:writeValue(i, ("x"):rep(1000))
    end
    store:close()
    local whole = temp.readFile(dataFile())
    for _, size in ipairs({ 4096, 8192, 12288 }) do
      temp.writeFile(dataFile(), whole:sub(1, size))
      local again = kind.open("signal")
      local err = raises.error("corrupt", nil, again.waitForInit, again)
      assert.is_truthy(err.message:find(kind.base, 1, true))
    end
    temp.writeFile(dataFile(), whole)
    assert.equal(200, kind.open("signal"):count())
  end)

  it("because data.mdb is a directory is an error", function()
    os.execute("mkdir " .. temp.quote(dataFile()))
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.waitForInit, store)
  end)

  it("but one of a newer format is unsupported, and says which", function()
    written()
    assert.is_true(temp.patchFile(dataFile(), '{"format":1,', '{"format":7,') > 0)
    refused("unsupported", "has store format 7, and this Holdfast %(.*%) reads formats up to 2: upgrade it")
  end)

  it("but one of format 0 is refused too", function()
    written()
    temp.patchFile(dataFile(), '{"format":1,', '{"format":0,')
    refused("unsupported", "format 0")
  end)

  it("but one with a damaged format record is corrupt", function()
    written()
    temp.patchFile(dataFile(), '{"format":1,', '{"farmot":1,')
    refused("corrupt", "format record .* is damaged")
  end)
end)

describe("a flipped bit in a stored value", function()
  stores.fresh(kind)

  before_each(function()
    written()
    damage()
  end)

  it("is found by reading, and never silently returned", function()
    local store = kind.open("signal")
    for _ = 1, 3 do
      local err = raises.error("corrupt", "^Entity signal:b is corrupt: .*$", store.readValue, store, "b")
      assert.equal("signal", err.entityName)
      assert.equal("b", err.entityId)
      assert.equal("lmdb", err.backend)
    end
    raises.error("corrupt", nil, store.readEntry, store, "b")
    raises.error("corrupt", nil, store.hasValue, store, "b")
    raises.error("corrupt", nil, store.readMany, store, { "a", "b", "c" })
    raises.error("corrupt", nil, store.writeValue, store, "b", 1, { ifAbsent = true })
    raises.error("corrupt", nil, store.writeValue, store, "b", 1, { ifRevision = 2 })
    assert.same({ n = 1 }, store:readValue("a"))
    assert.same({ n = 3 }, store:readValue("c"))
    store:close()
    store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
  end)

  it("says at first that the bytes were moved to quarantine, then that they are there", function()
    local store = kind.open("signal")
    local first = raises.error("corrupt", nil, store.readValue, store, "b")
    assert.matches("checksum", first.message)
    assert.matches("moved to quarantine", first.message)
    local second = raises.error("corrupt", nil, store.readValue, store, "b")
    assert.matches("in quarantine", second.message)
    assert.matches("checksum", second.message)
    assert.equal(1, store:stat().quarantined)
    assert.equal(2, store:stat().entities)
  end)

  it("keeps the damaged bytes", function()
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
    store:removeValue("b")
    store:close()
    assert.is_truthy(temp.readFile(dataFile()):find("needle-in-c", 1, true))
  end)

  it("is found by readMany", function()
    local store = kind.open("signal")
    local err = raises.error("corrupt", nil, store.readMany, store, { "a", "b", "c" })
    assert.equal("b", err.entityId)
    assert.same({ a = { n = 1 } }, store:readMany({ "a" }))
  end)

  it("is reported once by iteration, which can go on", function()
    local store = kind.open("signal")
    local step = store:entries()
    assert.equal("a", (step()))
    local err = raises.error("corrupt", nil, step)
    assert.equal("b", err.entityId)
    assert.equal("c", (step()))
    assert.is_nil((step()))
    assert.same({ "a", "c" }, stores.list(store:keys()))
    assert.same({ { n = 1 }, { n = 3 } }, stores.list(store:values()))
    raises.error("corrupt", nil, store.readValue, store, "b")
  end)

  it("is reported once by iteration from the end", function()
    local store = kind.open("signal")
    local step = store:entries({ reverse = true })
    assert.equal("c", (step()))
    raises.error("corrupt", nil, step)
    assert.equal("a", (step()))
    assert.is_nil((step()))
  end)

  it("ends a filter with the error, and the predicate never sees it", function()
    local store = kind.open("signal")
    local seen = 0
    raises.error("corrupt", nil, function()
      for _ in store:filter(function(v) seen = seen + 1 return not v.mark end) do
      end
    end)
    assert.equal(1, seen)
  end)

  it("is found by verify, which says where and why", function()
    local whole = holdfast.openStore(kind.base)
    local events = {}
    local report = whole:verify({
      onEvent = function(event)
        if event.entityId then
          events[#events + 1] = event
        end
      end,
    })
    assert.equal(1, report.corrupt)
    assert.equal(1, report.quarantined)
    assert.equal(3, report.entities)
    assert.equal(#'{"n":1}' * 2, report.bytes)
    assert.equal(1, #events)
    assert.equal("signal", events[1].entityName)
    assert.equal("b", events[1].entityId)
    assert.matches("checksum", events[1].problem)
    report = whole:verify()
    assert.equal(0, report.corrupt)
    assert.equal(1, report.quarantined)
    assert.equal(2, report.entities)
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
  end)

  it("is left in its place by a dry run", function()
    local whole = holdfast.openStore(kind.base)
    for _ = 1, 2 do
      local report = whole:verify({ dryRun = true, entityName = "signal" })
      assert.equal(1, report.corrupt)
      assert.equal(0, report.quarantined)
    end
    assert.equal(0, whole:verify({ entityName = "other" }).entities)
  end)

  it("heals when the entity is written again", function()
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
    store:writeValue("b", { mark = "new" })
    assert.same({ mark = "new" }, store:readValue("b"))
    assert.is_true(store:hasValue("b"))
    assert.same({ "a", "b", "c" }, stores.list(store:keys()))
    local whole = holdfast.openStore(kind.base)
    assert.equal(0, whole:verify().quarantined)
    assert.equal(0, store:stat().quarantined)
    store:removeValue("b")
    raises.error("not_found", nil, store.readValue, store, "b")
  end)

  it("heals by writeMany too", function()
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
    store:writeMany({ b = 1, d = 2 })
    assert.equal(1, store:readValue("b"))
    assert.equal(0, store:stat().quarantined)
  end)

  it("heals when it is overwritten unread", function()
    local store = kind.open("signal")
    store:writeValue("b", 5)
    assert.equal(5, store:readValue("b"))
    assert.equal(0, holdfast.openStore(kind.base):verify().corrupt)
  end)

  it("is settled by removeValue: then the entity is missing", function()
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
    store:removeValue("b")
    assert.is_false(store:hasValue("b"))
    raises.error("not_found", nil, store.readValue, store, "b")
    raises.error("not_found", nil, store.removeValue, store, "b")
    assert.equal(0, store:stat().quarantined)
    store:writeValue("b", 1, { ifAbsent = true })
    assert.equal(1, store:readValue("b"))
  end)

  it("is settled by removeAll and removeMany", function()
    local store = kind.open("signal")
    raises.error("corrupt", nil, store.readValue, store, "b")
    assert.equal(2, store:removeMany({ "a", "b" }))
    assert.is_false(store:hasValue("b"))
    store:removeAll()
    assert.equal(0, store:count())
  end)

  it("inside a transaction is an error, and is moved by the next reading outside", function()
    local store = kind.open("signal")
    holdfast.transaction(function()
      raises.error("corrupt", nil, store.readValue, store, "b")
      store:writeValue("d", 4)
    end)
    assert.equal(4, store:readValue("d"))
    raises.error("corrupt", nil, store.readValue, store, "b")
    assert.equal(1, store:stat().quarantined)
  end)

  it("in a store that was opened read-only is an error that changes nothing", function()
    local before = temp.readFile(dataFile())
    local store = kind.open("signal", { readOnly = true })
    for _ = 1, 2 do
      raises.error("corrupt", nil, store.readValue, store, "b")
    end
    assert.equal(1, holdfast.openStore(kind.base, { readOnly = true }):verify().corrupt)
    store:close()
    assert.equal(before, temp.readFile(dataFile()))
  end)

  it("is one of many: each is reported by verify", function()
    local store = kind.open("other")
    for i = 1, 300 do
      store:writeValue(i, { mark = "needle-" .. ("%03d"):format(i) })
    end
    store:close()
    for i = 5, 300, 100 do
      temp.patchFile(dataFile(), ("needle-%03d"):format(i), ("nEedle-%03d"):format(i))
    end
    local report = holdfast.openStore(kind.base):verify()
    assert.equal(4, report.corrupt)
    assert.equal(4, report.quarantined)
    store = kind.open("other")
    assert.equal(297, #stores.list(store:values()))
    raises.error("corrupt", nil, store.readValue, store, 105)
  end)
end)

describe("verify", function()
  stores.fresh(kind)

  it("of a sound store counts what it has looked at", function()
    local store, other = kind.open("signal"), kind.open("other")
    for i = 1, 700 do
      store:writeValue(i, 12345)
    end
    other:writeValue("x", 1)
    local whole, calls = holdfast.openStore(kind.base), 0
    local report = whole:verify({ onEvent = function(event) calls = calls + 1 assert.is_nil(event.entityId) end })
    assert.same({ entities = 701, bytes = 3501, corrupt = 0, quarantined = 0, damaged = 0, incomplete = 0 }, report)
    assert.is_true(calls > 0)
    assert.equal(700, whole:verify({ entityName = "signal" }).entities)
  end)

  it("stops when its callback returns false, and passes on what it raises", function()
    local store = kind.open("signal")
    local batch = {}
    for i = 1, 2000 do
      batch[i] = i
    end
    store:writeMany(batch)
    local whole = holdfast.openStore(kind.base)
    local report = whole:verify({ onEvent = function() return false end })
    assert.is_true(report.entities < 2000)
    local thrown = {}
    assert.equal(thrown, raises.caught(whole.verify, whole, { onEvent = function() error(thrown) end }))
    assert.equal(2000, whole:verify({ onEvent = function() end }).entities)
  end)

  it("refuses bad options, and a transaction around it", function()
    local whole = holdfast.openStore(kind.base)
    for _, options in ipairs({ 5, "x", { entityName = 5 }, { entityName = "" }, { onEvent = "x" } }) do
      raises.error("invalid_argument", nil, whole.verify, whole, options)
    end
    local store = kind.open("signal")
    holdfast.transaction(function()
      store:writeValue("a", 1)
      raises.error("unsupported", nil, whole.verify, whole)
    end)
  end)
end)

describe("permissions", function()
  stores.fresh(kind)

  -- Runs code as somebody who may not write here: root may always.
  local function asNobody(code)
    local prefix = ffi.C.geteuid() == 0 and "setpriv --reuid=65534 --regid=65534 --clear-groups" or ""
    local probe = another.run("require('holdfast')", prefix)
    if probe.code ~= 0 then
      return nil
    end
    return another.run(code, prefix)
  end

  local function report(body)
    return ([[
      local holdfast = require("holdfast")
      local ok, err = pcall(function() %s end)
      io.write(ok and "ok" or (tostring(err.code) .. " " .. tostring(err)))
    ]]):format(body)
  end

  before_each(function()
    os.execute("chmod a+rx " .. temp.quote(kind.base:match("^(.*)/")))
  end)

  it("a directory where no store can be made is readonly", function()
    os.execute(("mkdir %s && chmod 555 %s"):format(temp.quote(kind.base), temp.quote(kind.base)))
    local result = asNobody(report(("holdfast.PersistBase('signal', %q):writeValue('a', 1)"):format(kind.base)))
    if not result then
      return pending("this build cannot be used by another user")
    end
    assert.matches("^readonly ", result.stdout)
    assert.is_truthy(result.stdout:find(kind.base, 1, true), result.stdout)
    result = asNobody(report(("holdfast.PersistBase('signal', %q):writeValue('a', 1)"):format(kind.base .. "/sub")))
    assert.matches("^readonly ", result.stdout)
  end)

  it("a store that may not be written is readonly, can be read with readOnly, and is not changed", function()
    written()
    os.execute(("chmod 555 %s && chmod 444 %s/data.mdb && chmod 666 %s/lock.mdb"):format(
      temp.quote(kind.base), temp.quote(kind.base), temp.quote(kind.base)))
    local before = temp.readFile(dataFile())
    local result = asNobody(report(("holdfast.PersistBase('signal', %q):writeValue('a', 1)"):format(kind.base)))
    if not result then
      return pending("this build cannot be used by another user")
    end
    assert.matches("^readonly ", result.stdout)
    assert.is_truthy(result.stdout:find("readonly=1", 1, true), result.stdout)
    local read = "assert(holdfast.PersistBase('signal', 'lmdb:%s?readonly=1'):readValue('a').n == 1)"
    result = asNobody(report(read:format(kind.base)))
    assert.equal("ok", result.stdout)
    assert.equal(before, temp.readFile(dataFile()))
  end)

  it("a store that may not be read is an error that names it", function()
    written()
    os.execute(("chmod 000 %s/data.mdb"):format(temp.quote(kind.base)))
    local result = asNobody(report(("holdfast.PersistBase('signal', %q):readValue('a')"):format(kind.base)))
    if not result then
      return pending("this build cannot be used by another user")
    end
    assert.matches("^readonly ", result.stdout)
    assert.is_truthy(result.stdout:find(kind.base, 1, true), result.stdout)
  end)
end)

describe("the map", function()
  stores.fresh(kind)

  local function fill(store, from, to)
    for i = from, to do
      store:writeValue(i, ("x"):rep(10000))
    end
  end

  it("grows by itself when writes need more", function()
    kind.base = "lmdb:" .. kind.base .. "?mapsize=1m&durability=nosync"
    local store = kind.open("signal")
    assert.equal(1048576, store:stat().mapBytes)
    fill(store, 1, 500)
    assert.equal(500, store:count())
    assert.is_true(store:stat().mapBytes >= 5000000)
    local batch = {}
    for i = 1, 1500 do
      batch["b" .. i] = ("y"):rep(10000)
    end
    store:writeMany(batch)
    assert.equal(2000, #stores.list(store:keys()))
  end)

  it("grows between the pages of a loop", function()
    kind.base = "lmdb:" .. kind.base .. "?mapsize=1m&durability=nosync"
    local store = kind.open("signal")
    fill(store, 1, 50)
    local seen = 0
    for id in store:keys({ to = 50 }) do
      seen = seen + 1
      store:writeValue("copy-" .. id, ("x"):rep(50000))
    end
    assert.equal(50, seen)
  end)

  it("grows for a transaction when that is run again", function()
    kind.base = "lmdb:" .. kind.base .. "?mapsize=1m&durability=nosync"
    local store = kind.open("signal")
    store:writeValue("before", 1)
    local runs = 0
    repeat
      runs = runs + 1
      local ok, err = pcall(holdfast.transaction, function() fill(store, 1, 400) end)
      if not ok then
        assert.equal("full", err.code)
        assert.is_true(err.retryable)
        assert.equal(1, store:count())
      end
    until ok or runs > 10
    assert.is_true(runs > 1, "the transaction was to be too large at first")
    assert.equal(401, store:count())
  end)

  it("that has grown in another process is adopted", function()
    kind.base = "lmdb:" .. kind.base .. "?mapsize=1m&durability=nosync"
    local store, reader = kind.open("signal"), kind.open("other")
    store:writeValue("k", 1)
    another.on("signal", kind.base, "for i = 1, 400 do store:writeValue(i, ('x'):rep(10000)) end store:close()")
    assert.equal(1, store:readValue("k"))
    assert.is_false(reader:hasValue("k"))
    assert.equal(401, store:count())
    another.on("signal", kind.base, "for i = 1, 900 do store:writeValue(i, ('x'):rep(10000)) end store:close()")
    store:writeValue("l", 2)
    assert.equal(902, store:count())
    another.on("signal", kind.base, "for i = 1, 1800 do store:writeValue(i, ('x'):rep(10000)) end store:close()")
    assert.equal(1802, store:snapshot(function() return store:count() end))
  end)

  for _, size in ipairs({ "4m", "3000001", "1m", "1" }) do
    it("that may not grow beyond maxsize=" .. size .. " is full, and the store stays whole", function()
      -- In another process, so that a loop without end would be noticed.
      local result = another.run(([[
        local holdfast = require("holdfast")
        local store = holdfast.PersistBase("signal", "lmdb:%s?mapsize=1m&maxsize=%s&durability=nosync")
        local n = 0
        local err
        repeat
          local ok
          ok, err = pcall(store.writeValue, store, n + 1, ("x"):rep(10000))
          if ok then n = n + 1 end
        until not ok or n > 2000
        assert(err.code == "full" and err.retryable, tostring(err))
        assert(err.message:find("maxsize", 1, true), err.message)
        assert(err.entityName == "signal" and err.entityId == tostring(n + 1))
        assert(store:count() == n)
        local batch = {}
        for i = 1, 300 do batch["b" .. i] = ("y"):rep(20000) end
        local ok, batchErr = pcall(store.writeMany, store, batch)
        assert(not ok and batchErr.code == "full", tostring(batchErr))
        assert(store:count() == n)
        local seen = 0
        for value in store:values() do assert(#value == 10000) seen = seen + 1 end
        assert(seen == n)
        assert(holdfast.openStore(store.url):verify().entities == n)
        -- There is room again once something is removed.
        for i = 1, math.floor(n / 2) do store:removeValue(i) end
        for i = 1, math.floor(n / 4) do store:writeValue("new-" .. i, ("z"):rep(10000)) end
        assert(store:count() == n - math.floor(n / 2) + math.floor(n / 4))
        io.write("done ", n)
      ]]):format(kind.base, size), "timeout 20")
      assert.equal("", result.stderr)
      assert.equal(0, result.code)
      assert.matches("^done %d+$", result.stdout)
    end)
  end
end)

describe("two processes", function()
  stores.fresh(kind)

  it("see each other's writes at once", function()
    local store = kind.open("signal")
    store:writeValue("n", 1)
    for _ = 1, 3 do
      another.on("signal", kind.base, "store:writeValue('n', store:readValue('n') + 1)")
      store:writeValue("n", store:readValue("n") + 1)
    end
    assert.equal(7, store:readValue("n"))
  end)

  it("see collections that the other made or emptied", function()
    local store = kind.open("late")
    assert.equal(0, store:count())
    another.on("late", kind.base, "store:writeValue('a', 1)")
    assert.equal(1, store:readValue("a"))
    another.on("late", kind.base, "store:removeAll()")
    assert.equal(0, store:count())
  end)
end)

describe("a data file that is deleted while the store is open", function()
  stores.fresh(kind)

  it("makes writing an error, since it would be lost", function()
    local store = kind.open("signal")
    store:writeValue("a", 1)
    os.remove(dataFile())
    for _ = 1, 2 do
      local err = raises.error("unavailable", nil, store.writeValue, store, "a", 2)
      assert.matches("was deleted while the store was open", err.message)
      assert.is_truthy(err.message:find(dataFile(), 1, true))
      raises.error("unavailable", nil, store.removeValue, store, "a")
      raises.error("unavailable", nil, holdfast.transaction, function() store:writeValue("a", 3) end)
    end
    assert.equal(1, store:readValue("a"))
    store:close()
    store = kind.open("signal")
    store:writeValue("a", 4)
    assert.equal(4, store:readValue("a"))
  end)
end)

it("mdb_stat and mdb_dump, where they are installed, show the store to a person", function()
  if process.shell("command -v mdb_stat mdb_dump").code ~= 0 then
    return pending("lmdb-utils are not installed")
  end
  kind.base = kind.newBase()
  written()
  local listed = process.shell("mdb_stat -a " .. temp.quote(kind.base))
  assert.is_truthy(listed.stdout:find("Status of signal", 1, true))
  local dumped = process.shell("mdb_dump -p -s signal " .. temp.quote(kind.base))
  assert.is_truthy(dumped.stdout:find('{"mark":"needle-in-b"}', 1, true), dumped.stdout)
  temp.removeAll()
end)
