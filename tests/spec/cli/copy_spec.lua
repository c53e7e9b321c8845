-- SPDX-License-Identifier: MIT
--
-- `holdfast copy`: the real program between real stores, killed and interrupted in the
-- middle, and what it says of stores that differ.

local compare = require "holdfast.cli.copying.compare"
local postgres = require "support.postgres"
local process = require "support.process"
local redis = require "support.redis"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

-- A store that a script keeps, in a file for each entity name: `{"id":"a","value":{}}` in the order in which they were
-- written, the last of an id counts.
local JOURNAL = [[
local holdfast = require "holdfast"
local json = holdfast.json
local Journal = holdfast.PersistBase:extend("Journal")

local function path(self) return self.baseDir .. "/" .. self.entityName .. ".journal" end

function Journal.entityNames(baseDir)
  local names = {}
  local pipe = io.popen("cd " .. baseDir .. " 2>/dev/null && ls *.journal 2>/dev/null")
  for line in pipe:lines() do names[#names + 1] = line:match("^(.*)%.journal$") end
  pipe:close()
  return names
end

function Journal:waitForInit()
  os.execute("mkdir -p " .. self.baseDir)
  self.found = {}
  local file = io.open(path(self))
  if not file then return end
  for line in file:lines() do
    local entry = json.decode(line)
    self.found[entry.id] = entry.value
  end
  file:close()
end

function Journal:readValue(id)
  if self.found[id] == nil then error(holdfast.error("not_found"), 0) end
  return self.found[id]
end

function Journal:hasValue(id) return self.found[id] ~= nil end

function Journal:writeValue(id, value)
  local file = assert(io.open(path(self), "a"))
  assert(file:write(json.encode { id = id, value = value }, "\n"))
  assert(file:close())
  self.found[id] = value
end

function Journal:removeValue() error("no journal forgets") end
function Journal:removeAll() error("no journal forgets") end

function Journal:keys()
  local ids = {}
  for id in pairs(self.found) do ids[#ids + 1] = id end
  table.sort(ids, holdfast.naturalOrder)
  return ids
end

function Journal:values()
  local list = {}
  for i, id in ipairs(Journal.keys(self)) do list[i] = self.found[id] end
  return list
end

return Journal
]]

local SOME = '{"entity":"risk","id":"a/positions","value":[[1,2]]}\n'
  .. '{"entity":"signal","id":"BTC-2","value":{ "b": 1.50, "a":[ ], "n":null }}\n'
  .. '{"entity":"signal","id":"BTC-10","value":"\\u00e9\\n"}\n'
  .. '{"entity":"signal","id":"ETH","value":1e999}\n'

describe("holdfast copy", function()
  local dir, a, b, state

  before_each(function()
    dir = temp.quickDirectory()
    a, b, state = dir .. "/a", dir .. "/b", dir .. "/state"
  end)

  after_each(function()
    temp.removeAll()
  end)

  -- The shell's words for a command, whose state is in a folder of this test.
  local function command(words)
    local quoted = { "XDG_STATE_HOME=" .. temp.quote(state), temp.quote(BIN) }
    for _, word in ipairs(words) do quoted[#quoted + 1] = temp.quote(word) end
    return table.concat(quoted, " ")
  end

  local function holdfast(words, stdin) return process.shell(command(words), stdin) end

  local function ok(words, stdin)
    local result = holdfast(words, stdin)
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
    return result.stdout
  end

  local function fails(code, complaint, words)
    local result = holdfast(words)
    assert.matches(complaint, result.stderr, 1, true)
    assert.equal(code, result.code)
    return result
  end

  local function exists(path) return os.execute("test -e " .. temp.quote(path)) == 0 end

  local function stateFiles()
    return process.shell("ls " .. temp.quote(state .. "/holdfast") .. " 2>/dev/null").stdout
  end

  -- The content of the only state file; one that was being written may be beside it.
  local function savedState()
    local name = stateFiles():match("^(copy%-%x+%.json)\n")
    return name and temp.readFile(state .. "/holdfast/" .. name)
  end

  local function journal(name)
    temp.writeFile(dir .. "/journal.lua", JOURNAL)
    return ("lua:%s/journal.lua?base=%s/%s"):format(dir, dir, name)
  end

  -- Lines for import: `count` entities under two names.
  local function lines(count)
    local list = {}
    for i = 1, count do
      list[i] = string.format('{"entity":"%s","id":"BTC/USDT:%d","value":{"z":%d,"a":[],"p":%.17g,"n":null}}',
        i <= count * 0.4 and "candle" or "signal", i, i, i / 7)
    end
    return table.concat(list, "\n")
  end

  describe("between stores", function()
    for _, kinds in ipairs { { "lmdb", "lmdb" }, { "lmdb", "file" }, { "file", "lmdb" }, { "lmdb", "journal" },
      { "journal", "file" } } do
      it("of kind " .. kinds[1] .. " and " .. kinds[2] .. " brings everything", function()
        local url = {
          lmdb = function(path) return path end,
          file = function(path) return "file:" .. path end,
          journal = function(path) return journal(path:match("[^/]+$")) end,
        }
        local from, to = url[kinds[1]](a), url[kinds[2]](b)
        ok({ "import", from }, SOME)
        assert.equal("risk\t1\nsignal\t3\n4 entities copied\n", ok { "copy", from, to })
        assert.equal("risk\t1\nsignal\t3\n", ok { "ls", to })
        assert.equal("BTC-2\nBTC-10\nETH\n", ok { "ls", to, "signal" })
        if kinds[1] ~= "journal" and kinds[2] ~= "journal" then
          assert.equal(ok { "export", from }, ok { "export", to }) -- byte for byte
        end
        assert.matches("\n4 entities compared: equal\n$", ok { "copy", from, to, "--verify" })
        assert.equal("", stateFiles())
      end)
    end

    it("keeps texts as they were written", function()
      ok({ "import", a }, SOME)
      ok { "copy", a, b }
      assert.equal('{ "b": 1.50, "a":[ ], "n":null }\n"\\u00e9\\n"\n', ok { "get", b, "signal", "BTC-2", "BTC-10" })
    end)

    it("is what export and import do", function()
      ok({ "import", a }, lines(5000))
      local piped = process.shell(string.format("%s export %s | %s import %s/c", BIN, a, BIN, dir))
      assert.same({ "5,000 entities imported\n", 0 }, { piped.stdout, piped.code })
      ok { "copy", a, b }
      assert.is_true(ok { "export", b } == ok { "export", dir .. "/c" })
      assert.matches("compared: equal", ok { "copy", dir .. "/c", b, "--verify-only" }, 1, true)
    end)

    it("reaches stores in memory, too", function()
      ok({ "import", a }, SOME)
      assert.equal("risk\t1\nsignal\t3\n4 entities copied\n", ok { "copy", a, "memory:" })
    end)

    it("replaces what has the same id and leaves the rest", function()
      ok({ "import", a }, SOME)
      ok({ "import", b }, '{"entity":"signal","id":"ETH","value":7}\n{"entity":"signal","id":"SOL","value":8}')
      ok { "copy", a, b }
      assert.equal("1e999\n8\n", ok { "get", b, "signal", "ETH", "SOL" })
    end)

    it("takes the names and the part that it is told", function()
      ok({ "import", a }, SOME .. '{"entity":"extra","id":"x","value":1}')
      assert.equal("risk\t1\nsignal\t3\n4 entities copied\n",
        ok { "copy", a, b, "--entity", "signal", "--entity", "risk", "--entity", "signal" })
      assert.equal("extra\t0\nrisk\t0\nsignal\t1\n1 entity copied\n",
        ok { "copy", a, dir .. "/c", "--from", "ETA", "--to", "F" })
      ok { "copy", a, dir .. "/d", "--prefix", "BTC-", "--to", "BTC-9" }
      assert.equal("1\n", ok { "count", dir .. "/d" })
      assert.matches("1 entity compared: equal",
        ok { "copy", a, dir .. "/d", "--prefix", "BTC-", "--to", "BTC-9", "--verify-only" }, 1, true)
    end)

    it("copies nothing out of an empty store, and makes the target", function()
      ok { "put", a, "signal", "x", "1" }
      ok { "rm", a, "signal", "x" }
      assert.matches("0 entities copied\n$", ok { "copy", a, b })
      assert.is_true(exists(b .. "/data.mdb"))
    end)

    it("gives its result as JSON", function()
      ok({ "import", a }, SOME)
      local result = json.decode(ok { "copy", a, b, "--verify", "--json" })
      assert.same({ 4, true }, { result.copied, result.equal })
      assert.same({ { entity = "risk", copied = 1 }, { entity = "signal", copied = 3 } }, result.entities)
      local signal = result.compared[2]
      assert.same({ "signal", true, 3, 0 }, { signal.entity, signal.equal, signal.target.count, signal.missing })
      assert.matches("^%x+$", signal.source.hash)
      assert.equal(signal.source.hash, signal.target.hash)
    end)

    it("reaches servers and comes back, with their passwords in no message", function()
      if not redis.isInstalled then return pending("there is no Redis server here") end
      local server, running = redis.start(), true
      finally(function()
        if running then server:stop() end
      end)
      server:cli("config", "set", "requirepass", "sesame")
      local url = string.format("redis://:sesame@127.0.0.1:%d/0", server.port)
      ok({ "import", a }, lines(3000))
      for _, pair in ipairs { { a, url }, { url, b } } do -- the server may be warned of on stderr
        local copied = holdfast { "copy", pair[1], pair[2], "--verify" }
        assert.matches("\n3,000 entities compared: equal\n$", copied.stdout)
        assert.equal(0, copied.code)
        assert.not_matches("sesame", copied.stderr, 1, true)
      end
      assert.is_true(ok { "export", a } == ok { "export", b })
      local result = fails(2, "are the same store", { "copy", url, url })
      assert.not_matches("sesame", result.stderr, 1, true)
      server:stop()
      running = false
      result = fails(3, "", { "copy", a, url })
      assert.not_matches("sesame", result.stderr, 1, true)
    end)

    it("stops where the target is full, and can go on", function()
      local list = {}
      for i = 1, 3000 do list[i] = string.format('{"entity":"s","id":"%d","value":"%s"}', i, ("x"):rep(1000)) end
      ok({ "import", a }, table.concat(list, "\n"))
      local result = fails(3, "copied so far: 1,", { "copy", a, "lmdb:" .. b .. "?mapsize=64k&maxsize=2m" })
      assert.matches("the same command with --resume goes on there", result.stderr, 1, true)
      result = holdfast { "copy", a, b, "--resume", "--verify" }
      assert.matches("going on after s:%d+; 1,%d+ entities were copied before", result.stderr)
      assert.matches("\n3,000 entities compared: equal\n$", result.stdout)
      assert.equal(0, result.code)
    end)
  end)

  describe("refuses", function()
    it("a source that is not there, and makes nothing", function()
      fails(3, "there is no store at", { "copy", a, b })
      fails(3, "there is no store at", { "copy", "file:" .. a, b })
      assert.is_false(exists(a) or exists(b))
    end)

    it("a target that is not there when it shall only compare", function()
      ok({ "import", a }, SOME)
      fails(3, "there is no store at", { "copy", a, b, "--verify-only" })
      assert.is_false(exists(b))
      fails(2, "there is nothing to --resume", { "copy", a, b, "--verify-only", "--resume" })
    end)

    it("names that the source does not have, and makes nothing", function()
      ok({ "import", a }, SOME)
      fails(1, "there are no entities named 'sig'\n  the store has: risk, signal", { "copy", a, b, "--entity", "sig" })
      fails(2, "the entity name is empty", { "copy", a, b, "--entity", "" })
      assert.is_false(exists(b))
    end)

    it("a store as its own target, however it is called", function()
      ok({ "import", a }, SOME)
      os.execute(string.format("ln -s a %s/link", dir))
      for _, other in ipairs { a, a .. "/", dir .. "/./a", "lmdb:" .. a, dir .. "/link", a .. "/../link",
        "lmdb:" .. a .. "?durability=nosync" } do
        fails(2, "are the same store", { "copy", a, other })
        fails(2, "are the same store", { "copy", other, a, "--readonly" })
      end
      ok { "copy", a, "file:" .. b }
      fails(2, "are the same store", { "copy", "file:" .. b, "file:" .. dir .. "/a/../b" })
      fails(2, "are the same store", { "copy", "memory:x", "memory:x" })
    end)

    it("a class around a store as that store's target", function()
      ok({ "import", a }, SOME)
      temp.writeFile(dir .. "/around.lua", [[
        local holdfast = require "holdfast"
        return holdfast.LmdbPersist:extend("Around", { hasValue = function() return false end })]])
      fails(2, "are the same store", { "copy", ("lua:%s/around.lua?base=%s"):format(dir, a), a })
    end)

    it("classes that cannot say which names they have, unless they are named", function()
      temp.writeFile(dir .. "/journal.lua", (JOURNAL:gsub("function Journal.entityNames", "local function unused")))
      local from = ("lua:%s/journal.lua?base=%s/j"):format(dir, dir)
      ok { "put", from, "signal", "x", "[1]" }
      fails(3, "--entity NAME", { "copy", from, b })
      assert.equal("signal\t1\n1 entity copied\n", ok { "copy", from, b, "--entity", "signal" })
    end)
  end)

  it("says which entities are unreadable, and copies the others", function()
    ok({ "import", a }, '{"entity":"s","id":"a","value":1}\n{"entity":"s","id":"b","value":"precious"}\n'
      .. '{"entity":"s","id":"c","value":3}')
    assert.is_true(temp.patchFile(a .. "/data.mdb", "precious", "previous") > 0)
    local result = fails(3, "s:b is corrupt", { "copy", a, b, "--verify" })
    assert.matches("s\t2\n2 entities copied, 1 damaged in the source\n", result.stdout, 1, true)
    assert.equal("a\nc\n", holdfast({ "ls", b, "s" }).stdout)
    ok { "put", a, "s", "d", '"valuable"' }
    assert.is_true(temp.patchFile(a .. "/data.mdb", "valuable", "valueble") > 0)
    local machine = json.decode(fails(3, "s:d is corrupt", { "copy", a, b, "--json" }).stdout)
    assert.same({ 2, 2 }, { machine.copied, machine.unreadable }) -- b is in quarantine
  end)

  describe("--verify", function()
    before_each(function()
      ok({ "import", a }, SOME)
      ok { "copy", a, b }
    end)

    -- Compares and expects differences: the lines, without hashes.
    local function differences(...)
      local result = holdfast { "copy", a, b, "--verify-only", ... }
      assert.equal(1, result.code)
      assert.equal("", result.stderr)
      return (result.stdout:gsub("\t%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x", "\tHASH"))
    end

    it("is content with values that mean the same", function()
      ok { "put", b, "signal", "BTC-2", '{"n":null,"a":[],"b":15e-1}' }
      ok { "put", b, "signal", "BTC-10", '"é\\u000a"' }
      assert.matches("4 entities compared: equal", ok { "copy", a, b, "--verify-only" }, 1, true)
    end)

    it("finds what was changed", function()
      ok { "put", b, "signal", "BTC-2", '{"b":1.5,"a":{},"n":null}' }
      assert.equal("equal\trisk\t1\tHASH\ndifferent\tsignal\tBTC-2\ndiffers\tsignal\t3\tHASH\t3\tHASH\n"
        .. "4 entities compared: 1 different\n", differences())
    end)

    it("finds what is missing and what is extra", function()
      ok { "rm", b, "signal", "BTC-2", "ETH" }
      ok { "put", b, "signal", "BTC-3", "1" }
      ok { "put", b, "only", "x", "1" }
      assert.equal("extra\tonly\tx\ndiffers\tonly\t0\tHASH\t1\tHASH\nequal\trisk\t1\tHASH\n"
        .. "missing\tsignal\tBTC-2\nextra\tsignal\tBTC-3\nmissing\tsignal\tETH\n"
        .. "differs\tsignal\t3\tHASH\t2\tHASH\n4 entities compared: 2 missing, 2 extra\n", differences())
      assert.matches("^equal\trisk\t1\t%x+\n1 entity compared: equal\n$",
        ok { "copy", a, b, "--verify-only", "--entity", "risk" })
    end)

    it("finds a name that the target lacks, without making it there", function()
      ok { "put", a, "late", "x", "1" }
      assert.matches("missing\tlate\tx\n", differences(), 1, true)
      assert.equal("risk\t1\nsignal\t3\n", ok { "ls", b })
    end)

    it("names the first ones and counts the others", function()
      ok({ "import", a }, lines(500))
      local found = differences("--entity", "candle")
      local _, named = found:gsub("missing\t", "")
      assert.equal(10, named)
      assert.matches("\nmore\tcandle\t190\n", found, 1, true)
      local machine = json.decode(holdfast({ "copy", a, b, "--verify-only", "--json" }).stdout)
      assert.is_false(machine.equal)
      assert.same({ "candle", 200, 0 }, { machine.compared[1].entity, machine.compared[1].missing,
        machine.compared[1].target.count })
      assert.same({ problem = "missing", id = "BTC/USDT:1" }, machine.compared[1].first[1])
    end)

    it("finds what the copy itself leaves alone", function()
      ok { "put", b, "signal", "SOL", "1" }
      local result = holdfast { "copy", a, b, "--verify" }
      assert.equal(1, result.code)
      assert.matches("4 entities copied\n.*\nextra\tsignal\tSOL\n", result.stdout)
    end)
  end)

  describe("canonical text", function()
    it("is one for all texts of equal meaning", function()
      local text = '{"a":[1,{"x":null,"y":"é"}],"b":{},"c":[]}'
      assert.equal(text, compare.canonical(' { "c":[ ],"b":{ }, "a":[1.0,{"y":"\\u00e9", "x":null}]}'))
      assert.equal(text, compare.canonical(text))
    end)

    it("differs where values do", function()
      local texts, seen = { "[]", "{}", "null", "false", "0", '""', '"0"', "[0]", "[[]]", '{"0":0}', '["a","b"]',
        '["ab"]', "1e999", "0.1", "0.10000000000000002" }, {}
      for _, text in ipairs(texts) do
        local canonical = compare.canonical(text)
        assert.is_nil(seen[canonical], text)
        seen[canonical] = true
      end
    end)
  end)

  describe("that is interrupted", function()
    local COUNT = 6000

    before_each(function()
      ok({ "import", a, "--durability", "nosync" }, lines(COUNT))
    end)

    -- Runs a command and sends it a signal after so many seconds, if it still runs then.  A shell starts what runs in
    -- the background with SIGINT ignored, hence the env.
    local function signalled(signal, seconds, words)
      return process.shell(string.format("%s & pid=$!; sleep %.3f; kill -%s $pid 2>/dev/null; wait $pid",
        "exec env --default-signal " .. command(words), seconds, signal))
    end

    -- The same, but once the position has been saved for the first time.
    local function signalledInTheMiddle(signal, words)
      return process.shell(string.format([[
        %s & pid=$!
        for i in $(seq 2000); do ls %s/holdfast/copy-*.json >/dev/null 2>&1 && break; sleep 0.005; done
        kill -%s $pid; wait $pid]], "exec env --default-signal " .. command(words), state, signal))
    end

    for name, case in pairs { file = { url = "file:%s", count = COUNT }, lmdb = { url = "%s", count = 80000 } } do
      it("by kill -9, again and again, ends as an equal store of kind " .. name, function()
        math.randomseed(os.time())
        local from, url, killed, last = dir .. "/from", case.url:format(b), 0, 0
        ok({ "import", from, "--durability", "nosync" }, lines(case.count))
        for round = 1, 200 do
          -- Longer from round to round, so that every machine comes to the end.
          local result = signalled("9", math.random() * (0.03 + 0.01 * round), { "copy", from, url, "--resume" })
          if result.code == 0 then break end
          assert.equal(128 + 9, result.code)
          killed = killed + 1
          local saved = savedState()
          if not saved and last > 0 then break end -- it was done, and had only to exit
          local copied = saved and json.decode(saved).copied or 0
          assert.is_true(copied >= last, "the position went back")
          last = copied
        end
        assert.is_true(killed > 0, "it was never killed")
        assert.equal("", stateFiles())
        assert.is_true(last > 0, "it was never resumed")
        assert.matches(",000 entities compared: equal\n$", ok { "copy", from, url, "--verify-only" })
        assert.equal(string.format("%d\n", case.count), ok { "count", url })
        ok { "verify", url }
      end)
    end

    it("by kill -9 on its way to PostgreSQL, goes on there", function()
      if not postgres.isInstalled then return pending("there is no PostgreSQL server here") end
      local server = postgres.start()
      finally(function() server:stop() end)
      local url = server:url("", "app:sesame")
      assert.equal(137, signalledInTheMiddle("9", { "copy", a, url }).code)
      assert.not_matches("sesame", savedState(), 1, true)
      local result = holdfast { "copy", a, url, "--resume", "--verify" }
      assert.matches(",000 entities were copied before", result.stderr, 1, true)
      assert.matches("\n6,000 entities compared: equal\n$", result.stdout)
      assert.equal(0, result.code)
      -- What comes back is JSONB's notation of the same.
      assert.matches("\n6,000 entities compared: equal\n$", ok { "copy", url, b, "--verify" })
      assert.not_equal(ok { "export", a }, ok { "export", b })
    end)

    for signal, number in pairs { INT = 2, TERM = 15 } do
      it("by SIG" .. signal .. " finishes its batch and says how to go on", function()
        local result = signalledInTheMiddle(signal, { "copy", a, "file:" .. b })
        assert.equal(128 + number, result.code)
        assert.matches("holdfast: interrupted\n  copied so far: %d,000 entities, up to %l+:BTC/USDT:%d+; "
          .. "the same command with %-%-resume goes on there\n$", result.stderr)
        local copied = json.decode(savedState()).copied
        assert.equal(string.format("%d\n", copied), ok { "count", "file:" .. b })
        result = holdfast { "copy", a, "file:" .. b, "--resume", "--verify" }
        assert.matches("entities were copied before", result.stderr, 1, true)
        assert.matches(string.format("%d,000 entities copied, %d,000 before that\n", (COUNT - copied) / 1000,
          copied / 1000), result.stdout, 1, true)
        assert.matches("\n6,000 entities compared: equal\n$", result.stdout)
        assert.equal(0, result.code)
      end)
    end

    it("says so in JSON", function()
      local result = signalledInTheMiddle("INT", { "copy", a, "file:" .. b, "--json" })
      assert.equal(130, result.code)
      local err = json.decode(result.stderr).error
      assert.equal("interrupted", err.code)
      assert.equal(json.decode(savedState()).copied, err.copied)
      result = json.decode(ok { "copy", a, "file:" .. b, "--json", "--resume" })
      assert.equal(COUNT, result.copied + result.resumedBehind.copied)
    end)

    describe("leaves a position that", function()
      before_each(function()
        assert.equal(130, signalledInTheMiddle("INT", { "copy", a, "file:" .. b }).code)
      end)

      it("is reported and not used without --resume", function()
        local result = holdfast { "copy", a, "file:" .. b }
        assert.matches("an earlier copy stopped after %l+:BTC/USDT:%d+; this one begins again", result.stderr)
        assert.matches("\n6,000 entities copied\n$", result.stdout)
        assert.equal("", stateFiles())
      end)

      it("is found under other spellings of the stores", function()
        local result = process.shell(string.format("cd %s && exec env %s", dir,
          command { "copy", "lmdb:./a?durability=sync", "file:../" .. dir:match("[^/]+$") .. "/b", "--resume" }))
        assert.matches("entities were copied before", result.stderr, 1, true)
        assert.equal(0, result.code)
      end)

      it("is not used for another copy", function()
        local result = holdfast { "copy", a, "file:" .. b, "--resume", "--entity", "signal" }
        assert.matches("there is nothing to resume: copying from the start", result.stderr, 1, true)
        assert.matches("\n3,600 entities copied\n$", "\n" .. result.stdout)
      end)

      it("is not used for a target that was made again", function()
        os.execute("rm -r " .. temp.quote(b))
        local result = holdfast { "copy", a, "file:" .. b, "--resume" }
        assert.matches("the target does not have", result.stderr, 1, true)
        assert.matches("\n6,000 entities copied\n$", result.stdout)
      end)

      it("is not used once it is damaged", function()
        local name = stateFiles():match("[^\n]+")
        temp.writeFile(state .. "/holdfast/" .. name, "")
        local result = holdfast { "copy", a, "file:" .. b, "--resume" }
        assert.matches("there is nothing to resume", result.stderr, 1, true)
        assert.matches("\n6,000 entities copied\n$", result.stdout)
      end)
    end)

    it("has no password in its position", function()
      -- A class whose base is the URL of some server.
      temp.writeFile(dir .. "/journal.lua", (JOURNAL:gsub("self%.baseDir", string.format("%q", dir .. "/j"))
        :gsub("local file = assert", "if id == 'BTC/USDT:1500' then error('stop') end\n  %0")))
      local to = ("lua:%s/journal.lua?base=db://me:sesame%%40@host/x%%3Fpassword=opensesame"):format(dir)
      fails(1, "stop", { "copy", a, to, "--entity", "candle" })
      assert.matches("BTC/USDT:1000", savedState(), 1, true)
      assert.not_matches("sesame", savedState(), 1, true)
    end)

    it("copies all the same where no position can be saved", function()
      temp.writeFile(state, "a file, and no folder")
      local result = holdfast { "copy", a, b }
      assert.matches("this copy cannot be resumed if it is interrupted: cannot make the folder", result.stderr, 1, true)
      local _, warnings = result.stderr:gsub("\n", "")
      assert.equal(1, warnings)
      assert.equal(0, result.code)
      result = process.shell("unset XDG_STATE_HOME HOME; " .. temp.quote(BIN) .. " copy " .. a .. " " .. dir .. "/c")
      assert.matches("neither XDG_STATE_HOME nor HOME", result.stderr, 1, true)
      assert.equal(0, result.code)
    end)
  end)

  it("needs little memory, however many entities there are", function()
    if os.getenv("ASAN_OPTIONS") then return pending("the address sanitizer needs more than that for itself") end
    ok({ "import", a, "--durability", "nosync" }, lines(200000))
    -- KiB of memory of its own; what LMDB maps does not count.
    local limit = "ulimit -d 24000; exec env "
    local result = process.shell(limit .. command { "copy", a, b, "--durability", "nosync", "--verify" })
    assert.same({ "", 0 }, { result.stderr, result.code })
    assert.matches("\n200,000 entities compared: equal\n$", result.stdout)
    -- Whoever keeps the entities does not come to an end.
    temp.writeFile(dir .. "/keep.lua", [[
      local core, holdfast, kept = require "holdfast.core", require "holdfast", {}
      for _, name in ipairs { "candle", "signal" } do
        for _, json in core.texts(holdfast.PersistBase(name, arg[1])) do kept[#kept + 1] = json end
      end]])
    assert.not_equal(0, process.shell(limit .. command { "run", dir .. "/keep.lua", a }).code)
  end)
end)
