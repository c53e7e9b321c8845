-- SPDX-License-Identifier: MIT
--
-- The scripts' side of finding by indexes, with hf_bench's command line.  find.lua runs it, and says what is compared.
--
--   bench_find.lua symbol|prices -d DIR -n OPS      of an entity: filter by that question; then readMany of the same
--                                                   ids; then how many there are
--   bench_find.lua one -d DIR -n OPS                first() of one by a value that it alone has; then readValue of it
--   bench_find.lua top -d DIR -n OPS                the ten largest; then readMany of the same ids
--   bench_find.lua half|over|under -d DIR -f PLAIN  of an entity: filter by that; then in a store without indexes
--   bench_find.lua early -d DIR -f PLAIN -n OPS     first() of what one in a hundred is; then in one without indexes
--   bench_find.lua index -d URL -f PATH             makes an index
--   bench_find.lua asked -d URL -n OPS              of an entity: filter of one symbol; then how many there are

package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path

local clock = require "clock"
local holdfast = require "holdfast"
local signals = require "signals"

local o = require "arguments"(arg)
local function open(dir)
  local store = holdfast.PersistBase(o.entity, dir, { durability = "nosync" })
  store:waitForInit(true)
  return store
end
local store = open(o.dir)

local function show(...) print(string.format(string.rep("%.6f ", select("#", ...)), ...)) end

local questions = require "questions"

local function length(predicate, of)
  local n = 0
  for _ in (of or store):filter(predicate) do n = n + 1 end
  return n
end

-- µs of two ways of the same in turn, the first turn to warm up; of all that they do, or of one of `ops`.
local function inTurn(turns, one, other, ops)
  local ours, theirs = 0, 0
  for turn = 0, turns do
    collectgarbage()
    local start = clock.now()
    one()
    local middle = clock.now()
    other()
    if turn > 0 then ours, theirs = ours + middle - start, theirs + clock.now() - middle end
  end
  turns = turns * (ops or 1)
  return ours / turns, theirs / turns
end

local function showFilter(predicate)
  local ids = {}
  for id in store:keys { where = predicate } do ids[#ids + 1] = id end
  local ours, theirs = inTurn(o.ops, function() length(predicate) end, function() store:readMany(ids) end)
  show(ours / #ids, theirs / #ids, #ids)
end

local measurements = {}

function measurements.symbol() showFilter(questions.symbol) end

-- One of ten thousand by its price, which is between 10 and 60,010: each time of another range.
function measurements.prices()
  local low, lists, all = 0, {}, 0
  local function isWithin(v) return v.priceOpen >= low and v.priceOpen < low + 6 end
  local function each(fn)
    for i = 1, o.ops do
      low = 10 + (i - 1) * 60000 / o.ops
      fn(i)
    end
  end
  each(function(i)
    lists[i] = {}
    for id in store:keys { where = isWithin } do table.insert(lists[i], id) end
    all = all + #lists[i]
  end)
  local ours, theirs = inTurn(2, function() each(function() length(isWithin) end) end,
    function() each(function(i) store:readMany(lists[i]) end) end)
  show(ours / all, theirs / all, all)
end

function measurements.index()
  store:createIndex(o.source)
  show(1)
end

-- By a server; the first time it prepares what it is asked.
function measurements.asked()
  local hits = length(questions.symbol)
  local us = inTurn(o.ops, function() length(questions.symbol) end, function() end)
  show(us / hits, hits)
end

function measurements.one()
  local random, count, ids, values = signals.random(o.seed), store:count(), {}, {}
  for i = 1, o.ops do
    ids[i] = "log-" .. (random() % count + 1)
    values[i] = store:readValue(ids[i]).id
  end
  local sought
  local function isSought(v) return v.id == sought end
  show(inTurn(2, function()
    for i = 1, o.ops do
      sought = values[i]
      assert(store:first(isSought))
    end
  end, function()
    for i = 1, o.ops do store:readValue(ids[i]) end
  end, o.ops))
end

function measurements.top()
  local range, ids = { index = "priceOpen", reverse = true, limit = 10 }, {}
  for id in store:keys(range) do ids[#ids + 1] = id end
  assert(#ids == 10, "there are not ten")
  show(inTurn(2, function()
    for _ = 1, o.ops do
      for _ in store:values(range) do end
    end
  end, function()
    for _ = 1, o.ops do store:readMany(ids) end
  end, o.ops))
end

for _, name in ipairs { "half", "over", "under" } do
  measurements[name] = function()
    local plain, count, question = open(o.source), store:count(), questions[name]
    local ours, theirs = inTurn(3, function() length(question) end, function() length(question, plain) end)
    show(ours / count, theirs / count)
  end
end

function measurements.early()
  local plain = open(o.source)
  show(inTurn(3, function()
    for _ = 1, o.ops do store:first(questions.symbol) end
  end, function()
    for _ = 1, o.ops do plain:first(questions.symbol) end
  end, o.ops))
end

local measurement = measurements[o.what]
if not measurement then
  io.stderr:write("bench_find: nothing is called ", tostring(o.what), "\n")
  os.exit(2)
end
measurement()
