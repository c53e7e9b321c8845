-- SPDX-License-Identifier: MIT
--
-- The part `ask` of bench.lua: predicates, and how many times W they cost, which is a bare scan in C that computes the
-- checksum of each record (bench_look.c), in the same rounds on the same file.
--
-- What is asked of the signals (signals.lua): one symbol of a hundred, a gain that 3 % have, and a text that five
-- symbols of a hundred have.  How many it gave is checked: a fast wrong answer is none.

local measure = require "measure"

local M = {}

-- A row: {name, key of the samples, the largest good multiple of W, what part of all is to be found, and, where it is
-- not the script bench_ask.lua, who measures what}.
local ROWS = {
  { 'filter v.metadata.symbol == "BTCUSDT", 1 % hits', "symbol", 4, 0.01 },
  { "filter v.priceTakeProfit - v.priceOpen > 1746.3, 3 % hits", "sum", 7, 0.03 },
  { 'filter v.symbol:find("BTC", 1, true), 5 % hits', "substring", 7, 0.05 },
  { "count of one symbol", "count", 3.5, 0.01 },
  { "C count of one symbol, by a condition as text", "countInC", 3.5, 0.01, "where", "count" },
  { "C iterate those of one symbol, by a condition as text", "walkInC", 3.5, 0.01, "where", "walk" },
}

-- A predicate that is not understood, and a store so small that reading one does not pay, cost what they did, within
-- what two measurements of the same differ by.
local AS_BEFORE = 1.02

-- Collects what a measurement prints: µs into samples[key], and checks the hits.
local function collect(samples, hits, key, us, found)
  table.insert(samples[key], us)
  if found == nil then return end
  hits[key] = hits[key] or found
  if found ~= hits[key] then error(("ask: %s gave %d, and before %d"):format(key, found, hits[key]), 0) end
end

local function measureAll(dir, rounds)
  local samples, hits = {}, {}
  local list = { { "W", "look", "checked" }, { "found", "look", "found" }, { "copied", "look", "copied" },
    { "walk", "c", "walk" } }
  for _, row in ipairs(ROWS) do list[#list + 1] = { row[2], row[5] or "ask", row[6] or row[2] } end
  for _, m in ipairs(list) do samples[m[1]] = {} end
  samples.opaque, samples.before = {}, {}
  for round = 1, rounds do
    for i = 1, #list do -- each round begins with another one
      local m = list[(i + round) % #list + 1]
      local us, found = measure.once(m[2], m[3], dir)
      collect(samples, hits, m[1], us, found)
    end
    local ours, before, found = measure.once("ask", "opaque", dir)
    collect(samples, hits, "opaque", ours, found)
    collect(samples, hits, "before", before)
  end
  return samples, hits
end

-- The bare scan in C and each way of asking for one symbol find the same; of a large store, the part that they should.
local function checkHits(hits, count, isQuick)
  for _, key in ipairs { "symbol", "count", "countInC", "walkInC", "opaque" } do
    if hits[key] ~= hits.found then
      error(("ask: %s gave %d of %d, and the bare scan %d"):format(key, hits[key], count, hits.found), 0)
    end
  end
  for _, row in ipairs(isQuick and {} or ROWS) do
    local part = hits[row[2]] / count
    if math.abs(part / row[4] - 1) > 0.1 then
      error(("ask: %s: %.2f %% hits"):format(row[1], part * 100), 0)
    end
  end
end

local function askAll(report, count, rounds, isQuick)
  local of = ", " .. measure.grouped(count) .. " entities"
  measure.progress("ask%s", of)
  local dir = measure.filled("ask", count)
  local samples, hits = measureAll(dir, rounds)
  checkHits(hits, count, isQuick)
  local W = "; baseline W"
  for _, row in ipairs(ROWS) do report:add(row[1] .. of .. W, samples[row[2]], samples.W, row[3]) end
  report:add("for comparison: the symbol found by structure in C" .. of .. W, samples.found, samples.W)
  report:add(ROWS[1][1] .. of .. "; baseline that", samples.symbol, samples.found)
  report:add("filter of which nothing is understood" .. of .. "; baseline decoding and asking", samples.opaque,
    samples.before, AS_BEFORE)
  report:add("C iterate" .. of .. "; baseline W and a copy of each", samples.walk, samples.copied, 1.3)
  measure.discard(dir)
end

local function askFive(report, rounds, isQuick)
  local dir, ours, before = measure.filled("ask", 5), {}, {}
  for round = 1, rounds do
    ours[round], before[round] = measure.once("ask", "five", dir, "-n " .. (isQuick and 50 or 5000))
  end
  report:add("filter over five entities; baseline decoding and asking", ours, before, AS_BEFORE)
  measure.discard(dir)
end

--- Adds the rows.
---@param report table     Report
---@param sizes table[]    {entities, rounds}
---@param isQuick? boolean only whether it runs
function M.measure(report, sizes, isQuick)
  for _, size in ipairs(sizes) do askAll(report, size[1], size[2], isQuick) end
  askFive(report, sizes[1][2], isQuick)
end

return M
