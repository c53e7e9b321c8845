-- SPDX-License-Identifier: MIT
--
-- Of the part `changes` of bench.lua: how soon a commit of one process is seen in another, and what those who watch
-- cost who writes.

local measure = require "measure"

local M = {}

-- Flags, what they are, and how much slower writing may be where it is synced.  Unsynced, each of them reads as fast as
-- is written.
local WATCHERS = {
  { key = "threads", flags = "-t 101", what = "100 watches in this process", aim = 1.10 },
  { key = "processes", flags = "-p 11", what = "10 processes that watch", aim = 1.20 },
}

local function make(name)
  local dir = measure.folder(name)
  measure.once("c", "init", dir)
  measure.once("changes", "set", dir, "-f changes=7d")
  return dir
end

local function seen(report, rounds, ops)
  local dir = make "watch-seen"
  local median, most, limits = {}, {}, { {}, {} }
  for round = 1, rounds do
    median[round], most[round] = measure.once("watch", "seen", dir, ("-s %d -n %d -y"):format(round, ops))
    limits[1][round], limits[2][round] = 1000, 10000
  end
  report:add("from a commit to its change in another process, median; baseline 1 ms", median, limits[1], 1)
  report:add("from a commit to its change in another process, 99%; baseline 10 ms", most, limits[2], 1)
  measure.discard(dir)
end

local function cost(report, rounds, ops, synced)
  local word = synced and "synced" or "unsynced"
  measure.progress("changes: watched, %s", word)
  local dir = make "watch-cost"
  local list = { { "alone", "watch", "watched", ("-n %d%s"):format(ops, synced and " -y" or "") } }
  for _, watchers in ipairs(WATCHERS) do
    list[#list + 1] = { watchers.key, "watch", "watched",
      ("%s -n %d%s"):format(watchers.flags, ops, synced and " -y" or "") }
  end
  local us = measure.rounds(rounds, dir, list)
  for _, watchers in ipairs(WATCHERS) do
    report:add(("C write with %s, %s; baseline without"):format(watchers.what, word), us[watchers.key], us.alone,
      synced and watchers.aim or nil)
  end
  measure.discard(dir)
end

--- Adds the rows.
---@param report table     Report
---@param rounds integer
---@param writes {writes: integer, syncs: integer}
function M.measure(report, rounds, writes)
  seen(report, rounds, math.min(writes.syncs, 500))
  cost(report, rounds, writes.writes, false)
  cost(report, rounds, writes.syncs, true)
end

return M
