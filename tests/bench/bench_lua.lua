-- SPDX-License-Identifier: MIT
--
-- The scripts' side of the measurements: hf_bench (bench.h) in Lua, with the same
-- command line, one measurement per run, printed as µs per operation on one line.
-- bench.lua runs it.  A process of its own gives each measurement a fresh heap: what the
-- collector costs depends on everything that is alive.

package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path

local clock = require "clock"
local holdfast = require "holdfast"
local signals = require "signals"

local o = require "arguments"(arg)

local function open(entity)
  local store = holdfast.PersistBase(entity or o.entity, o.dir, { durability = o.synced and "sync" or "nosync" })
  store:waitForInit(true)
  return store
end

local function show(...) print(string.format(string.rep("%.6f ", select("#", ...)), ...)) end

-- µs that one of `ops` operations takes when fn does them all; a first time to warm up.
local function measure(ops, fn)
  fn()
  return clock.perOperation(ops, fn)
end

-- The ids of the accesses that hf_bench does, too: a function that gives the next `n` of them.
local function accesses(store)
  local random, count = signals.random(o.seed), store:count()
  return function(n)
    local ids = {}
    for i = 1, n do ids[i] = "log-" .. (random() % count + 1) end
    return ids
  end
end

-- Shows the µs of one access.
local function measureAccesses(makePrepare, act) show(clock.perAccess(o.ops, makePrepare, act)) end

local measurements = {}

function measurements.get()
  local store = open()
  measureAccesses(function() return accesses(store) end, function(ids)
    for i = 1, #ids do store:readValue(ids[i]) end
  end)
end

function measurements.readMany()
  local store = open()
  measureAccesses(function() return accesses(store) end, function(ids) store:readMany(ids) end)
end

-- Reads spread over many collections, with an instance for each.
function measurements.names()
  local stores = {}
  for i = 1, o.names do stores[i] = open(o.names > 1 and "name-" .. i or nil) end
  local count = stores[1]:count()
  local function prepare()
    local random = signals.random(o.seed)
    return function(n)
      local list = {}
      for i = 1, n do list[i] = { stores[random() % o.names + 1], "log-" .. (random() % count + 1) } end
      return list
    end
  end
  measureAccesses(prepare, function(list)
    for i = 1, #list do
      local access = list[i]
      access[1]:readValue(access[2])
    end
  end)
end

-- Iterations over everything.
local function walk(iterate)
  local store = open()
  show(measure(store:count(), function()
    for _ in iterate(store) do end
  end))
end

function measurements.walk()
  walk(function(store) return store:values() end)
end

function measurements.keys()
  walk(function(store) return store:keys() end)
end

function measurements.filter()
  local function isBitcoin(v) return v.metadata.symbol == "BTCUSDT" end
  walk(function(store) return store:filter(isBitcoin) end)
end

function measurements.take()
  local store = open()
  show(measure(o.ops, function()
    for _ = 1, o.ops do for _ in store:take(5) do end end
  end))
end

function measurements.count()
  local store = open()
  show(measure(o.ops, function()
    for _ = 1, o.ops do store:count() end
  end))
end

-- Overwrites entities, one commit each, with values read before.
function measurements.put()
  local store = open()
  local function prepare()
    local nextIds = accesses(store)
    return function(n)
      local list = {}
      for i, id in ipairs(nextIds(n)) do list[i] = { id, store:readValue(id) } end
      return list
    end
  end
  measureAccesses(prepare, function(list)
    for i = 1, #list do
      local access = list[i]
      store:writeValue(access[1], access[2])
    end
  end)
end

-- Several functions, each a transaction of its own, in one commit.  Before there was a word for it, by hand:
-- `./dev bench --against` runs this with such builds, too.
local transactions = holdfast.transactions or function(functions)
  holdfast.transaction(function()
    for i = 1, #functions do holdfast.transaction(functions[i]) end
  end)
end

-- Commits of so many transactions, each of which overwrites three entities with values read before.
function measurements.transactions()
  local store = open()
  local function prepare()
    local nextIds = accesses(store)
    return function(n)
      local list = {}
      for i = 1, n do
        local ids, values = nextIds(3), {}
        for k = 1, 3 do values[k] = store:readValue(ids[k]) end
        list[i] = function() for k = 1, 3 do store:writeValue(ids[k], values[k]) end end
      end
      return list
    end
  end
  local us = 0
  for _ = 1, 2 do -- once to warm up
    local nextFunctions = prepare()
    us = 0
    for _ = 1, o.ops do
      local functions = nextFunctions(o.group)
      collectgarbage()
      local start = clock.now()
      local results = transactions(functions)
      us = us + clock.now() - start
      for i = 1, results and #results or 0 do assert(results[i].ok, "a transaction has failed") end
    end
  end
  show(us / o.ops / o.group)
end

-- Writes as many generated entities into an empty store in one commit.
function measurements.load()
  local store, generator, entities = open(), signals.new(signals.SEED), {}
  for i = 1, o.ops do entities["log-" .. i] = generator:signal() end
  show(clock.perOperation(o.ops, function() store:writeMany(entities) end))
end

-- MiB of memory that is not a mapped file, of which the store is one.
local function memory()
  for line in io.lines("/proc/self/status") do
    local kib = line:match("^RssAnon:%s*(%d+)")
    if kib then return tonumber(kib) / 1024 end
  end
end

-- Iterates everything once; prints the memory before it, at most, and after it.
function measurements.memory()
  local store = open()
  for _ in store:values { limit = 1000 } do end
  collectgarbage()
  local before, peak, n = memory(), 0, 0
  for _ in store:values() do
    n = n + 1
    if n % 1000 == 0 then peak = math.max(peak, memory()) end
  end
  collectgarbage()
  show(before, peak, memory())
end

-- Fills stores for others to measure: `ops` entities, spread over `names`.
function measurements.fill()
  local generator = signals.new(signals.SEED)
  for name = 1, o.names do
    local store, batch, n = open(o.names > 1 and "name-" .. name or nil), {}, 0
    local each = math.floor(o.ops / o.names)
    for i = 1, each do
      batch["log-" .. i] = generator:signal()
      n = n + 1
      if n == 20000 or i == each then
        store:writeMany(batch)
        batch, n = {}, 0
      end
    end
    store:close()
  end
  show(0)
end

-- The codec beside lua-cjson, on `ops` entities of a kind (-e); prints the µs of lua-cjson's and our decoder, then
-- encoder.  By batches, all different, so that the heap is not mostly what waits to be measured.
function measurements.codec()
  local cjson = require "cjson"
  local generator = signals.new(signals.SEED + o.seed)
  local values, texts = {}, {}
  for i = 1, o.ops do
    values[i] = generator[o.entity](generator)
    texts[i] = holdfast.json.encode(values[i])
  end
  local function time(fn, list)
    return clock.perOperation(o.ops, function()
      for i = 1, #list do fn(list[i]) end
    end)
  end
  local encodeTheirs, encode = time(cjson.encode, values), time(holdfast.json.encode, values)
  values = nil -- luacheck: ignore 311
  local decodeTheirs, decode = time(cjson.decode, texts), time(holdfast.json.decode, texts)
  show(decodeTheirs, decode, encodeTheirs, encode)
end

-- The signal adapter beside PersistBase on the same entities of the same store; prints the µs of readSignalData,
-- readValue
-- with the id joined by the caller and with a ready one, writeSignalData, and writeValue with the id joined.  In short
-- turns, so that a slow moment of the machine hits all.
function measurements.adapters()
  local url = "lmdb:" .. o.dir .. "?durability=nosync"
  local adapter, generator = holdfast.PersistSignalAdapter, signals.new(signals.SEED)
  adapter.usePersistSignalAdapter(url)
  local store = holdfast.PersistBase("signal", url)
  local strategy, symbols, ids, rows = "main", {}, {}, {}
  for i = 1, 1000 do
    symbols[i], ids[i], rows[i] = "SYMBOL" .. i, "main/SYMBOL" .. i, generator:signal()
    adapter.writeSignalData(rows[i], "main", symbols[i])
  end
  local turns = { -- each with a loop of its own, which is compiled for what it does
    function() for i = 1, 1000 do adapter.readSignalData("main", symbols[i]) end end,
    function() for i = 1, 1000 do store:readValue(strategy .. "/" .. symbols[i]) end end,
    function() for i = 1, 1000 do store:readValue(ids[i]) end end,
    function() for i = 1, 1000 do adapter.writeSignalData(rows[i], "main", symbols[i]) end end,
    function() for i = 1, 1000 do store:writeValue(strategy .. "/" .. symbols[i], rows[i]) end end,
  }
  local us = { {}, {}, {}, {}, {} }
  -- Reads first: writes leave nothing of them in the processor's caches.  Back and forth, so that none always comes
  -- after the same other.
  for _, phase in ipairs { { 1, 2, 3 }, { 4, 5 } } do
    for turn = 1, math.max(5, o.ops / 1000) do
      for k = 1, #phase do
        local which = phase[turn % 2 == 0 and k or #phase + 1 - k]
        local start = clock.now()
        turns[which]()
        if turn > 2 then table.insert(us[which], (clock.now() - start) / 1000) end
      end
    end
  end
  for which = 1, 5 do
    table.sort(us[which])
    us[which] = us[which][math.ceil(#us[which] / 2)] -- a collection that falls into one turn is not another's cost
  end
  show(unpack(us))
end

local measurement = measurements[o.what]
if not measurement then
  io.stderr:write("bench_lua: nothing is called ", tostring(o.what), "\n")
  os.exit(2)
end
measurement()
