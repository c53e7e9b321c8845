-- SPDX-License-Identifier: MIT
--
-- Runs every example as a newcomer would, in an empty folder, and looks at what it prints.  Those that reach out of the
-- machine are for examples_http_spec.lua, examples_alerts_spec.lua and examples_systemd_spec.lua.

local ffi = require "ffi"
local json = require "holdfast".json
local redis = require "support.redis"
local temp = require "support.temp"

local source = os.getenv("HOLDFAST_SOURCE") or os.getenv("PWD")
local build = os.getenv("HOLDFAST_BUILD") or source .. "/build"
local command = os.getenv("HOLDFAST_BIN") or build .. "/holdfast"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function shell(text)
  local pipe = assert(io.popen("(" .. text .. "\n) 2>&1; echo \"[$?]\""))
  local output = pipe:read("*a")
  pipe:close()
  local out, status = output:match("^(.*)%[(%d+)%]\n$")
  return out, tonumber(status)
end

describe("the examples", function()
  local folder

  before_each(function() folder = shell("mktemp -d"):gsub("%s+$", "") end)
  after_each(function() os.execute("rm -rf " .. quote(folder)) end)

  local function inFolder(text) return shell("cd " .. quote(folder) .. " && " .. text) end

  local function example(name, ...)
    local words = { quote(command), "run", quote(source .. "/examples/" .. name) }
    for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
    return inFolder(table.concat(words, " "))
  end

  local function write(name, text)
    local file = assert(io.open(folder .. "/" .. name, "w"))
    file:write(text)
    file:close()
  end

  it("are all run by a spec", function()
    local seen = { ["README.md"] = true, demo = true, ["market.lua"] = true, ["redis_client.lua"] = true } -- of others
    local specs = shell("cat " .. quote(source) .. "/tests/spec/project/examples*_spec.lua")
    for name in specs:gmatch('"([%w_]+%.%a+)"') do seen[name] = true end
    for name in specs:gmatch('require "([%w_]+)"') do seen[name .. ".lua"] = true end
    for name in shell("ls " .. quote(source .. "/examples")):gmatch("%S+") do assert(seen[name], name) end
  end)

  it("direct_api prints what the framework's example prints", function()
    local out, status = example("direct_api.lua")
    assert.equal(0, status, out)
    local entry = { message = "Strategy started", metadata = { symbol = "BTCUSDT", strategy = "sma-crossover" } }
    local expected = { "", "Log exists: true", "Log: ", "BTC Log: ", "Recent Log: ", "Logs left: 0" }
    local n = 0
    for line in out:gmatch("[^\n]+") do
      n = n + 1
      local label, text = line:match("^([^{]*)(.*)$")
      assert.equal(expected[n], label)
      if text ~= "" then
        local value = json.decode(text)
        assert.near(os.time() * 1000, value.timestamp, 60000)
        value.timestamp = nil
        assert.same(entry, value)
      end
    end
    assert.equal(#expected, n)
  end)

  it("transactions undoes what fails", function()
    local out, status = example("transactions.lua")
    assert.equal(0, status, out)
    assert.equal(table.concat({
      "alice has left:\t70",
      "second transfer:\tfalse\tconflict\tbob cannot pay 500",
      "balances:\t70\t50",
      "ledger lines:\t1",
      "carol, dave:\ttrue\tfalse",
      "by revision:\tfalse\tconflict\ttrue",
      "total at one moment:\t122",
      "",
    }, "\n"), out)
  end)

  -- What a program prints, as a text with the lines given.
  local function prints(out, status, ...)
    assert.equal(0, status, out)
    assert.equal(table.concat({ ... }, "\n") .. "\n", out)
  end

  it("trading_logs finds entries by time, the latest, and what went wrong", function()
    for _ = 1, 2 do
      local out, status = example("trading_logs.lua")
      prints(out, status,
        "between 22:00 and 23:00:",
        "  22:03\tinfo  BTCUSDT Strategy started",
        "  22:07\tinfo  BTCUSDT Signal opened",
        "  22:07\tinfo  BTCUSDT Order filled",
        "all of the 8th:",
        "  error ETHUSDT Order rejected",
        "the last two, the latest first:",
        "  error ETHUSDT Order rejected",
        "  info  BTCUSDT Take profit hit",
        "what went wrong:",
        "  warn  ETHUSDT Price feed is late",
        "  error ETHUSDT Order rejected",
        "removed:\t3\tleft:\t3")
    end
  end)

  it("backtest_report makes the picture of the README, and a page", function()
    local out, status = example("backtest_report.lua", "chart.svg", "page.html")
    assert.equal(0, status, out)
    assert.matches("Trades              14 (8 won, 6 lost)", out, 1, true)
    local function read(path)
      local file = assert(io.open(path, "rb"))
      local text = file:read("*a")
      file:close()
      return text
    end
    local drawn, kept = read(folder .. "/chart.svg"), read(source .. "/docs/chart.svg")
    assert(drawn == kept, "docs/chart.svg is not what the code draws: ./dev picture")
    assert.matches("^<!DOCTYPE html>.*BTCUSDT breakout.*</html>\n$", read(folder .. "/page.html"))
  end)

  it("performance_metrics counts each trade once", function()
    for _ = 1, 2 do
      local out, status = example("performance_metrics.lua")
      prints(out, status,
        "t-3 again:\tfalse\tconflict",
        "BTCUSDT  3 trades,  67 % won,  +105.25, best +167.50, worst -82.25",
        "ETHUSDT  1 trades,   0 % won,   -12.50, best -12.50, worst -12.50",
        "SOLUSDT  1 trades, 100 % won,   +30.00, best +30.00, worst +30.00",
        "BTC and SOL together: +135.25",
        "trades won:\t3\tof\t5")
    end
  end)

  it("market_cache asks the exchange for what it does not have", function()
    for _ = 1, 2 do
      local out, status = example("market_cache.lua")
      prints(out, status,
        "minutes 0 to 599: 600 candles from the exchange",
        "minutes 0 to 599: 600 candles from the cache",
        "minutes 300 to 420: 121 candles from the cache",
        "minutes 500 to 700: 201 candles from the exchange",
        "asked the exchange:\t2\tcandles kept:\t701",
        "minutes 10 to 10: 1 candles from the cache",
        "unchanged:\ttrue",
        "newest:\tBTCUSDT/1m/1707385380000",
        "dropped:\t641\tkept:\t60")
    end
  end)

  it("config_snapshots refuses a change of an older version", function()
    for _ = 1, 2 do
      local out, status = example("config_snapshots.lua")
      prints(out, status,
        "saved version\t1",
        "mine: saved version\t2",
        "yours:\tfalse\tconflict",
        "yours, read again: saved version\t3",
        "the last three versions:",
        "  sma-crossover/v11 fast 12 slow 50 stop loss 0.031",
        "  sma-crossover/v10 fast 12 slow 50 stop loss 0.03",
        "  sma-crossover/v9 fast 12 slow 50 stop loss 0.029",
        "went back to version 3 as version\t12",
        "now: fast 12 slow 50 stop loss 0.02",
        "snapshots:\t12")
    end
  end)

  it("order_history undoes what would fill too much", function()
    for _ = 1, 2 do
      local out, status = example("order_history.lua")
      prints(out, status,
        "o-1:\tpartly filled",
        "o-1:\tfilled",
        "o-3:\tfilled",
        "o-2:\tfalse\torder o-2 is for 4, not for 5",
        "o-2 is\topen\twith executions\t[]",
        "orders in the order of their ids:",
        "\to-1\tBTCUSDT\tbuy\tfilled",
        "\to-2\tETHUSDT\tsell\topen",
        "\to-3\tBTCUSDT\tsell\tfilled",
        "\to-10\tBTCUSDT\tbuy\topen",
        "the latest of BTCUSDT:",
        "\to-10\tbuy\topen",
        "\to-3\tsell\tfilled",
        "open: 53381.60 USDT")
    end
  end)

  describe("live_mode", function()
    if not pcall(require, "luv") then
      pending("needs lua-luv")
      return
    end

    it("opens a signal in a custom adapter, and finds it after a restart and in the next process", function()
      local out, status = example("live_mode.lua")
      prints(out, status, "pass: Signal opened and persisted", "pass: Signal recovered")
      -- Another program sees it.
      local url = ("lua:%s/examples/journal_adapter.lua?base=./dump/data"):format(source)
      local row = json.decode((inFolder(("%s get '%s' signal test-strategy/BTCUSDT"):format(quote(command), url))))
      assert.same({ "long", 50000, 51000, 49000, 60 },
        { row.position, row.priceOpen, row.priceTakeProfit, row.priceStopLoss, row.minuteEstimatedTime })
      out, status = example("live_mode.lua")
      prints(out, status, "pass: Signal of the last time recovered", "pass: Signal recovered")
    end)
  end)

  it("embed_adapter stores through a script, and reports what it lacks", function()
    local program = quote((build .. "/tests/examples/" .. "embed_adapter.c"):gsub("%.c$", ""))
    local journal = quote(source .. "/examples/" .. "journal_adapter.lua")
    for run = 1, 2 do
      local out, status = inFolder(program .. " " .. journal .. " ./journal")
      assert.equal(0, status, out)
      local lines = {}
      for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
      assert.same({ position = "long", priceOpen = 44152.25 }, json.decode(lines[1]:match("^main/BTCUSDT = (.*)$")))
      assert.equal("main/DOGEUSDT: not_found", lines[2])
      assert.truthy(lines[3]:find("^invalid_value: .*NaN"), lines[3])
      local rest = { "main/BTCUSDT: 40 bytes", "main/ETHUSDT: 39 bytes", 'signal: {"priceOpen":2}' }
      if run == 2 then table.insert(rest, 1, "main/BTC%2FUSDT: 15 bytes") end
      assert.same(rest, { unpack(lines, 4, #lines - 1) })
      assert.truthy(lines[#lines]:find("^busy: PersistSignalAdapter is in use "), lines[#lines])
    end
    -- Another program sees it.
    local out = inFolder(quote(command) .. " get 'lua:" .. source .. "/examples/journal_adapter.lua?base=journal' " ..
      "signal main/ETHUSDT")
    assert.same({ position = "short", priceOpen = 2370.4 }, json.decode(out))

    write("half.lua", [[
      local Half = require("holdfast").PersistBase:extend("Half")
      function Half:keys() end
      return Half]])
    local status
    out, status = inFolder(program .. " half.lua x")
    assert.equal(1, status)
    assert.truthy(out:find("^open: invalid_argument: half.lua: Half lacks methods that every backend has: "), out)
    write("wrong.lua", ('package.path = %q\nlocal Wrong = require("journal_adapter"):extend("Wrong")\n' ..
      "function Wrong:readValue(id) return self.nothing[id] end\nreturn Wrong\n"):format(source .. "/examples/?.lua"))
    out, status = inFolder(program .. " wrong.lua x")
    assert.equal(1, status)
    assert.truthy(out:find("read: script: Wrong:readValue raised: ", 1, true), out)
    assert.truthy(out:find("  at wrong.lua:3\n", 1, true), out)
    out, status = inFolder(program .. " none.lua x")
    assert.equal(1, status)
    assert.truthy(out:find("open: not_found: there is no adapter file none.lua", 1, true), out)
  end)

  -- What the conformance kit says of examples, all tested at once: name -> names of the checks that failed.
  local function conformance(environment, ...)
    local commands, failed = {}, {}
    for i, name in ipairs { ... } do
      commands[i] = ("%s %s test %s --entities 100 --json >%s.json &"):format(environment, quote(command),
        quote(source .. "/examples/" .. name), name)
    end
    local out = inFolder("{\n" .. table.concat(commands, "\n") .. "\nwait\n}")
    assert.equal("", out)
    for _, name in ipairs { ... } do
      local report = json.decode(temp.readFile(folder .. "/" .. name .. ".json"))
      assert.is_true(report.passed > 70)
      failed[name] = {}
      for _, result in ipairs(report.results) do
        if result.status == "failed" then table.insert(failed[name], result.name) end
      end
    end
    return failed
  end

  -- An example that is an adapter, by its URL on the command line.
  local function adapter(environment, name, base, action, ...)
    local url = ("lua:%s/examples/%s?base=%s"):format(source, name, base)
    local words = { environment, quote(command), action, quote(url) }
    for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
    return inFolder(table.concat(words, " "))
  end

  it("journal_adapter conforms", function()
    assert.same({ ["journal_adapter.lua"] = {} }, conformance("", "journal_adapter.lua"))
  end)

  it("journal_adapter keeps what it has, whatever a dying process left half written", function()
    local name = "journal_adapter.lua"
    for id = 8, 11 do assert.equal("", (adapter("", name, "j", "put", "sig/nal", "x" .. id, '{"n":' .. id .. "}"))) end
    adapter("", name, "j", "put", "other", "x", "1")
    adapter("", name, "j", "rm", "sig/nal", "x9")
    local file = assert(io.open(folder .. "/j/sig%2Fnal.jsonl", "a"))
    file:write('\n{"id":"x8","val')
    file:close()
    adapter("", name, "j", "put", "sig/nal", "x12", "[]")
    assert.equal("x8\nx10\nx11\nx12\n", (adapter("", name, "j", "ls", "sig/nal")))
    assert.equal("[]\n", (adapter("", name, "j", "get", "sig/nal", "x12")))
    assert.equal('{"n":8}\n', (adapter("", name, "j", "get", "sig/nal", "x8")))
    assert.equal("other\t1\nsig/nal\t4\n", (adapter("", name, "j", "ls")))
    local out, status = adapter("", name, "/proc/none", "put", "signal", "x", "1")
    assert.equal(3, status, out)
    assert.truthy(out:find("No such file or directory", 1, true), out)
  end)

  describe("wrapping", function()
    if not pcall(ffi.load, "libsodium.so.23") then
      pending("needs libsodium")
      return
    end
    local key = "HOLDFAST_KEY=" .. ("0123456789abcdef"):rep(4)
    local function inEnvironment(environment, name)
      return inFolder(environment .. " " .. quote(command) .. " run " .. quote(source .. "/examples/" .. name))
    end

    it("does what each of the four is for", function()
      local out, status = inEnvironment(key, "wrapping.lua")
      prints(out, status,
        "false\tEntity risk:BTCUSDT not found for deletion",
        "false\tEntity risk:SOLUSDT exists already",
        "1\tcreated\tBTCUSDT\tmaria",
        "2\tchanged\tBTCUSDT\tmaria",
        "3\tcreated\tETHUSDT\tmaria",
        "4\tcreated\tSOLUSDT\tmaria",
        "5\tremoved\tBTCUSDT\tmaria",
        "6\tremoved\tETHUSDT\tmaria",
        "7\tremoved\tSOLUSDT\tmaria",
        "decrypted:\tBTCUSDT\t10",
        "decrypted:\tETHUSDT\t4",
        "asked:\t10",
        "stored as a\tstring\twithout 'limit' in it",
        "moved:\tfalse\tio\trisk:ETHUSDT cannot be decrypted: HOLDFAST_KEY is another one than it was written with, or "
          .. "the value was changed",
        "100 times read, from the store:\t0\tvalue:\t44152.25",
        "after a write:\t44183.21",
        "of\t51\tcached, at most 10:\ttrue",
        "no longer cached:\t44183.21\tfrom the store:\t1",
        "false\tEntity candle:BTCUSDT not found",
        "false\tLmdbPersist has transactions, which a cache would not see undone",
        "write, three failures:\ttrue\t\ttries: 4",
        "read, no end of failures:\tfalse\tunavailable\ttries: 5",
        "remove, no answer:\tfalse\ttimeout\ttries: 1",
        "read, refused:\tfalse\tio\ttries: 1",
        "read, not there:\tfalse\tnot_found\ttries: 1",
        "write if absent, there:\tfalse\tconflict\ttries: 1")
    end)

    it("conforms, but for a cache of what another process wrote", function()
      assert.same({
        ["audited.lua"] = {},
        ["encrypted.lua"] = {},
        ["retrying.lua"] = {},
        ["cached.lua"] = { "a write that returned survives the end of the process",
          "an open instance sees what another process writes and removes" },
      }, conformance(key, "audited.lua", "encrypted.lua", "retrying.lua", "cached.lua"))
    end)

    it("encrypted refuses to work without a key, with a wrong one, and with a value that was changed", function()
      local name = "encrypted.lua"
      local out, status = adapter("env -u HOLDFAST_KEY", name, "s", "put", "risk", "BTC", "1")
      assert.equal(2, status, out)
      assert.truthy(out:find("HOLDFAST_KEY is not set: export HOLDFAST_KEY=$(openssl rand -hex 32)", 1, true), out)
      out, status = adapter("HOLDFAST_KEY=secret", name, "s", "put", "risk", "BTC", "1")
      assert.equal(2, status, out)
      assert.truthy(out:find("must be 64 hexadecimal digits", 1, true), out)
      out, status = adapter(key, name, "s", "put", "risk", "BTC", '{"limit":"in clear text"}')
      assert.equal("", out)
      assert.equal(0, status)
      assert.equal('{"limit":"in clear text"}\n', (adapter(key, name, "s", "get", "risk", "BTC")))
      assert.is_nil(temp.readFile(folder .. "/s/data.mdb"):find("clear text", 1, true))
      -- Twice the same value is not twice the same text.
      adapter(key, name, "s", "put", "risk", "ETH", '{"limit":"in clear text"}')
      local texts = {}
      for line in inFolder(quote(command) .. " export s risk"):gmatch("[^\n]+") do
        texts[#texts + 1] = json.decode(line).value
      end
      assert.equal(2, #texts)
      assert.is_true(texts[1] ~= texts[2])
      out, status = adapter("HOLDFAST_KEY=" .. ("0"):rep(64), name, "s", "get", "risk", "BTC")
      assert.equal(3, status, out)
      assert.truthy(out:find("risk:BTC cannot be decrypted", 1, true), out)
      -- Every part of what is stored is checked: nonce, text, tag; and whose it is.
      local stored = texts[1]
      local function changed(entity, id, text)
        inFolder(("%s put s %s %s '%s'"):format(quote(command), entity, id, json.encode(text)))
        return adapter(key, name, "s", "get", entity, id)
      end
      for _, at in ipairs { 3, 40, #stored - 4 } do
        local other = stored:sub(at, at) == "A" and "B" or "A"
        out = changed("risk", "BTC", stored:sub(1, at - 1) .. other .. stored:sub(at + 1))
        assert.truthy(out:find("cannot be decrypted", 1, true), out)
      end
      for _, text in ipairs { "", "AAAA", "!", stored:sub(1, -5), stored .. "AAAA" } do
        out = changed("risk", "BTC", text)
        assert.truthy(out:find("cannot be decrypted", 1, true), out)
      end
      out = changed("limit", "BTC", stored)
      assert.truthy(out:find("limit:BTC cannot be decrypted", 1, true), out)
      assert.equal('{"limit":"in clear text"}\n', (changed("risk", "BTC", stored)))
    end)

    it("audited notes nothing of a transaction that is undone, whoever writes", function()
      write("undone.lua", [[
        package.path = arg[1] .. "/examples/?.lua"
        local holdfast = require "holdfast"
        local risk = require("audited")("risk", "./audited")
        risk:writeValue("a", 1)
        pcall(holdfast.transaction, function()
          risk:writeValue("b", 1)
          error("no")
        end)
        for n, change in risk.audit:entries() do print(n, change.what, change.id) end
        print(risk:hasValue("b"), risk.supports.durable)]])
      prints(inFolder(quote(command) .. " run undone.lua " .. quote(source)), 0, "1\tcreated\ta", "false\ttrue")
      assert.equal(0, select(2, adapter("USER=eve", "audited.lua", "audited", "put", "risk", "c", "1")))
      local out = inFolder(quote(command) .. " get ./audited risk-audit 2")
      assert.equal("eve", json.decode(out).by)
    end)

    it("cached and retrying are adapters over files", function()
      for _, name in ipairs { "cached.lua", "retrying.lua" } do
        assert.equal("", (adapter("", name, "files", "put", "signal", "x10", "[]")))
        assert.equal("", (adapter("", name, "files", "put", "signal", "x9", "1")))
        assert.equal("x9\nx10\n", (adapter("", name, "files", "ls", "signal")))
        assert.equal("[]\n", (adapter("", name, "files", "get", "signal", "x10")))
        assert.equal("[]", (temp.readFile(folder .. "/files/signal/x10.json"):gsub("%s", "")))
      end
    end)
  end)

  describe("redis_adapter", function()
    if not redis.isInstalled or not pcall(ffi.load, "libhiredis.so.0.14") then
      pending("needs redis-server, redis-cli and libhiredis 0.14")
      return
    end
    local server, environment
    setup(function()
      server = redis.start()
      environment = "REDIS_PORT=" .. server.port
    end)
    before_each(function() server:cli("flushall") end)
    teardown(function()
      server:stop()
      temp.removeAll()
    end)

    local function on(...) return adapter(environment, "redis_adapter.lua", "", ...) end

    it("conforms", function()
      assert.same({ ["redis_adapter.lua"] = {} }, conformance(environment, "redis_adapter.lua"))
      assert.equal("0", server:cli("dbsize"))
    end)

    it("separates bases, but for the default one", function()
      for _, base in ipairs { "", "./dump/data", "%%41", "x:signal", "x" } do
        -- Nothing can be seen of hosts on a server, which the command would say.
        assert.equal("", (adapter(environment, "redis_adapter.lua", base, "put", "--force", "signal", "a",
          '"' .. base .. '"')))
      end
      assert.equal("4", server:cli("dbsize"))
      assert.equal('"./dump/data"', server:cli("get", "signal:a"))
      assert.equal('"x:signal"', server:cli("get", "%base=x%3Asignal:signal:a"))
    end)

    it("keeps what the framework's keeps: one key for each entity", function()
      assert.equal("", (on("put", "--force", "signal", "BTC/USDT:USDT", '{"open":44152.25,"levels":[]}')))
      assert.same({ open = 44152.25, levels = {} }, json.decode(server:cli("get", "signal:BTC/USDT:USDT")))
      server:cli("set", "signal:x10", '{"by":"another program"}')
      server:cli("set", "signal:x9", "null")
      assert.equal("BTC/USDT:USDT\nx9\nx10\n", (on("ls", "signal")))
      assert.equal('{"by":"another program"}\n', (on("get", "signal", "x10")))
      local out, status = on("get", "signal", "x11")
      assert.equal("holdfast: Entity signal:x11 not found\n", out)
      assert.equal(1, status)
      assert.equal("", (on("rm", "--force", "signal", "x10")))
      assert.equal("2\n", (on("count", "signal")))
    end)

    it("does not touch what other names and programs have", function()
      local names = { "signal", "signal:a", "sig*", "s[i]gnal", "sig?al", "a\\b" }
      for _, name in ipairs(names) do on("put", name, "x", "1") end
      server:cli("set", "signals", "not ours")
      for _, name in ipairs(names) do
        assert.equal("x\n", (on("ls", name)), name)
      end
      write("clear.lua", [[
        local store = require("holdfast").PersistBase(arg[1], "lua:" .. arg[2] .. "/examples/redis_adapter.lua")
        store:removeAll()
        print(store:count())]])
      local out = inFolder(("%s %s run clear.lua 'sig*' %s"):format(environment, quote(command), quote(source)))
      assert.equal("0\n", out)
      assert.equal("6", server:cli("dbsize"))
    end)

    it("reads thousands in pages, in order, and sees each once", function()
      write("many.lua", [[
        local holdfast = require "holdfast"
        local store = holdfast.PersistBase("candle", "lua:" .. arg[1] .. "/examples/redis_adapter.lua")
        for i = 1, 3000 do store:writeValue("c" .. i, { n = i }) end
        local n = 0
        for id, value in store:entries() do
          n = n + 1
          assert(id == "c" .. n and value.n == n)
        end
        local sum = 0
        for value in store:values() do sum = sum + value.n end
        print(n, sum, store:count(), store:readMany({ "c5", "none", "c3000" }).c3000.n)
        print(pcall(store.writeValue, store, "c5", 0, { ifAbsent = true }))
        print(pcall(holdfast.transaction, function() store:writeValue("c5", 0) end))
        store:removeAll()
        print(store:count())]])
      local out, status = inFolder(("%s %s run many.lua %s"):format(environment, quote(command), quote(source)))
      prints(out, status, "3000\t4501500\t3000\t3000", "false\tEntity candle:c5 exists already",
        "false\tlua stores have no transactions", "0")
      assert.equal("0", server:cli("dbsize"))
    end)

    it("says that the server is not there, does not answer, or refuses", function()
      local out, status = adapter("REDIS_PORT=1", "redis_adapter.lua", "", "get", "signal", "x")
      assert.equal(3, status, out)
      assert.truthy(out:find("Redis at 127.0.0.1:1: Connection refused", 1, true), out)
      write("silent.lua", [[
        package.path = arg[1] .. "/examples/?.lua"
        local redis = require("redis_client").new { timeout = 0.2 }
        print(redis:call("PING"))
        os.execute("kill -STOP " .. arg[2])
        local ok, failure = pcall(redis.call, redis, "PING")
        os.execute("kill -CONT " .. arg[2])
        print(ok, failure.code, failure.retryable)
        ok, failure = pcall(redis.call, redis, "NONSENSE")
        print(ok, failure.code)
        print(redis:call("ECHO", "a\0b\r\n") == "a\0b\r\n")]])
      local pid = server:cli("info", "server"):match("process_id:(%d+)")
      out, status = inFolder(("%s %s run silent.lua %s %s"):format(environment, quote(command), quote(source), pid))
      prints(out, status, "PONG", "false\ttimeout\ttrue", "false\tio", "true")
      server:cli("set", "signal:list", "this is no JSON")
      for _, words in ipairs { { "get", "signal", "list" }, { "export", "signal" } } do
        out, status = on(unpack(words))
        assert.equal(3, status, out)
        assert.truthy(out:find("what Redis has for list is not JSON at byte 0", 1, true), out)
      end
    end)

    it("keeps all state of a host, from registering_adapters to its recovery", function()
      local function run(name)
        return inFolder(("%s %s run %s"):format(environment, quote(command), quote(source .. "/examples/" .. name)))
      end
      local refused = "false\tbusy\tPersistSignalAdapter cannot change its store while my-strategy on BTCUSDT runs: " ..
        "register before it starts"
      local out, status = run("registering_adapters.lua")
      prints(out, status, refused, "nothing to recover")
      assert.same({ position = "long", note = "Test signal", priceOpen = 50000, priceTakeProfit = 51000,
        priceStopLoss = 49000, minuteEstimatedTime = math.huge },
        json.decode(server:cli("get", "signal:my-strategy/BTCUSDT")))
      assert.same({ { symbol = "BTCUSDT", strategy = "my-strategy" } },
        json.decode(server:cli("get", "risk:portfolio/positions")))
      assert.truthy(server:cli("get", "partial:BTCUSDT/levels"):find('"loss":[]', 1, true))
      out, status = run("registering_adapters.lua")
      prints(out, status, refused, "recovered:\tlong\t50000\tinf")
      assert.equal("0", server:cli("dbsize"))
      assert.equal("", (shell("ls -A " .. quote(folder))))

      out, status = run("mixing_adapters.lua")
      assert.truthy(out:find("PersistSignalAdapter is in use (since ", 1, true), out)
      prints((out:gsub("false\tbusy\t.*", "refused\n")), status,
        "PersistSignalAdapter\tsignal\t{strategy}/{symbol}",
        "PersistScheduleAdapter\tschedule\t{strategy}/{symbol}",
        "PersistRiskAdapter\trisk\t{riskName}/positions",
        "PersistPartialAdapter\tpartial\t{symbol}/levels",
        "PersistTradeAdapter\ttrade\t{strategy}/{symbol}/{signalId}", "PersistHostAdapter\thost\t{kind}/{name}",
        "in one transaction:\tfalse\tunsupported",
        "still scheduled:\t50000",
        "open:\t50000",
        "scheduled:\tnil",
        "risk:\t1\tcreated\tportfolio/positions",
        "risk:\t2\tchanged\tportfolio/positions",
        "refused")
      assert.equal("signal:main/BTC%2FUSDT", server:cli("keys", "*"))
      assert.equal("partial\t1\nschedule\t0\n", (inFolder(quote(command) .. " ls ./dump/data")))
    end)

    it("comes back when the server does, with retrying around it", function()
      write("again.lua", [[
        package.path = arg[1] .. "/examples/?.lua"
        local Class = require("retrying").over(require "redis_adapter")
        local store = Class("signal", "")
        store:writeValue("a", 1)
        os.execute(arg[2])
        local waited = 0
        function Class.sleep()
          waited = waited + 1
          if waited == 2 then os.execute(arg[3]) end
        end
        store:writeValue("b", 2)
        print(waited, store:readValue("b"), store:hasValue("a"))]])
      local pid = temp.readFile(server.dir .. "/pid"):match("%d+")
      local stop = ("kill %s; while kill -0 %s 2>/dev/null; do sleep 0.02; done"):format(pid, pid)
      local out, status = inFolder(("%s %s run again.lua %s %s %s"):format(environment, quote(command), quote(source),
        quote(stop), quote("(" .. server:command() .. ")")))
      prints(out, status, "2\t2\tfalse")
    end)
  end)

  it("embed keeps its position from run to run", function()
    local program = (build .. "/tests/examples/" .. "embed.c"):gsub("%.c$", "")
    local first = {
      '["BTC/USDT", 44152.25] -> "opened"',
      '["BTC/USDT", 44183.21] -> "raised"',
      '["BTC/USDT", 44179.5] -> "held"',
    }
    for run = 1, 2 do
      local out, status = inFolder(quote(program) .. " ./store")
      assert.equal(0, status, out)
      local lines = {}
      for line in out:gmatch("[^\n]+") do lines[#lines + 1] = line end
      for i, line in ipairs(first) do assert.equal(run == 1 and line or line:gsub('"%a+"$', '"held"'), lines[i]) end
      local id, text = lines[4]:match("^(%S+) = (.*)$")
      assert.equal("BTC/USDT", id)
      assert.same({ open = 44152.25, high = 44183.21 }, json.decode(text))
      assert.truthy(lines[5]:find("^invalid_argument: "))
      assert.equal(5, #lines)
    end
  end)

  it("asking prints what a store has of each symbol, and what is wrong with a question", function()
    local program = quote((build .. "/tests/examples/" .. "asking.c"):gsub("%.c$", ""))
    for _ = 1, 2 do
      local out, status = inFolder(program .. " ./store")
      assert.equal(0, status, out)
      assert.equal([[
BTCUSDT above 44000: 2
  1 {"symbol":"BTCUSDT","priceOpen":44152.25,"status":"open"}
  4 {"symbol":"BTCUSDT","priceOpen":44210.5,"status":"open"}
ETHUSDT above 2000: 1
  2 {"symbol":"ETHUSDT","priceOpen":2301.5,"status":"open"}
priceOpen < 44000
  2 {"symbol":"ETHUSDT","priceOpen":2301.5,"status":"open"}
  3 {"symbol":"BTCUSDT","priceOpen":43980,"status":"closed"}
  script: Entity signal:5: the condition raises: attempt to compare nil with number
priceOpen and priceOpen < 44000
  2 {"symbol":"ETHUSDT","priceOpen":2301.5,"status":"open"}
  3 {"symbol":"BTCUSDT","priceOpen":43980,"status":"closed"}
status = 'open'
  invalid_argument: condition, column 8, at '=': nothing is assigned in a condition: equal is ==
]], out)
    end
  end)

  describe("strategy_host", function()
    local program = quote((build .. "/tests/examples/" .. "strategy_host.c"):gsub("%.c$", ""))
    local script = quote(source .. "/examples/" .. "strategy_host.lua")

    -- Candles of so many minutes, in a file.
    local function candles(name, count)
      inFolder(("%s run %s '{\"count\":%d}' >%s"):format(quote(command), quote(source .. "/tests/data/candles.lua"),
        count, name))
    end

    -- What it prints, by the first word of each line.
    local function run(words, ...)
      local out, status = inFolder(("true\n%s %s %s"):format(program, words, table.concat({ ... }, " ")))
      local said = { out = out, status = status }
      for line in out:gmatch("[^\n]+") do
        local word, rest = line:match("^([^%s:]+):? (.*)$")
        if word then
          said[word] = said[word] or {}
          table.insert(said[word], rest)
        end
      end
      return said
    end

    local function journal(base)
      local ids = {}
      for line in temp.readFile(folder .. "/" .. base .. "/journal.jsonl"):gmatch("[^\n]+") do
        ids[#ids + 1] = json.decode(line).id
      end
      return ids
    end

    it("journals each event once, whatever the store, and goes on where it was", function()
      candles("all.csv", 500)
      candles("some.csv", 300)
      local whole = run("--speed 0", script, "all.csv", "whole")
      assert.equal(0, whole.status, whole.out)
      assert.same({ "at 2024-02-08T00:03Z" }, whole.beginning)
      assert.same({ "[]" }, whole.restored)
      assert.truthy(#whole.event > 30, whole.out)
      assert.same({ "candles end" }, whole.the)
      assert.is_nil(whole.known or whole.missed or whole["holdfast.host"])
      local ids = journal("whole")
      assert.equal(#whole.event, #ids)

      for store, class in pairs { lmdb = "", lua = quote(source .. "/examples/journal_adapter.lua") } do
        local first = run("--speed 0", script, "some.csv", store, class)
        local second = run("--speed=0", script, "all.csv", store, class)
        assert.equal(0, first.status + second.status, first.out .. second.out)
        assert.same({ "on at 2024-02-08T03:03Z" }, second.going)
        assert.truthy(json.decode(second.restored[1])[1].signal, second.out)
        assert.same(ids, journal(store))
        assert.equal(#ids, #first.event + #second.event)
      end
      local entities = inFolder(quote(command) .. " ls lmdb/data")
      for _, name in ipairs { "signal", "schedule", "risk", "partial" } do
        assert.truthy(entities:find(name .. "\t", 1, true), entities)
      end
    end)

    it("ends when it is told to, between two minutes, and goes on later", function()
      candles("all.csv", 500)
      local stopped = run("--speed 30000", script, "all.csv", "base",
        "& for i in $(seq 500); do grep -qs opened base/journal.jsonl && break; sleep 0.01; done; kill $!; wait $!")
      assert.equal(0, stopped.status, stopped.out)
      assert.truthy(stopped.stopping, stopped.out)
      assert.is_nil(stopped.the)
      local rest = run("--speed 0", script, "all.csv", "base")
      assert.equal(0, rest.status, rest.out)
      assert.truthy(#json.decode(rest.restored[1]) > 0, rest.out)
      assert.is_nil(rest.known or rest.missed)
      run("--speed 0", script, "all.csv", "whole")
      assert.same(journal("whole"), journal("base"))
    end)

    it("is the only one on its folder", function()
      candles("all.csv", 300)
      local second = run("--speed 1", script, "all.csv", "base", (
        ">/dev/null & while ! [ -s base/data/data.mdb ]; do sleep 0.01; done\n%s %s all.csv base; echo ends: $?\n"
        .. "kill $!; wait $!"):format(program, script))
      assert.same({ "1" }, second.ends, second.out)
      assert.truthy(second.out:find("base: busy: .*/base/journal.jsonl.lock is held by process %d+ "), second.out)
    end)

    it("goes on after a line that a power cut has torn, and refuses a journal that is none", function()
      candles("all.csv", 400)
      run("--speed 0", script, "all.csv", "base")
      local path, ids = folder .. "/base/journal.jsonl", journal("base")
      local file = assert(io.open(path, "a"))
      file:write('{"id":"trend/BTC')
      file:close()
      local again = run("--speed 0", script, "all.csv", "base")
      assert.equal(0, again.status, again.out)
      assert.same(ids, journal("base"))
      file = assert(io.open(path, "a"))
      file:write("what is this\n")
      file:close()
      local refused = run("--speed 0", script, "all.csv", "base")
      assert.equal(1, refused.status)
      assert.truthy(refused.out:find("base/journal.jsonl: this is no line of a journal: what is this", 1, true),
        refused.out)
    end)

    it("ends when the journal is full, and has missed nothing when there is room again", function()
      candles("all.csv", 300)
      run("--speed 0", script, "all.csv", "whole")
      -- Files may be as large as a limit, which grows.  LMDB's would be in the way of a small one.
      inFolder("mkdir base && yes '{\"minute\":1707350580000}' | head -n 10000 >base/journal.jsonl")
      local out, status = inFolder(([[
        trap '' XFSZ
        for limit in $(seq 260 2 400); do
          bash -c 'ulimit -f '$limit'; exec "$@"' - %s --speed 0 %s all.csv base && exit
        done]]):format(program, script))
      assert.equal(0, status, out)
      assert.same(journal("whole"), journal("base"))
      assert.truthy(out:find("the journal cannot be written: File too large", 1, true), out)
      assert.truthy(out:find("\nmissed ", 1, true), out)
    end)

    it("says what is wrong with its input", function()
      candles("all.csv", 400)
      local text = temp.readFile(folder .. "/all.csv")
      write("short.csv", (text:gsub("^((" .. ("[^\n]*\n"):rep(101) .. ")).*", "%1")))
      write("columns.csv", "time,open\n")
      write("words.csv", text:gsub("\n", "\nnot,a,candle\n", 1))
      write("more.csv", (text:gsub("\n", ",7\n")):gsub(",7", "", 1))
      write("late.csv", (text:gsub("\n%d+", "\n9223372036854775807", 1)))
      write("wrong.csv", (text:gsub("(\n%d+),[^,]*", "%1,-5", 130)))
      write("gap.csv", (text:gsub("\n1707344340000[^\n]*", "")))
      write("empty.csv", "timestamp,open,high,low,close,volume\n")
      write("raises.lua", "error('a mistake')")
      write("store.lua", "return {}")
      for _, case in ipairs {
        { 2, "usage: strategy_host", script, "all.csv" },
        { 2, "usage: strategy_host", "--fast", script, "all.csv", "base" },
        { 2, "--speed must be a number of at least 0, not 'fast'", "--speed fast", script, "all.csv", "base" },
        { 2, "--speed must be a number of at least 0, not '-1'", "--speed=-1", script, "all.csv", "base" },
        { 1, "none.csv: No such file or directory", script, "none.csv", "base" },
        { 1, "columns.csv:1: the columns must be timestamp,open,high,low,close,volume", script, "columns.csv", "base" },
        { 1, "words.csv:2: a candle is a time in milliseconds and five numbers, not not,a,candle", script, "words.csv",
          "base" },
        { 1, "more.csv:2: a candle is ", script, "more.csv", "base" },
        { 1, "late.csv:2: a candle is ", script, "late.csv", "base" },
        { 1, "wrong.csv:2: feed of BTCUSDT: candle 1 (2024-02-07T22:03:00Z): open is -5", script, "wrong.csv",
          "base" },
        { 1, "empty.csv: there are no candles in it", script, "empty.csv", "base" },
        { 1, "short.csv: 120 candles are needed before the first minute, and the one of 2024-02-08T00:02Z is missing",
          script, "short.csv", "base" },
        { 1, "gap.csv:18: feed of BTCUSDT: the candle of 2024-02-07T22:20:00Z does not follow that of ", script,
          "gap.csv", "base" },
        { 1, "none.lua: io: ", "none.lua", "all.csv", "base" },
        { 1, "raises.lua: script: ", "raises.lua", "all.csv", "base" },
        { 1, "PersistSignalAdapter.useAll: give a class", script, "all.csv", "base", "store.lua" },
        { 1, "all.csv/x: invalid_argument: cannot open ", script, "all.csv", "all.csv/x" },
      } do
        local said = run("", unpack(case, 3))
        assert.equal(case[1], said.status, case[2] .. "\n" .. said.out)
        assert.truthy(said.out:find(case[2], 1, true), said.out)
      end
      run("--speed 0", script, "all.csv", "base")
      write("later.csv", (text:gsub("\n%d+", function(ms) return "\n" .. ("%d"):format(tonumber(ms) + 1e9) end)))
      local other = run("--speed 0", script, "later.csv", "base")
      assert.equal(1, other.status)
      assert.truthy(other.out:find("later.csv has no candle of 2024-02-08T04:42Z, with which the journal goes on", 1,
        true), other.out)
    end)
  end)

  describe("demo.lua", function()
    local function check(out, status)
      assert.equal(0, status, out)
      assert.truthy(out:find("Nothing is lost, and nothing happened twice.  All checks passed", 1, true), out)
      assert.falsy(out:find("FAIL", 1, true), out)
      assert.falsy(out:find("\27", 1, true), "colours in a pipe")
      assert.falsy(out:find("Killed", 1, true), out)
      local began, killed = {}, {}
      for pid in out:gmatch("\n  process (%d+) %l+ %l* ?at %d%d:%d%d\n") do began[#began + 1] = pid end
      for pid in out:gmatch("\n  kill %-9 (%d+) at %d%d:%d%d, with %d open position") do killed[#killed + 1] = pid end
      assert.equal(4, #killed, out)
      assert.same(killed, { unpack(began, 1, 4) })
      assert.equal(5, #began)
      assert.truthy(out:find(("is refused: strategy 'trend' on %%u+ is run by\n? *process %s "):format(began[1])), out)
    end

    it("is killed, comes back, and leaves a chart and a report", function()
      local out, status = inFolder("TMPDIR=$PWD " .. quote(command) .. " run " .. quote(source .. "/examples/demo.lua"))
      check(out, status)
      assert.truthy(out:find("\n  found  %u+USDT +trend +open +"), out)
      assert.truthy(out:find("candles/s\n", 1, true), out)
      assert.equal("holdfast-demo.md\nholdfast-demo.svg\n", (shell("ls -A " .. quote(folder))))
      assert.truthy(temp.readFile(folder .. "/holdfast-demo.svg"):find("^<svg "))
      local markdown = temp.readFile(folder .. "/holdfast-demo.md")
      for _, symbol in ipairs { "BTCUSDT", "ETHUSDT", "SOLUSDT" } do
        assert.truthy(markdown:find("\n# " .. symbol .. " trend (replay, live)\n", 1, true))
      end
    end)

    local candles = "timestamp,open,high,low,close,volume\n"
    for i = 0, 299 do
      local price = 100 + 5 * math.sin(i / 30)
      candles = candles .. ("%d,%.2f,%.2f,%.2f,%.2f,1.5\n"):format(1707343380000 + i * 60000, price, price + 0.3,
        price - 0.3, price + 0.1)
    end

    it("takes candles from a file, and keeps all where it is told", function()
      write("solusdt_1m_day.csv", candles)
      local out, status = example("demo.lua", "--candles=solusdt_1m_day.csv", "--dir", "it's kept")
      check(out, status)
      assert.truthy(out:find("two strategies on SOLUSDT, 235 minutes of 2024-02-07", 1, true), out)
      assert.equal("holdfast-demo.md\nholdfast-demo.svg\njournal.jsonl\nstore\n", (shell("ls " .. quote(folder
        .. "/it's kept"))))
      local ids, count = {}, 0
      for line in io.lines(folder .. "/it's kept/journal.jsonl") do
        local event = json.decode(line)
        assert.falsy(ids[event.id], line)
        ids[event.id], count = true, count + 1
      end
      assert.equal(tonumber(out:match("\n  (%d+) events, in ")), count)
      assert.truthy(count > 20)
      local listed = inFolder(quote(command) .. " ls " .. quote("it's kept/store"))
      assert.truthy(listed:find("risk\t1\n"), listed)
      out, status = example("demo.lua", "--dir", "it's kept")
      assert.equal(1, status)
      assert.truthy(out:find("there is something in it's kept already", 1, true), out)
    end)

    it("says what is wrong with its input", function()
      write("bad.csv", candles .. "1,2,3\n")
      write("few.csv", candles:match("^.-1707344.-\n"))
      for _, case in ipairs {
        { 1, "bad.csv:302: ", "--candles", "bad.csv" },
        { 1, "give at least 130", "--candles", "few.csv" },
        { 1, "none.csv: No such file", "--candles", "none.csv" },
        { 1, "give another folder than few.csv/x", "--report", "few.csv/x" },
        { 2, "unknown option --candle", "--candle", "x" },
        { 2, "--seed must be a number", "--seed", "x" },
        { 2, "--dir needs a value", "--dir" },
      } do
        local out, status = example("demo.lua", unpack(case, 3))
        assert.equal(case[1], status, out)
        assert.truthy(out:find(case[2], 1, true), out)
      end
    end)
  end)
end)
