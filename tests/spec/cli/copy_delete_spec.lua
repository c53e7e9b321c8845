-- SPDX-License-Identifier: MIT
--
-- `holdfast copy --delete`: the target is what the source is, and nothing that the source has is ever deleted; and
-- copies of one moment, while the source goes on.  tests/fault/cli/copy_delete_kill9_test.sh kills it.

local postgres = require "support.postgres"
local process = require "support.process"
local redis = require "support.redis"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

-- A class around a store; `function Hooked:writeMany` and the like may be appended to it.
local CLASS = [[
local holdfast = require "holdfast"
local Hooked = holdfast.%s:extend("Hooked")
%s
return Hooked
]]

-- A class of its own over a folder: a file for each entity.
local PLAIN = [[
local holdfast = require "holdfast"
local json = holdfast.json
local Plain = holdfast.PersistBase:extend("Plain")
local function shell(command)
  local pipe = io.popen(command)
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end
local function path(self, id) return self.baseDir .. "/" .. self.entityName .. "/" .. id end
function Plain.entityNames(baseDir) return shell("ls " .. baseDir .. " 2>/dev/null") end
function Plain:waitForInit() os.execute("mkdir -p " .. self.baseDir .. "/" .. self.entityName) end
function Plain:hasValue(id)
  local file = io.open(path(self, id))
  if file then file:close() end
  return file ~= nil
end
function Plain:readValue(id)
  local file = io.open(path(self, id))
  if not file then error(holdfast.error("not_found"), 0) end
  local text = file:read("*a")
  file:close()
  return json.decode(text)
end
function Plain:writeValue(id, value)
  local file = assert(io.open(path(self, id), "w"))
  file:write(json.encode(value))
  file:close()
end
function Plain:removeValue(id)
  if not os.remove(path(self, id)) then error(holdfast.error("not_found"), 0) end
end
function Plain:removeAll() os.execute("rm -f " .. path(self, "*")) end
function Plain:keys()
  local ids = shell("ls " .. path(self, ""))
  table.sort(ids, holdfast.naturalOrder)
  return ids
end
function Plain:values()
  local list = {}
  for i, id in ipairs(Plain.keys(self)) do list[i] = Plain.readValue(self, id) end
  return list
end
return Plain
]]

local SOURCE = '{"entity":"candle","id":"c","value":3}\n{"entity":"signal","id":"BTC-2","value":{"n":2}}\n'
  .. '{"entity":"signal","id":"BTC-10","value":[]}\n'
local TARGET = '{"entity":"candle","id":"b","value":0}\n{"entity":"candle","id":"c","value":0}\n'
  .. '{"entity":"only","id":"x","value":0}\n{"entity":"signal","id":"BTC-1","value":0}\n'
  .. '{"entity":"signal","id":"BTC-2","value":0}\n{"entity":"signal","id":"BTC-3","value":0}\n'
  .. '{"entity":"signal","id":"ETH","value":0}\n'

describe("holdfast copy --delete", function()
  local dir, a, b

  before_each(function()
    dir = temp.quickDirectory()
    a, b = dir .. "/a", dir .. "/b"
  end)

  after_each(temp.removeAll)

  local function command(words)
    local quoted = { "XDG_STATE_HOME=" .. temp.quote(dir .. "/state"), temp.quote(BIN) }
    for _, word in ipairs(words) do quoted[#quoted + 1] = temp.quote(word) end
    return table.concat(quoted, " ")
  end

  local function holdfast(words, stdin) return process.shell(command(words), stdin) end

  local function ok(words, stdin)
    local result = holdfast(words, stdin)
    assert.same({ "", 0 }, { result.stderr, result.code })
    return result.stdout
  end

  -- What a server is warned of does not matter here.
  local function import(url, lines)
    local result = holdfast({ "import", url, "--force" }, lines)
    assert.equal(0, result.code, result.stderr)
  end

  local function class(body, base, parent)
    temp.writeFile(dir .. "/hooked.lua", CLASS:format(parent or "LmdbPersist", body))
    return ("lua:%s/hooked.lua?base=%s"):format(dir, base)
  end

  local function stateFiles() return process.shell("ls " .. dir .. "/state/holdfast 2>/dev/null").stdout end

  local function mirrors(from, to, isServer)
    import(from, SOURCE)
    import(to, TARGET)
    local result = holdfast { "copy", from, to, "--delete", "--verify", isServer and "--force" or nil }
    assert.equal(0, result.code, result.stderr)
    assert.is_truthy(result.stdout:find("candle\t1\nsignal\t2\n3 entities copied\ndeleted\tcandle\t1\n"
      .. "deleted\tonly\t1\ndeleted\tsignal\t3\n5 entities deleted\n", 1, true), result.stdout)
    assert.matches("\n3 entities compared: equal\n$", result.stdout)
    assert.equal("BTC-2\nBTC-10\n", process.shell(command { "ls", to, "signal" }).stdout)
    assert.matches("\n0 entities deleted\n",
      holdfast({ "copy", from, to, "--delete", "--verify", isServer and "--force" or nil }).stdout)
    assert.equal("", stateFiles())
  end

  for _, kinds in ipairs { { "lmdb", "lmdb" }, { "file", "lmdb" }, { "lmdb", "file" }, { "plain", "lmdb" },
    { "lmdb", "plain" }, { "file", "hooked" } } do
    it("makes a store of kind " .. kinds[2] .. " what one of kind " .. kinds[1] .. " is", function()
      local function url(kind, path)
        if kind == "hooked" then return class("function Hooked:removeValue(id)\n"
          .. "  return holdfast.LmdbPersist.removeValue(self, id)\nend", path) end
        if kind ~= "plain" then return kind .. ":" .. path end
        temp.writeFile(dir .. "/plain.lua", PLAIN)
        return ("lua:%s/plain.lua?base=%s"):format(dir, path)
      end
      mirrors(url(kinds[1], a), url(kinds[2], b))
    end)
  end

  it("makes Redis what a directory is, and the other way round", function()
    if not redis.isInstalled then return pending("there is no Redis server here") end
    local server = redis.start()
    finally(function() server:stop() end)
    local url = ("redis://127.0.0.1:%d/"):format(server.port)
    mirrors(a, url .. "0", true)
    mirrors(url .. "1", b, true)
  end)

  it("makes PostgreSQL what a directory is, and the other way round", function()
    if not postgres.isInstalled then return pending("there is no PostgreSQL server here") end
    local server = postgres.start()
    finally(function() server:stop() end)
    mirrors(a, server:url(), true)
    import(b, TARGET)
    local result = holdfast { "copy", server:url(), b, "--delete", "--verify" }
    assert.matches("\n5 entities deleted\n.*\n3 entities compared: equal\n$", result.stdout)
    assert.equal(0, result.code, result.stderr)
  end)

  it("makes stores in memory one what the other is", function()
    temp.writeFile(dir .. "/both.lua", [[
      local holdfast = require "holdfast"
      local one, two = holdfast.MemoryPersist("signal", "memory:one"), holdfast.MemoryPersist("signal", "memory:two")
      one:writeMany { a = 1, b = 2 }
      two:writeMany { b = 3, c = 4, d = 5 }
      local main = require("holdfast.cli").main
      assert(main { "copy", "memory:one", "memory:two", "--delete", "--verify" } == 0)
      local ids = {}
      for id in two:keys() do ids[#ids + 1] = id end
      print(table.concat(ids, " "))]])
    assert.matches("\n2 entities deleted\n.*compared: equal\na b\n$", ok { "run", dir .. "/both.lua" })
  end)

  it("deletes within the part and the names that it is told, and elsewhere nothing", function()
    import(a, SOURCE)
    import(b, TARGET)
    assert.equal("signal\t1\n1 entity copied\ndeleted\tsignal\t1\n1 entity deleted\n",
      ok { "copy", a, b, "--delete", "--entity", "signal", "--prefix", "BTC-", "--from", "BTC-2", "--to", "BTC-9" })
    assert.equal("BTC-1\nBTC-2\nETH\n", ok { "ls", b, "signal" })
    assert.equal("candle\t0\nsignal\t0\n0 entities copied\ndeleted\tonly\t1\n1 entity deleted\n",
      ok { "copy", a, b, "--delete", "--from", "x", "--force" })
    assert.equal("candle\t2\nonly\t0\nsignal\t3\n", ok { "ls", b })
    assert.equal("candle\t1\n1 entity copied\ndeleted\tcandle\t1\n1 entity deleted\n",
      ok { "copy", a, b, "--delete", "--entity", "candle" })
    assert.equal("BTC-1\nBTC-2\nETH\n", ok { "ls", b, "signal" })
  end)

  it("gives its result as JSON", function()
    import(a, SOURCE)
    import(b, TARGET)
    local result = json.decode(ok { "copy", a, b, "--delete", "--verify", "--json" })
    assert.same({ 3, 5, 0, true }, { result.copied, result.deleted, result.notDeleted, result.equal })
    assert.same({ { entity = "candle", deleted = 1 }, { entity = "only", deleted = 1 },
      { entity = "signal", deleted = 3 } }, result.deletedEntities)
    assert.is_nil(json.decode(ok { "copy", a, b, "--json" }).deleted)
  end)

  it("deletes thousands in batches", function()
    local lines = {}
    for i = 1, 3500 do lines[i] = ('{"entity":"candle","id":"x:%d","value":0}'):format(i) end
    import(a, SOURCE)
    import(b, table.concat(lines, "\n"))
    local to = class(([[
      function Hooked:removeMany(ids)
        local log = io.open("%s/batches", "a")
        log:write(#ids, "\n")
        log:close()
        return holdfast.LmdbPersist.removeMany(self, ids)
      end]]):format(dir), b)
    assert.matches("\n3,500 entities deleted\n.*compared: equal\n$", ok { "copy", a, to, "--delete", "--verify" })
    assert.equal("1000\n1000\n1000\n500\n", temp.readFile(dir .. "/batches"))
  end)

  it("does not go with --verify-only", function()
    import(a, SOURCE)
    import(b, TARGET)
    local result = holdfast { "copy", a, b, "--delete", "--verify-only" }
    assert.same({ "holdfast: --verify-only changes nothing: there is nothing to --delete\n", 2 },
      { result.stderr, result.code })
  end)

  it("keeps no position that was closed for the host that is restored from it", function()
    temp.writeFile(dir .. "/bot.lua", [[
      local host, base, from, to, signals = require "holdfast.host", arg[1], arg[2], arg[3], tonumber(arg[4])
      local minute, start = 60000, 1707343200000
      require("holdfast").adapters.useAll(base)
      host.addExchange { exchangeName = "x", getCandles = function(_, _, since, limit)
        local list = {}
        for i = 0, limit - 1 do
          local price = 44000 + 20 * ((since - start) / minute + i)
          list[i + 1] = { timestamp = since + i * minute, open = price, high = price + 10, low = price - 10,
            close = price, volume = 1 }
        end
        return list
      end }
      host.addStrategy { strategyName = "s", interval = "1m", getSignal = function(symbol)
        if signals == 0 then return nil end
        signals = signals - 1
        local price = host.getAveragePrice(symbol)
        return { position = "long", priceTakeProfit = price * 1.01, priceStopLoss = price * 0.99 }
      end }
      host.listenSignalLive(function(event) if event.id then print(event.action) end end)
      host.listenError(function(failure) print("error", failure.message) end)
      local clock = host.manualClock(start + from * minute)
      host.setClock(clock)
      host.Live.background("BTCUSDT", { strategyName = "s", exchangeName = "x" })
      clock:advance((to - from) * minute)
      host.Live.stop()
      host.run()]])
    local function live(base, from, to, signals) return ok { "run", dir .. "/bot.lua", base, from, to, signals } end
    assert.equal("opened\n", live(a, 0, 10, 1))
    ok { "copy", a, b, "--delete", "--verify" }
    ok { "copy", a, dir .. "/growing" }
    assert.equal("closed\n", live(a, 10, 120, 0))
    ok { "copy", a, b, "--delete", "--verify" }
    ok { "copy", a, dir .. "/growing" }
    assert.equal("1\n", ok { "count", dir .. "/growing", "signal" }) -- a position that nobody has
    assert.equal("0\n", ok { "count", b, "signal" })
    assert.equal("", live(b, 120, 240, 0))
    assert.equal(ok { "export", a, "signal" }, ok { "export", b, "signal" })
  end)

  -- ---------------------------------------------------------- what is not a model

  -- Nothing may be deleted; what that says.
  local function deletesNothing(...)
    local before = ok { "count", b, "signal" } + ok { "count", b, "candle" } + ok { "count", b, "only" }
    local result = holdfast { "copy", a, b, "--delete", ... }
    local after = ok { "count", b, "signal" } + ok { "count", b, "candle" } + ok { "count", b, "only" }
    assert.is_true(after >= before)
    assert.equal(3, result.code)
    return result
  end

  it("deletes nothing after an empty source, unless it is forced", function()
    import(a, SOURCE)
    for _, name in ipairs { "candle", "signal" } do ok { "rm", a, name, "--all" } end
    import(b, TARGET)
    local result = deletesNothing()
    assert.is_truthy(result.stderr:find("nothing was deleted, since " .. a .. " has nothing of what was to be copied; "
      .. "only in " .. b .. ": 7 entities, which --force deletes", 1, true), result.stderr)
    assert.matches("\n0 entities deleted\n$", result.stdout)
    assert.equal(7, json.decode(deletesNothing("--json").stdout).notDeleted)
    deletesNothing("--entity", "signal")
    import(a, SOURCE)
    deletesNothing("--prefix", "E") -- what the source has elsewhere does not count
    for _, name in ipairs { "candle", "signal" } do ok { "rm", a, name, "--all" } end
    assert.matches("\n7 entities deleted\n$", ok { "copy", a, b, "--delete", "--force" })
    assert.matches("0 entities deleted\n$", ok { "copy", a, b, "--delete" }) -- nothing is nothing
  end)

  it("deletes nothing after a source that is not there", function()
    import(b, TARGET)
    for _, url in ipairs { a, "file:" .. a, "redis://127.0.0.1:1" } do
      local result = holdfast { "copy", url, b, "--delete", "--force" }
      assert.equal(3, result.code)
    end
    assert.equal("4\n", ok { "count", b, "signal" })
  end)

  for _, kind in ipairs { "lmdb", "file" } do
    it("deletes nothing after a damaged source of kind " .. kind .. ", and what is damaged never", function()
      local from = kind .. ":" .. a
      import(from, SOURCE .. '{"entity":"signal","id":"ETH","value":"precious"}\n')
      import(b, TARGET)
      if kind == "lmdb" then
        assert.is_true(temp.patchFile(a .. "/data.mdb", "precious", "previous") > 0)
      else
        -- Long ago: what is half written now is somebody's who is writing it.
        os.execute(("cd %s && f=$(grep -rl precious .) && printf '{' > $f && touch -d '1 minute ago' $f"):format(
          temp.quote(a)))
      end
      for _ = 1, 2 do -- found unreadable, then in quarantine
        local result = holdfast { "copy", from, b, "--delete" }
        assert.is_truthy(result.stderr:find("nothing was deleted, since 1 entity of " .. from .. " cannot be read",
          1, true), result.stderr)
        assert.equal(3, result.code)
        assert.equal("5\n", ok { "count", b, "signal" }) -- with BTC-10
      end
      assert.equal(1, json.decode(ok { "stat", from, "signal", "--json" }).quarantined)
      local forced = holdfast { "copy", from, b, "--delete", "--force" }
      assert.matches("deleted\tsignal\t2\n4 entities deleted\n", forced.stdout)
      assert.equal("0\n", ok { "get", b, "signal", "ETH" }) -- the only copy that there is
      ok { "rm", from, "signal", "ETH" }
      assert.matches("\n1 entity deleted\n.*compared: equal", ok { "copy", from, b, "--delete", "--verify" })
    end)
  end

  for _, kind in ipairs { "lmdb", "file" } do
    it("removes what only a target of kind " .. kind .. " has, and has in quarantine", function()
      local to = kind .. ":" .. b
      import(a, SOURCE)
      import(to, '{"entity":"signal","id":"ETH","damaged":"its checksum does not match"}\n'
        .. '{"entity":"only","id":"x","damaged":"its checksum does not match"}\n')
      local said = ok { "copy", a, to, "--delete", "--verify" }
      assert.matches("deleted\tonly\t1\ndeleted\tsignal\t1\n2 entities deleted\n.*compared: equal", said)
      ok { "verify", to }
    end)
  end

  it("remembers in a copy that is resumed what could not be read before", function()
    local lines = { '{"entity":"s","id":"0","value":"precious"}' }
    for i = 1, 2500 do lines[i + 1] = ('{"entity":"s","id":"%d","value":0}'):format(i) end
    import(a, table.concat(lines, "\n"))
    ok { "put", b, "s", "x", "1" }
    assert.is_true(temp.patchFile(a .. "/data.mdb", "precious", "previous") > 0)
    local to = class(([[
      function Hooked:writeMany(entities)
        if not io.open("%s/stopped") then
          for id in pairs(entities) do
            if tonumber(id) == 2400 then io.open("%s/stopped", "w"):close() error("stop") end
          end
        end
        return holdfast.LmdbPersist.writeMany(self, entities)
      end]]):format(dir, dir), b)
    local result = holdfast { "copy", a, to, "--delete" }
    assert.equal(1, result.code, result.stderr)
    assert.equal("1\n", ok { "get", b, "s", "x" })
    ok { "rm", a, "s", "0" } -- it cannot be found any more, but its place in the target may have been
    result = holdfast { "copy", a, to, "--delete", "--resume" }
    assert.matches("1,999 entities were copied before", result.stderr, 1, true)
    assert.matches("nothing was deleted, since 1 entity of", result.stderr, 1, true)
    assert.equal("1\n", ok { "get", b, "s", "x" })
    assert.matches("2 entities deleted\n", ok { "copy", a, to, "--delete" }) -- with what came damaged
  end)

  it("deletes nothing when it is cut off, and goes on to that with --resume", function()
    local lines = {}
    for i = 1, 2500 do lines[i] = ('{"entity":"s","id":"%d","value":0}'):format(i) end
    import(a, table.concat(lines, "\n"))
    ok { "put", b, "s", "ghost", "1" }
    ok { "put", b, "a", "ghost", "1" }
    for signal, code in pairs { INT = 130, TERM = 143, KILL = 137 } do
      os.execute("rm -rf " .. dir .. "/state")
      local result = process.shell(([[
        %s & pid=$!
        for i in $(seq 2000); do ls %s/state/holdfast/copy-*.json >/dev/null 2>&1 && break; sleep 0.005; done
        kill -%s $pid; wait $pid]]):format("exec env --default-signal " .. command { "copy", a,
        class('function Hooked:writeMany(all)\n  io.popen("sleep 0.3"):close()\n'
          .. "  return holdfast.LmdbPersist.writeMany(self, all)\nend", b), "--delete", "--force" }, dir, signal))
      assert.equal(code, result.code, result.stderr)
      assert.equal("1\n", ok { "get", b, "s", "ghost" })
      assert.equal("1\n", ok { "get", b, "a", "ghost" })
    end
    local to = class("", b)
    local result = holdfast { "copy", a, to, "--delete", "--resume", "--verify" }
    assert.matches("entities were copied before", result.stderr, 1, true)
    assert.matches("\n2 entities deleted\n.*\n2,500 entities compared: equal\n$", result.stdout)
    assert.equal(0, result.code)
  end)

  -- -------------------------------------------------------------- one moment

  -- A target of which the first write changes the source: what follows there is removed, changed and made.
  local function meddling(from)
    return class(([[
      local file = io.open("%s/meddled")
      if file then file:close() return Hooked end
      function Hooked:writeMany(entities)
        if not io.open("%s/meddled") then
          io.open("%s/meddled", "w"):close()
          local function run(words) assert(os.execute(%q .. " " .. words) == 0) end
          run("rm %s signal s:1999 --force")
          run("put %s signal s:1998 7 --force")
          run("put %s signal s:99999 7 --force")
          run("put %s news n 7 --force")
          run("rm %s candle c --force")
        end
        return holdfast.LmdbPersist.writeMany(self, entities)
      end]]):format(dir, dir, dir, BIN, from, from, from, from, from), b)
  end

  local function fill(from)
    local lines = { '{"entity":"candle","id":"c","value":3}' }
    for i = 1, 2000 do lines[i + 1] = ('{"entity":"signal","id":"s:%d","value":0}'):format(i) end
    import(from, table.concat(lines, "\n"))
    import(b, '{"entity":"signal","id":"ghost","value":0}\n{"entity":"news","id":"n","value":0}\n')
  end

  it("is of one moment, also in what it deletes and compares, where the source has snapshots", function()
    fill(a)
    local before = ok { "export", a }
    local result = holdfast { "copy", a, meddling(a), "--delete", "--verify" }
    assert.same({ "", 0 }, { result.stderr, result.code })
    assert.matches("\n2 entities deleted\n.*\n2,001 entities compared: equal\n$", result.stdout)
    assert.equal(before, ok { "export", b })
    assert.not_equal(before, ok { "export", a })
    assert.matches("compared: equal", ok { "copy", a, b, "--delete", "--verify" })
    assert.equal(ok { "export", a }, ok { "export", b })
  end)

  it("is of one moment, however many names there are", function()
    local lines = {}
    for i = 1, 40 do lines[i] = ('{"entity":"z%d","id":"x","value":0}'):format(i) end
    import(a, table.concat(lines, "\n"))
    fill(a)
    local before = ok { "export", a }
    local result = holdfast { "copy", a, meddling(a), "--delete", "--verify", "--from", "0" }
    assert.same({ "", 0 }, { result.stderr, result.code })
    assert.equal(before, ok { "export", b })
  end)

  it("never deletes what the source has, where the source has no snapshots", function()
    local from = "file:" .. a
    fill(from)
    import(b, '{"entity":"news","id":"m","value":0}')
    local result = holdfast { "copy", from, meddling(from), "--delete" }
    assert.same({ "", 0 }, { result.stderr, result.code })
    assert.equal("m\nn\n", ok { "ls", b, "news" }) -- the source got the name meanwhile: it is for the next copy
    assert.equal("0\n", ok { "get", b, "news", "n" })
    assert.matches("compared: equal", ok { "copy", from, b, "--delete", "--verify" })
  end)

  it("asks the source once more for what only the target had", function()
    local from = "file:" .. a
    import(from, SOURCE)
    import(b, TARGET)
    local to = class(([[
      function Hooked:keys(...)
        local step, is = holdfast.LmdbPersist.keys(self, ...), self.entityName
        return function()
          local id = step()
          if not id and is == "signal" then assert(os.execute(%q .. " put %s signal ETH 1") == 0) end
          return id
        end
      end]]):format(BIN, from), b)
    local result = ok { "copy", from, to, "--delete" }
    assert.matches("deleted\tsignal\t2\n", result, 1, true)
    assert.equal("0\n", ok { "get", b, "signal", "ETH" }) -- it is for the next copy
  end)

  it("removes what somebody else wrote to the target meanwhile, or leaves it for the next time", function()
    import(a, SOURCE)
    import(b, TARGET)
    local to = class(([[
      function Hooked:removeMany(ids)
        if self.entityName == "only" then
          assert(os.execute(%q .. " put %s signal stranger 1 --force; " .. %q .. " put %s candle stranger 1") == 0)
        end
        return holdfast.LmdbPersist.removeMany(self, ids)
      end]]):format(BIN, b, BIN, b), b)
    local result = holdfast { "copy", a, to, "--delete", "--verify" }
    assert.same({ "", 1 }, { result.stderr, result.code })
    assert.matches("extra\tcandle\tstranger\n", result.stdout, 1, true)
    assert.is_nil(result.stdout:find("extra\tsignal", 1, true))
    result = ok { "copy", a, b, "--delete", "--verify" }
    assert.matches("deleted\tcandle\t1\n1 entity deleted\n.*compared: equal", result)
  end)
end)
