-- SPDX-License-Identifier: MIT
--
-- `./dev bench`: what Holdfast costs, beside the same work done by a bare C loop
-- over LMDB on the same file, and beside lua-cjson.  docs/performance.md says how to
-- read the table.
--
--     holdfast run tests/bench/bench.lua [--json FILE] [--markdown] [--record DOCUMENT] [--dir DIR] [--quick]
--         [--only PART] [--rounds N] [--cpu]
--     holdfast run tests/bench/bench.lua --peers [--npm] [--entities N] [...]    beside other stores: peers/compare.lua
--
-- against.lua compares two builds: it runs this for each of them in turn, a round at a time.
--
-- Each measurement is a process of its own: hf_bench (bench.h) for the bare loop and
-- the C API, bench_lua.lua for scripts.  A round measures all that is compared once,
-- one right after the other, so that a slow moment of the machine hits them alike;
-- rows are medians of rounds.

local here = arg[0]:match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. here .. "/../?.lua;" .. package.path

local holdfast = require "holdfast"
local Report = require "report"
local peers = require "peers.compare"
local temp = require "support.temp"

-- ----------------------------------------------------------------- options

local PARTS = { "codec", "write", "read", "iterate", "ask", "find", "changes", "growth", "names", "scripts", "files",
  "adapters", "host", "candles", "together", "redis", "postgres", "stores" }
local options = {}

local function usage(problem)
  io.stderr:write("bench: ", problem, "\n")
  io.stderr:write("usage: bench.lua [--json FILE] [--markdown] [--record DOCUMENT] [--dir DIR] [--quick] ",
    "[--rounds N] [--cpu] [--only ", table.concat(PARTS, "|"), "]\n",
    "       bench.lua --peers [--npm] [--entities N] [as above, but for --only]\n")
  os.exit(2)
end

do
  local FLAGS = { quick = true, markdown = true, peers = true, npm = true, cpu = true }
  local VALUES = { json = true, dir = true, only = true, rounds = true, entities = true, record = true }
  local i = 1
  while arg[i] do
    local name = arg[i]:match("^%-%-(%a+)$")
    if FLAGS[name] then
      options[name] = true
    elseif VALUES[name] then
      i = i + 1
      options[name] = arg[i] or usage("--" .. name .. " needs a value")
    else
      usage("there is no option " .. arg[i])
    end
    i = i + 1
  end
end

-- How much is measured.  With --quick just enough to see that everything runs.
local quick = options.quick
local size = {
  few = quick and 100 or 1000,
  entities = quick and 1000 or 100000,
  many = quick and 3000 or 1000000,
  names = quick and { 1, 3, 20 } or { 1, 100, 1000 },

  batch = quick and 100 or 10000, -- entities in a round of the codec
  reads = quick and 500 or 100000,
  writes = quick and 200 or 20000,
  syncs = quick and 5 or 100,
  calls = quick and 50 or 10000,
  files = quick and 100 or 2000,
  trips = quick and 50 or 5000, -- to servers
  candles = quick and 3000 or 500000, -- a year of minutes
  minutes = quick and 5 or 200,
}
local ROUNDS = quick and 1 or tonumber(options.rounds or 5) or usage("--rounds needs a number")
local CODEC_ROUNDS = quick and 1 or 2 * ROUNDS
local SYNC_ROUNDS = quick and 1 or 6 * ROUNDS + 1

local measure = require("measure").into(options.dir)
local once, rounds, run, quoted = measure.once, measure.rounds, measure.run, measure.quoted
local folder, discard, filled, progress = measure.folder, measure.discard, measure.filled, measure.progress
local grouped, interpreter = measure.grouped, measure.interpreter

local report = Report.new()
local parts = {}

function parts.codec()
  local function kind(label, method, n, aim)
    local theirs, ours = { decode = {}, encode = {} }, { decode = {}, encode = {} }
    for round = 1, n do
      theirs.decode[round], ours.decode[round], theirs.encode[round], ours.encode[round] =
        once("lua", "codec", ".", string.format("-e %s -n %d -s %d", method, size.batch, round))
    end
    report:add(label .. ": decode; baseline lua-cjson", ours.decode, theirs.decode, aim)
    report:add(label .. ": encode; baseline lua-cjson", ours.encode, theirs.encode, aim)
  end
  kind("signal of 430 bytes", "signal", CODEC_ROUNDS, 0.5)
  kind("signal of 1.3 KB", "closedSignal", ROUNDS)
  kind("candle of 108 bytes", "candle", ROUNDS)
end

function parts.write()
  local source = filled("source", size.entities)

  -- Into an empty store, so a new one each time.  The bare loop needs one that Holdfast made.
  local into = { raw = {}, shuffled = {}, c = {}, lua = {} }
  local from = "-f " .. quoted(source)
  local function load(samples, who, flags)
    local dir = folder("load")
    if who == "raw" then os.execute(measure.commands.c .. " init -d " .. quoted(dir)) end
    samples[#samples + 1] = once(who, "load", dir, flags)
    discard(dir)
  end
  for round = 1, ROUNDS do
    load(into.raw, "raw", from)
    load(into.shuffled, "raw", string.format("%s -x -s %d", from, round))
    load(into.c, "c", from)
    load(into.lua, "lua", "-n " .. size.entities)
  end
  local many = grouped(size.entities)
  report:add("Lua writeMany of " .. many .. "; baseline in the table's (random) order", into.lua, into.shuffled, 2)
  report:add("Lua writeMany of " .. many .. "; baseline in sorted order", into.lua, into.raw)
  report:add("C write_many of " .. many .. "; baseline in sorted order", into.c, into.raw)

  local function puts(n, flags)
    return rounds(n, source,
      { { "raw", "raw", "put", flags }, { "c", "c", "put", flags }, { "lua", "lua", "put", flags } })
  end
  local samples = puts(ROUNDS, "-n " .. size.writes)
  report:add("C write, commit unsynced", samples.c, samples.raw, 1.15)
  report:add("Lua writeValue, commit unsynced", samples.lua, samples.raw, 1.25)

  os.execute("sync -f " .. quoted(source))
  samples = puts(SYNC_ROUNDS, "-y -n " .. size.syncs)
  report:add("C write, commit synced", samples.c, samples.raw, 1.15)
  report:add("Lua writeValue, commit synced", samples.lua, samples.raw, 1.05)
  discard(source)
end

local function reads(dir, more)
  local ops = "-n " .. size.reads
  local list = { { "raw", "raw", "get", ops }, { "c", "c", "get", ops }, { "lua", "lua", "get", ops } }
  for _, m in ipairs(more or {}) do list[#list + 1] = { m[1], m[2], m[3], ops } end
  return rounds(ROUNDS, dir, list)
end

function parts.read()
  local dir = filled("read", size.entities)
  local samples = reads(dir, { { "touch", "raw", "touch" }, { "readMany", "lua", "readMany" } })
  report:add("C read", samples.c, samples.raw, 1.15)
  report:add("Lua readValue, full decode", samples.lua, samples.raw, 2.5)
  report:add("Lua readMany of 1,000 ids, per id", samples.readMany, samples.raw)
  report:add("for comparison: raw get that only touches the value", samples.touch, samples.raw)
  discard(dir)
end

function parts.iterate()
  local dir = filled("iterate", size.entities)
  local calls = "-n " .. size.calls
  local samples = rounds(ROUNDS, dir, {
    { "raw", "raw", "walk" }, { "c", "c", "walk" }, { "values", "lua", "walk" }, { "filter", "lua", "filter" },
    { "rawKeys", "raw", "keys" }, { "keys", "lua", "keys" },
    { "rawTake", "raw", "take", calls }, { "take", "lua", "take", calls },
    { "rawCount", "raw", "count", calls }, { "count", "lua", "count", calls },
  })
  report:add("C iterate", samples.c, samples.raw, 1.3)
  report:add("Lua values(), full decode; aim: baseline + 1.6 µs", samples.values, samples.raw, Report.above(1.6))
  report:add("Lua filter on one field", samples.filter, samples.raw)
  report:add("Lua keys()", samples.keys, samples.rawKeys)
  report:add("Lua take(5)", samples.take, samples.rawTake)
  report:add("Lua count()", samples.count, samples.rawCount)
  discard(dir)
end

-- Questions, of stores of two sizes: ask.lua.
function parts.ask()
  require("ask").measure(report, { { size.entities, ROUNDS }, { size.many, math.min(ROUNDS, 3) } }, quick)
end

-- What indexes find: find.lua.
function parts.find()
  require("find").measure(report, { { size.entities, ROUNDS }, { size.many, math.min(ROUNDS, 3) } },
    { writes = size.writes, syncs = size.syncs }, quick)
end

-- What a log of changes costs: changes.lua.
function parts.changes()
  require("changes").measure(report, size.entities, ROUNDS, { writes = size.writes, syncs = size.syncs }, quick)
  require("watching").measure(report, quick and 1 or ROUNDS, { writes = size.writes, syncs = size.syncs })
  require("expiring").measure(report, quick and 1 or ROUNDS, quick and 1000 or 100000, quick and 2000 or 1000000)
  require("following").measure(report, quick and 1 or ROUNDS, quick and 1000 or 200000)
end

function parts.growth()
  local before, after, peak = {}, {}, {}
  for i, count in ipairs { size.few, size.entities, size.many } do
    progress("growth: %s entities", grouped(count))
    local dir = filled("growth", count)
    local samples = reads(dir)
    report:add("C read, " .. grouped(count) .. " entities", samples.c, samples.raw)
    report:add("Lua readValue, " .. grouped(count) .. " entities", samples.lua, samples.raw)
    before[i], peak[i], after[i] = once("lua", "memory", dir)
    discard(dir)
  end
  local many = "MiB of memory iterating " .. grouped(size.many) .. " values, "
  report:add(many .. "at most; baseline of " .. grouped(size.entities) .. "; aim: + 1 MiB", { peak[3] }, { peak[2] },
    Report.above(1))
  report:add(many .. "at most; baseline before", { peak[3] }, { before[3] })
  report:add(many .. "afterwards; baseline before", { after[3] }, { before[3] })
end

-- The same number of entities, spread over more and more entity names.
function parts.names()
  for _, names in ipairs(size.names) do
    progress("names: %s", grouped(names))
    local dir = filled("names", size.entities, names)
    local of = grouped(names) .. (names == 1 and " entity name" or " entity names")
    if names > 1 then
      local one = string.format("-e name-1 -n %d", size.reads)
      local samples = rounds(ROUNDS, dir, { { "raw", "raw", "get", one }, { "c", "c", "get", one } })
      report:add("C read of one of " .. of, samples.c, samples.raw)
    end
    local ops = string.format("-n %d -k %d", size.reads / 5, names)
    local samples = rounds(ROUNDS, dir,
      { { "raw", "raw", "names", ops }, { "c", "c", "names", ops }, { "lua", "lua", "names", ops } })
    report:add("C read spread over " .. of, samples.c, samples.raw)
    report:add("Lua readValue spread over " .. of, samples.lua, samples.raw)
    discard(dir)
  end
end

-- Classes in Lua under the C API.
function parts.scripts()
  local us = {}
  for i = 1, 10 do us[i] = {} end
  for round = 1, ROUNDS do
    local numbers = { once("script", "script", ".", "-n " .. size.batch * 10) }
    for i = 1, 10 do us[i][round] = numbers[i] end
  end
  local aim = Report.above(1)
  report:add("C has, of a class in Lua; baseline the method in a Lua loop; aim: + 1 µs", us[1], us[2], aim)
  report:add("C read of true, of a class in Lua; baseline likewise; aim: + 1 µs", us[3], us[4], aim)
  report:add("C write of true, of a class in Lua; baseline likewise; aim: + 1 µs", us[5], us[6], aim)
  report:add("C read of a signal, of a class in Lua; baseline reading true", us[7], us[3])
  report:add("C write of a signal, of a class in Lua; baseline writing true", us[8], us[5])
  report:add("C read through a class that leaves it to its store; baseline the store", us[9], us[10])
end

-- The file store, beside plain system calls on the same documents.
function parts.files()
  local dir = folder("files")
  local store = "file:" .. dir
  once("lua", "fill", store, "-n " .. size.files)
  local folderOf = dir .. "/signal"
  local function pair(n, flags, list)
    local samples = {}
    for _, m in ipairs(list) do samples[m[1]] = {} end
    for round = 1, n do
      for i = 1, #list do
        local m = list[(i + round) % #list + 1]
        local who, where = m[2], m[2] == "file" and folderOf or store
        samples[m[1]][round] = once(who, m[3], where, string.format("-s %d %s", round, flags))
      end
    end
    return samples
  end
  local read = pair(ROUNDS, "-n " .. size.files * 5, { { "raw", "file", "read" }, { "c", "c", "get" },
    { "lua", "lua", "get" } })
  report:add("file store: C read; baseline open, fstat, read, close", read.c, read.raw)
  report:add("file store: Lua readValue; baseline likewise", read.lua, read.raw)
  local writes = pair(ROUNDS, "-n " .. size.files, { { "raw", "file", "write" }, { "c", "c", "put" } })
  report:add("file store: C write, unsynced; baseline open, write, close, rename", writes.c, writes.raw)
  writes = pair(SYNC_ROUNDS, "-y -n " .. size.syncs, { { "raw", "file", "write" }, { "rename", "file", "rename" },
    { "c", "c", "put" } })
  report:add("file store: C write, synced; baseline open, write, fsync, rename, fsync of the folder", writes.c,
    writes.raw, 1.1)
  report:add("file store: C write, synced; baseline without the fsync of the folder", writes.c, writes.rename)
  local walks = pair(ROUNDS, "", { { "c", "c", "walk" }, { "lua", "lua", "walk" } })
  report:add("file store: C iterate; baseline a plain read of each", walks.c, read.raw)
  report:add("file store: Lua values(); baseline likewise", walks.lua, read.raw)
  discard(dir)
end

-- The adapters beside PersistBase.
function parts.adapters()
  local us = {}
  for i = 1, 5 do us[i] = {} end
  for round = 1, ROUNDS do
    local dir = folder("adapters")
    local numbers = { once("lua", "adapters", dir, "-n " .. size.reads) }
    for i = 1, 5 do us[i][round] = numbers[i] end
    discard(dir)
  end
  report:add("readSignalData; baseline readValue(strategy .. \"/\" .. symbol)", us[1], us[2], 1.05)
  report:add("readSignalData; baseline readValue of a ready id", us[1], us[3])
  report:add("writeSignalData, commit unsynced; baseline writeValue(strategy .. \"/\" .. symbol, row)", us[4], us[5],
    1.05)
end

-- The TypeScript framework on the same candles, where HOLDFAST_BACKTEST_KIT names a folder that has it.
local function framework(dir)
  local csv = dir .. "/candles.csv"
  local strategy = '{"name":"long-now","interval":"5m","position":"long","tp":0.006,"sl":0.01,"minutes":120}'
  os.execute("mkdir -p " .. quoted(dir))
  run(interpreter .. quoted(here .. "/../data/candles.lua") .. [[ '{"count":3000,"seed":7}' > ]] .. quoted(csv)
    .. " && echo done")
  local theirs, ours = {}, {}
  for round = 1, ROUNDS do
    local line = run("node " .. quoted(here .. "/backtest_kit.mjs") .. " " .. quoted(csv) .. " " .. quoted(strategy))
    local row = holdfast.json.decode(line)
    theirs[round], ours[round] = row.milliseconds * 1000 / row.candles, once("host", "kit", csv)
  end
  report:add("host: backtest, of a candle; baseline backtest-kit, without its files", ours, theirs, 0.05)
end

-- Candles kept in a store.
function parts.candles()
  local names = { "kept", "memory", "old", "new", "rows", "byHand", "fill", "bytes", "append", "single" }
  local us = {}
  for _, name in ipairs(names) do us[name] = {} end
  for round = 1, ROUNDS do
    local dir = folder("kept")
    local numbers = { once("host", "kept", dir, "-n " .. size.candles) }
    for i, name in ipairs(names) do us[name][round] = numbers[i] end
    discard(dir)
  end
  local month = quick and "3,000 candles" or "a month of 43,200 candles"
  report:add("candle store: backtest, of a candle; baseline from memory", us.kept, us.memory, 1.25)
  local made = "; baseline making as many tables"
  report:add("candle store: " .. month .. " as columns into old ones" .. made, us.old, us.byHand)
  report:add("candle store: " .. month .. " as columns" .. made, us.new, us.byHand)
  report:add("candle store: " .. month .. " as tables" .. made, us.rows, us.byHand)
  report:add("candle store: filling from memory, of a candle; baseline a backtest of it", us.fill, us.memory)
  report:add("candle store: one more minute of a day, unsynced; baseline an entity of its own", us.append, us.single)
  report:add("bytes of a candle in a candle store; baseline the 108 of an entity of JSON", us.bytes, { 108 }, 24 / 108)
end

-- The strategy host.
function parts.host()
  local us = {}
  for _, what in ipairs { "backtest", "bare", "tick", "prices", "one", "many", "written", "oneSynced", "manySynced",
    "writtenSynced" } do us[what] = {} end
  local dir = folder("host")
  for round = 1, ROUNDS do
    us.backtest[round], us.bare[round] = once("host", "backtest", dir, "-n " .. size.candles)
    us.tick[round], us.prices[round] = once("host", "tick", dir, "-n " .. size.minutes)
    local of = ("%s/%d"):format(dir, round)
    us.one[round], us.many[round], us.written[round] = once("host", "transition", of, "-n " .. size.minutes * 2)
    of = of .. "synced"
    us.oneSynced[round], us.manySynced[round], us.writtenSynced[round] =
      once("host", "transition", of, "-y -n " .. size.minutes * 2)
  end
  report:add("host: backtest, of a candle; baseline reading, checking and averaging it", us.backtest, us.bare)
  if os.getenv("HOLDFAST_BACKTEST_KIT") then framework(dir) end
  report:add("host: live minute of 200 symbols, of one; baseline its candles and average price", us.tick, us.prices)
  local baseline = "; baseline a transaction with its three writes"
  report:add("host: transition of 1 symbol, unsynced" .. baseline, us.one, us.written)
  report:add("host: transition of 200 symbols at once, of one, unsynced" .. baseline, us.many, us.written)
  report:add("host: transition of 1 symbol, synced" .. baseline, us.oneSynced, us.writtenSynced)
  report:add("host: transition of 200 symbols at once, of one, synced" .. baseline, us.manySynced, us.writtenSynced)
  discard(dir)
end

-- Commits that several share: together.lua.
function parts.together() require("together").measure(report, size.entities, ROUNDS, quick) end

-- Servers, beside loops over their client libraries alone on the same server.

local servers = {}

local function start(kind, arguments)
  local support = require("support." .. kind)
  if not support.isInstalled then
    io.stderr:write("bench: ", kind, " is not installed: left out\n")
    return nil
  end
  local server = support.start(arguments)
  servers[#servers + 1] = server
  return server
end

function parts.redis()
  local server = start "redis"
  if not server then return end
  local url = "redis://127.0.0.1:" .. server.port
  once("lua", "fill", url, "-n " .. size.entities)
  local trips, many = "-n " .. size.trips, grouped(size.entities)
  local samples = rounds(ROUNDS, url, {
    { "rawGet", "redis", "get", trips }, { "get", "c", "get", trips }, { "luaGet", "lua", "get", trips },
    { "rawPut", "redis", "put", trips }, { "put", "c", "put", trips }, { "luaPut", "lua", "put", trips },
    { "rawWalk", "redis", "walk" }, { "walk", "c", "walk" }, { "luaWalk", "lua", "walk" },
    { "oneByOne", "redis", "walkOneByOne" },
  })
  report:add("redis: C read; baseline hiredis", samples.get, samples.rawGet, 1.1)
  report:add("redis: Lua readValue; baseline hiredis", samples.luaGet, samples.rawGet)
  report:add("redis: C write; baseline hiredis", samples.put, samples.rawPut, 1.1)
  report:add("redis: Lua writeValue; baseline hiredis", samples.luaPut, samples.rawPut)
  report:add("redis: C iterate " .. many .. "; baseline SCAN and MGET", samples.walk, samples.rawWalk, 1.3)
  report:add("redis: C iterate " .. many .. "; baseline SCAN and a GET per key, as the reference", samples.walk,
    samples.oneByOne, 0.1)
  report:add("redis: Lua values() of " .. many .. ", full decode; baseline SCAN and MGET", samples.luaWalk,
    samples.rawWalk)
  local source = filled("redis", size.entities)
  local load = rounds(ROUNDS, url, { { "raw", "redis", "load" }, { "c", "c", "load", "-f " .. quoted(source) },
    { "lua", "lua", "load", "-n " .. size.entities } })
  report:add("redis: C write_many of " .. many .. "; baseline pipelined SET", load.c, load.raw, 1.3)
  report:add("redis: Lua writeMany of " .. many .. "; baseline pipelined SET", load.lua, load.raw)
  discard(source)
end

-- One symbol of a hundred, without an index and with one, beside the statement without.
local function askPostgres(server, url, plain)
  local flags, samples = quick and "-n 2" or "-n 10", { scan = {}, raw = {}, index = {} }
  local function ask(key, who, where)
    for round = 1, ROUNDS do samples[key][round] = once(who, "asked", where, flags) end
  end
  ask("raw", "postgres", plain)
  ask("scan", "findLua", url)
  once("findLua", "index", url, "-f metadata.symbol")
  server:psql("VACUUM ANALYZE")
  ask("index", "findLua", url)
  local of, baseline = (", 1 %% of %s"):format(grouped(size.entities)), "; baseline the statement without an index"
  report:add("postgres: Lua filter on a nested field" .. of .. baseline, samples.scan, samples.raw, 1.1)
  report:add("postgres: Lua filter on a nested field, by an index" .. of .. baseline, samples.index, samples.raw, 1)
end

function parts.postgres()
  local server = start "postgres"
  if not server then return end
  local url = server:url("?timeout=60s")
  local plain = server:url()
  once("lua", "fill", url, "-n " .. size.entities)
  server:psql("VACUUM ANALYZE")
  local trips, many, samples = "-n " .. size.trips, grouped(size.entities), {}
  local list = { { "get", trips }, { "put", "-n " .. size.trips / 5 }, { "walk", "" } }
  for _, m in ipairs(list) do
    samples[m[1]] = { raw = {}, lua = {} }
    for round = 1, ROUNDS do
      samples[m[1]].raw[round] = once("postgres", m[1], plain, ("-s %d %s"):format(round, m[2]))
      samples[m[1]].lua[round] = once("lua", m[1], url, ("-s %d %s"):format(round, m[2]))
    end
  end
  report:add("postgres: Lua readValue; baseline libpq", samples.get.lua, samples.get.raw, 1.1)
  report:add("postgres: Lua writeValue; baseline libpq", samples.put.lua, samples.put.raw, 1.1)
  report:add("postgres: Lua values() of " .. many .. ", full decode; baseline one ordered statement",
    samples.walk.lua, samples.walk.raw, 1.3)
  local load = { raw = {}, lua = {} }
  for round = 1, ROUNDS do
    load.raw[round] = once("postgres", "load", plain)
    load.lua[round] = once("lua", "load", url, "-n " .. size.entities)
  end
  report:add("postgres: Lua writeMany of " .. many .. "; baseline libpq's pipeline", load.lua, load.raw, 1.3)
  server:psql("VACUUM FULL ANALYZE")
  askPostgres(server, url, plain) -- and leaves an index, which writes would pay for
end

-- The same work, by scripts, on each kind of store, every write durable but where it says otherwise.
function parts.stores()
  local always, never = start("redis", "--appendonly yes --appendfsync always"), start "redis"
  local pg = start "postgres"
  local stores = {
    { "file", "file:" .. folder("stores-file") },
    { "redis, appendfsync always", always and "redis://127.0.0.1:" .. always.port },
    { "redis without a file", never and "redis://127.0.0.1:" .. never.port },
    { "postgres", pg and pg:url("?timeout=60s") },
  }
  local lmdb = folder("stores-lmdb")
  local work = {
    { "readValue", "get", "-n " .. size.files },
    { "writeValue", "put", "-y -n " .. size.syncs * 5 },
    { "values(), per entity", "walk", "" },
    { "writeMany, per entity", "load", "-y -n " .. size.files },
  }
  once("lua", "fill", lmdb, "-n " .. size.files)
  for _, store in ipairs(stores) do
    local name, url = store[1], store[2]
    if url then
      once("lua", "fill", url, "-n " .. size.files)
      for _, m in ipairs(work) do
        local theirs, ours = {}, {}
        for round = 1, ROUNDS do
          local flags = ("-s %d %s"):format(round, m[3])
          theirs[round], ours[round] = once("lua", m[2], url, flags), once("lua", m[2], lmdb, flags)
        end
        report:add(("%s: %s; baseline lmdb"):format(name, m[1]), theirs, ours)
      end
    end
  end
end

-- --------------------------------------------------------------------- main

if options.only and not parts[options.only] then usage("there is no part " .. options.only) end
-- What waits for a disk or a server takes no time of the processor meanwhile.
local WAITLESS = { codec = true, read = true, iterate = true, ask = true, names = true, scripts = true }
if options.cpu then
  if not WAITLESS[options.only] then usage("--cpu goes with --only and a part that does not wait, such as ask") end
  measure.byProcessor()
end
if options.record and options.only and options.only ~= "ask" and options.only ~= "find" then
  usage("--record goes with all parts, with --only ask or find, and with --peers")
end

local function measureParts()
  for _, part in ipairs(PARTS) do
    if not options.only or options.only == part then
      progress("%s", part)
      report.part = part
      parts[part]()
    end
  end
end

-- Beside other stores.  Gives the table for the documents.
local function measurePeers()
  return peers.measure(report, {
    entities = quick and 1000 or tonumber(options.entities or size.entities) or usage("--entities needs a number"),
    puts = size.writes, syncs = size.syncs * 5, gets = size.reads, trips = size.trips,
    rounds = quick and 1 or math.min(ROUNDS, 3),
  }, options.npm)
end

-- Puts the tables into the document: that of the peers, or those of asking and finding and that of all other parts.
local function record(path, peersTable)
  local replace = require("record").replace
  if peersTable then return replace(path, " --peers", peersTable) end
  local own = { ask = true, find = true }
  for part in pairs(own) do
    local function isOfIt(row) return row.part == part end
    if (options.only or part) == part then replace(path, " --only " .. part, report:markdown(isOfIt)) end
  end
  if not options.only then replace(path, "", report:markdown(function(row) return not own[row.part] end)) end
end

local ok, problem = pcall(options.peers and measurePeers or measureParts)
peers.stop()
for _, server in ipairs(servers) do server:stop() end
temp.removeAll()
measure.discardAll()
if not ok then
  io.stderr:write("bench: ", tostring(problem), "\n")
  os.exit(1)
end

io.write(options.markdown and (problem or report:markdown()) or report:text())
if options.record then record(options.record, problem) end
local aims, missed = report:score()
io.stderr:write(string.format("%d aims, %d missed; %.0f s\n", aims, missed, measure.elapsed()))
if options.json then
  local file = assert(io.open(options.json, "w"))
  file:write(report:json(holdfast.json.encode))
  file:close()
end
