-- SPDX-License-Identifier: MIT
--
-- The Redis backend against servers that answer with nonsense, with too much, for ever, or not at all: every call
-- ends by its deadline, and says something that has no password in it.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local process = require("support.process")
local clock = require("holdfast.util.clock")
local temp = require("support.temp")

local source = os.getenv("HOLDFAST_SOURCE") or "."

if process.shell("command -v python3").code ~= 0 then
  pending("needs python3")
  return
end

local PASSWORD = "S3CRET+w"
local TIMEOUT, SLACK = 0.12, 1

-- It ends by itself after some minutes, should nobody be left to stop it.
local COMMAND = [[
cd %s && timeout 600 python3 %s >log 2>err </dev/null & echo $! >%s/pid
for i in $(seq 500); do grep -q ready %s/log && exit 0; sleep 0.02; done
exit 1]]

local dir, port

local function url(mode, timeout)
  return ("redis://%s:%s@127.0.0.1:%d?timeout=%dms&connecttimeout=%dms"):format(mode, (PASSWORD:gsub("%+", "%%2B")),
    port, (timeout or TIMEOUT) * 1000, (timeout or 0.1) * 1000)
end

local function drain(step, ...)
  local n = 0
  for _ in step, ... do
    n = n + 1
    assert(n < 1e6, "a loop without end")
  end
end

-- Each is one call, or in a transaction one that fails or several that are answered.
local CALLS = {
  waitForInit = function(p) p:waitForInit() end,
  readValue = function(p) p:readValue("a") end,
  readEntry = function(p) p:readEntry("a") end,
  hasValue = function(p) p:hasValue("a") end,
  writeValue = function(p) p:writeValue("a", { x = 1 }) end,
  ifAbsent = function(p) p:writeValue("a", 1, { ifAbsent = true }) end,
  ifRevision = function(p) p:writeValue("a", 1, { ifRevision = 5 }) end,
  removeValue = function(p) p:removeValue("a") end,
  removeAll = function(p) p:removeAll() end,
  count = function(p) p:count() end,
  values = function(p) drain(p:values()) end,
  reverse = function(p) drain(p:values({ reverse = true, limit = 10 })) end,
  keys = function(p) drain(p:keys()) end,
  readMany = function(p) p:readMany({ "a", "b" }) end,
  writeMany = function(p) p:writeMany({ a = 1, b = 2 }) end,
  removeMany = function(p) p:removeMany({ "a", "b" }) end,
  stat = function(p) p:stat() end,
  entities = function(p) holdfast.openStore(p.baseDir):entities() end,
  storeStat = function(p) holdfast.openStore(p.baseDir):stat() end,
  verify = function(p) holdfast.openStore(p.baseDir):verify({}) end,
  transaction = function(p)
    holdfast.transaction(function()
      p:hasValue("a")
      p:writeValue("a", 1)
    end)
  end,
  transactionLoop = function(p) holdfast.transaction(function() drain(p:values()) end) end,
  transactionRemoves = function(p) holdfast.transaction(function() p:removeMany({ "a", "b", "a" }) end) end,
}

local function timed(fn, p)
  local began = clock.now()
  local ok, err = pcall(fn, p)
  return clock.now() - began, ok, err
end

-- Everything that can be seen of an error.
local function shown(err)
  return table.concat({ tostring(err), tostring(err.message), tostring(err.cause), tostring(err.traceback) }, "\n")
end

-- Tries these calls on such a server.
local function suffer(mode, calls)
  local store = holdfast.PersistBase("signal", url(mode))
  store.baseDir = url(mode)
  assert.is_nil(tostring(store):find(PASSWORD, 1, true))
  for name, call in pairs(calls) do
    local seconds, ok, err = timed(call, store)
    local what = ("%s of a server with %s: %s"):format(name, mode, tostring(err))
    local trips = tostring(name):find("^transaction") and ok and 4 or 1
    assert.is_true(seconds < trips * TIMEOUT + SLACK, ("%s took %.1f s"):format(what, seconds))
    if not ok then
      assert.is_true(core.isError(err), what)
      assert.is_nil(shown(err):find(PASSWORD, 1, true), what)
      assert.is_nil(shown(err):find("S3CRET", 1, true), what)
    end
  end
  store:close()
end

describe("A hostile server", function()
  setup(function()
    dir = temp.directory()
    local script = temp.quote(source .. "/tests/support/hostile_redis.py")
    if not source:find("^/") then script = '"$OLDPWD"/' .. script end
    assert(process.shell(COMMAND:format(dir, script, dir, dir)).code == 0, "the server does not start")
    port = tonumber(temp.readFile(dir .. "/log"):match("ready (%d+)"))
  end)
  teardown(function()
    process.shell("kill " .. temp.readFile(dir .. "/pid"))
    temp.removeAll()
  end)

  local MODES = {
    "random", "hugebulk", "hugebulk2", "negbulk", "hugearray", "hugenested", "nest", "drip", "dripbulk", "driparray",
    "silence", "close", "ok", "int", "negint", "nil", "nilarray", "emptyarray", "value", "garbage", "error", "moved",
    "moved2", "ask", "loading", "noperm", "binary", "extra", "extravalue", "flood", "line", "nestscan", "scanloop",
    "scanbig", "scanslow", "scanstall", "scanstuck", "scancycle", "scankeys", "scansame", "scannosize", "map", "push",
    "echo",
  }
  for _, mode in ipairs(MODES) do
    it(("with %s holds no call longer than its deadline, and learns no password"):format(mode), function()
      suffer(mode, { CALLS.readValue, CALLS.writeValue, CALLS.count, CALLS.transactionLoop })
      suffer("late-" .. mode, CALLS)
    end)
  end

  -- A call that must fail, and how.
  local function fails(mode, name, code, message, timeout)
    local store = holdfast.PersistBase("signal", url(mode, timeout))
    local seconds, ok, err = timed(CALLS[name], store)
    store:close()
    local what = ("%s of a server with %s: %s"):format(name, mode, tostring(err))
    assert.is_false(ok, what)
    assert.equal(code, err.code, what)
    assert.is_true(seconds < (timeout or TIMEOUT) + SLACK, what)
    if message then assert.truthy(err.message:find(message), what) end
    return err
  end

  it("that never ends a listing is left", function()
    for _, name in ipairs({ "count", "values", "keys", "removeAll" }) do
      assert.is_false(fails("late-scanloop", name, "io", "DBSIZE", 5).retryable)
      fails("scanslow", name, "timeout", "deadline")
      fails("scanstall", name, "timeout", "deadline")
      fails("scancycle", name, "timeout", "deadline")
      fails("scankeys", name, "unavailable", "DBSIZE says 100", 10)
      fails("scansame", name, "unavailable", "DBSIZE says 100", 10)
      fails("scannosize", name, "timeout", "allow the user DBSIZE")
      assert.is_false(fails("scanstuck", name, "unavailable", "same cursor", 5).retryable)
    end
  end)

  it("or one that is only slow, and has many keys, has more time for listing them", function()
    local store = holdfast.PersistBase("signal", url("scanhonest", 0.5))
    local began, n = clock.now(), 0
    assert.equal(6000, store:count())
    assert.is_true(clock.now() - began > 0.5, "it was fast enough anyway")
    for _ in store:values() do n = n + 1 end
    assert.equal(6000, n)
    store:removeAll()
    store:close()
  end)

  it("that announces more than anybody asked for is not believed", function()
    local function peak() return tonumber(temp.readFile("/proc/self/status"):match("VmPeak:%s*(%d+)")) end
    local before = peak()
    fails("late-hugearray", "readValue", "unavailable", "1000000000 elements, which nobody asked for", 5)
    fails("late-hugenested", "readValue", "unavailable", "elements, which nobody asked for", 5)
    fails("late-hugebulk", "readValue", "unavailable", "text of 2147483647 bytes", 5)
    fails("late-nest", "readValue", "unavailable", "depth", 5)
    assert.is_true(peak() - before < 1e6, "memory was reserved for it")
  end)

  it("that answers a write with nothing has not written", function()
    for _, name in ipairs({ "writeValue", "writeMany", "removeValue", "removeMany", "hasValue" }) do
      fails("late-nil", name, "io", "something else", 5)
    end
    fails("late-nil", "ifAbsent", "conflict", "exists already", 5)
  end)

  it("that names a master without a port is not taken to mean a socket with a path that long", function()
    local store = holdfast.PersistBase("signal", (url("late-slots", 0.5):gsub("^redis:", "redis+cluster:")))
    for name, call in pairs({ readValue = CALLS.readValue, writeValue = CALLS.writeValue }) do
      local _, ok, err = timed(call, store)
      assert.is_false(ok, name)
      assert.equal("unavailable", err.code, tostring(err))
      assert.truthy(err.message:find("no node for a slot", 1, true), tostring(err))
    end
    store:close()
  end)

  it("that goes away in the middle of removeAll has removed part of it", function()
    assert.is_false(fails("late-removeonce", "removeAll", "unavailable", "may have happened", 2).retryable)
  end)

  it("that answers more than it was asked is not asked again on that connection", function()
    local store = holdfast.PersistBase("signal", url("late-extravalue", 5))
    assert.equal(1, store:readValue("a"))
    assert.equal(1, store:readValue("b"))
    store:close()
  end)
end)
