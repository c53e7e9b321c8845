-- SPDX-License-Identifier: MIT
--
-- What a program does with stores and locks while its clock jumps, or does not:
--
--   clock_jumps.lua work URL FOLDER  writes, reads, scans and locks; prints what it has checked, and how many different
--                                    years the store has noted
--   clock_jumps.lua look URL         whether what was written is there, with times that can be read

local holdfast = require "holdfast"
local core = require "holdfast.core"
local clock = require "holdfast.util.clock"

local COUNT = 300
local checks = 0

local function check(condition, message)
  checks = checks + 1
  if not condition then error(message, 2) end
end

local function value(i) return { n = i, text = ("x"):rep(i % 50) } end

-- Every operation gives what was written before, and revisions grow, whatever the clock says.
local function write(store, supports)
  local last = 0
  for i = 1, COUNT do
    local id = "BTC:" .. i % 60
    if supports.transaction and i % 3 == 0 then
      holdfast.transaction(function()
        store:writeValue(id, value(i))
        check(store:readValue(id).n == i, "a transaction does not see its own write")
      end)
    elseif i % 3 == 1 then
      store:writeMany { [id] = value(i) }
    else
      store:writeValue(id, value(i))
    end
    local entry = store:readEntry(id)
    check(entry.value.n == i, id .. " is not what was written last")
    if supports.revision then
      check(entry.revision > last, "a revision does not grow")
      last = entry.revision
      local stale = pcall(store.writeValue, store, id, value(i), { ifRevision = entry.revision - 1 })
      check(not stale, "an old revision was taken")
    end
  end
end

local function years(store)
  local seen, count = {}, 0
  for id, _, _, at in store:entries() do
    check(store:readEntry(id).updatedAt == (at or 0), "an entry has two times")
    at = at or 0
    local year = math.floor(at / 31556952000)
    if not seen[year] then seen[year], count = true, count + 1 end
  end
  return count
end

local function scan(store)
  local n = 0
  for id, entity in store:entries { reverse = true } do
    n = n + 1
    check("BTC:" .. entity.n % 60 == id, id .. " has the value of another")
  end
  check(n == 60 and store:count() == 60, "a scan finds " .. n)
  local filtered = 0
  for entity in store:filter(function(e) return e.n % 2 == 0 end) do filtered = filtered + entity.n % 2 + 1 end
  check(filtered == 30, "filter finds " .. filtered)
end

-- Waits for what is held by the clock that nobody sets: not for a day, and not too short.
local function lock(folder)
  local path = folder .. "/.lease/clock.lock"
  local lease = core.lease(path, "a program", 0)
  for _, ms in ipairs { 0, 60, 120 } do
    local began = clock.now()
    local ok, err = pcall(core.lease, path, "another", ms)
    local took = (clock.now() - began) * 1000
    check(not ok and err.code == "busy", "a lock was had twice")
    check(took >= ms - 2 and took < ms + 5000, ("waiting for %d ms took %d"):format(ms, took))
    check(core.leaseHolder(path):find "a program, since ", "the holder is not told: " .. core.leaseHolder(path))
    lease:check()
  end
  lease:release()
  core.lease(path, "the next", 0):release()
end

local function quarantine(store)
  core.quarantine(store, "damaged", "a test", "bytes")
  local ok, err = pcall(store.readValue, store, "damaged")
  check(not ok and err.code == "corrupt", "what is in quarantine can be read")
  for id, _, bytes, at in core.quarantined(store) do
    check(id == "damaged" and bytes == "bytes" and type(at) == "number", "quarantine has " .. id)
  end
  store:removeValue "damaged"
end

local function work(url, folder)
  local store = holdfast.PersistBase("signal", url)
  local supports = store.supports
  write(store, supports)
  scan(store)
  lock(folder)
  if supports.quarantine then quarantine(store) end
  if url:find "^lmdb" then holdfast.openStore(url):settings { note = "by a wrong clock" } end
  local report = holdfast.openStore(url):verify()
  check(report.corrupt == 0, "verify finds damage")
  print(checks, years(store))
end

local function look(url)
  local store = holdfast.PersistBase("signal", url)
  scan(store)
  print(checks, years(store))
end

if arg[1] == "work" then work(arg[2], arg[3]) else look(arg[2]) end
