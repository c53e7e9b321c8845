-- SPDX-License-Identifier: MIT
--
-- `holdfast follow` and `holdfast promote`: what comes over, what is refused, and where it goes on.

local assert = require("luassert")
local command = require "support.command"
local json = require "cjson"
local postgres = require "support.postgres"
local process = require "support.process"
local redis = require "support.redis"
local temp = require "support.temp"

local ok, fails, run = command.ok, command.fails, command.run

-- A host that prints whether it begins.
local HOST = [[
  local host = require "holdfast.host"
  host.addExchange { exchangeName = "none", getCandles = function() return {} end }
  host.addStrategy { strategyName = "main", interval = "5m", getSignal = function() end }
  print(pcall(host.Live.background, "BTCUSDT", { strategyName = "main", exchangeName = "none" }))]]

describe("holdfast follow", function()
  local dir, a, b

  before_each(function()
    dir = temp.quickDirectory()
    a, b = dir .. "/a", dir .. "/b"
    ok { "put", a, "signal", "x", '{"n":0}' }
    run { "set", a, "changes=7d", "history=true" }
  end)

  after_each(function()
    process.shell(("[ ! -e %s/pid ] || kill -9 $(cat %s/pid)"):format(dir, dir)) -- of a test that failed
    temp.removeAll()
  end)

  local function follow(to, ...) return ok { "follow", a, to or b, "--until", "caught-up", ... } end

  -- What it says at its end, as a table.
  local function ended(to, ...)
    local last
    for line in follow(to, "--json", ...):gmatch "[^\n]+" do
      local event = json.decode(line)
      if event.event == "ended" then last = event end
    end
    return last
  end

  -- A script in a process of its own, with the store's URL as its argument.
  local function script(text, url)
    temp.writeFile(dir .. "/script.lua", "local holdfast = require 'holdfast'\nlocal url = arg[1]\n" .. text)
    return ok { "run", dir .. "/script.lua", url or a }
  end

  -- Starts it in the background; gives how to end it, and what it wrote then.
  local function background(...)
    local words = { ... }
    process.shell(("%s >%s/out 2>%s/err </dev/null & echo $! >%s/pid"):format(command.line(words), dir, dir, dir))
    return function(signal)
      process.shell(("kill -%s $(cat %s/pid); while kill -0 $(cat %s/pid) 2>/dev/null; do sleep 0.01; done")
        :format(signal or "TERM", dir, dir))
      return temp.readFile(dir .. "/out"), temp.readFile(dir .. "/err")
    end
  end

  local function await(test)
    return process.shell(("for i in $(seq 500); do %s && exit 0; sleep 0.02; done; exit 1"):format(test)).code == 0
  end

  it("copies what is there, then brings every kind of change", function()
    assert.matches("^signal\t1\n1 entity copied\ncaught up at revision", follow())
    ok { "put", a, "signal", "y", '{ "text":  "as it was written" }' }
    ok { "put", a, "risk", "z", "1" }
    ok { "rm", a, "signal", "x" }
    assert.equal(3, ended().changes)
    assert.equal('{ "text":  "as it was written" }\n', ok { "get", b, "signal", "y" })
    assert.equal("y\n", ok { "ls", b, "signal" })
    script [[
      local signal, risk = holdfast.PersistBase("signal", url), holdfast.PersistBase("risk", url)
      for i = 1, 3 do signal:writeValue("before" .. i, i) end
      signal:removeAll()
      holdfast.transaction(function()
        signal:writeValue("after", 1)
        risk:removeValue("z")
        signal:writeValue("after", 2)
      end)]]
    assert.matches("\nequal\trisk\t0", follow(b, "--verify"))
    assert.equal("after\n", ok { "ls", b, "signal" })
    assert.equal("2\n", ok { "get", b, "signal", "after" })
    assert.equal(ok { "export", a }, ok { "export", b })
  end)

  it("says where it is, and brings nothing twice", function()
    local first = ended()
    assert.same({ true, "following", 0 }, { first.exact, first.state, first.changes })
    ok { "put", a, "signal", "y", "1" }
    assert.equal(1, ended().changes)
    assert.equal(0, ended().changes)
    local revision = ended().revision
    for i = 1, 3 do ok { "put", a, "signal", "z", tostring(i) } end
    local one = ok { "follow", a, b, "--until", tostring(revision + 1) }
    assert.matches("ended at revision", one)
    ok { "follow", a, b, "--until", "caught-up" }
    assert.equal("3\n", ok { "get", b, "signal", "z" })
  end)

  it("brings changes as they come, and ends after a signal", function()
    follow()
    local stop = background("follow", a, b)
    assert.is_true(await(("grep -q 'caught up' %s/out"):format(dir)))
    ok { "put", a, "signal", "late", '"here"' }
    assert.is_true(await(command.line { "get", b, "signal", "late" } .. " >/dev/null 2>&1"))
    local out, err = stop()
    assert.matches("ended at revision %d+ of .+: 1 change\n$", out)
    assert.matches("the same command goes on", err, 1, true)
  end)

  it("refuses writers and hosts until it is promoted", function()
    follow()
    fails(3, "follows lmdb:" .. a .. ", and takes no other changes: 'holdfast promote' makes it a store of its own",
      { "put", b, "signal", "own", "1" })
    fails(3, "takes no other changes", { "rm", b, "signal", "x" })
    fails(3, "takes no other changes", { "set", b, "note=mine" })
    assert.matches("cannot run: its store follows lmdb:" .. a, script([[
      holdfast.PersistSignalAdapter.useLmdb(url)
]] .. HOST, b), 1, true)
    assert.matches("is a store of its own.  It has followed lmdb:" .. a .. " until revision", ok { "promote", b }, 1,
      true)
    ok { "put", b, "signal", "own", "1" }
    fails(1, "follows no store", { "promote", b })
  end)

  it("has a store that is open elsewhere refuse from the next write on", function()
    follow()
    ok { "promote", b }
    assert.equal("true\nfalse\treadonly\ntrue\n", script(([[
      local store = holdfast.PersistBase("signal", url)
      store:writeValue("mine", 1)
      print(store:hasValue("mine"))
      os.execute("%s follow %s %s --until caught-up --force >/dev/null")
      local ok, raised = pcall(store.writeValue, store, "mine", 2)
      print(ok, raised.code)
      os.execute("%s promote %s >/dev/null")
      store:writeValue("mine", 2)
      print(store:hasValue("mine"))]]):format(os.getenv "HOLDFAST_BIN", a, b, os.getenv "HOLDFAST_BIN", b), b))
  end)

  it("refuses a second follower, and a promotion under the first", function()
    follow()
    local stop = background("follow", a, b)
    assert.is_true(await(("grep -q 'caught up' %s/out"):format(dir)))
    fails(3, "follows already, by process", { "follow", a, b })
    fails(3, "is followed into by process", { "promote", b })
    ok { "promote", b, "--force" }
    ok { "put", a, "signal", "later", "1" }
    assert.is_true(await(("! kill -0 $(cat %s/pid) 2>/dev/null"):format(dir)))
    assert.matches("has been promoted: this follower ends", temp.readFile(dir .. "/err"), 1, true)
    assert.not_equal(0, run({ "get", b, "signal", "later" }).code)
    stop()
  end)

  it("ends where another one has begun to follow into the store", function()
    follow()
    background("follow", a, b)
    assert.is_true(await(("grep -q 'caught up' %s/out"):format(dir)))
    script([[
      local core = require "holdfast.core"
      local store = holdfast.PersistBase("signal", url)
      local note = core.noteRead(store, "follows")
      core.noteWrite(store, "follows", (note:gsub('"token":"%x+"', '"token":"another"')))]], b)
    ok { "put", a, "signal", "later", "1" }
    assert.is_true(await(("! kill -0 $(cat %s/pid) 2>/dev/null"):format(dir)))
    assert.matches("is followed into by somebody else: this follower ends", temp.readFile(dir .. "/err"), 1, true)
    assert.not_equal(0, run({ "get", b, "signal", "later" }).code)
  end)

  it("follows into nothing that has entities of its own, or follows another store", function()
    ok { "put", b, "signal", "own", "1" }
    fails(1, "has entities named 'signal', and follows no store", { "follow", a, b, "--until", "caught-up" })
    assert.equal("own\n", ok { "ls", b, "signal" })
    follow(b, "--force")
    assert.equal("x\n", ok { "ls", b, "signal" })
    local c = dir .. "/c"
    ok { "put", c, "signal", "other", "1" }
    run { "set", c, "changes=7d" }
    fails(1, "follows lmdb:" .. a, { "follow", c, b, "--until", "caught-up" })
    assert.equal("x\n", ok { "ls", b, "signal" })
  end)

  it("notices another store in the place of its source, and an older one", function()
    follow()
    ok { "put", a, "signal", "y", "1" }
    process.shell(("cp -r %s %s/old"):format(a, dir))
    for i = 1, 3 do ok { "put", a, "signal", "y", tostring(i) } end
    follow()
    process.shell(("rm -rf %s && cp -r %s/old %s"):format(a, dir, a))
    fails(1, "an older state was put in its place", { "follow", a, b, "--until", "caught-up" })
    process.shell("rm -rf " .. a)
    ok { "put", a, "signal", "new", "1" }
    run { "set", a, "changes=7d" }
    fails(1, "follows lmdb:" .. a, { "follow", a, b, "--until", "caught-up" })
    assert.equal("3\n", ok { "get", b, "signal", "y" })
  end)

  it("says what it cannot follow", function()
    local c = dir .. "/c"
    ok { "put", c, "signal", "x", "1" }
    fails(3, "keeps no log of its changes", { "follow", c, b })
    temp.writeFile(dir .. "/class.lua", [[return require("holdfast").LmdbPersist:extend "Around"]])
    fails(3, "cannot be followed: LMDB and Redis can", { "follow", ("lua:%s/class.lua?base=%s"):format(dir, c), b })
    ok { "put", "file:" .. dir .. "/d", "signal", "x", "1" }
    fails(3, "cannot be followed: LMDB and Redis can", { "follow", "file:" .. dir .. "/d", b })
    fails(2, "neither a revision nor 'caught-up'", { "follow", a, b, "--until", "soon" })
    fails(2, "are the same store", { "follow", a, a })
  end)

  it("ends where the source has forgotten changes, and copies again with --recopy", function()
    run { "set", a, "changes=10" }
    follow()
    script [[
      local store = holdfast.PersistBase("signal", url)
      for i = 1, 100 do store:writeValue("n" .. i % 20, i) end
      store:removeValue("x")]]
    fails(3, "--recopy copies all of it again", { "follow", a, b, "--until", "caught-up" })
    assert.equal("x\n", ok { "ls", b, "signal" })
    local result = run { "follow", a, b, "--until", "caught-up", "--recopy" }
    assert.equal(0, result.code)
    assert.equal(ok { "export", a }, ok { "export", b })
  end)

  it("never takes a copy that was broken off for the whole", function()
    follow()
    script([[
      local core = require "holdfast.core"
      local store = holdfast.PersistBase("signal", url)
      local note = core.noteRead(store, "follows")
      core.noteWrite(store, "follows", (note:gsub('"following"', '"copying"')))
      store:writeValue("half", 1)]], b)
    fails(1, "the copy was broken off", { "promote", b })
    assert.matches("1 entity copied", follow())
    assert.equal("x\n", ok { "ls", b, "signal" })
  end)

  it("brings large commits whole", function()
    follow()
    script [[
      local store = holdfast.PersistBase("signal", url)
      holdfast.transaction(function()
        for i = 1, 20000 do store:writeValue("n" .. i, { i, ("x"):rep(1000) }) end
      end)
      store:writeValue("last", 1)]]
    assert.equal(20001, ended(b, "--durability", "nosync").changes)
    assert.matches("compared: equal", follow(b, "--verify"), 1, true)
  end)

  it("follows some entity names alone", function()
    ok { "put", a, "risk", "r", "1" }
    follow(b, "--entity", "risk")
    ok { "put", a, "signal", "y", "1" }
    ok { "put", a, "risk", "s", "1" }
    assert.equal(1, ended(b, "--entity", "risk").changes)
    assert.equal("risk\t2\n", ok { "ls", b })
    fails(1, "with other entity names", { "follow", a, b, "--until", "caught-up" })
    assert.matches("compared: equal", follow(b, "--entity", "risk", "--verify"), 1, true)
  end)

  it("brings entities with the time at which they expire", function()
    ok { "put", a, "signal", "first", "1", "--ttl", "1h" }
    follow()
    ok { "put", a, "signal", "later", "1", "--ttl", "2h" }
    ok { "put", a, "signal", "soon", "1", "--ttl", "10ms" }
    follow()
    local lines = ok { "export", a }
    assert.matches('"expiresAt":%d+.*"expiresAt":%d+', lines)
    assert.equal(lines, ok { "export", b })
    follow("file:" .. dir .. "/plain")
    ok { "put", a, "signal", "first", "2" }
    follow()
    assert.equal(ok { "export", a }, ok { "export", b })
  end)

  it("takes indexes along", function()
    ok { "index", a, "signal", "n" }
    assert.matches("index\tsignal\tn\n", follow(), 1, true)
    assert.matches("n", ok { "index", b, "signal" }, 1, true)
  end)

  it("follows without history, too, and is right once it has caught up", function()
    run { "set", a, "history=false" }
    follow()
    script [[
      local store = holdfast.PersistBase("signal", url)
      for i = 1, 50 do store:writeValue("n" .. i % 7, i) end
      for i = 1, 5 do store:removeValue("n" .. i) end]]
    assert.is_true(ended().exact)
    assert.matches("compared: equal", follow(b, "--verify"), 1, true)
  end)

  it("leaves a sound entity where that of the source is damaged", function()
    ok { "put", a, "signal", "p", '"precious"' }
    follow()
    assert.is_true(temp.patchFile(a .. "/data.mdb", '"precious"', '"previous"') > 0)
    run { "get", a, "signal", "p" }
    local result = run { "follow", a, b, "--until", "caught-up" }
    assert.matches("was found unreadable in", result.stderr, 1, true)
    assert.equal(3, result.code)
    assert.equal('"precious"\n', ok { "get", b, "signal", "p" })
  end)

  for _, kind in ipairs { "file", "class" } do
    it("follows into stores of kind " .. kind, function()
      temp.writeFile(dir .. "/around.lua", [[return require("holdfast").LmdbPersist:extend("Around", {
        writeValue = function(self, id, value)
          require("holdfast").LmdbPersist.writeValue(self, id, { wrapped = value })
        end,
        readValue = function(self, id) return require("holdfast").LmdbPersist.readValue(self, id).wrapped end,
        entityNames = function(base) return require("holdfast").openStore(base):entities() end,
      })]])
      local to = kind == "file" and "file:" .. b or ("lua:%s/around.lua?base=%s"):format(dir, b)
      follow(to)
      ok { "put", a, "signal", "y", '{"deep":[1]}' }
      ok { "rm", a, "signal", "x" }
      ended(to)
      assert.equal("y\n", ok { "ls", to, "signal" })
      assert.equal('{"deep":[1]}\n', ok { "get", to, "signal", "y" })
      if kind == "file" then
        fails(3, "takes no other changes: 'holdfast promote'", { "put", to, "signal", "z", "1" })
      end
      ok { "promote", to }
      ok { "put", to, "signal", "z", "1" }
    end)
  end

  it("follows into PostgreSQL, where its position is a row of the same transaction", function()
    if not postgres.isInstalled then return pending("there is no PostgreSQL server here") end
    local server = postgres.start()
    finally(function() server:stop() end)
    local to = server:url()
    run { "follow", a, to, "--until", "caught-up" }
    script [[
      local signal, risk = holdfast.PersistBase("signal", url), holdfast.PersistBase("risk", url)
      holdfast.transaction(function()
        for i = 1, 50 do signal:writeValue("n" .. i, { i }) end
        risk:writeValue("r", true)
        signal:removeValue("x")
      end)]]
    local result = run { "follow", a, to, "--until", "caught-up", "--verify" }
    assert.matches("51 entities compared: equal", result.stdout, 1, true)
    assert.matches("cannot run: its store follows", script([[
      holdfast.PersistSignalAdapter.usePersistSignalAdapter(url)
]] .. HOST, to), 1, true)
    assert.matches("is a store of its own", run({ "promote", to }).stdout, 1, true)
  end)

  it("follows into Redis", function()
    if not redis.isInstalled then return pending("there is no Redis server here") end
    local server = redis.start()
    finally(function() server:stop() end)
    local to = ("redis://127.0.0.1:%d/0"):format(server.port)
    run { "follow", a, to, "--until", "caught-up" } -- is warned of what the server may lose
    ok { "put", a, "signal", "y", "[1]" }
    ok { "rm", a, "signal", "x" }
    local result = run { "follow", a, to, "--until", "caught-up", "--verify" }
    assert.matches("1 entity compared: equal", result.stdout, 1, true)
    assert.equal("[1]", server:cli("get", "signal:y"))
    assert.matches("takes no other changes", run({ "put", to, "signal", "z", "1" }).stderr, 1, true)
    run { "promote", to }
    assert.equal(0, run({ "put", to, "signal", "z", "1" }).code)
  end)
end)
