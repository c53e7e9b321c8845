-- SPDX-License-Identifier: MIT
--
-- Writer and readers of asked_test.sh:
--
--   asked.lua make BASE SEED               the store
--   asked.lua write BASE SEED STOP         changes it until the file STOP is there; prints how often, and how many
--                                          entities it has damaged
--   asked.lua look BASE SEED ROUNDS STOP   asks it in each way, so many times; prints the number of scans, of those in
--                                          which something changed, and of damaged entities that it was told of
--
-- An id begins with what holds of all values that its entity ever has:
--
--   yes   the predicates are true for it
--   no    they are false
--   both  true for some of its values
--   gone  it is made and removed, with values for which they are true
--   bad   it is damaged, and written again
--
-- A value has its number at both ends, with so much in between that it lies elsewhere each time.

local holdfast = require "holdfast"

local verb, base, seed = arg[1], arg[2], tonumber(arg[3])
local COUNTS = { yes = 700, no = 3000, both = 500, gone = 100, bad = 20 }
local path = base:match "^lmdb:(.*)%?" .. "/data.mdb"
local lie = os.getenv "HOLDFAST_PLANT"

math.randomseed(seed)
local random = math.random

local store, clock = holdfast.PersistBase("asked", base), holdfast.PersistBase("clock", base)

local function idOf(kind, n) return ("%s-%d"):format(kind, n) end

-- The nth value of an entity.
local function valueOf(kind, n)
  local wanted = kind == "yes" or kind == "gone" or kind == "bad" or (kind == "both" and n % 2 == 0)
  return {
    first = n,
    metadata = { symbol = wanted and "BTCUSDT" or "ETHUSDT", note = ("n"):rep(random(0, 40)) },
    price = wanted and 100 + n or 1,
    tags = { ("x"):rep(random(0, 600)), kind },
    last = n,
  }
end

local function isThere(file)
  local open = io.open(file)
  if open then open:close() end
  return open ~= nil
end

-- ---- the writer

local verbs = {}

function verbs.make()
  local all = {}
  for kind, count in pairs(COUNTS) do
    for n = 1, count do all[idOf(kind, n)] = valueOf(kind, 0) end
  end
  store:writeMany(all)
  clock:writeValue("changes", 0)
end

-- Flips a byte of each place in the file that has this text.  Nobody else writes meanwhile.
local function damage(text)
  local file = assert(io.open(path, "r+b"))
  local content, at, count = file:read "*a", 1, 0
  while true do
    local first = content:find(text, at, true)
    if not first then break end
    file:seek("set", first - 1)
    file:write(string.char(text:byte() + 1))
    at, count = first + 1, count + 1
  end
  file:close()
  return count
end

local function change(n)
  local kinds = { "yes", "yes", "no", "no", "both", "both", "gone" }
  local kind = kinds[random(#kinds)]
  local id = idOf(kind, random(COUNTS[kind]))
  if kind == "gone" and random(2) == 1 then return store:removeMany { id } end
  store:writeValue(id, valueOf(kind, n))
end

-- In a transaction, so that the pages stay where they are while the file is changed.
local function damageOne(n)
  local kind = "bad"
  local id, mark = idOf(kind, random(COUNTS.bad)), ("mark%d-%d"):format(seed, n)
  local value = valueOf(kind, n)
  value.mark = mark
  store:writeValue(id, value)
  return holdfast.transaction(function()
    store:writeValue(idOf("both", 1), valueOf("both", n))
    return damage(mark)
  end)
end

function verbs.write()
  local stop, n, damaged = arg[4], 0, 0
  while not isThere(stop) do
    for _ = 1, 20 do
      n = n + 1
      if random(10) == 1 then
        holdfast.transaction(function()
          for _ = 1, random(30) do change(n) end
        end)
      else
        change(n)
      end
    end
    clock:writeValue("changes", n)
    if random(8) == 1 then damaged = damaged + damageOne(n) end
  end
  print(n, damaged)
end

-- ---- the readers

local sought, limit = "BTCUSDT", 99
sought = sought .. ""

local PREDICATES = {
  function(v) return v.metadata.symbol == "BTCUSDT" end,
  function(v) return v.metadata.symbol == sought and v.price > limit end,
  function(v) return v.metadata.symbol:find("BTC", 1, true) and v.first == v.last end,
  function(v)
    if v.price + v.first - v.last < limit then return false end
    return v.tags[2] ~= "no"
  end,
}

local function torn(v) return v.first ~= v.last end

local order = holdfast.naturalOrder

-- A loop, which may be told of what is damaged, as id, value.
local function loopOf(predicate, range)
  range.where = predicate
  return store:entries(range)
end

local function fail(...) error(string.format(...), 0) end

local function checkValue(id, value)
  if value.first ~= value.last then fail("%s: torn: %s and %s", id, value.first, value.last) end
  if value.price == 1 then fail("%s was given with a value that is none", id) end
end

-- Goes through a loop: which ids came, and how many damaged ones were told of.
local function walk(nextEntry, reverse)
  local seen, told, last = {}, 0, nil
  while true do
    local ok, id, value = pcall(nextEntry)
    if not ok then
      local err = id
      if not holdfast.isError(err, "corrupt") then error(err, 0) end
      if not err.entityId:find "^bad" then fail("%s is damaged: %s", err.entityId, err.message) end
      told = told + 1
      id, value = err.entityId, nil
    elseif id == nil then
      return seen, told
    end
    if last and order(last, id) == reverse then fail("%s after %s", id, last) end
    if value then checkValue(id, value) end
    seen[id] = (seen[id] or 0) + 1
    last = id
  end
end

local function checkSeen(seen, prefix)
  for id, times in pairs(seen) do
    if times ~= 1 then fail("%s came %d times", id, times) end
    if id:find "^no" then fail("%s was given", id) end
    if prefix and id:sub(1, 1) ~= prefix then fail("%s does not begin with %s", id, prefix) end
  end
  for n = 1, COUNTS.yes do
    local id = idOf("yes", n)
    if not seen[id] then fail("%s was left out", id) end
  end
end

-- What a loop that is wrong would give.
local function plant(nextEntry)
  local n, held = 0, nil
  return function()
    if held then
      local again = held
      held = nil
      return unpack(again)
    end
    local id, value = nextEntry()
    n = n + 1
    if n == 800 and lie == "leaves" then id, value = nextEntry() end
    if n == 800 and lie == "doubles" then held = { id, value } end
    if n == 800 and lie == "tears" then value.last = -1 end
    return id, value
  end
end

-- What is damaged ends the count, and is in quarantine then.
local function counted(predicate, least, most)
  local ok, count = pcall(store.count, store, predicate)
  if not ok and not holdfast.isError(count, "corrupt") then error(count, 0) end
  if ok and (count < least or count > most) then fail("%d were counted", count) end
  return ok and 0 or 1
end

-- One scan in a way by chance.  Gives how many damaged entities it was told of.
local function scan()
  local predicate, way = PREDICATES[random(#PREDICATES)], lie and 1 or random(7)
  if way == 6 then return counted(torn, 0, 0) end
  if way == 7 then return counted(predicate, COUNTS.yes, COUNTS.yes + COUNTS.both + COUNTS.gone + COUNTS.bad) end
  local range = { reverse = (way == 2 or way == 3) or nil, prefix = (way == 3 or way == 4) and "y" or nil }
  local nextEntry = loopOf(predicate, range)
  local seen, told = walk(lie and plant(nextEntry) or nextEntry, range.reverse == true)
  checkSeen(seen, range.prefix)
  return told
end

function verbs.look()
  local rounds, scans, during, told = tonumber(arg[4]), 0, 0, 0
  for _ = 1, rounds * 4 do
    local before = clock:readValue "changes"
    told, scans = told + scan(), scans + 1
    if clock:readValue "changes" ~= before then during = during + 1 end
  end
  print(scans, during, told)
end

verbs[verb]()
