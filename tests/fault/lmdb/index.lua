-- SPDX-License-Identifier: MIT
--
-- Writers, builders and the judge of index_test.sh:
--
--   index.lua make BASE SEED          the store
--   index.lua write BASE SEED STOP    changes it until the file STOP is there, or it is killed
--   index.lua build BASE SEED STOP    makes and drops indexes, likewise; prints how many were made
--   index.lua judge BASE SEED         looks at everything; prints how many indexes there were, and how many of them had
--                                     not been built to their end
--
-- `serial` is in a unique index from the beginning, and of each two entities that are to have the same one is refused.

local core = require "holdfast.core"
local holdfast = require "holdfast"

local verb, base, seed, stop = arg[1], arg[2], tonumber(arg[3]), arg[4]
local IDS, SERIALS, SYMBOLS = 12000, 40000, 200
local lie = os.getenv "HOLDFAST_PLANT"

math.randomseed(seed)
local random = math.random
local store = holdfast.PersistBase("indexed", base)

-- What may be indexed, beside `serial`.
local PATHS = { { "symbol" }, { "pnl" }, { "metadata.side" }, { "symbol", "pnl" }, { "note" } }

local function idOf(n) return "id-" .. n end

local function value()
  local v = {
    serial = random(SERIALS), symbol = "S" .. random(SYMBOLS), pnl = (random(2001) - 1001) / 4,
    metadata = { side = random(2) == 1 and "long" or "short" }, note = ("n"):rep(random(300)),
  }
  if random(40) == 1 then v.pnl = nil end
  if random(40) == 1 then v.pnl = "none" end
  if random(40) == 1 then v.metadata = holdfast.null end
  return v
end

local function isThere(file)
  local open = io.open(file)
  if open then open:close() end
  return open ~= nil
end

-- What a call raises, if it is not one of these codes.
local function try(codes, fn, ...)
  local ok, raised = pcall(fn, ...)
  if ok then return true end
  for _, code in ipairs(codes) do
    if holdfast.isError(raised, code) then return false end
  end
  error(raised, 0)
end

local verbs = {}

function verbs.make()
  store:createIndex("serial", { unique = true })
  for first = 1, IDS, 1000 do
    local batch = {}
    for n = first, first + 999 do
      batch[idOf(n)] = value()
      batch[idOf(n)].serial = n
    end
    store:writeMany(batch)
  end
end

-- ---- the writers

local function change()
  local way = random(10)
  if way <= 5 then
    try({ "duplicate" }, store.writeValue, store, idOf(random(IDS)), value())
  elseif way <= 7 then
    store:removeMany { idOf(random(IDS)), idOf(random(IDS)) }
  else
    local batch = {}
    for _ = 1, random(30) do batch[idOf(random(IDS))] = value() end
    try({ "duplicate" }, store.writeMany, store, batch)
  end
end

local UNDO = {}

-- Changes in a transaction, and in others inside of it, that are undone or not.  One in which a batch was refused
-- cannot be kept, nor one for which the map has to grow first.
local function several(depth)
  local ok, raised = pcall(holdfast.transaction, function()
    for _ = 1, random(10) do
      if depth < 3 and random(8) == 1 then several(depth + 1) else change() end
    end
    if random(3) == 1 then error(UNDO, 0) end
  end)
  if ok or raised == UNDO then return end
  if depth > 1 or not holdfast.isError(raised, "duplicate") and not holdfast.isError(raised, "full") then
    error(raised, 0)
  end
end

function verbs.write()
  while not isThere(stop) do
    for _ = 1, 10 do
      if random(5) > 1 then
        change()
      else
        several(1)
      end
    end
  end
end

function verbs.build()
  local made = 0
  while not isThere(stop) do
    local paths = PATHS[random(#PATHS)]
    if random(3) <= 2 then
      if try({ "conflict" }, store.createIndex, store, paths) then made = made + 1 end
      print(made)
      io.stdout:flush()
    else
      try({ "not_found" }, store.dropIndex, store, paths)
    end
  end
end

-- ---- the judge

local function fail(...) error(string.format(...), 0) end

local side, least = "long", 200

-- Each with how few it is to be asked of by the index of this name, where that is ready.
local PREDICATES = {
  symbol = function(v) return v.symbol == "S7" end,
  pnl = function(v) return type(v.pnl) == "number" and v.pnl > least end,
  ["symbol,pnl"] = function(v) return v.symbol == "S9" and type(v.pnl) == "number" and v.pnl < 0 end,
  ["metadata.side"] = function(v) return v.metadata ~= holdfast.null and v.metadata.side ~= side and v.serial < 500 end,
  note = function(v) return v.note == ("n"):rep(11) end,
  serial = function(v) return v.serial >= 100 and v.serial < 140 end,
}

-- The ids for which it is true, by a loop that decodes everything.
local function plainly(predicate)
  local ids = {}
  for id, v in store:entries() do
    if predicate(v) then ids[#ids + 1] = id end
  end
  return ids
end

local function compareAnswers(name, predicate)
  local ids, n = plainly(predicate), 0
  for id in store:keys { where = predicate } do
    n = n + 1
    if lie == "leaves" and n == 2 then n = n - 1 end
    if ids[n] ~= id then fail("%s: the answer %d is %s, and not %s", name, n, id, tostring(ids[n])) end
  end
  if n ~= #ids then fail("%s: %d answers, and not %d", name, n, #ids) end
  local count = store:count(predicate)
  if count ~= #ids then fail("%s: %d were counted, and not %d", name, count, #ids) end
end

local function checkSerials()
  local holder = {}
  for id, v in store:entries() do
    if holder[v.serial] then fail("%s and %s have the serial %s", id, holder[v.serial], v.serial) end
    holder[v.serial] = id
  end
end

local function checkIndexes(when)
  local count, first = core.checkIndexes(store, false)
  if count == 0 then return end
  fail("%s: %d differences, such as %s of %s: %s", when, count, first[1].index, first[1].entityId, first[1].problem)
end

local function finish()
  local unfinished, list = 0, store:indexes()
  for _, index in ipairs(list) do
    if not index.ready then
      unfinished = unfinished + 1
      store:createIndex(index.paths, { unique = index.unique })
    end
  end
  return #list, unfinished
end

function verbs.judge()
  local ok, raised = pcall(checkIndexes, "as it was left")
  if not ok then error(raised, 0) end
  local count, unfinished = finish()
  checkIndexes("once all are built")
  for _, index in ipairs(store:indexes()) do
    if not index.ready then fail("%s is not built", index.name) end
  end
  store:snapshot(function()
    for name, predicate in pairs(PREDICATES) do compareAnswers(name, predicate) end
    checkSerials()
  end)
  print(count, unfinished)
end

-- While others write: the comparison is of one moment.
function verbs.look()
  while not isThere(stop) do
    checkIndexes("while others write")
    store:snapshot(function()
      for name, predicate in pairs(PREDICATES) do compareAnswers(name, predicate) end
    end)
  end
end

verbs[verb]()
