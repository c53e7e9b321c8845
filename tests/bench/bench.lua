-- SPDX-License-Identifier: MIT
--
-- `./dev bench`: what Holdfast costs, beside the same work done by a bare C loop
-- over LMDB on the same file, and beside lua-cjson.  docs/performance.md says how to
-- read the table.
--
--     holdfast run tests/bench/bench.lua [--json FILE] [--markdown] [--dir DIR] [--quick] [--only WORD]
--
-- What Lua does is measured in this process, what C does by hf_bench (bench.h) in
-- one of its own.  A round measures all that is compared once, one right after the
-- other, so that a slow moment of the machine hits them alike; rows are medians of
-- rounds.

local here = (arg[0] or ""):match("^(.*)/") or "."
package.path = here .. "/?.lua;" .. package.path

local ffi = require "ffi"
local cjson = require "cjson"
local holdfast = require "holdfast"
local Report = require "report"
local signals = require "signals"

ffi.cdef [[
  struct hf_bench_timespec { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct hf_bench_timespec *time);
]]

-- ----------------------------------------------------------------- options

local USAGE = "usage: bench.lua [--json FILE] [--markdown] [--dir DIR] [--quick] [--only WORD]"
local options = {}
do
  local i = 1
  while arg[i] do
    local name = arg[i]:match("^%-%-(%a+)$")
    if name == "quick" or name == "markdown" then
      options[name] = true
    elseif (name == "json" or name == "dir" or name == "only" or name == "memory") and arg[i + 1] then
      i = i + 1
      options[name] = arg[i]
    else
      io.stderr:write("bench: ", arg[i], "?\n", USAGE, "\n")
      os.exit(2)
    end
    i = i + 1
  end
end

-- How much is measured.  With --quick just enough to see that everything runs.
local quick = options.quick
local size = {
  entities = quick and 1000 or 100000,
  few = quick and 100 or 1000,
  many = quick and 3000 or 1000000,
  reads = quick and 500 or 100000,
  writes = quick and 200 or 20000,
  syncs = quick and 5 or 150,
  namesReads = quick and 500 or 20000,
  names = quick and { 1, 5, 20 } or { 1, 100, 1000 },
  rounds = quick and 1 or 5,
  fewRounds = quick and 1 or 3,
  readRounds = quick and 1 or 7,
  syncRounds = quick and 1 or 15,
}

local SEED = 305419896
local ENTITY = "signal"

-- ------------------------------------------------------------------- tools

local time = ffi.new("struct hf_bench_timespec")
local function now()
  ffi.C.clock_gettime(1, time)
  return tonumber(time.seconds) * 1e6 + tonumber(time.nanoseconds) / 1e3
end

local function thousands(n)
  local text, k = tostring(n), nil
  repeat text, k = text:gsub("^(%d+)(%d%d%d)", "%1,%2") until k == 0
  return text
end

-- The µs that one of `ops` operations takes when fn does them all.
local function measure(ops, fn)
  collectgarbage()
  local start = now()
  fn()
  return (now() - start) / ops
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("*a")
  local ok = pipe:close()
  -- LuaJIT without the 5.2 extensions tells no exit code: then the output has to.
  if ok == nil or output == "" then error("failed: " .. command, 2) end
  return output
end

local build = os.getenv("HOLDFAST_BUILD") or "build"
local program = build .. "/tests/hf_bench"

-- One measurement by hf_bench: "raw" or "c", what, options as there.
local function bench(who, what, dir, flags)
  local output = run(table.concat({ quoted(program), who, what, "-d", quoted(dir), flags or "" }, " "))
  return assert(tonumber(output), output)
end

local function flagsFor(ops, seed) return string.format("-n %d -s %d", ops, seed) end

-- The ids that hf_bench accesses with these options, too.
local function accesses(ops, seed, count)
  local random, ids = signals.random(seed), {}
  for i = 1, ops do ids[i] = "log-" .. (random() % count + 1) end
  return ids
end

local report = Report.new()
local started = now()
local function progress(...)
  io.stderr:write(string.format("%4.0f s  ", (now() - started) / 1e6), string.format(...), "\n")
end

-- Rounds of several measurements, each a function of the round's number; gives their samples by name.
local function rounds(n, measurements)
  local samples = {}
  for name in pairs(measurements) do samples[name] = {} end
  for round = 1, n do
    for _, name in ipairs { "raw", "other", "c", "lua", "more" } do
      if measurements[name] then samples[name][round] = measurements[name](round) end
    end
  end
  return samples
end

-- ------------------------------------------------------------------ folders

local made = {}
local function removeAll(dir) os.execute("rm -rf " .. quoted(dir)) end

local base = options.dir or build .. "/bench-data"
local function folder(name)
  local dir = base .. "/" .. name
  removeAll(dir)
  os.execute("mkdir -p " .. quoted(base))
  made[dir] = true
  return dir
end

local function discard(dir)
  removeAll(dir)
  made[dir] = nil
end

local function open(dir, entity, durability)
  local store = holdfast.PersistBase(entity or ENTITY, dir, { durability = durability or "nosync" })
  store:waitForInit(true)
  return store
end

-- Fills a store with `count` signals in commits of 50,000.
local function fill(dir, count)
  local store, generator, batch, n = open(dir), signals.new(SEED), {}, 0
  for i = 1, count do
    batch["log-" .. i] = generator:signal()
    n = n + 1
    if n == 50000 or i == count then
      store:writeMany(batch)
      batch, n = {}, 0
    end
  end
  store:close()
end

-- ------------------------------------------------------- memory, in a child

-- Iterates all values of the store and prints the KiB of anonymous memory before, at most and after.
local function memoryKiB()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^RssAnon:%s*(%d+)")
    if kib then return tonumber(kib) end
  end
end

if options.memory then
  local store = open(options.memory)
  for _ in store:values { limit = 100 } do end
  local before, peak, n = memoryKiB(), 0, 0
  for _ in store:values() do
    n = n + 1
    if n % 5000 == 0 then peak = math.max(peak, memoryKiB()) end
  end
  collectgarbage()
  collectgarbage()
  peak = math.max(peak, memoryKiB())
  store:close()
  print(before, peak, memoryKiB())
  os.exit(0)
end

local function memoryOfIterating(dir)
  local exe = run("readlink /proc/$PPID/exe"):match("^[^\n]+")
  local command = quoted(exe) .. (exe:match("holdfast$") and " run " or " ") .. quoted(arg[0])
  local output = run(command .. " --memory " .. quoted(dir))
  local before, peak, after = output:match("(%d+)%s+(%d+)%s+(%d+)")
  return before / 1024, peak / 1024, after / 1024
end

-- -------------------------------------------------------------------- codec

local function measureCodec(label, values, n, aim)
  local count, texts = #values, {}
  for i = 1, count do texts[i] = holdfast.json.encode(values[i]) end
  local function each(fn, list)
    return function()
      return measure(count, function() for i = 1, count do fn(list[i]) end end)
    end
  end
  local decode = rounds(n, { raw = each(cjson.decode, texts), lua = each(holdfast.json.decode, texts) })
  report:add(label .. ": decode, against lua-cjson", decode.lua, decode.raw, aim)
  local encode = rounds(n, { raw = each(cjson.encode, values), lua = each(holdfast.json.encode, values) })
  report:add(label .. ": encode, against lua-cjson", encode.lua, encode.raw, aim)
end

local function generate(method, count)
  local generator, values = signals.new(SEED), {}
  for i = 1, count do values[i] = generator[method](generator) end
  return values
end

local function codecRows()
  progress("codec")
  measureCodec("codec, signal of 430 bytes", generate("signal", size.entities), size.rounds, 0.5)
  measureCodec("codec, closed signal of 1.3 KB", generate("closedSignal", math.ceil(size.entities / 5)), size.fewRounds)
  measureCodec("codec, candle of 108 bytes", generate("candle", size.entities), size.fewRounds)
end

-- ------------------------------------------------------------------ writing

-- writeMany into an empty store.  Gives a store with all entities.
local function writeManyRows()
  progress("writeMany")
  local source = folder("source")
  local entities, generator = {}, signals.new(SEED)
  for i = 1, size.entities do entities["log-" .. i] = generator:signal() end
  do
    local store = open(source)
    store:writeMany(entities)
    store:close()
  end
  local function load(who, flags)
    return function()
      local dir = folder("load")
      if who == "raw" then open(dir):close() end
      local us = bench(who, "load", dir, "-f " .. quoted(source) .. flags)
      discard(dir)
      return us
    end
  end
  local samples = rounds(size.rounds, {
    raw = load("raw", ""),
    other = load("raw", " -x -s 1"),
    c = load("c", ""),
    lua = function()
      local dir = folder("load")
      local store = open(dir)
      local us = measure(size.entities, function() store:writeMany(entities) end)
      store:close()
      discard(dir)
      return us
    end,
  })
  report:add("Lua writeMany of " .. thousands(size.entities) .. ", unsynced", samples.lua, samples.raw, 2)
  report:add("  the same, baseline putting in random order", samples.lua, samples.other)
  report:add("C write_many of " .. thousands(size.entities) .. ", unsynced", samples.c, samples.raw)
  return source, entities
end

local function writeRows(dir, entities)
  progress("write, unsynced")
  local function writing(ops, durability)
    local flags = durability == "sync" and " -y" or ""
    local function by(who)
      return function(round) return bench(who, "put", dir, flagsFor(ops, round) .. flags) end
    end
    return {
      raw = by "raw",
      c = by "c",
      lua = function(round)
        local store = open(dir, ENTITY, durability)
        local ids = accesses(ops, round, size.entities)
        local values = {}
        for i = 1, ops do values[i] = entities[ids[i]] end
        for i = 1, ops / 10 do store:writeValue(ids[i], values[i]) end
        local us = measure(ops, function()
          for i = 1, ops do store:writeValue(ids[i], values[i]) end
        end)
        store:close()
        return us
      end,
    }
  end
  local samples = rounds(size.rounds, writing(size.writes, "nosync"))
  report:add("C write, unsynced commit", samples.c, samples.raw, 1.15)
  report:add("Lua writeValue, unsynced commit", samples.lua, samples.raw, 1.25)

  progress("write, synced")
  os.execute("sync -f " .. quoted(dir))
  samples = rounds(size.syncRounds, writing(size.syncs, "sync"))
  report:add("C write, synced commit", samples.c, samples.raw, 1.15)
  report:add("Lua writeValue, synced commit", samples.lua, samples.raw, 1.05)
end

-- ------------------------------------------------------------------ reading

local function readOnce(store, ids)
  for i = 1, #ids do store:readValue(ids[i]) end
end

-- Random reads of the store by all sides.
local function reading(dir, count, ops)
  local function by(who, what)
    return function(round) return bench(who, what, dir, flagsFor(ops, round)) end
  end
  return {
    raw = by("raw", "get"),
    other = by("raw", "touch"),
    c = by("c", "get"),
    lua = function(round)
      local store = open(dir)
      local ids = accesses(ops, round, count)
      readOnce(store, ids)
      local us = measure(ops, function() readOnce(store, ids) end)
      store:close()
      return us
    end,
  }
end

local function readRows(dir)
  progress("read")
  local measurements = reading(dir, size.entities, size.reads)
  function measurements.more(round)
    local store, ids, lists = open(dir), accesses(size.reads, round, size.entities), {}
    for i = 1, #ids do
      local list = math.ceil(i / 1000)
      lists[list] = lists[list] or {}
      table.insert(lists[list], ids[i])
    end
    local us = measure(size.reads, function()
      for i = 1, #lists do store:readMany(lists[i]) end
    end)
    store:close()
    return us
  end
  local samples = rounds(size.readRounds, measurements)
  report:add("C read", samples.c, samples.raw, 1.15)
  report:add("Lua readValue, full decode", samples.lua, samples.raw, 2.5)
  report:add("Lua readMany of 1,000 ids, per id", samples.more, samples.raw)
  report:add("  raw get that only touches the value", samples.other, samples.raw)
end

local function iterateRows(dir)
  progress("iterate")
  local count = size.entities
  local store
  local function once(method, argument)
    return measure(count, function()
      for _ in store[method](store, argument) do end
    end)
  end
  local symbol = "BTCUSDT"
  local function predicate(v) return v.metadata.symbol == symbol end
  local function inLua(fn)
    return function()
      store = open(dir)
      fn()
      local us = fn()
      store:close()
      return us
    end
  end
  local samples = rounds(size.readRounds, {
    raw = function() return bench("raw", "walk", dir) end,
    c = function() return bench("c", "walk", dir) end,
    lua = inLua(function() return once "values" end),
    more = inLua(function() return once("filter", predicate) end),
  })
  report:add("C iterate", samples.c, samples.raw, 1.3)
  report:add("Lua values(), full decode (aim: baseline + 1.6 us)", samples.lua, samples.raw, Report.above(1.6))
  report:add("Lua filter on one field", samples.more, samples.raw)

  samples = rounds(size.rounds, {
    raw = function() return bench("raw", "keys", dir) end,
    lua = inLua(function() return once "keys" end),
  })
  report:add("Lua keys()", samples.lua, samples.raw)

  local ops = math.ceil(size.reads / 10)
  samples = rounds(size.rounds, {
    raw = function() return bench("raw", "take", dir, flagsFor(ops, 1)) end,
    lua = inLua(function()
      return measure(ops, function()
        for _ = 1, ops do for _ in store:take(5) do end end
      end)
    end),
  })
  report:add("Lua take(5)", samples.lua, samples.raw)

  samples = rounds(size.rounds, {
    raw = function() return bench("raw", "count", dir, flagsFor(ops, 1)) end,
    lua = inLua(function()
      return measure(ops, function()
        for _ = 1, ops do store:count() end
      end)
    end),
  })
  report:add("Lua count()", samples.lua, samples.raw)
end

-- ------------------------------------------------------------------- growth

local function sizeRows(dir, count, ops)
  progress("read, %s entities", thousands(count))
  local samples = rounds(size.rounds, reading(dir, count, ops))
  report:add("C read, of " .. thousands(count), samples.c, samples.raw)
  report:add("Lua readValue, of " .. thousands(count), samples.lua, samples.raw)
end

local function growthRows(dir)
  local few = folder("few")
  fill(few, size.few)
  sizeRows(few, size.few, size.reads)
  discard(few)
  sizeRows(dir, size.entities, size.reads)
  progress("storing %s entities", thousands(size.many))
  local many = folder("many")
  fill(many, size.many)
  sizeRows(many, size.many, size.reads)

  progress("memory")
  local _, smallPeak = memoryOfIterating(dir)
  local before, peak, after = memoryOfIterating(many)
  local title = "MiB at most, iterating " .. thousands(size.many) .. " values; baseline "
  report:add(title .. thousands(size.entities), { peak }, { smallPeak }, 1.1)
  report:add("  the same; baseline before iterating", { peak }, { before })
  report:add("  MiB after it; baseline before", { after }, { before })
  discard(many)
end

-- Reads from a store with that many entity names: of one of them, and of all in random order.
local function namesRows(names)
  progress("read, %s entity names", thousands(names))
  local dir = folder("names")
  local each = math.floor(size.entities / names)
  local generator = signals.new(SEED)
  for i = 1, names do
    local store, batch = open(dir, names > 1 and "name-" .. i or ENTITY), {}
    for n = 1, each do batch["log-" .. n] = generator:signal() end
    store:writeMany(batch)
    store:close()
  end
  local ops = size.namesReads

  if names > 1 then
    local one = "-e name-1 "
    local samples = rounds(size.rounds, {
      raw = function(round) return bench("raw", "get", dir, one .. flagsFor(ops, round)) end,
      c = function(round) return bench("c", "get", dir, one .. flagsFor(ops, round)) end,
    })
    report:add("C read of one of " .. thousands(names) .. " names", samples.c, samples.raw)
  end

  local flags = function(round) return flagsFor(ops, round) .. " -k " .. names end
  local samples = rounds(size.rounds, {
    raw = function(round) return bench("raw", "names", dir, flags(round)) end,
    c = function(round) return bench("c", "names", dir, flags(round)) end,
    lua = function(round)
      local stores, picked, ids, random = {}, {}, {}, signals.random(round)
      for i = 1, names do stores[i] = open(dir, names > 1 and "name-" .. i or ENTITY) end
      for i = 1, ops do
        picked[i] = stores[random() % names + 1]
        ids[i] = "log-" .. (random() % each + 1)
      end
      local function once() for i = 1, ops do picked[i]:readValue(ids[i]) end end
      once()
      local us = measure(ops, once)
      for i = 1, names do stores[i]:close() end
      return us
    end,
  })
  local over = names > 1 and "over " .. thousands(names) .. " names" or "of 1 name"
  report:add("C read " .. over, samples.c, samples.raw)
  report:add("Lua readValue " .. over, samples.lua, samples.raw)
  discard(dir)
end

-- --------------------------------------------------------------------- main

local function main()
  local function wanted(part) return not options.only or options.only == part end
  if wanted "codec" then codecRows() end
  local dir, entities
  if not options.only or options.only:match("^write") or wanted "read" or wanted "iterate" or wanted "growth" then
    dir, entities = writeManyRows()
  end
  if wanted "write" then writeRows(dir, entities) end
  entities = nil -- luacheck: ignore 311
  collectgarbage()
  if wanted "read" then readRows(dir) end
  if wanted "iterate" then iterateRows(dir) end
  if wanted "growth" then growthRows(dir) end
  if wanted "names" then
    for _, names in ipairs(size.names) do namesRows(names) end
  end
end

local ok, problem = xpcall(main, function(e) return debug.traceback(tostring(e), 2) end)
for dir in pairs(made) do removeAll(dir) end
os.execute("rmdir " .. quoted(base) .. " 2>/dev/null")
if not ok then
  io.stderr:write("bench: ", problem, "\n")
  os.exit(1)
end

io.write(options.markdown and report:markdown() or report:text())
local aims, missed = report:score()
io.stderr:write(string.format("%d aims, %d missed; %.0f s\n", aims, missed, (now() - started) / 1e6))
if options.json then
  local file = assert(io.open(options.json, "w"))
  file:write(report:json(holdfast.json.encode))
  file:close()
end
