-- SPDX-License-Identifier: MIT
--
-- What a store, and the lock files of the hosts that run on it, say of these hosts, without changing either.  A
-- position is what its row says; prices and times come from what its host has noted (host/state/status.lua).  Hosts
-- that note nothing, such as earlier ones, still have rows and locks.

local core = require "holdfast.core"
local files = require "holdfast.cli.system.files"
local lock = require "holdfast.host.state.lock"
local moments = require "holdfast.cli.copying.moment"
local process = require "holdfast.util.process"
local target = require "holdfast.cli.store.target"

---@class holdfast.cli.SeenLock
---@field held boolean
---@field known boolean      whether it could be seen at all: where it is not held, that means something
---@field holder? string     "process 1234 on host alpha (who, since when)"; "" where it has not said so yet
---@field path? string
---@field touchedAt? number  ms: when its holder last said that it lives

---@class holdfast.cli.SeenRun
---@field strategyName? string  nil where its name is too long to be told from its lock
---@field symbol? string
---@field note? table     what its host has noted
---@field row? table      of its open position
---@field waiting? table  of its signal that waits
---@field lock holdfast.cli.SeenLock

---@class holdfast.cli.Seen
---@field runs holdfast.cli.SeenRun[]  by strategy and symbol
---@field slots table<string, table[]>  by risk profile: who holds them
---@field pauses table[]
---@field requests table[]  what was asked of runs and is not answered
---@field changes { path: string, holder: string }[]  commands that change the store just now
---@field lockProblem? holdfast.Error  what kept lock files from being looked at
---@field sharedLocks boolean          whether hosts of other machines and users would have theirs there, too
---@field problems holdfast.Error[]    entities that cannot be read

local M = {}

local function isRecord(value) return type(value) == "table" and not core.json.isArray(value) end

-- A new run, or the one of that name that was seen already.
local function runOf(seen, strategyName, symbol)
  local key = #strategyName .. ":" .. strategyName .. symbol
  local run = seen.byKey[key]
  if not run then
    run = { strategyName = strategyName, symbol = symbol }
    seen.byKey[key] = run
    seen.runs[#seen.runs + 1] = run
  end
  return run
end

-- The names in the id of a row, which others may have written.
local function namesOf(id, row)
  if type(row.strategyName) == "string" and type(row.symbol) == "string" then return row.strategyName, row.symbol end
  local strategy, symbol = id:match("^([^/]*)/(.*)$")
  return strategy or "", symbol or id
end

local takers = {}

function takers.signal(seen, id, row)
  if isRecord(row) then runOf(seen, namesOf(id, row)).row = row end
end

function takers.schedule(seen, id, row)
  if isRecord(row) then runOf(seen, namesOf(id, row)).waiting = row end
end

function takers.risk(seen, id, list)
  local name = id:match("^(.*)/positions$")
  if name and type(list) == "table" and not name:find("^backtest/") then seen.slots[name] = list end
end

function takers.host(seen, id, data)
  if not isRecord(data) or type(data.strategyName) ~= "string" or type(data.symbol) ~= "string" then return end
  if id:find("^pause/") then
    seen.pauses[#seen.pauses + 1] = data
  elseif id:find("^request/") then
    seen.requests[#seen.requests + 1] = data
  elseif id:find("^status/") and type(data.writtenAt) == "number" then
    runOf(seen, data.strategyName, data.symbol).note = data
  end
end

local ADAPTERS = { "signal", "schedule", "risk", "host" }

-- Those of the adapters' names that the store has, as a list and as keys; all, and nil, where it cannot tell.
local function namesIn(store)
  local known = moments.known(store)
  if not known then return ADAPTERS end
  local has, names, found = moments.setOf(known), {}, {}
  for _, name in ipairs(ADAPTERS) do
    if has[name] then
      names[#names + 1], found[name] = name, true
    end
  end
  return names, found
end

-- Asks the notes for what is not in this store.
--   names  those that it has; nil: it cannot tell
local function fillIn(seen, names)
  if not names then return end
  for _, run in ipairs(seen.runs) do
    local note = run.note or {}
    if not names.signal then run.row = isRecord(note.position) and note.position or nil end
    if not names.schedule then run.waiting = isRecord(note.waiting) and note.waiting or nil end
  end
  if not names.risk then
    for _, run in ipairs(seen.runs) do
      for name, count in pairs(run.note and isRecord(run.note.slots) and run.note.slots or {}) do
        seen.slots[name] = { count = count }
      end
    end
  end
end

-- -------------------------------------------------------------------- locks

local function touchedAt(path)
  local found = files.look(path)
  return found and found.modifiedAt
end

local function heldLock(path, holder)
  return { held = true, known = true, holder = holder, path = path, touchedAt = touchedAt(path) }
end

-- The lock of a run of which the store's own folder has none that is held.  Where the signals are in another store, or
-- on a server, which is called by many names, it is where the run has noted.
--   isHere  it can be nowhere else
local function lockElsewhere(run, isHere, isSure)
  local note = run.note
  if not isHere and note and type(note.lock) == "string" and note.host == process.machine() then
    local ok, holder = pcall(core.leaseHolder, note.lock)
    if ok and holder then return heldLock(note.lock, holder) end
    return { held = false, known = ok }
  end
  return { held = false, known = isSure }
end

--   hasSignals  the store has those, so that a lock file beside it is that of its host
local function lookAtLocks(store, seen, hasSignals)
  local ok, directory, identity = pcall(core.adapters.placeOf, store:entity("signal"))
  local folder
  if ok then ok, folder = pcall(lock.folder, directory, identity) end
  local held = {}
  if not ok then
    seen.lockProblem = core.toError(folder or directory)
  elseif folder then
    seen.sharedLocks = directory ~= nil
    held, seen.lockProblem = lock.runsIn(folder)
    seen.changes = lock.changesOf(folder)
  end
  local byPath = {}
  for _, each in ipairs(held) do byPath[each.path] = each end
  for _, run in ipairs(seen.runs) do
    local path = folder and lock.fileOf(folder, run.strategyName, run.symbol)
    local found = path and byPath[path]
    if found then byPath[path] = nil end
    run.lock = found and heldLock(found.path, found.holder)
      or lockElsewhere(run, seen.sharedLocks and hasSignals, seen.sharedLocks and not seen.lockProblem)
  end
  for _, each in ipairs(held) do
    if byPath[each.path] then
      seen.runs[#seen.runs + 1] = {
        strategyName = each.strategyName, symbol = each.symbol, lock = heldLock(each.path, each.holder),
      }
    end
  end
end

-- ------------------------------------------------------------------ looking

local function isBefore(a, b)
  local strategyA, strategyB = a.strategyName or "", b.strategyName or ""
  if strategyA ~= strategyB then return strategyA < strategyB end
  return (a.symbol or "") < (b.symbol or "")
end

-- One look.  Entities that cannot be read are collected, and not complained of.
local function look(args)
  local seen = {
    runs = {}, byKey = {}, slots = {}, pauses = {}, requests = {}, changes = {}, problems = {}, sharedLocks = false,
  }
  local store = target.open { url = args.url, json = args.json, readonly = true }
  function store.report(_, err) seen.problems[#seen.problems + 1] = err end
  local names, found = namesIn(store)
  moments.run(store, names, false, args.json, function()
    for _, name in ipairs(names) do
      for id, json in store:texts(store:entity(name)) do takers[name](seen, id, core.json.decode(json)) end
    end
  end)
  fillIn(seen, found)
  lookAtLocks(store, seen, not found or found.signal)
  store.store:close()
  seen.byKey = nil
  table.sort(seen.runs, isBefore)
  table.sort(seen.pauses, isBefore)
  return seen
end

-- Whether a run looks as if its process had been killed.
local function seemsGone(seen)
  for _, run in ipairs(seen.runs) do
    if not run.lock.held and run.lock.known and not (run.note and run.note.endedAt) then return true end
  end
  return false
end

--- Looks at a store.
---@param args { url: string, json?: boolean }
---@return holdfast.cli.Seen
---@raise what opening and reading raise
function M.at(args)
  local seen = look(args)
  -- One that has just begun, or ended, between the look at the store and that at the locks, is not taken for killed.
  if seemsGone(seen) then seen = look(args) end
  return seen
end

return M
