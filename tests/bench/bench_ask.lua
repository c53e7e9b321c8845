-- SPDX-License-Identifier: MIT
--
-- The scripts' side of asking: questions over a whole collection, one a run, with hf_bench's command line.  ask.lua
-- runs it, and says what is compared.
--
--   bench_ask.lua symbol|sum|substring -d DIR   of an entity: filter by that question; then how many it gave
--   bench_ask.lua count -d DIR                  of an entity: counting those of one symbol; then how many
--   bench_ask.lua opaque -d DIR                 of an entity: filter by a predicate of which nothing is understood;
--                                               then decoding and asking; then how many it gave
--   bench_ask.lua five -d DIR -n OPS            of a call: filter over all of a store of five entities; then decoding
--                                               and asking

package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path

local clock = require "clock"
local core = require "holdfast.core"
local holdfast = require "holdfast"

local o = require "arguments"(arg)
local store = holdfast.PersistBase(o.entity, o.dir, { durability = "nosync" })
store:waitForInit(true)

local function show(...) print(string.format(string.rep("%.6f ", select("#", ...)), ...)) end

-- A function that is called before its answer: whatever it is, no predicate that calls it is understood.
local function same(x) return x end

local questions = require "questions"
local function opaque(v) return same(v.metadata.symbol) == "BTCUSDT" end

-- What filter was before it looked into questions: decodes each entity and asks.
local function decodeAndAsk(predicate)
  local nextValue, state, control = store:values()
  return function()
    while true do
      local value = nextValue(state, control)
      control = value
      if value == nil then return nil end
      local ok, wanted = xpcall(predicate, core.traceback, value)
      if not ok then error(wanted, 0) end
      if wanted then return value end
    end
  end
end

local function filter(predicate) return store:filter(predicate) end

local function length(iterate, predicate)
  local n = 0
  for _ in iterate(predicate) do n = n + 1 end
  return n
end

local function showFilter(predicate)
  local count, hits = store:count(), length(filter, predicate) -- and warms up
  show(clock.perOperation(count, function() length(filter, predicate) end), hits)
end

-- Two ways of the same in turn, back and forth, so that a slow moment hits both; gives the median µs of a turn.
local function compare(turns, one, other)
  local ways, us = { one, other }, { {}, {} }
  for turn = 0, turns do
    for k = 1, 2 do
      local which = turn % 2 == 0 and k or 3 - k
      local elapsed = clock.perOperation(1, ways[which])
      if turn > 0 then table.insert(us[which], elapsed) end -- the first one warms up
    end
  end
  for which = 1, 2 do
    table.sort(us[which])
    us[which] = us[which][(turns + 1) / 2]
  end
  return us[1], us[2]
end

local measurements = {}

for _, name in ipairs { "symbol", "sum", "substring" } do
  measurements[name] = function() showFilter(questions[name]) end
end

function measurements.count()
  local function count() return store:count(questions.symbol) end
  local hits = count() -- and warms up
  show(clock.perOperation(store:count(), count), hits)
end

function measurements.opaque()
  local count, hits = store:count(), length(filter, opaque)
  local ours, before = compare(count > 200000 and 3 or 7, function() length(filter, opaque) end,
    function() length(decodeAndAsk, opaque) end)
  show(ours / count, before / count, hits)
end

function measurements.five()
  local predicate = questions.symbol
  assert(store:count() == 5, "there are not five")
  local function calls(iterate)
    return function()
      for _ = 1, o.ops do length(iterate, predicate) end
    end
  end
  local ours, before = compare(15, calls(filter), calls(decodeAndAsk))
  show(ours / o.ops, before / o.ops)
end

local measurement = measurements[o.what]
if not measurement then
  io.stderr:write("bench_ask: nothing is called ", tostring(o.what), "\n")
  os.exit(2)
end
measurement()
