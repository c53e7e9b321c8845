-- SPDX-License-Identifier: MIT
--
-- The part `changes` of bench.lua: what a log of changes costs writes, and one that keeps what was replaced, beside a
-- store without and beside bare LMDB, which does the same puts; and what reading the past takes.

local measure = require "measure"

local M = {}

-- Each has a store of its own; `of` is the one that a row is compared with.
local STORES = {
  { name = "plain", who = "c", what = "put", set = "format=2" },
  { name = "off", who = "c", what = "put", set = "changes=7d", later = "changes=off" },
  { name = "log", who = "c", what = "put", set = "changes=7d" },
  { name = "trimmed", who = "c", what = "put", set = "changes=%d" },
  { name = "history", who = "c", what = "put", set = "changes=7d,history=true" },
  { name = "bare", who = "changes", what = "bare" },
  { name = "bareLog", who = "changes", what = "bareLog" },
  { name = "bareHistory", who = "changes", what = "bareHistory" },
}

local function make(source, kept)
  local dirs = {}
  for _, store in ipairs(STORES) do
    local dir = measure.folder("changes-" .. store.name)
    dirs[store.name] = dir
    os.execute(("rm -rf %s && cp -r %s %s"):format(measure.quoted(dir), measure.quoted(source), measure.quoted(dir)))
    for _, set in ipairs { store.set or false, store.later or false } do
      if set then measure.once("changes", "set", dir, "-f " .. set:format(kept)) end
    end
  end
  return dirs
end

local function writing(report, source, rounds, ops, synced)
  local word = synced and "synced" or "unsynced"
  measure.progress("changes: writing, %s", word)
  local dirs, us = make(source, math.max(ops / 2, 10)), {}
  if synced then os.execute("sync -f " .. measure.quoted(source)) end
  for round = 1, rounds do
    for i = 1, #STORES do
      local store = STORES[(i + round) % #STORES + 1]
      us[store.name] = us[store.name] or {}
      us[store.name][round] = measure.once(store.who, store.what, dirs[store.name],
        ("-s %d -n %d%s"):format(round, ops, synced and " -y" or ""))
    end
  end
  local function row(text, name, of, aim) report:add(text:format(word), us[name], us[of], aim) end
  row("C write with a log of changes, %s; baseline without", "log", "plain", synced and 1.10 or 1.45)
  row("C write with a log of which old changes go, %s; baseline without", "trimmed", "plain", synced and 1.10 or 1.45)
  row("C write with a log and history, %s; baseline without", "history", "plain", synced and 1.18 or 2)
  row("C write with the log turned off, %s; baseline without", "off", "plain", synced and 1.10 or 1.03)
  row("for comparison: bare LMDB with a log, %s; baseline without", "bareLog", "bare")
  row("for comparison: bare LMDB with a log and history, %s; baseline without", "bareHistory", "bare")
  for _, dir in pairs(dirs) do measure.discard(dir) end
end

-- Reading entities as they were: each has been replaced once.
local function lookingBack(report, source, rounds, reads)
  measure.progress "changes: looking back"
  local dir = measure.folder "changes-past"
  os.execute(("rm -rf %s && cp -r %s %s"):format(measure.quoted(dir), measure.quoted(source), measure.quoted(dir)))
  measure.once("changes", "set", dir, "-f changes=7d,history=true")
  measure.once("past", "replace", dir)
  local flags = ("-n %d"):format(reads)
  local us = measure.rounds(rounds, dir, {
    { "now", "past", "now", flags }, { "tip", "past", "tip", flags }, { "then_", "past", "then", flags },
    { "walkNow", "past", "walkNow" }, { "walkThen", "past", "walkThen" },
  })
  report:add("C read as of an old revision, each entity replaced since; baseline a read", us.then_, us.now, 5)
  report:add("C read as of the newest revision; baseline a read", us.tip, us.now, 5)
  report:add("C loop in a snapshot of the past, each entity replaced since; baseline one of the present", us.walkThen,
    us.walkNow)
  measure.discard(dir)
end

--- Adds the rows.
---@param report table     Report
---@param entities integer
---@param rounds integer
---@param writes {writes: integer, syncs: integer}
---@param isQuick? boolean only whether it runs
function M.measure(report, entities, rounds, writes, isQuick)
  local source = measure.filled("changes", entities)
  writing(report, source, rounds, writes.writes, false)
  writing(report, source, isQuick and 1 or 2 * rounds + 1, writes.syncs, true)
  lookingBack(report, source, rounds, writes.writes)
  measure.discard(source)
end

return M
