-- SPDX-License-Identifier: MIT
--
-- Processes of the removed_test.sh of lmdb, redis and postgres:
--
--   removed.lua write BASE SEED WHO WRITERS STOP   changes the entities that are its own until the file STOP is there;
--                                                  prints how often, and how many of them others have removed
--   removed.lua remove BASE SECONDS                removes what is wanted, again and again; prints how many there were
--
-- A writer knows what each of its entities had last, since it writes at the revision that it has seen: what is gone at
-- that moment was removed as that value.  It must have been wanted.
--
-- HOLDFAST_PLANT=race makes a remover look and remove, with a moment in between.

local clock = require "holdfast.util.clock"
local core = require "holdfast.core"
local holdfast = require "holdfast"

local verb, base = arg[1], arg[2]
local IDS = 120 -- of each writer
local PATIENCE = 400 -- times that a removal may meet another change, one after the other

local store = holdfast.PersistBase("removed", base)

local function fail(...) error(string.format(...), 0) end

local function isThere(file)
  local open = io.open(file)
  if open then open:close() end
  return open ~= nil
end

local verbs = {}

-- ---- a writer

local count, gone = 0, 0

-- The entity was removed as its last value.
local function note(id, last)
  if not last.value.wanted then fail("%s was removed when it was not wanted: change %d", id, last.value.n) end
  gone = gone + 1
end

local function change(known, id)
  local last = known[id]
  count = count + 1
  local value = { n = count, wanted = math.random(2) == 1, note = ("x"):rep(math.random(0, 300)) }
  local ok, revision = pcall(store.writeValue, store, id, value,
    last and { ifRevision = last.revision } or { ifAbsent = true })
  if ok then
    known[id] = { value = value, revision = revision }
  elseif not core.isError(revision, "conflict") then
    error(revision, 0)
  elseif not last then
    fail("%s is there, and nobody has written it", id)
  else
    note(id, last)
    known[id] = nil
  end
end

-- Nobody removes any more.
local function compare(known, id)
  local last, ok, value = known[id], pcall(store.readValue, store, id)
  if not ok and not core.isError(value, "not_found") then error(value, 0) end
  if ok and not last then fail("%s is there, and nobody has written it", id) end
  if ok and value.n ~= last.value.n then fail("%s has change %d, not %d", id, value.n, last.value.n) end
  if not ok and last then note(id, last) end
end

function verbs.write()
  local who, writers, stop = tonumber(arg[4]), tonumber(arg[5]), arg[6]
  math.randomseed(tonumber(arg[3]) * writers + who)
  local known = {}
  while not isThere(stop) do
    for _ = 1, 10 do change(known, ("id-%d-%d"):format(who, math.random(IDS))) end
  end
  for i = 1, IDS do compare(known, ("id-%d-%d"):format(who, i)) end
  print(count, gone)
end

-- ---- a remover

local function plant()
  local remove, removeMany = core.removeValue, core.removeMany
  core.transaction = function(fn, ...) return fn(...) end
  core.removeValue = function(self, id)
    clock.sleep(0.0005)
    return remove(self, id)
  end
  core.removeMany = function(self, ids)
    clock.sleep(0.002)
    return removeMany(self, ids)
  end
end

function verbs.remove()
  if os.getenv "HOLDFAST_PLANT" then plant() end
  local removed, met, ends = 0, 0, clock.now() + tonumber(arg[3])
  local last = ends + 10 -- the other may have removed all, and the writers have ended with what they found
  while clock.now() < ends or removed == 0 and clock.now() < last do
    local ok, n = pcall(store.removeWhere, store, function(v) return v.wanted end)
    if ok then
      removed, met = removed + n, 0
    elseif core.isError(n, "conflict") then -- another's change was in the transaction's way: nothing was removed
      met = met + 1
      if met > PATIENCE then error(n, 0) end
    else
      error(n, 0)
    end
    clock.sleep(0.002)
  end
  print(removed)
end

verbs[verb]()
store:close()
