-- SPDX-License-Identifier: MIT
--
-- The PostgreSQL backend on a real server: the conformance kit, the tables of the framework, order, what JSONB cannot
-- hold, and what happens when the server is down, killed, stopped, full.

local conformance = require("holdfast.conformance")
local core = require("holdfast.core")
local ffi = require("ffi")
local holdfast = require("holdfast")
local postgres = require("support.postgres")
local process = require("support.process")
local raises = require("support.raises")
local clock = require("holdfast.util.clock")
local stores = require("support.stores")
local temp = require("support.temp")

local list = stores.list
local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

if not postgres.isInstalled or not pcall(ffi.load, "libpq.so.5") then
  pending("needs PostgreSQL (postgresql, libpq5)")
  return
end

local pg

setup(function() pg = postgres.start() end)
teardown(function()
  pg:stop("QUIT")
  temp.removeAll()
end)

local function open(query, name, login) return holdfast.PersistBase(name or "signal", pg:url(query, login)) end

local function fresh(query, name)
  local store = open(query, name)
  store:removeAll()
  return store
end

-- How long the call took, in seconds, and what it raised.
local function timed(fn, ...)
  local began = clock.now()
  local ok, raised = pcall(fn, ...)
  assert.is_false(ok, "nothing was raised")
  return clock.now() - began, raised
end

describe("a PostgreSQL store", function()
  it("conforms", function()
    local found = {}
    for _, result in ipairs(conformance.run({ url = pg:url(), entities = 300 }).results) do
      if result.status == "failed" then found[#found + 1] = result.name .. ": " .. tostring(result.message) end
    end
    assert.same({}, found)
  end)

  it("has the table of the framework", function()
    pg:psql([[CREATE TABLE persist_trades (entity_id TEXT PRIMARY KEY, data JSONB NOT NULL,
        updated_at TIMESTAMP DEFAULT NOW());
      INSERT INTO persist_trades (entity_id, data) VALUES ('BTC', '{"open": 44152.25, "list": []}')]])
    local store = open("", "trades")
    assert.same({ open = 44152.25, list = holdfast.array({}) }, store:readValue("BTC"))
    store:writeValue("ETH/USDT", { open = 1 })
    assert.equal('{"open": 1}', pg:psql("SELECT data FROM persist_trades WHERE entity_id = 'ETH/USDT'"))
    local updatedAt = store:readEntry("ETH/USDT").updatedAt
    assert.is_true(math.abs(updatedAt - os.time() * 1000) < 60000, updatedAt)
    assert.same({ "BTC", "ETH/USDT" }, list(store:keys()))
  end)

  it("keeps collections apart, whatever their names", function()
    local names = {
      "x", "X", "x_y", "x y", "x'y", 'x"y', "x;y", "persist_x", "é", ("n"):rep(55), ("n"):rep(56), ("n"):rep(57),
      ("é"):rep(125), ("é"):rep(124) .. "ef", "a~0123456789abcdef", "x~1", "%", "$1",
    }
    for i, name in ipairs(names) do fresh("", name):writeMany({ a = i, [name] = i }) end
    for i, name in ipairs(names) do
      local store = open("", name)
      assert.equal(i, store:readValue("a"), name)
      assert.equal(i, store:readValue(name), name)
    end
    local found = {}
    for _, name in ipairs(holdfast.openStore(pg:url()):entities()) do found[name] = true end
    for _, name in ipairs(names) do assert.is_true(found[name], name) end
    assert.is_nil(found["~"])
  end)

  it("orders ids as everybody does", function()
    local store, batch, ids = fresh("", "order"), {}, {}
    local state = 7
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n + 1
    end
    local alphabet = {}
    for byte = 32, 126 do alphabet[#alphabet + 1] = string.char(byte) end
    for _, extra in ipairs({ "é", "ß", "Ω", "日", "0", "00", "12", "123456789012345678901234567890" }) do
      alphabet[#alphabet + 1] = extra
    end
    for _ = 1, 3000 do
      local parts = {}
      for i = 1, random(8) do
        -- A third have digits and letters only, a third no characters beyond ASCII.
        parts[i] = alphabet[random(#parts % 3 == 0 and #alphabet or 95)]
      end
      batch[table.concat(parts)] = 1
    end
    for id in pairs(batch) do ids[#ids + 1] = id end
    table.sort(ids, holdfast.naturalOrder)
    store:writeMany(batch)
    assert.same(ids, list(store:keys()))
    local reversed = {}
    for i = #ids, 1, -1 do reversed[#reversed + 1] = ids[i] end
    assert.same(reversed, list(store:keys({ reverse = true })))
    for _ = 1, 60 do
      local from, to = ids[random(#ids)], ids[random(#ids)]
      local expected = {}
      for _, id in ipairs(ids) do
        if not holdfast.naturalOrder(id, from) and not holdfast.naturalOrder(to, id) then
          expected[#expected + 1] = id
        end
      end
      assert.same(expected, list(store:keys({ from = from, to = to })), from .. " .. " .. to)
      local prefix = from:sub(1, random(#from))
      if not prefix:find("[\128-\255]") or prefix == from then
        expected = {}
        for _, id in ipairs(ids) do
          if id:sub(1, #prefix) == prefix then expected[#expected + 1] = id end
        end
        assert.same(expected, list(store:keys({ prefix = prefix })), prefix)
        local backwards = list(store:keys({ prefix = prefix, reverse = true }))
        assert.same({ #expected, expected[1] }, { #backwards, backwards[#backwards] }, prefix)
      end
    end
  end)

  it("keeps what JSONB cannot hold", function()
    local store = fresh("", "odd")
    local texts = {
      nul = '"a\\u0000b"', key = '{"a\\u0000":[1]}', zero = "-0", zeroes = '{"a":[-0,-0.0,1]}', huge = "1e999",
      small = "5e-324", large = "1.7976931348623157e308", marker = '{"$holdfast":"x"}',
      inner = '{"$holdfast":"1","b":2}',
      escaped = '"\\\\u0000"', exponent = '"1e12345"', number = "1e12345", precise = "0.1234567890123456789",
      disguised = [[{"$hold\u0066ast":"1"}]], nines = ("9"):rep(140000), tiny = "0." .. ("0"):rep(20000) .. "1",
      dates = '["2024-01-01","-0"]', nothing = "null", pair = '"\\ud83d\\ude00"',
    }
    for id, text in pairs(texts) do core.writeText(store, id, text) end
    for id, text in pairs(texts) do
      assert.equal(core.json.encode(core.json.decode(text)), core.json.encode(store:readValue(id)), id)
    end
    local wrapped = pg:psql("SELECT string_agg(entity_id, ' ' ORDER BY entity_id) FROM persist_odd"
      .. " WHERE data ? '$holdfast'")
    assert.equal("disguised inner key marker nines nul number pair tiny zero zeroes", wrapped)
    pg:psql([[INSERT INTO persist_odd VALUES ('theirs', '{"$holdfast": 5}'),
      ('theirs2', '{"$holdfast": "x", "y": 1}')]])
    assert.same({ ["$holdfast"] = 5 }, store:readValue("theirs"))
    assert.same({ ["$holdfast"] = "x", y = 1 }, store:readValue("theirs2"))
    for id, text in pairs(texts) do
      local want = core.json.encode(core.json.decode(text))
      assert.equal(want, core.json.encode(store:readMany({ id })[id]), id)
    end
  end)

  it("lets a transaction fail when another one was faster", function()
    local store = fresh("", "serial")
    store:writeValue("n", 1)
    raises.error("conflict", nil, holdfast.transaction, function()
      local n = store:readValue("n")
      pg:psql("UPDATE persist_serial SET data = '100'")
      store:writeValue("n", n + 1)
    end)
    assert.equal(100, store:readValue("n"))
    store:writeValue("n", 2)
    raises.error("conflict", nil, holdfast.transaction, function()
      store:readValue("n")
      pg:psql("UPDATE persist_serial SET data = '200'")
      pcall(store.writeValue, store, "n", 3) -- whose failure is swallowed: the commit must not seem to work
      pcall(store.writeValue, store, "m", 3)
    end)
    assert.same({ 200 }, list(store:values()))
  end)

  it("sees the writes of others in its revision", function()
    local store = fresh("", "revision")
    local first = store:writeValue("a", 1)
    pg:psql("UPDATE persist_revision SET data = '2'")
    raises.error("conflict", nil, store.writeValue, store, "a", 3, { ifRevision = first })
    store:writeValue("a", 3, { ifRevision = store:readEntry("a").revision })
    for _, revision in ipairs { 0, first } do
      raises.error("conflict", nil, store.writeValue, store, "missing", 1, { ifRevision = revision })
      raises.error("conflict", nil, holdfast.transaction, function()
        store:writeValue("missing", 1, { ifRevision = revision })
      end)
    end
    assert.is_false(store:hasValue("missing"))
  end)

  it("gives revisions and times in a loop", function()
    local store = fresh("", "loop")
    store:writeMany({ ["log-2"] = 2, ["log-10"] = 10, ["é"] = 1, ["日本"] = 3 })
    for i = 1, 200 do store:writeValue("item-" .. i, i) end
    for _, range in ipairs({ {}, { reverse = true }, { from = "item-190" } }) do
      local n = 0
      for id, value, revision, updatedAt in store:entries(range) do
        assert.same({ id = id, value = value, revision = revision, updatedAt = updatedAt }, store:readEntry(id))
        n = n + 1
      end
      assert.equal(range.from and 15 or 204, n)
    end
    for id, value, revision in store:entries({ prefix = "log-" }) do
      store:writeValue(id, value + 1, { ifRevision = revision })
      raises.error("conflict", nil, store.writeValue, store, id, 0, { ifRevision = revision })
    end
    assert.equal(11, store:readValue("log-10"))
  end)

  it("scans many rows in pages", function()
    local store, batch = fresh("", "many"), {}
    for i = 1, 12000 do batch["item-" .. i] = { n = i } end
    store:writeMany(batch)
    local n = 0
    for value in store:values() do
      n = n + 1
      assert.equal(n, value.n)
    end
    assert.equal(12000, n)
    assert.equal(12000, store:removeMany(list(store:keys())))
  end)

  it("leaves the connection alone in a child process", function()
    ffi.cdef("int fork(void); int waitpid(int pid, int *status, int options); void _exit(int code);")
    local store = fresh("", "fork")
    store:writeValue("a", 1)
    local session = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%persist_fork%'"
      .. " AND pid <> pg_backend_pid()"
    assert.equal("1", pg:psql(session))
    local pid = ffi.C.fork()
    if pid == 0 then
      local fine = pcall(function()
        raises.error("closed", nil, store.readValue, store, "a")
        do
          local own = open("", "fork")
          own:writeValue("b", 2)
          assert(own:readValue("a") == 1)
        end
        collectgarbage()
        collectgarbage()
      end)
      ffi.C._exit(fine and 0 or 1)
    end
    local status = ffi.new("int[1]")
    ffi.C.waitpid(pid, status, 0)
    assert.equal(0, status[0])
    store:writeValue("c", store:readValue("b"))
    assert.equal(3, store:count())
  end)

  it("refuses URLs that mean nothing", function()
    local function refused(url, code)
      local ok, err = pcall(function() holdfast.PersistBase("signal", url):count() end)
      assert.is_false(ok, url)
      assert.equal(code, err.code, tostring(err))
    end
    refused(pg:url("?timeout=5"), "invalid_argument")
    refused(pg:url("?timeoutt=5s"), "invalid_argument")
    refused("postgres://127.0.0.1:port/x", "invalid_argument")
    refused(pg:url(""):gsub("game", "nothing"), "unavailable")
    holdfast.PersistBase("signal", "postgres://127.0.0.1:1/x"):close() -- dials nothing
  end)

  it("says what a person wants to know of it", function()
    local store = open("", "facts")
    store:writeMany({ a = 1, b = 2, c = 3 })
    store:removeValue("c")
    local stat = store:stat()
    assert.equal(pg:psql("SHOW server_version"), stat.version)
    assert.equal(2, stat.entities)
    assert.equal("persist_facts", stat.table)
    assert.equal(4, stat.indexes)
    assert.equal(stat.bytes, stat.tableBytes + stat.indexBytes)
    assert.equal("number", type(stat.deadRows))
    assert.same({ "on", true, "serializable", "read committed", false },
      { stat.synchronousCommit, stat.fsync, stat.isolation, stat.defaultIsolation, stat.replica })
    local whole = holdfast.openStore(pg:url()):stat()
    assert.equal("postgres", whole.backend)
    assert.equal("game", whole.database)
    assert.is_true(whole.databaseBytes > 1e6)
    assert.is_nil(whole.entities)
    local out = process.run({ command, "stat", pg:url() })
    assert.truthy(out.stdout:find("database bytes +[%d,]+ %(%d+%.%d MB%)"), out.stdout .. out.stderr)
  end)

  it("estimates in stat how many rows a large table has", function()
    local store = open("", "large")
    store:writeValue("a", 1)
    pg:psql([[INSERT INTO persist_large (entity_id, data) SELECT 'n-' || i, to_jsonb(repeat('x', 900))
      FROM generate_series(1, 20000) i; ANALYZE persist_large]])
    local stat = store:stat()
    assert.is_nil(stat.entities)
    assert.is_true(math.abs(stat.entitiesEstimated - 20001) < 2000, stat.entitiesEstimated)
    assert.equal(0, process.run({ command, "stat", pg:url(), "large" }).code)
  end)

  it("leaves out of stat what the user may not see, and goes on", function()
    open("", "hidden"):writeValue("a", 1)
    pg:psql("CREATE USER blind") -- who may not even read the table
    local store = open("", "hidden", "blind")
    assert.is_true(store:stat().databaseBytes > 1e6)
    pg:psql("REVOKE CONNECT ON DATABASE game FROM public") -- of connections to come
    local stat
    local ok, raised = pcall(holdfast.transaction, function() stat = store:stat() end)
    pg:psql("GRANT CONNECT ON DATABASE game TO public; DROP USER blind")
    assert.is_true(ok, tostring(raised))
    assert.is_nil(stat.databaseBytes)
    assert.is_nil(stat.entities)
    assert.equal("persist_hidden", stat.table)
    assert.equal("blind", stat.user)
  end)

  it("shows no password", function()
    pg:psql("CREATE USER careful PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO careful")
    for _, login in ipairs({ "careful:secret", "nobody:secret" }) do
      local store = open("", "private", login)
      local ok, err = pcall(function() return core.json.encode(store:stat()) end)
      assert.equal(login == "careful:secret", ok)
      assert.is_nil((tostring(err) .. tostring(store) .. store.url):find("secret", 1, true))
      local out = process.run({ command, "ls", pg:url("", login) })
      assert.is_nil((out.stdout .. out.stderr):find("secret", 1, true), out.stderr)
    end
    local err = raises.error("unavailable", nil, function() open("", "private", "nobody:secret"):count() end)
    assert.is_false(err.retryable)
  end)
end)

describe("a PostgreSQL server in trouble", function()
  local END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    .. " WHERE pid <> pg_backend_pid() AND datname = 'game'"

  it("is used again after its sessions were ended", function()
    local store = fresh("", "ended")
    store:writeValue("a", 1)
    pg:psql(END_SESSIONS)
    clock.sleep(0.05)
    store:writeValue("b", 2)
    assert.same({ 1, 2 }, list(store:values()))
    raises.error("unavailable", nil, holdfast.transaction, function()
      store:writeValue("c", 3)
      pg:psql(END_SESSIONS)
      clock.sleep(0.05)
      store:writeValue("d", 4)
    end)
    assert.equal(2, store:count())
  end)

  it("gives timeout within the deadline while it is stopped, and works when it goes on", function()
    local store = fresh("?timeout=400ms&connecttimeout=300ms", "stopped")
    store:writeValue("a", 1)
    local pid = pg:psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%persist_stopped%'"
      .. " AND pid <> pg_backend_pid() ORDER BY query_start DESC LIMIT 1")
    process.shell("kill -STOP " .. pid)
    local seconds, err = timed(store.writeValue, store, "a", 2)
    process.shell("kill -CONT " .. pid)
    assert.equal("timeout", err.code)
    assert.truthy(err.message:find("may have happened", 1, true), err.message)
    assert.is_true(seconds > 0.3 and seconds < 0.8, seconds)
    store:writeValue("a", 3)
    assert.equal(3, store:readValue("a"))

    process.shell("kill -STOP " .. pg:pid()) -- no new connections
    local second = holdfast.PersistBase("stopped", pg:url("?timeout=500ms&connecttimeout=300ms"))
    seconds, err = timed(second.readValue, second, "a")
    process.shell("kill -CONT " .. pg:pid())
    assert.equal("timeout", err.code)
    assert.is_true(seconds < 1.2, seconds)
    assert.equal(3, second:readValue("a"))
  end)

  it("ends a statement that waits for a lock", function()
    local store = fresh("?timeout=400ms", "locked")
    store:writeValue("a", 1)
    process.shell(([[cd %s; (psql -h 127.0.0.1 -p %d -U app -X -q game -c \
      "BEGIN; UPDATE persist_locked SET data = '5'; SELECT pg_sleep(60)" >/dev/null 2>&1 </dev/null &)]]):format(
      temp.quote(pg.dir), pg.port))
    -- In its sleep it has the lock.
    local holder = "FROM pg_stat_activity WHERE query LIKE '%persist_locked%' AND wait_event = 'PgSleep'"
    local limit = clock.now() + 50
    while pg:psql("SELECT count(*) " .. holder) == "0" do
      assert.is_true(clock.now() < limit, "psql took no lock")
      clock.sleep(0.05)
    end
    local seconds, err = timed(store.writeValue, store, "a", 2)
    assert.equal("timeout", err.code)
    assert.is_true(seconds < 20, seconds) -- and not as long as the lock is held
    assert.equal("t", pg:psql("SELECT pg_terminate_backend(pid, 10000) " .. holder))
    store:writeValue("a", 2)
    assert.equal(2, store:readValue("a"))
  end)

  it("loses no write that was acknowledged when it is killed", function()
    local store = fresh("", "killed")
    process.shell(("(sleep 0.4; kill -QUIT %s) >/dev/null 2>&1 &"):format(pg:pid()))
    local acknowledged, doubtful, ended = {}, {}, false
    local began = clock.now()
    for i = 1, 1e6 do
      local ok, err = pcall(store.writeValue, store, "n-" .. i, i)
      if ok then
        acknowledged[i] = true
      else
        ended = true
        assert.equal("unavailable", err.code, err.message)
        doubtful[i] = err.message:find("may have happened", 1, true) ~= nil
      end
      if ended or clock.now() - began > 10 then break end
    end
    assert.is_true(ended)
    local seconds, err = timed(store.readValue, store, "n-1")
    assert.equal("unavailable", err.code, err.message)
    assert.is_true(seconds < 2)
    pg:stop("QUIT")
    assert.is_true(pg:start())
    for i in pairs(acknowledged) do assert.equal(i, store:readValue("n-" .. i)) end
    for id in store:keys() do
      local i = tonumber(id:match("%d+"))
      assert.is_true(acknowledged[i] or doubtful[i], id)
    end
    store:writeValue("after", 1)
  end)

  it("is full when its disk is", function()
    local disk = pg.dir .. "/disk"
    local mounted = process.shell(("mkdir -p %s && mount -t tmpfs -o size=1536k tmpfs %s && mkdir %s/space && "
      .. "chown postgres:postgres %s/space"):format(disk, disk, disk, disk))
    if mounted.code ~= 0 then
      pending("needs a mount")
      return
    end
    local ok, raised = pcall(function()
      pg:psql(("CREATE TABLESPACE small LOCATION '%s/space'"):format(disk))
      pg:psql("ALTER DATABASE game SET default_tablespace = small")
      local store = holdfast.PersistBase("full", pg:url("?retries=1"))
      local text, err = ("x"):rep(100), nil
      for i = 1, 40 do
        local batch = {}
        for k = 1, 200 do batch[i .. "-" .. k] = { text = text .. k } end
        local fine
        fine, err = pcall(store.writeMany, store, batch)
        if not fine then break end
        err = nil
      end
      assert.equal("full", err and err.code, tostring(err))
      assert.equal(0, store:count() % 200, "batches are whole")
    end)
    pg:psql("ALTER DATABASE game RESET default_tablespace; DROP TABLE IF EXISTS persist_full")
    pg:psql("DROP TABLESPACE IF EXISTS small")
    process.shell("umount " .. disk)
    if not ok then error(raised, 0) end
  end)

  it("is followed to the host that takes writes", function()
    local url = ("postgres://app@127.0.0.1:1,127.0.0.1:%d/game?target_session_attrs=read-write"):format(pg.port)
    local store = holdfast.PersistBase("hosts", url)
    store:writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
    pg:psql("ALTER DATABASE game SET default_transaction_read_only = on")
    local ok, err = pcall(function() holdfast.PersistBase("hosts", url .. "&retries=0"):count() end)
    local readOnly = raises.error("readonly", nil, function() open("?retries=0", "hosts"):writeValue("b", 1) end)
    pg:psql("SET default_transaction_read_only = off; ALTER DATABASE game RESET default_transaction_read_only")
    assert.is_false(ok)
    assert.equal("unavailable", err.code, err.message)
    assert.truthy(readOnly.message:find("read-only", 1, true), readOnly.message)
  end)
end)
