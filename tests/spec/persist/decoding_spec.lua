-- SPDX-License-Identifier: MIT
--
-- What a condition refuses is not decoded, wherever the entities come from: it is evaluated on their JSON text.  How
-- many are decoded shows in the memory that Lua takes, as each is large: a hook, or a predicate that counts, would
-- keep it from being read.

local holdfast = require("holdfast")
local redis = require("support.redis")
local stores = require("support.stores")
local temp = require("support.temp")

local COUNT, WANTED, SIZE = 400, 4, 500
local PLAIN = 48 -- so many are decoded before the predicate is read

local numbers = {}
for i = 1, SIZE do numbers[i] = i end

local function entity(i) return { n = i, kind = i % 100 == 0 and "rare" or "often", numbers = numbers } end

local function fill(store)
  local all = {}
  for i = 1, COUNT do all[i] = entity(i) end
  store:writeMany(all)
end

-- How much memory Lua takes for what fn does, in KB.
local function memory(fn)
  collectgarbage()
  collectgarbage()
  collectgarbage("stop")
  local before = collectgarbage("count")
  local ok, raised = pcall(fn)
  local grown = collectgarbage("count") - before
  collectgarbage("restart")
  if not ok then error(raised, 0) end
  return grown
end

local function rare(v) return v.kind == "rare" end
local function rareAt(v, id) return v.kind == "rare" and id ~= "300" or id == "300" end

-- Each is given a predicate, and says how many there were.
local loops = {
  filter = function(store, predicate)
    local n = 0
    for _ in store:filter(predicate) do n = n + 1 end
    return n
  end,
  keys = function(store, predicate)
    local n = 0
    for _ in store:keys { where = predicate } do n = n + 1 end
    return n
  end,
  entries = function(store, predicate)
    local n = 0
    for _ in store:entries { where = predicate, reverse = true } do n = n + 1 end
    return n
  end,
  count = function(store, predicate) return store:count(predicate) end,
}

-- What holds for each kind of store.
local function expectUndecoded(store, where, predicate)
  fill(store)
  assert.is_truthy(tostring(store:explain(predicate)):find(where, 1, true), where)
  local each = memory(function()
    for _ in store:entries() do end -- luacheck: ignore 542
  end) / COUNT
  assert.is_true(each > SIZE * 8 / 1024, ("decoding one took %.1f KB"):format(each))
  for name, loop in pairs(loops) do
    loop(store, predicate) -- what is made once is made
    local found
    local decoded = memory(function() found = loop(store, predicate) end) / each
    assert.equal(WANTED, found)
    assert.is_true(decoded < PLAIN + WANTED + 8, ("%s decoded %.1f of %d entities"):format(name, decoded, COUNT))
  end
  store:close()
end

-- A class of one's own whose entities are in a table, as texts or as values, so that it makes nothing itself.
local function ownClass(texts)
  local Own = holdfast.PersistBase:extend("Own")
  if texts then Own.encoding = "json" end
  local kept = {}
  function Own:waitForInit() end -- luacheck: ignore 212
  function Own:readValue(id) return kept[id] or error(holdfast.error("not_found")) end -- luacheck: ignore 212
  function Own:hasValue(id) return kept[id] ~= nil end -- luacheck: ignore 212
  function Own:writeValue(id, value) kept[id] = value end -- luacheck: ignore 212
  function Own:removeValue(id) kept[id] = nil end -- luacheck: ignore 212
  function Own:removeAll() kept = {} end -- luacheck: ignore 212
  function Own:keys() -- luacheck: ignore 212
    local ids = {}
    for id in pairs(kept) do ids[#ids + 1] = id end
    table.sort(ids, holdfast.naturalOrder)
    return ids
  end
  function Own:values() -- luacheck: ignore 212
    local values = {}
    for i, id in ipairs(Own:keys()) do values[i] = texts and holdfast.json.decode(kept[id]) or kept[id] end
    return values
  end
  return Own("signal", "decoding" .. tostring(texts))
end

after_each(function() stores.leaveNothing() end)

describe("what a condition refuses is not decoded", function()
  local TEXT = "evaluated on the JSON text that the store or the class gives, before it is decoded"
  local PLACE = "evaluated in place, where the entities are stored"

  it("in an LMDB store", function()
    expectUndecoded(holdfast.LmdbPersist("signal", temp.directory() .. "/store"), PLACE, rare)
  end)

  it("in memory", function() expectUndecoded(holdfast.MemoryPersist("signal", "decoding"), PLACE, rare) end)

  it("in files", function()
    expectUndecoded(holdfast.FilePersist("signal", temp.quickDirectory() .. "/store"), TEXT, rare)
  end)

  it("of a class that gives texts", function() expectUndecoded(ownClass(true), TEXT, rare) end)

  -- Its values() is asked as it is; what needs ids goes by texts.
  it("of a class that gives values", function() expectUndecoded(ownClass(false), TEXT, rareAt) end)

  it("of a class that extends a store", function()
    local Reading = holdfast.FilePersist:extend("Reading")
    function Reading:writeValue(id, value) return holdfast.FilePersist.writeValue(self, id, value) end
    expectUndecoded(Reading("signal", temp.quickDirectory() .. "/store"), TEXT, rare)
  end)

  it("in Redis", function()
    if not redis.isInstalled then return pending("needs redis-server and redis-cli") end
    local server = redis.start()
    local ok, raised = pcall(function()
      expectUndecoded(holdfast.PersistBase("signal", "redis://127.0.0.1:" .. server.port), TEXT, rare)
    end)
    server:stop()
    if not ok then error(raised, 0) end
  end)
end)
