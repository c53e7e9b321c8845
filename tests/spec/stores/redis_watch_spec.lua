-- SPDX-License-Identifier: MIT
--
-- The log of changes of a real Redis server: what is in it, of whichever process; what is not kept any more; a server
-- that has lost commits; and entities that expire.

local holdfast = require("holdfast")
local process = require("support.process")
local raising = require("support.raises")
local redis = require("support.redis")
local temp = require("support.temp")
local clock = require("holdfast.util.clock")

local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

if not redis.isInstalled then
  pending("needs redis-server and redis-cli")
  return
end

local s

setup(function() s = redis.start() end)
teardown(function()
  s:stop()
  temp.removeAll()
end)
before_each(function() s:cli "flushall" end)

local function raises(code, fn, ...) return raising.error(code, nil, fn, ...) end

local function urlOf(query) return ("redis://127.0.0.1:%d%s"):format(s.port, query or "") end

local function open(name, query) return holdfast.PersistBase(name or "signal", urlOf(query)) end

local function set(value) return holdfast.openStore(urlOf()):settings { changes = value } end

-- What comes, each as "what id=value", with the number of the commit in front, counted from 1: `count` of them, and
-- whatever comes within a moment after these.
local function heard(watch, count)
  local out, revision, commit = {}, nil, 0
  for change in function() return watch:next(#out < (count or 0) and 20000 or 100) end do
    if change.revision ~= revision then revision, commit = change.revision, commit + 1 end
    local value = change.value ~= nil and "=" .. holdfast.json.encode(change.value) or ""
    out[#out + 1] = ("%d %s %s%s"):format(commit, change.what, change.id or change.entityName, value)
  end
  return out
end

describe("a log of changes in Redis", function()
  it("is turned on and off by a setting", function()
    raises("unsupported", function() open():watch() end)
    set "7d"
    assert.equal("7d", holdfast.openStore(urlOf()):settings().changes)
    open():watch():close()
    set "off"
    assert.equal("off", holdfast.openStore(urlOf()):settings().changes)
    assert.equal("0", s:cli("exists", "%holdfast:changes"))
    raises("unsupported", function() open():watch() end)
    assert.same({}, holdfast.openStore(urlOf()):entities())
  end)

  it("has what each commit changes, in order", function()
    set(1000)
    local store, other = open(), open "a:b"
    local watch = holdfast.watch(urlOf())
    store:writeValue("a", 1)
    holdfast.transaction(function()
      store:writeValue("c:d", 2)
      store:removeValue("a")
    end)
    store:writeMany({ x = 1, y = 2 })
    store:writeValue("x", 3, { ifAbsent = false })
    pcall(store.writeValue, store, "x", 4, { ifAbsent = true })
    store:writeValue("n", 4, { ifAbsent = true })
    store:writeValue("n", 5, { ifRevision = store:readEntry("n").revision })
    pcall(store.removeValue, store, "none")
    store:removeMany({ "x", "none" })
    store:removeValue("n", { ifRevision = store:readEntry("n").revision })
    other:writeValue("é", 1)
    pcall(holdfast.transaction, function()
      store:writeValue("e", 5)
      error "no"
    end)
    other:removeAll()
    local found = heard(watch, 12)
    watch:close()
    local second = { found[2], found[3] } -- a transaction's in whatever order
    table.sort(second)
    assert.same({ "2 remove a", "2 write c:d=2" }, second)
    local third = { found[4], found[5] }
    table.sort(third)
    assert.same({ "3 write x", "3 write y=2" }, third)
    assert.same({
      "4 write x", "5 write n", "6 write n", "7 remove x", "8 remove n", "9 write é", "10 remove é",
    }, { unpack(found, 6) })
    assert.equal("1 write a", found[1])
  end)

  it("has what other processes write that opened the store before it was on", function()
    local store = open()
    store:writeValue("early", 1)
    set(100)
    local watch = store:watch()
    local out = process.run({ command, "put", urlOf(), "signal", "b", "2" })
    assert.equal(0, out.code, out.stderr)
    store:writeValue("a", 1)
    assert.same({ "1 write b=2", "2 write a=1" }, heard(watch, 2))
    watch:close()
  end)

  it("is gone through again from a revision on, by name, prefix and condition", function()
    set(100000)
    local store, other = open(), open "other"
    local watch, revisions = store:watch(), {}
    for i = 1, 1200 do store:writeValue("e" .. i, i) end
    other:writeValue("e1", 1)
    for change in function() return watch:next(#revisions < 1200 and 20000 or 100) end do
      revisions[#revisions + 1] = change.revision
    end
    assert.equal(1200, #revisions)
    assert.equal(revisions[1200] + 1, watch.revision)
    watch:close()
    local again = store:watch { from = revisions[700] }
    assert.equal("e700", again:next(1000).id)
    assert.equal(500, #heard(again))
    again:close()
    local function isLarge(v) return v > 1100 end
    local some = store:watch { from = revisions[1], prefix = "e1", where = isLarge, timeout = 0 }
    assert.equal(100, #heard(some))
    some:close()
    assert.equal(1, #heard(other:watch { from = revisions[1], timeout = 0 }))
  end)

  it("keeps no more than it is to", function()
    set(5)
    local store = open()
    local watch = store:watch()
    local first = watch.revision + 1
    for i = 1, 40 do store:writeValue("a", i) end
    assert.equal("5", s:cli("xlen", "%holdfast:changes"))
    local err = raises("compacted", function() store:watch { from = first }:next(0) end)
    assert.equal(5, #heard(store:watch { from = err.revision }))
    raises("compacted", watch.next, watch, 100)
    watch:close()
  end)

  it("loses a revision as a whole", function()
    set(2)
    local store = open()
    local many = {}
    for i = 1, 100 do many["e" .. i] = i end
    store:writeMany(many)
    for i = 1, 3 do store:writeValue("a", i) end
    local from = tonumber(s:cli("hget", "%holdfast:log", "from"))
    local ok, watch = pcall(store.watch, store, { from = from, timeout = 0 })
    assert.is_true(ok)
    assert.is_true(#heard(watch) <= 3)
  end)

  it("says that a server has lost commits", function()
    set(100)
    local store = open()
    for i = 1, 5 do store:writeValue("a", i) end
    local watch = store:watch()
    s:cli("hset", "%holdfast:log", "revision", "2")
    local err = raises("compacted", watch.next, watch, 100)
    assert.equal(3, err.revision)
    watch:close()
  end)

  it("says which revision there was at a time", function()
    set(100)
    local store, opened = open(), holdfast.openStore(urlOf())
    store:writeValue("a", 1)
    local first = opened:revision()
    os.execute "sleep 0.05"
    local between = clock.wall()
    os.execute "sleep 0.05"
    store:writeValue("a", 2)
    store:writeValue("a", 3)
    assert.equal(first + 2, opened:revision())
    assert.equal(first, opened:revision { at = { time = between } })
    raises("compacted", function() return opened:revision { at = { time = 1000 } } end)
  end)

  it("can be made to forget an id", function()
    set(100)
    local store = open()
    local watch = store:watch()
    for i = 1, 3 do store:writeMany({ a = i, b = i }) end
    assert.equal(3, store:purge("a"))
    assert.same({ "1 write b=3", "2 write b=3", "3 write b=3" }, heard(watch, 3))
    watch:close()
  end)

  it("is none in a cluster", function()
    local nodes, addresses = redis.cluster(3)
    local store = holdfast.openStore("redis+cluster://" .. addresses)
    raises("unsupported", store.settings, store, { changes = "7d" })
    for _, node in ipairs(nodes) do node:stop() end
  end)
end)
