-- SPDX-License-Identifier: MIT
--
-- The part `find` of bench.lua: conditions that indexes answer, beside reading the same entities by their ids; writes
-- to a collection with two indexes, beside one without, and beside the same operations in bare LMDB; and building one.

local measure = require "measure"

local M = {}

local once, grouped = measure.once, measure.grouped

-- What is measured at most, in µs, whatever the baseline.
local function atMost(us)
  return function(baseline) return us / baseline end
end

-- The samples of rounds that print several numbers: a list for each of them.
local function several(rounds, who, what, dir, flags)
  local lists = {}
  for round = 1, rounds do
    for i, number in ipairs { once(who, what, dir, ("-s %d %s"):format(round, flags)) } do
      lists[i] = lists[i] or {}
      lists[i][round] = number
    end
  end
  return lists
end

local function pair(report, name, lists, aim) report:add(name, lists[1], lists[2], aim) end

local PATHS = { "metadata.symbol", "priceOpen", "v.id" }

-- A store with indexes.
local function indexed(count)
  local dir = measure.filled("find", count)
  for _, path in ipairs(PATHS) do once("find", "index", dir, "-f " .. path) end
  return dir
end

-- Some of many.
local function finding(report, count, rounds, question, isQuick)
  measure.progress("find, %s entities", grouped(count))
  local dir = indexed(count)
  local of = (", %s of %s by an index"):format(question == "symbol" and "1 %" or "1 in 10,000", grouped(count))
  local flags = isQuick and "-n 1" or question == "symbol" and "-n 20" or "-n 100"
  local function few(name) return several(rounds, name, isQuick and "symbol" or question, dir, flags) end
  pair(report, "C iterate" .. of .. "; baseline read_many of the same ids", few "find", 1.3)
  pair(report, "Lua filter" .. of .. "; baseline readMany of the same ids", few "findLua", 1.3)
  return dir
end

-- One of many, and ten.
local function findingOne(report, dir, count, rounds, isQuick)
  local flags, of = isQuick and "-n 20" or "-n 2000", (" of %s by an index"):format(grouped(count))
  pair(report, "C iterate, one" .. of .. "; baseline read of its id", several(rounds, "find", "one", dir, flags), 2)
  pair(report, "Lua first(), one" .. of .. "; baseline readValue of its id",
    several(rounds, "findLua", "one", dir, flags), 2)
  pair(report, ("Lua values{index}, the ten largest of %s; baseline readMany of the same ids; aim: 100 µs")
    :format(grouped(count)), several(rounds, "findLua", "top", dir, flags), atMost(100))
end

-- What an index must not make slower: questions to which it leads to more than pays, or hardly pays.
local function notSlower(report, dir, count, rounds)
  local plain = measure.filled("find-plain", count)
  local beside = (" of %s with indexes; baseline without"):format(grouped(count))
  local from = "-f " .. measure.quoted(plain)
  for _, row in ipairs { { "half", "half" }, { "over", "6 %" }, { "under", "4 %" } } do
    pair(report, "Lua filter, " .. row[2] .. "," .. beside, several(rounds, "findLua", row[1], dir, from), 1.1)
  end
  local early = several(rounds, "findLua", "early", dir, from .. " -n 200")
  pair(report, "Lua first(), of what 1 % is," .. beside, early, 1.1)
  measure.discard(plain)
end

local function building(report, count, rounds)
  measure.progress("find: building over %s", grouped(count))
  local dir = measure.filled("build", count)
  local flags = "-f priceOpen"
  local alone = several(rounds, "find", "build", dir, flags)
  local beside = several(rounds, "find", "beside", dir, flags)
  local scan = several(rounds, "c", "walk", dir, "")
  report:add(("C index over %s built, of one; baseline a scan; aim: 5 µs"):format(grouped(count)), alone[1], scan[1],
    atMost(5))
  report:add("the same beside somebody who writes all the time; baseline alone", beside[1], alone[1])
  report:add("the longest write of those meanwhile; baseline one of them; aim: 20 ms", beside[3], beside[2],
    atMost(20000))
  measure.discard(dir)
end

local function writing(report, rounds, size, synced)
  local word, y = synced and "synced" or "unsynced", synced and " -y" or ""
  measure.progress("find: writing, %s", word)
  local dirs, list = {}, {}
  -- Where values change they do not stay: that is another store.
  for i, name in ipairs { "plain", "stays", "indexed", "bare" } do
    dirs[name] = measure.folder("keep-" .. name)
    once("find", "make", dirs[name], "-k " .. ((name == "indexed" or name == "stays") and 3 or 1))
    if synced then os.execute("sync -f " .. measure.quoted(dirs[name])) end
    list[i] = name
  end
  local flags = "-n " .. (synced and size.syncs or size.writes) .. y
  local us = { none = {}, same = {}, changed = {}, bare = {}, noneChanged = {} }
  local ways = { { "none", "find", "same", dirs.plain }, { "same", "find", "same", dirs.stays },
    { "noneChanged", "find", "changed", dirs.plain }, { "changed", "find", "changed", dirs.indexed },
    { "bare", "keep", "changed", dirs.bare } }
  for round = 1, rounds do
    for i = 1, #ways do
      local way = ways[(i + round) % #ways + 1]
      us[way[1]][round] = once(way[2], way[3], way[4], ("-s %d %s"):format(round, flags))
    end
  end
  report:add(("C write, two indexes whose values stay, %s; baseline without"):format(word), us.same, us.none,
    synced and 1.03 or 1.2)
  report:add(("C write, two indexes whose values change, %s; baseline the same in bare LMDB"):format(word), us.changed,
    us.bare, 1.2)
  report:add(("C write, two indexes whose values change, %s; baseline without"):format(word), us.changed,
    us.noneChanged)
  for _, name in ipairs(list) do measure.discard(dirs[name]) end
end

--- Adds the rows.
---@param report table     Report
---@param sizes table[]    {entities, rounds}: of a collection, and of a large one
---@param writes {writes: integer, syncs: integer}
---@param isQuick? boolean only whether it runs
function M.measure(report, sizes, writes, isQuick)
  local few, many = sizes[1], sizes[#sizes]
  local dir = finding(report, few[1], few[2], "symbol", isQuick)
  notSlower(report, dir, few[1], math.min(few[2], 3))
  measure.discard(dir)
  dir = finding(report, many[1], many[2], "prices", isQuick)
  findingOne(report, dir, many[1], many[2], isQuick)
  measure.discard(dir)
  writing(report, sizes[1][2], writes, false)
  writing(report, isQuick and 1 or 2 * sizes[1][2] + 1, writes, true)
  building(report, many[1], many[2])
end

return M
