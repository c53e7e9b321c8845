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

-- A few of many, and all that an index must not make slower.
local function finding(report, count, rounds, isQuick)
  measure.progress("find, %s entities", grouped(count))
  local dir, plain = measure.filled("find", count), measure.filled("find-plain", count)
  for _, path in ipairs { "metadata.symbol", "priceOpen", "v.id" } do once("find", "index", dir, "-f " .. path) end
  local of = (" of %s by an index"):format(grouped(count))
  local few, many = isQuick and "-n 1" or "-n 20", isQuick and "-n 20" or "-n 2000"
  if isQuick or count <= 200000 then
    local hits = ", 1 %"
    pair(report, "C iterate" .. hits .. of .. "; baseline read_many of the same ids",
      several(rounds, "find", "symbol", dir, few), 1.3)
    pair(report, "Lua filter" .. hits .. of .. "; baseline readMany of the same ids",
      several(rounds, "findLua", "symbol", dir, few), 1.3)
  end
  if isQuick or count > 200000 then
    local hits = ", 1 in 10,000"
    local question = isQuick and "symbol" or "prices"
    pair(report, "C iterate" .. hits .. of .. "; baseline read_many of the same ids",
      several(rounds, "find", question, dir, few), 1.3)
    pair(report, "Lua filter" .. hits .. of .. "; baseline readMany of the same ids",
      several(rounds, "findLua", question, dir, few), 1.3)
  end
  pair(report, "C iterate, one" .. of .. "; baseline read of its id", several(rounds, "find", "one", dir, many), 2)
  pair(report, "Lua first(), one" .. of .. "; baseline readValue of its id",
    several(rounds, "findLua", "one", dir, many), 2)
  pair(report, ("Lua values{index}, the ten largest of %s; baseline readMany of the same ids; aim: 100 µs")
    :format(grouped(count)), several(rounds, "findLua", "top", dir, many), atMost(100))
  local beside = (" of %s with indexes; baseline without"):format(grouped(count))
  local from = "-f " .. measure.quoted(plain)
  pair(report, "Lua filter, half" .. beside, several(math.min(rounds, 3), "findLua", "half", dir, from), 1.1)
  pair(report, "Lua first(), of what 1 % is," .. beside, several(rounds, "findLua", "early", dir, from .. " " .. many),
    1.1)
  measure.discard(dir)
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
  for i, name in ipairs { "plain", "indexed", "bare" } do
    dirs[name] = measure.folder("keep-" .. name)
    once("find", "make", dirs[name], "-k " .. (name == "indexed" and 3 or 1))
    if synced then os.execute("sync -f " .. measure.quoted(dirs[name])) end
    list[i] = name
  end
  local flags = "-n " .. (synced and size.syncs or size.writes) .. y
  local us = { none = {}, same = {}, changed = {}, bare = {}, noneChanged = {} }
  local ways = { { "none", "find", "same", dirs.plain }, { "same", "find", "same", dirs.indexed },
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
---@param sizes table[]    {entities, rounds}
---@param writes {writes: integer, syncs: integer}
---@param isQuick? boolean only whether it runs
function M.measure(report, sizes, writes, isQuick)
  for _, size in ipairs(sizes) do finding(report, size[1], size[2], isQuick) end
  writing(report, sizes[1][2], writes, false)
  writing(report, isQuick and 1 or 2 * sizes[1][2] + 1, writes, true)
  building(report, sizes[#sizes][1], sizes[#sizes][2])
end

return M
