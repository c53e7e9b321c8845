-- SPDX-License-Identifier: MIT
--
-- What the command does to a store on which a strategy host runs: nothing, unless it is told to; and what a host does
-- while the command changes its store.

local holder = require "support.holder"
local holdfast = require "holdfast"
local lease = require "holdfast.host.state.lock"
local process = require "support.process"
local raises = require "support.raises"
local redis = require "support.redis"
local stores = require "support.stores"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")
local signals = holdfast.PersistSignalAdapter

-- A class whose instances keep nothing, for bases of any kind.
local CLASS = [[
local holdfast = require "holdfast"
local One = holdfast.PersistBase:extend("One")
function One:waitForInit() end
function One:readValue(id) error(holdfast.error("not_found"), 0) end
function One:hasValue() return false end
function One:writeValue(id, value) end
function One:removeValue() end
function One:removeAll() end
function One:keys() return {} end
function One:values() return {} end
function One.entityNames() return {} end
return One
]]

local LINES = '{"entity":"candle","id":"a","value":1}\n{"entity":"signal","id":"main/BTCUSDT","value":{}}\n'

describe("the command, and a strategy host that runs on the store", function()
  local dir, store, host

  before_each(function()
    dir = temp.quickDirectory()
    store = dir .. "/data"
    temp.writeFile(dir .. "/one.lua", CLASS)
    temp.writeFile(dir .. "/in.jsonl", LINES)
  end)

  after_each(function()
    if host then host:kill() end
    host = nil
    stores.leaveNothing { signals }
  end)

  -- Another process that runs a strategy, as far as leases go.
  local function startHost(register, symbol)
    return holder.start(([[
      package.path = %q .. "/?.lua;" .. package.path
      local holdfast = require("holdfast")
      local signals = holdfast.PersistSignalAdapter
      %s
      taken = require("holdfast.host.state.lock").take("main", %q, "Live.background main")
    ]]):format(dir, register, symbol or "BTCUSDT"))
  end

  local function command(words) return process.shell("cd " .. dir .. "; exec " .. table.concat(words, " ")) end

  local function run(...)
    local words = { BIN }
    for _, word in ipairs { ... } do words[#words + 1] = temp.quote(word) end
    return command(words)
  end

  local function ok(...)
    local result = run(...)
    assert.same({ "", 0 }, { result.stderr, result.code })
    return result.stdout
  end

  local function refused(...)
    local result = run(...)
    assert.is_truthy(result.stderr:find(("a strategy host runs on"), 1, true), result.stderr)
    assert.is_truthy(result.stderr:find((": process %d on host "):format(host.pid), 1, true), result.stderr)
    assert.matches("%(Live%.background main, since %d+%-%d%d%-%d%dT[%d:]+Z%)", result.stderr)
    assert.is_truthy(result.stderr:find("--force", 1, true))
    assert.same({ "", 3 }, { result.stdout, result.code })
    return result
  end

  local function content(url) return ok("export", url or store) end

  for _, kind in ipairs { "lmdb", "file" } do describe("in a directory of " .. kind, function()
    local url
    before_each(function()
      url = kind .. ":" .. store
      ok("put", url, "signal", "main/BTCUSDT", "1")
      ok("put", url, "candle", "a", "1")
      os.execute("ln -s data " .. temp.quote(dir .. "/link"))
      host = startHost(("signals.usePersistSignalAdapter(%q)"):format(url))
    end)

    it("writes and removes nothing under the adapters' names, however the store is called", function()
      local before = content(url)
      ok("put", dir .. "/other", "risk", "x", "1")
      for _, name in ipairs { "signal", "schedule", "risk", "partial" } do refused("put", url, name, "x", "1") end
      for _, spelling in ipairs { url, kind .. ":./data", kind .. ":./link/", kind .. ":./link/../data" } do
        refused("rm", spelling, "signal", "main/BTCUSDT")
      end
      refused("rm", url, "risk", "--all")
      refused("import", url, "in.jsonl")
      refused("copy", "other", url)
      local err = json.decode(refused("put", url, "signal", "x", "1", "--json").stderr).error
      assert.same({ "busy", "signal" }, { err.code, err.entityName })
      assert.is_truthy(err.cause:find("/data/.lease/signal/main/BTCUSDT.lock", 1, true), err.cause)
      assert.equal(before, content(url))
    end)

    if kind == "lmdb" then
      it("neither exchanges its file nor puts a backup there, unless it is told to", function()
        ok("backup", url, "backup")
        refused("compact", url)
        refused("restore", "backup", url)
        ok("compact", url, "--force")
        os.execute("mv " .. temp.quote(store) .. "/data.mdb " .. temp.quote(dir)) -- under the host
        refused("restore", "backup", url)
        os.execute("mv " .. temp.quote(dir) .. "/data.mdb " .. temp.quote(store))
        host:kill()
        host = nil
        ok("compact", url)
      end)
    end

    it("changes what else is in the store, and says nothing", function()
      ok("put", url, "candle", "b", "2")
      ok("rm", url, "candle", "a")
      ok("import", url, "in.jsonl", "--entity", "order", "--partial")
      ok("put", dir .. "/other", "order", "x", "1")
      ok("copy", dir .. "/other", url)
      assert.equal("b\n", ok("ls", url, "candle"))
    end)

    it("does it with --force, in silence", function()
      ok("put", url, "risk", "x", "1", "--force")
      ok("rm", url, "signal", "main/BTCUSDT", "--force")
      ok("import", url, "in.jsonl", "--force", "--partial")
      ok("copy", url, dir .. "/other")
      ok("copy", dir .. "/other", url, "--force")
      assert.equal("{}\n", ok("get", url, "signal", "main/BTCUSDT"))
    end)

    it("changes rows of signals that it does not run, and what no host lives by", function()
      ok("put", url, "signal", "main/ETHUSDT", "1")
      ok("put", url, "schedule", "other/BTC%2FUSDT", "1")
      ok("rm", url, "signal", "main/ETHUSDT")
      ok("rm", url, "schedule", "other/BTC%2FUSDT")
      for _, name in ipairs { "host", "trade" } do
        ok("put", url, name, "a/b", "1")
        ok("rm", url, name, "--all")
      end
      refused("rm", url, "signal", "main/ETHUSDT", "main/BTCUSDT")
      refused("rm", url, "signal", "--all")
      refused("rm", url, "signal", "--where", "false")
    end)

    it("says what ends a position with an event", function()
      local result = refused("rm", url, "signal", "main/BTCUSDT")
      assert.is_truthy(result.stderr:find(("while the host runs: holdfast host close %s main BTCUSDT\n"):format(url), 1,
        true), result.stderr)
      result = refused("rm", url, "schedule", "main/BTCUSDT")
      assert.is_truthy(result.stderr:find("holdfast host cancel ", 1, true), result.stderr)
    end)

    it("reads, and copies from it", function()
      assert.equal("1\n", ok("get", url, "signal", "main/BTCUSDT"))
      assert.equal("candle\t1\nsignal\t1\n2 entities copied\n", ok("copy", url, dir .. "/other"))
    end)

    it("takes what a killed host left for nothing", function()
      host:kill()
      local path = store .. "/.lease/signal/main/BTCUSDT.lock"
      while require("holdfast.core").leaseHolder(path) do os.execute("sleep 0.01") end
      host = nil
      ok("put", url, "signal", "main/BTCUSDT", "2")
      assert.matches("^holdfast lease\n", temp.readFile(path))
    end)
  end) end

  it("takes no durability and no room from it by a setting, and gives it more", function()
    ok("put", store, "signal", "main/BTCUSDT", "1")
    ok("set", store, "maxsize=64m", "durability=nometasync")
    host = startHost(("signals.useLmdb(%q)"):format(store))
    local before = ok("set", store)
    local result = refused("set", store, "durability=nosync")
    assert.is_truthy(result.stderr:find("or change durability under it with --force", 1, true), result.stderr)
    result = refused("set", store, "maxsize=33554432", "durability=nosync", "note=x")
    assert.is_truthy(result.stderr:find("or change durability and maxsize under it", 1, true), result.stderr)
    assert.equal("busy", json.decode(refused("set", store, "maxsize=1M", "--json").stderr).error.code)
    assert.equal(before, ok("set", store))
    ok("set", store, "maxsize=128m", "durability=sync", "note=hands off")
    refused("set", store, "maxsize=64m")
    ok("set", store, "--standard", "maxsize")
    refused("set", store, "maxsize=4t")
    assert.is_truthy(ok("set", store, "maxsize=64m", "durability=nosync", "--force"):find("nosync", 1, true))
    ok("set", store, "--standard", "durability", "--standard", "note")
    host:kill()
    host = nil
    ok("set", store, "maxsize=32m", "durability=nosync")
  end)

  it("makes unique what the host writes by force only, under each of its names", function()
    ok("put", store, "order", "a", "1")
    host = startHost(("signals.useLmdb(%q)"):format(store))
    local names = { "signal", "schedule", "risk", "partial", "trade", "host" }
    for _, name in ipairs(names) do
      refused("index", store, name, "n", "--unique")
      assert.equal(0, run("index", store, name, "m").code)
    end
    assert.equal(0, run("index", store, "trade", "n", "--unique", "--force").code)
    assert.equal(0, run("index", store, "order", "n", "--unique").code)
    host:kill()
    host = nil
    for _, name in ipairs(names) do assert.equal(0, run("index", store, name, "n", "--unique").code) end
  end)

  it("names one of several, and says how many more there are", function()
    ok("put", store, "signal", "x", "1")
    host = startHost(("signals.useLmdb(%q)"):format(store))
    local second = startHost(("signals.useLmdb(%q)"):format(store), "ETHUSDT")
    finally(function() second:kill() end)
    local result = run("put", store, "signal", "x", "2")
    assert.matches("%(and 1 more lock%)", result.stderr)
  end)

  it("knows a class on the same directory, and the store below it", function()
    ok("put", store, "signal", "x", "1")
    host = startHost(("signals.usePersistSignalAdapter(require 'one', %q)"):format(store))
    refused("put", store, "signal", "x", "2")
    refused("put", ("lua:%s/one.lua?base=%s"):format(dir, store), "signal", "x", "2")
    ok("put", ("lua:%s/one.lua?base=%s/else"):format(dir, dir), "signal", "x", "2")
  end)

  it("takes a host's lease for one that runs, whatever program it is", function()
    ok("put", store, "signal", "x", "1")
    host = holder.start(("l = require('holdfast.core').lease(%q, 'Live.background main')"):format(store
      .. "/.lease/trader.lock"))
    refused("put", store, "signal", "x", "2")
    refused("rm", store, "signal", "main/BTCUSDT")
  end)

  it("refuses an import before anything is written, where the lines can be looked through", function()
    ok("put", store, "signal", "x", "1")
    host = startHost(("signals.useLmdb(%q)"):format(store))
    local before, many = content(), {}
    for i = 1, 2500 do many[i] = ('{"entity":"candle","id":"%d","value":1}'):format(i) end
    many[2501] = '{"entity":"signal","id":"y","value":1}'
    temp.writeFile(dir .. "/many.jsonl", table.concat(many, "\n"))
    assert.matches("line 2501: .*\n  nothing was imported\n$", refused("import", store, "many.jsonl").stderr)
    assert.equal(before, content())
    local piped = command { "cat many.jsonl |", BIN, "import", store }
    assert.matches("line 2501: .*\n  imported so far: 2,000 entities, up to line 2000;", piped.stderr)
    assert.equal(3, piped.code)
    assert.same({ "2000\n", "1\n" }, { ok("count", store, "candle"), ok("count", store, "signal") })
  end)

  describe("where a host of another machine could not be seen", function()
    local url
    before_each(function() url = ("lua:%s/one.lua?base=http://%s:secret@host/api"):format(dir, dir:gsub("/", "")) end)

    after_each(function()
      os.execute(("rm -rf %s/http%%3A*%s*"):format(require("holdfast.core").leaseFolder(), dir:match("[^-]+$")))
    end)

    it("says so once, and only for the adapters' names", function()
      ok("put", url, "candle", "x", "1")
      local result = run("put", url, "signal", "x", "1")
      assert.matches("^holdfast: warning: whether a strategy host of another machine.*runs on lua:[^\n]* cannot be seen"
        .. "[^\n]*\n$", result.stderr)
      assert.equal(0, result.code)
      assert.is_nil(result.stderr:find("secret", 1, true))
      ok("put", url, "signal", "x", "1", "--force")
      result = run("import", url, "in.jsonl", "--json")
      assert.matches("whether a strategy host", json.decode(result.stderr).warning)
      assert.equal('{"imported":2}\n', result.stdout)
    end)

    it("sees one of this user on this machine", function()
      host = startHost(("signals.usePersistSignalAdapter(require 'one', %q)"):format(url:match("base=(.*)$")))
      refused("put", url, "signal", "x", "1")
      assert.is_nil(refused("rm", url, "risk", "x").stderr:find("secret", 1, true))
    end)
  end)

  it("warns of a server's hosts, and sees those here", function()
    if not redis.isInstalled then return pending("there is no Redis server here") end
    local server = redis.start()
    finally(function()
      server:stop()
      os.execute(("rm -rf %s/redis*%d*"):format(require("holdfast.core").leaseFolder(), server.port))
    end)
    local url = ("redis://127.0.0.1:%d/0"):format(server.port)
    local result = run("put", url, "signal", "x", "1")
    assert.matches("whether a strategy host of another machine", result.stderr)
    assert.equal(0, result.code)
    host = startHost(("signals.usePersistSignalAdapter(%q)"):format(url))
    result = run("put", url, "signal", "x", "2")
    assert.is_truthy(result.stderr:find((": process %d on host "):format(host.pid), 1, true), result.stderr)
    assert.equal(3, result.code)
  end)

  it("says nothing of stores in memory", function()
    ok("put", "memory:x", "signal", "x", "1")
    ok("import", "memory:x", "in.jsonl", "--partial")
  end)

  it("makes no lock files for other names", function()
    ok("put", store, "candle", "x", "1")
    assert.equal("data.mdb\nlock.mdb\n", process.shell("ls -A " .. temp.quote(store)).stdout)
  end)

  describe("while it changes the store", function()
    it("no host starts, which is told who changes it, and until when", function()
      ok("put", store, "signal", "x", "1")
      os.execute("mkfifo " .. temp.quote(dir .. "/fifo"))
      os.execute(("cd %s; %s import ./data fifo >out 2>&1 & (yes '%s' | head -20000; sleep 4) >fifo &"):format(dir,
        temp.quote(BIN), '{"entity":"signal","id":"y","value":1}'))
      local changing = store .. "/.lease/.command/1.lock"
      for _ = 1, 500 do
        if require("holdfast.core").leaseHolder(changing) then break end
        os.execute("sleep 0.01")
      end
      signals.useLmdb(store)
      local err = raises.error("busy", nil, lease.take, "main", "BTCUSDT")
      assert.matches("^strategy 'main' on BTCUSDT cannot start while its store is changed by process %d+ on host %S+ "
        .. "%(holdfast import, since ", err.message)
      assert.is_nil(require("holdfast.core").leaseHolder(store .. "/.lease/signal/main/BTCUSDT.lock"))
      assert.equal("", ok("put", store, "risk", "z", "1")) -- other commands may
      for _ = 1, 500 do
        if not require("holdfast.core").leaseHolder(changing) then break end
        os.execute("sleep 0.01")
      end
      lease.take("main", "BTCUSDT"):release()
      assert.equal("1\n", ok("get", store, "signal", "y"))
    end)

    it("a host waits for what is done soon", function()
      ok("put", store, "signal", "x", "1")
      local changing = lease.change(store .. "/.lease", "holdfast put")
      local code = ([[
        require("holdfast").PersistSignalAdapter.useLmdb(%q)
        require("holdfast.host.state.lock").take("main", "BTCUSDT"):release()
      ]]):format(store)
      os.execute(("LUA_CPATH=%s LUA_PATH=%s luajit -e %s && touch %s/started &"):format(temp.quote(package.cpath),
        temp.quote(package.path), temp.quote(code), dir))
      os.execute("sleep 0.2")
      assert.is_nil(io.open(dir .. "/started"))
      changing:release()
      for _ = 1, 500 do
        if os.execute("test -e " .. dir .. "/started") == 0 then return end
        os.execute("sleep 0.01")
      end
      error("the host has not started")
    end)
  end)
end)
