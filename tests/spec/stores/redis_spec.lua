-- SPDX-License-Identifier: MIT
--
-- The Redis backend on real servers: the conformance kit on each kind, the keys of the framework, and what
-- happens when servers are down, killed, stopped, full, moved.

local conformance = require("holdfast.conformance")
local core = require("holdfast.core")
local ffi = require("ffi")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local redis = require("support.redis")
local clock = require("holdfast.util.clock")
local stores = require("support.stores")
local temp = require("support.temp")

local list = stores.list
local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

ffi.cdef("int usleep(unsigned microseconds);")

if not redis.isInstalled then
  pending("needs redis-server and redis-cli")
  return
end

-- What the kit complains of.
local function complaints(url)
  local found = {}
  for _, result in ipairs(conformance.run({ url = url, entities = 300 }).results) do
    if result.status == "failed" then found[#found + 1] = result.name .. ": " .. tostring(result.message) end
  end
  return found
end

local function urlOf(s, query) return ("redis://127.0.0.1:%d%s"):format(s.port, query or "") end

local function open(s, query, name) return holdfast.PersistBase(name or "signal", urlOf(s, query)) end

-- How long the call took, in seconds, and what it raised.
local function timed(fn, ...)
  local began = clock.now()
  local ok, raised = pcall(fn, ...)
  assert.is_false(ok, "nothing was raised")
  return clock.now() - began, raised
end

describe("a Redis server", function()
  local s
  setup(function() s = redis.start("--unixsocket /tmp/holdfast-redis-$$.sock") end)
  teardown(function()
    s:stop()
    temp.removeAll()
  end)
  before_each(function() s:cli("flushall") end)

  it("conforms", function()
    assert.same({}, complaints(urlOf(s)))
    -- With a time for all there is nothing that never expires.
    for _, complaint in ipairs(complaints(urlOf(s, "/3?ttl=1h"))) do assert.matches("never", complaint) end
  end)

  it("conforms over a unix socket", function()
    local path = s:cli("config", "get", "unixsocket"):match("\n(.*)")
    assert.same({}, complaints("redis+unix://" .. path .. "?db=2"))
  end)

  it("has the keys of the framework", function()
    local store = open(s)
    store:writeValue("BTC/USDT:USDT", { open = 44152.25 })
    assert.equal('{"open":44152.25}', s:cli("get", "signal:BTC/USDT:USDT"))
    s:cli("set", "signal:ETH", '{ "open" : 1 }')
    assert.same({ open = 1 }, store:readValue("ETH"))
    assert.same({ "BTC/USDT:USDT", "ETH" }, list(store:keys()))
  end)

  it("keeps collections apart, whatever their names", function()
    local names = { "x", "x:a", "x%3Aa", "*", "x*", "[xy]", "x\\", "?", "a\\*b", "x:" }
    for i, name in ipairs(names) do
      local store = open(s, "", name)
      store:writeMany({ ["a:b"] = i, b = i, ["*"] = i })
      store:close()
    end
    for i, name in ipairs(names) do
      local store = open(s, "", name)
      assert.same({ i, i, i }, list(store:values()), name)
      store:removeAll()
      assert.equal(0, store:count())
      for k = i + 1, #names do
        local other = open(s, "", names[k])
        assert.equal(3, other:count(), names[k] .. " after removeAll of " .. name)
        other:close()
      end
      store:close()
    end
  end)

  it("lists the entity names", function()
    for _, name in ipairs({ "signal", "a:b", "with space" }) do open(s, "", name):writeValue("x", 1) end
    s:cli("set", "no colon", "1")
    s:cli("set", "%zz:1", "1")
    assert.same({ "a:b", "signal", "with space" }, holdfast.openStore(urlOf(s)):entities())
  end)

  it("reports what others wrote there and is no entity", function()
    local store = open(s)
    store:writeMany({ a = 1, d = 4 })
    s:cli("set", "signal:b", "{not json")
    s:cli("hset", "signal:c", "field", "1")
    raises.error("corrupt", "^Entity signal:b is corrupt: ", store.readValue, store, "b")
    raises.error("corrupt", "^Entity signal:c is corrupt: .*another Redis type", store.readValue, store, "c")
    raises.error("corrupt", "^Entity signal:c is corrupt", store.readMany, store, { "a", "c" })
    local step, seen, bad = store:values(), {}, {}
    for _ = 1, 4 do
      local ok, value = pcall(step)
      if ok then seen[#seen + 1] = value else bad[#bad + 1] = value.entityId end
    end
    assert.same({ 1, 4 }, seen)
    assert.same({ "b", "c" }, bad)
    store:removeValue("c")
    store:writeValue("b", 2)
    assert.same({ 1, 2, 4 }, list(store:values()))
  end)

  it("tells a revision by what is stored, also by others", function()
    local store = open(s)
    local first = store:writeValue("a", 1)
    s:cli("set", "signal:a", "2")
    raises.error("conflict", nil, store.writeValue, store, "a", 3, { ifRevision = first })
    store:writeValue("a", 3, { ifRevision = store:readEntry("a").revision })
    for _, revision in ipairs { 0, first } do
      raises.error("conflict", nil, store.writeValue, store, "missing", 1, { ifRevision = revision })
      raises.error("conflict", nil, holdfast.transaction, function()
        store:writeValue("missing", 1, { ifRevision = revision })
      end)
    end
    assert.is_false(store:hasValue("missing"))
    assert.equal("3", s:cli("get", "signal:a"))
  end)

  it("gives revisions in a loop, and no times", function()
    local store = open(s)
    store:writeMany({ a = 1, b = 2 })
    local function agree()
      local n = 0
      for id, value, revision, updatedAt in store:entries() do
        assert.equal(store:readEntry(id).revision, revision)
        assert.equal(store:readValue(id), value)
        assert.is_nil(updatedAt)
        n = n + 1
      end
      assert.equal(2, n)
    end
    agree()
    holdfast.transaction(function()
      store:writeValue("a", 3)
      agree()
    end)
  end)

  it("lets a transaction fail when what it read has changed", function()
    local store = open(s)
    store:writeMany({ a = 1, b = 1, c = 1 })
    local function move(read)
      return function()
        read()
        s:cli("set", "signal:a", "7")
        store:writeValue("b", 2)
      end
    end
    raises.error("conflict", nil, holdfast.transaction, move(function() store:readValue("a") end))
    raises.error("conflict", nil, holdfast.transaction, move(function() list(store:values()) end))
    raises.error("conflict", nil, holdfast.transaction, move(function() store:readMany({ "a", "c" }) end))
    assert.equal(1, store:readValue("b"))
    holdfast.transaction(move(function() store:readValue("c") end))
    assert.equal(2, store:readValue("b"))
  end)

  it("counts in two processes without losing one", function()
    local store = open(s, "", "counter")
    store:writeValue("n", 0)
    local script = temp.directory() .. "/count.lua"
    temp.writeFile(script, [[
      local holdfast = require "holdfast"
      local store = holdfast.PersistBase("counter", arg[1])
      for _ = 1, 100 do
        repeat
          local ok, err = pcall(holdfast.transaction, function()
            store:writeValue("n", store:readValue("n") + 1)
          end)
          assert(ok or err.code == "conflict", tostring(err))
        until ok
      end]])
    local run = ("%s run %s %s"):format(command, script, urlOf(s))
    local out = process.shell(("%s & one=$!; %s && wait $one"):format(run, run))
    assert.equal(0, out.code, out.stderr)
    assert.equal(200, store:readValue("n"))
  end)

  it("sees in a loop what the loop has written well ahead", function()
    local store, n = open(s), 0
    local batch = {}
    for i = 1, 1000 do batch["item-" .. i] = { n = i, seen = false } end
    store:writeMany(batch)
    for value in store:values() do
      n = n + 1
      assert.is_true(n <= 200 or value.seen, tostring(n))
      if n <= 800 then store:writeValue("item-" .. n + 200, { n = n + 200, seen = true }) end
    end
    assert.equal(1000, n)
  end)

  it("gives entities a time to live", function()
    local store = open(s, "?ttl=1500ms")
    store:writeValue("a", 1)
    store:writeMany({ b = 1, c = 1 })
    store:writeValue("c", 2, { ifRevision = store:readEntry("c").revision })
    holdfast.transaction(function() store:writeValue("d", 1) end)
    assert.equal(4, store:count())
    for _, id in ipairs({ "a", "b", "c", "d" }) do
      local left = tonumber(s:cli("pttl", "signal:" .. id))
      assert.is_true(left > 0 and left <= 1500, id .. " " .. left)
    end
  end)

  it("removes in a transaction what is there, each once", function()
    local store = open(s)
    store:writeMany({ a = 1, b = 2, c = 3 })
    holdfast.transaction(function()
      store:writeValue("d", 4)
      store:removeValue("c")
      assert.equal(3, store:removeMany({ "a", "d", "x", "a", "c", "b" }))
      assert.equal(0, store:removeMany({ "a" }))
    end)
    assert.equal(0, store:count())
  end)

  it("says what a person wants to know of it, without reading the entities", function()
    open(s):writeMany({ a = 1, b = 2 })
    open(s, "", "other"):writeValue("c", 3)
    local stat = holdfast.openStore(urlOf(s)):stat()
    assert.equal(s:cli("info", "server"):match("redis_version:([^\r\n]+)"), stat.version)
    assert.equal(3, stat.keys)
    assert.is_nil(stat.entities)
    assert.equal("noeviction", stat.evictionPolicy)
    assert.equal("master", stat.role)
    assert.is_false(stat.appendOnly)
    assert.equal("everysec", stat.appendFsync)
    assert.is_true(stat.usedMemoryBytes > 100000 and stat.lastSaveAt > 1.5e12, core.json.encode(stat))
    assert.equal(2, open(s):stat().entities)
    s:cli("config", "set", "maxmemory", "100mb")
    local out = process.run({ command, "stat", urlOf(s) })
    s:cli("config", "set", "maxmemory", "0")
    assert.equal(0, out.code, out.stderr)
    assert.truthy(out.stdout:find("max memory bytes +104,857,600 %(104.9 MB%)\n"), out.stdout)
    assert.truthy(out.stdout:find("last save at +20%d%d%-"), out.stdout)
    assert.is_nil(out.stdout:find("e+", 1, true), out.stdout)
  end)

  it("counts in stat only where that is quickly done", function()
    s:cli("eval", "for i = 1, 100001 do redis.call('set', 'other:' .. i, 1) end", "0")
    local stat = open(s):stat()
    assert.equal(100001, stat.keys)
    assert.is_nil(stat.entities)
  end)

  it("prints revisions with all their digits, and takes them back", function()
    local store = open(s)
    for i = 1, 20 do
      store:writeValue("a", i)
      local revision = ("%.0f"):format(store:readEntry("a").revision)
      assert.equal("a\t" .. #tostring(i) .. "\t" .. revision .. "\t-\n",
        process.run({ command, "ls", urlOf(s), "signal", "-l" }).stdout)
      for _, words in ipairs({ { "get", urlOf(s), "signal", "a", "--json" },
        { "ls", urlOf(s), "signal", "-l", "--json" },
        { "put", urlOf(s), "signal", "a", tostring(i), "--json" } }) do
        local out = process.run({ command, unpack(words) }).stdout
        assert.equal(revision, out:match('"revision":(%d+)[,}]'), out)
      end
      assert.is_true(#revision <= 16)
      store:writeValue("a", i, { ifRevision = tonumber(revision) })
    end
  end)

  it("warns where the server may forget", function()
    local stat = open(s):stat()
    assert.equal("redis", stat.backend)
    assert.truthy(stat.warnings[1]:find("appendonly is off", 1, true))
    s:cli("config", "set", "maxmemory-policy", "allkeys-lru")
    local out = process.run({ command, "ls", urlOf(s) })
    s:cli("config", "set", "maxmemory-policy", "noeviction")
    assert.truthy(out.stderr:find("maxmemory-policy is allkeys-lru", 1, true), out.stderr)
  end)

  it("refuses URLs that mean nothing", function()
    local function refuses(url, message)
      local ok, err = pcall(function() holdfast.PersistBase("signal", url):count() end)
      assert.is_false(ok, url)
      assert.equal("invalid_argument", err.code, url .. ": " .. tostring(err))
      assert.truthy(err.message:find(message, 1, true), err.message)
      assert.is_nil(err.message:find("secret", 1, true))
    end
    refuses("redis:127.0.0.1", "needs // and an address")
    refuses("redis://127.0.0.1:99999", "no port")
    refuses("redis://127.0.0.1/one", "no number of a Redis database")
    refuses("redis://127.0.0.1?timeout=5", "must be a time such as 500ms")
    refuses("redis://127.0.0.1?timeuot=5s", "have no option 'timeuot'")
    refuses("redis://a,b", "several hosts")
    refuses("redis+cluster://127.0.0.1/1", "no databases")
    refuses("redis+sentinel://127.0.0.1", "which master")
    refuses("redis+unix://relative", "absolute path")
    refuses("redis://user:secret%@127.0.0.1", "%")
  end)

  it("asks nothing of the network before it is used", function()
    local store = holdfast.PersistBase("signal", "redis://127.0.0.1:1")
    assert.truthy(tostring(store):find("redis://127.0.0.1:1", 1, true))
    store:close()
  end)
end)

describe("a Redis server with a password", function()
  local s
  setup(function() s = redis.start("--requirepass secret --user app on '>secret' '~*' '+@all' '-@dangerous'") end)
  teardown(function() s:stop() end)

  it("is used with it, and it is never shown", function()
    local store = holdfast.PersistBase("signal", ("redis://:secret@127.0.0.1:%d"):format(s.port))
    store:writeValue("a", 1)
    assert.is_nil(tostring(store):find("secret", 1, true))
    assert.is_nil(core.json.encode(store:stat()):find("secret", 1, true))
    for _, login in ipairs({ "", ":secret2@", "app:secret2@", "nobody:secret2@" }) do
      local url = ("redis://%s127.0.0.1:%d"):format(login, s.port)
      local err = raises.error("unavailable", nil, function() holdfast.PersistBase("signal", url):count() end)
      assert.is_false(err.retryable)
      assert.is_nil((err.message .. (err.cause or "")):find("secret", 1, true), err.message)
      local out = process.run({ command, "ls", url })
      assert.equal(3, out.code)
      assert.is_nil((out.stdout .. out.stderr):find("secret", 1, true), out.stderr)
    end
  end)

  it("leaves out of stat what the user may not ask", function()
    s:cli("-a", "secret", "acl", "setuser", "poor", "on", ">secret", "~*", "+@read", "+@write", "+ping", "-dbsize",
      "-@dangerous")
    local store = holdfast.PersistBase("signal", ("redis://poor:secret@127.0.0.1:%d"):format(s.port))
    store:writeValue("a", 1)
    local stat = store:stat()
    assert.equal("redis", stat.backend)
    for _, name in ipairs({ "version", "keys", "entities", "usedMemoryBytes", "appendFsync" }) do
      assert.is_nil(stat[name], name)
    end
    assert.truthy(stat.warnings[1]:find("allow the user +info", 1, true))
    assert.equal(1, store:count())
    store:removeAll()
  end)

  it("conforms for a user without dangerous commands", function()
    assert.same({}, complaints(("redis://app:secret@127.0.0.1:%d"):format(s.port)))
  end)
end)

describe("a Redis server in trouble", function()
  local s
  before_each(function() s = redis.start() end)
  after_each(function()
    s:stop("KILL")
    temp.removeAll()
  end)

  it("that is down is unavailable at once, and used when it is back", function()
    local store = open(s)
    s:stop("KILL")
    for _ = 1, 2 do
      local seconds, err = timed(store.readValue, store, "a")
      assert.equal("unavailable", err.code)
      assert.is_true(err.retryable)
      assert.is_true(seconds < 1, seconds)
    end
    s:start()
    store:writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
  end)

  it("that was restarted between two calls costs nothing", function()
    local store = open(s)
    store:writeValue("a", 1)
    s:stop("KILL")
    s:start()
    store:writeValue("b", 2)
    assert.same({ "b" }, list(store:keys()))
  end)

  it("that is killed in the middle of writes loses none that was acknowledged", function()
    s:cli("config", "set", "appendonly", "yes")
    s:cli("config", "set", "appendfsync", "always")
    s.arguments = "--appendonly yes --appendfsync always"
    local store, acknowledged, doubtful = open(s), {}, {}
    process.shell(("(sleep 0.3; kill -9 %s) >/dev/null 2>&1 &"):format(s:pid()))
    local began, ended = clock.now(), nil
    for i = 1, 1e6 do
      local ok, err = pcall(store.writeValue, store, "n-" .. i, i)
      if ok then
        acknowledged[i] = true
      else
        assert.equal("unavailable", err.code)
        if err.message:find("may have happened", 1, true) then
          doubtful[i] = true
          assert.is_false(err.retryable)
        end
        ended = true
      end
      if ended or clock.now() - began > 10 then break end
    end
    assert.is_true(ended)
    s:start()
    for i in pairs(acknowledged) do assert.equal(i, store:readValue("n-" .. i)) end
    for id in store:keys() do
      local i = tonumber(id:match("%d+"))
      assert.is_true(acknowledged[i] or doubtful[i], id)
    end
  end)

  it("that is stopped gives timeout within the deadline, and works when it goes on", function()
    local store = open(s, "?timeout=300ms&connecttimeout=200ms")
    store:writeValue("a", 1)
    s:signal("STOP")
    local seconds, err = timed(store.writeValue, store, "a", 2)
    assert.equal("timeout", err.code)
    assert.truthy(err.message:find("may have happened", 1, true), err.message)
    assert.is_true(seconds > 0.2 and seconds < 0.6, seconds)
    for _, call in ipairs({
      function() store:readValue("a") end, function() list(store:values()) end, function() store:count() end,
      function() store:writeMany({ x = 1 }) end,
      function() holdfast.transaction(function() store:hasValue("a") end) end,
    }) do
      seconds, err = timed(call)
      assert.equal("timeout", err.code, err.message)
      assert.is_true(seconds < 0.8, seconds)
    end
    s:signal("CONT")
    store:writeValue("a", 3)
    assert.equal(3, store:readValue("a"))
  end)

  it("that is out of memory is full, and nothing is changed", function()
    local store = open(s)
    store:writeValue("a", 1)
    s:cli("config", "set", "maxmemory", "1")
    raises.error("full", nil, store.writeValue, store, "a", 2)
    raises.error("full", nil, store.writeMany, store, { a = 2, b = 2 })
    raises.error("full", nil, holdfast.transaction, function() store:writeValue("b", 2) end)
    assert.same({ "a" }, list(store:keys()))
    assert.equal(1, store:readValue("a"))
    s:cli("config", "set", "maxmemory", "0")
    store:writeValue("a", 2)
  end)

  it("whose disk is full takes no writes, which is said", function()
    local store = open(s)
    store:writeValue("a", 1)
    s:cli("config", "set", "save", "1 1")
    s:cli("config", "set", "dbfilename", "dump.rdb")
    process.shell("rm -rf " .. temp.quote(s.dir .. "/dump.rdb"))
    process.shell("mkdir -p " .. temp.quote(s.dir .. "/dump.rdb/in-the-way"))
    s:cli("set", "signal:b", "1")
    process.run({ "redis-cli", "-p", tostring(s.port), "save" }) -- fails, as the background one will
    process.run({ "redis-cli", "-p", tostring(s.port), "bgsave" })
    for _ = 1, 200 do
      if s:cli("info", "persistence"):find("rdb_last_bgsave_status:err", 1, true) then break end
      ffi.C.usleep(20000)
    end
    raises.error("full", nil, store.writeValue, store, "a", 2)
    assert.equal(1, store:readValue("a"))
  end)
end)

describe("a Redis server over TLS", function()
  local s
  setup(function() s = redis.startTls() end)
  teardown(function()
    s:stop()
    temp.removeAll()
  end)

  local function url(query) return ("rediss://127.0.0.1:%d%s"):format(s.port, query) end

  it("conforms", function()
    assert.same({}, complaints(url("?cafile=" .. s.cafile)))
  end)

  it("is refused when its certificate is not trusted", function()
    local store = holdfast.PersistBase("signal", url(""))
    local err = raises.error("unavailable", nil, store.count, store)
    assert.truthy(err.message:find("self%-signed") or err.message:find("certificate"), err.message)
    assert.is_false(err.retryable)
    assert.equal(0, holdfast.PersistBase("signal", url("?verify=0")):count())
    raises.error("invalid_argument", nil, function()
      holdfast.PersistBase("signal", url("?cafile=/nowhere")):count()
    end)
  end)

  it("moves large values", function()
    local store, text = holdfast.PersistBase("large", url("?cafile=" .. s.cafile)), ("x"):rep(3e6)
    store:writeValue("a", text)
    assert.equal(text, store:readValue("a"))
  end)
end)

describe("a Redis cluster", function()
  local servers, addresses
  setup(function() servers, addresses = redis.cluster(3) end)
  teardown(function()
    for _, s in ipairs(servers) do s:stop("KILL") end
    temp.removeAll()
  end)

  local function url(query) return "redis+cluster://" .. addresses .. (query or "") end

  it("conforms", function()
    assert.same({}, complaints(url()))
  end)

  it("spreads entities over its nodes, and finds all of them", function()
    local store, batch = holdfast.PersistBase("spread", url()), {}
    for i = 1, 3000 do batch["item-" .. i] = { n = i } end
    store:writeMany(batch)
    for _, s in ipairs(servers) do
      local n = tonumber(s:cli("dbsize"))
      assert.is_true(n > 700 and n < 1300, n)
    end
    local n = 0
    for value in store:values() do
      n = n + 1
      assert.equal(n, value.n)
    end
    assert.equal(3000, n)
    assert.equal(3000, store:count())
    assert.same({ ["item-5"] = { n = 5 } }, store:readMany({ "{2}x", "item-5" }))
    assert.equal(3000, store:removeMany(list(store:keys())))
  end)

  it("serves while a slot migrates", function()
    local store = holdfast.PersistBase("{tag}move", url("?timeout=10s"))
    local batch = {}
    for i = 1, 400 do batch["item-" .. i] = 0 end
    store:writeMany(batch)
    local slot = servers[1]:cli("cluster", "keyslot", "{tag}x")
    local ids, from = {}, nil
    for i, s in ipairs(servers) do
      ids[i] = s:cli("cluster", "myid")
      if tonumber(s:cli("cluster", "countkeysinslot", slot)) > 0 then from = i end
    end
    local to = from % 3 + 1
    servers[to]:cli("cluster", "setslot", slot, "importing", ids[from])
    servers[from]:cli("cluster", "setslot", slot, "migrating", ids[to])
    -- In steps, with writes, reads and loops of every kind in between.
    local moved = 0
    for round = 1, 8 do
      local keys = servers[from]:cli("cluster", "getkeysinslot", slot, "50")
      for key in keys:gmatch("[^\n]+") do
        servers[from]:cli("migrate", "127.0.0.1", tostring(servers[to].port), key, "0", "5000")
        moved = moved + 1
      end
      for i = round, 400, 8 do store:writeValue("item-" .. i, round) end
      assert.equal(400, #list(store:values()), "values() in round " .. round)
      assert.equal(400, store:count())
      local found = store:readMany({ "item-1", "item-2", "item-399", "item-400" })
      for _, id in ipairs({ "item-1", "item-2", "item-399", "item-400" }) do assert.is_number(found[id], id) end
      store:writeValue("new-" .. round, round, { ifAbsent = true })
      store:removeValue("new-" .. round)
      store:writeValue("item-5", 1, { ifRevision = store:readEntry("item-5").revision })
    end
    assert.is_true(moved > 300, moved)
    for _, i in ipairs({ to, from, 1, 2, 3 }) do servers[i]:cli("cluster", "setslot", slot, "node", ids[to]) end
    local values = list(store:values())
    assert.equal(400, #values)
    for _, value in ipairs(values) do assert.is_true(value > 0) end
    store:writeValue("item-1", "moved")
    assert.equal("moved", store:readValue("item-1"))
    store:removeAll()
    assert.equal(0, store:count())
  end)

  it("says so when a master is dead", function()
    local store = holdfast.PersistBase("dead", url("?timeout=1s&retries=1"))
    local batch = {}
    for i = 1, 30 do batch["item-" .. i] = i end
    store:writeMany(batch)
    servers[3]:stop("KILL")
    local partly = raises.error("unavailable", "may have happened: read it before writing again$", store.writeMany,
      store, batch)
    assert.is_false(partly.retryable)
    local failed = 0
    for i = 1, 30 do
      local began = clock.now()
      local ok, err = pcall(store.readValue, store, "item-" .. i)
      assert.is_true(clock.now() - began < 1.5)
      if not ok then
        failed = failed + 1
        assert.is_true(err.code == "unavailable" or err.code == "timeout", err.message)
      end
    end
    assert.is_true(failed > 0)
    assert.is_false((pcall(function() return list(store:values()) end)))
    servers[3]:start()
    for _ = 1, 100 do
      if servers[1]:cli("cluster", "info"):find("cluster_state:ok", 1, true) then break end
      ffi.C.usleep(100000)
    end
    store:writeValue("item-1", "again")
    assert.equal("again", store:readValue("item-1"))
  end)
end)

describe("a master that a sentinel names", function()
  local master, replica, sentinel
  setup(function() master, replica, sentinel = redis.sentinel() end)
  teardown(function()
    for _, s in ipairs({ sentinel, replica, master }) do s:stop("KILL") end
    temp.removeAll()
  end)

  it("is followed when it changes", function()
    local url = ("redis+sentinel://127.0.0.1:%d/main?timeout=2s"):format(sentinel.port)
    local store = holdfast.PersistBase("signal", url)
    store:writeValue("a", 1)
    assert.equal("1", master:cli("get", "signal:a"))
    for _ = 1, 100 do
      if replica:cli("get", "signal:a") == "1" then break end
      ffi.C.usleep(20000)
    end
    master:signal("STOP")
    local began, written, codes = clock.now(), nil, {}
    while not written and clock.now() - began < 20 do
      local ok, err = pcall(store.writeValue, store, "a", 2)
      written = ok
      if not ok then codes[err.code] = true end
    end
    assert.is_true(written)
    for code in pairs(codes) do assert.is_true(code == "unavailable" or code == "timeout", code) end
    assert.equal("2", replica:cli("get", "signal:a"))
    master:signal("CONT")
    for i = 1, 30 do -- the old master still takes writes for a moment: none of them may be ours
      store:writeValue("a", 10 + i)
      ffi.C.usleep(50000)
    end
    assert.equal("40", replica:cli("get", "signal:a"))
    local unknown = holdfast.PersistBase("signal", ("redis+sentinel://127.0.0.1:%d/other"):format(sentinel.port))
    local err = raises.error("unavailable", nil, unknown.count, unknown)
    assert.truthy(err.message:find("know no master named 'other'", 1, true))
  end)
end)
