-- SPDX-License-Identifier: MIT
--
-- The part `together` of bench.lua: commits that several share.  Threads of one process, beside a leader in bare C that
-- takes along what waits (bench_lead.c); transactions in one commit, beside the same nested ones in bare C; the minute
-- in which 200 symbols of a host open; and processes, which cannot share a commit.

local measure = require "measure"

local M = {}

local THREADS = { 1, 2, 8, 64 }
local PROCESSES = { 1, 2, 4 }
local GROUP = 200

-- What is measured at most, in µs, whatever the baseline.
local function atMost(us)
  return function(baseline) return us / baseline end
end

local function ofThreads(n) return n == 1 and "1 thread" or n .. " threads" end

-- ---------------------------------------------------------------- threads

-- Single writes of so many threads: to random ids, and to neighbouring ones; flushed, or not.
local function threads(report, dir, size, rounds, synced)
  local word = synced and "synced" or "unsynced"
  local list = {}
  for _, n in ipairs(THREADS) do
    local flags = ("-t %d -n %d%s"):format(n, n < 8 and size.few or size.many, synced and " -y" or "")
    list[#list + 1] = { "lead" .. n, "lead", "threads", flags }
    list[#list + 1] = { "c" .. n, "together", "threads", flags }
    if synced then
      list[#list + 1] = { "nearLead" .. n, "lead", "threads", flags .. " -w" }
      list[#list + 1] = { "near" .. n, "together", "threads", flags .. " -w" }
    end
  end
  if synced then list[#list + 1] = { "nested", "lead", "nested", ("-t 64 -n %d -y"):format(size.many) } end
  local us = measure.rounds(rounds, dir, list)
  local beside = "; baseline a leader in bare C"
  for _, n in ipairs(THREADS) do
    report:add(("C write, %s, %s%s"):format(ofThreads(n), word, beside), us["c" .. n], us["lead" .. n],
      synced and n == 64 and 1.4 or nil)
  end
  if not synced then return end
  report:add("C write, 64 threads, synced; baseline that with nested transactions", us.c64, us.nested)
  report:add("C write, 2 threads, synced; baseline 1 thread", us.c2, us.c1, 1.05)
  report:add("C write, 8 threads, synced; baseline 1 thread", us.c8, us.c1, 0.4)
  for _, n in ipairs(THREADS) do
    local aim = n == 64 and "; aim: 15 µs" or ""
    report:add(("C write to neighbouring ids, %s, synced%s%s"):format(ofThreads(n), beside, aim),
      us["near" .. n], us["nearLead" .. n], n == 64 and atMost(15) or nil)
  end
end

-- ----------------------------------------------------------- transactions

-- Many transactions of three writes in one commit, for each of them.
local function transactions(report, dir, size, rounds, synced)
  local word = synced and "synced" or "unsynced"
  local flags = ("-g %d -n %d%s"):format(GROUP, synced and size.groups or size.groups * 4, synced and " -y" or "")
  local us = measure.rounds(rounds, dir, {
    { "raw", "lead", "transactions", flags }, { "nested", "together", "nested", flags },
    { "c", "together", "transactions", flags }, { "lua", "lua", "transactions", flags },
  })
  local of = (" of %d, of one with three writes, %s; baseline nested in bare C"):format(GROUP, word)
  report:add("C nested transactions, by hand, in a commit" .. of, us.nested, us.raw)
  report:add("C hf_transactions() in a commit" .. of, us.c, us.raw, synced and 1.3 or 1.6)
  report:add("Lua transactions{} in a commit" .. of, us.lua, us.raw, synced and 1.3 or 1.6)
end

-- ------------------------------------------------------------------- host

local function host(report, size, rounds, synced)
  local word = synced and "synced" or "unsynced"
  local us = {}
  for _, name in ipairs { "one", "many", "written", "whole" } do us[name] = {} end
  local dir = measure.folder("minute")
  for round = 1, rounds do
    us.one[round], us.many[round], us.written[round], us.whole[round] = measure.once("host", "minute",
      ("%s/%d"):format(dir, round), ("-n %d%s"):format(size.minutes, synced and " -y" or ""))
  end
  local three = "; baseline a transaction with its three writes"
  report:add(("host: 1 symbol opens, %s%s"):format(word, three), us.one, us.written, synced and 2.2 or nil)
  report:add(("host: 200 symbols open in one minute, of one, %s%s%s"):format(word, three,
    synced and "; aim: 120 µs" or ""), us.many, us.written, synced and atMost(120) or nil)
  report:add(("host: 200 symbols open in one minute, of one, %s; baseline all of their writes in one transaction")
    :format(word), us.many, us.whole)
  measure.discard(dir)
end

-- -------------------------------------------------------------- processes

local function processes(report, dir, size, rounds, synced)
  local word, y = synced and "synced" or "unsynced", synced and " -y" or ""
  local list = {}
  for _, n in ipairs(PROCESSES) do
    local flags = ("-p %d -n %d%s"):format(n, size.few * 2, y)
    list[#list + 1] = { "raw" .. n, "lead", "processes", flags }
    list[#list + 1] = { "c" .. n, "together", "processes", flags }
  end
  local us = measure.rounds(rounds, dir, list)
  for _, n in ipairs(PROCESSES) do
    local name = ("C write, %d process%s, %s; baseline bare LMDB in as many"):format(n, n == 1 and "" or "es", word)
    report:add(name, us["c" .. n], us["raw" .. n])
  end
end

-- How long a process waits that writes now and then beside one that writes all the time.
local function beside(report, dir, size, rounds)
  -- What it may wait for: the commit in progress, those of half a millisecond and one more, and its own.
  local others = { { "beside", 64, "64 threads", 4 },
    { "besideTransactions", 1, "one transaction after the other", 6 } }
  for _, other in ipairs(others) do
    local half, most, commit = {}, {}, {}
    for round = 1, rounds do
      half[round], most[round], commit[round] = measure.once("together", other[1], dir,
        ("-s %d -t %d -n %d -y"):format(round, other[2], size.beside))
    end
    local name = ("C write beside a process with %s, synced, %%s; baseline a commit"):format(other[3])
    report:add(name:format("half of them within"), half, commit)
    report:add(name:format("99 of 100 within"), most, commit, other[4])
  end
end

-- ------------------------------------------------------------------- all

--- Adds the rows.
---@param report table    Report
---@param entities integer
---@param rounds integer
---@param isQuick? boolean only whether it runs
function M.measure(report, entities, rounds, isQuick)
  local size = isQuick and { few = 20, many = 200, groups = 1, minutes = 1, beside = 5 }
    or { few = 300, many = 6400, groups = 5, minutes = 20, beside = 200 }
  local dir = measure.filled("together", entities)
  os.execute("sync -f " .. measure.quoted(dir))
  for _, synced in ipairs { true, false } do
    local n = synced and not isQuick and 2 * rounds + 1 or rounds
    measure.progress("together: %s", synced and "synced" or "unsynced")
    threads(report, dir, size, n, synced)
    transactions(report, dir, size, n, synced)
    host(report, size, rounds, synced)
    processes(report, dir, size, rounds, synced)
  end
  measure.progress("together: processes that wait")
  beside(report, dir, size, rounds)
  measure.discard(dir)
end

return M
