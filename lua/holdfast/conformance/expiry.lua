-- SPDX-License-Identifier: MIT
--
-- Entities that expire: once their time has come nobody finds them, by whatever method.

local clock = require "holdfast.util.clock"
local core = require "holdfast.core"

-- By when what has expired has to be gone, in seconds: the storage's clock may be another one.
local PATIENCE, PIECE = 2, 0.005

local HOUR = 3600000

local function now() return os.time() * 1000 end

-- Waits until an entity that is to expire has.
local function wait(t, store, id)
  local deadline = clock.now() + PATIENCE
  while store:hasValue(id) do
    if clock.now() > deadline then t:fail(id .. " is still there, long after it has expired") end
    clock.sleep(PIECE)
  end
end

-- Two entities that expire, after which one is left: what store has then.
local function letExpire(t, store)
  store:writeValue("a", { n = 1 }, { ttl = "1ms" })
  store:writeValue("b", { n = 2 })
  store:writeValue("c", { n = 3 }, { ttl = "1ms" })
  clock.sleep(4 * PIECE)
  wait(t:blame("hasValue"), store, "a")
  wait(t, store, "c")
end

return function(check)
  check("a ttl is refused where nothing expires", { method = "writeValue", lacks = "ttl",
    why = "what should be gone would stay for ever" }, function(t)
    local store = t:open()
    t:raises("unsupported", "writeValue with a ttl", store.writeValue, store, "a", 1, { ttl = "1h" })
    t:equal({}, t:list(store:keys()), "nothing was written")
  end)

  check("what has expired is not found by any method", { method = "writeValue", needs = "ttl" }, function(t)
    local store, second = t:open(), t:open()
    letExpire(t, store)
    t:blame("readValue"):raises("not_found", "a read of it", store.readValue, store, "a")
    t:raises("not_found", "the same by another instance", second.readValue, second, "c")
    t:blame("readEntry"):raises("not_found", "its entry", store.readEntry, store, "a")
    t:blame("keys"):equal({ "b" }, t:list(store:keys()), "keys()")
    t:blame("values"):equal({ { n = 2 } }, t:list(store:values()), "values()")
    t:blame("entries"):equal({ { "b", { n = 2 } } }, t:list(store:entries()), "entries()")
    t:blame("count"):equal(1, store:count(), "count()")
    t:blame("readMany"):equal({ b = { n = 2 } }, store:readMany { "a", "b", "c" }, "readMany()")
  end)

  check("what has expired can neither be removed nor is in the way", { method = "writeValue", needs = "ttl" },
    function(t)
    local store = t:open()
    letExpire(t, store)
    t:blame("removeValue"):raises("not_found", "removeValue()", store.removeValue, store, "a")
    t:blame("removeMany"):equal(1, store:removeMany { "a", "b", "c" }, "how many removeMany() found")
    t:blame("writeValue")
    store:writeValue("a", "again")
    t:equal("again", store:readValue("a"), "what was written in its place")
    t:equal({ "a" }, t:list(store:keys()), "keys() after that")
  end)

  check("ifAbsent writes where something has expired", { method = "writeValue", needs = "ttl",
    alsoNeeds = "ifAbsent" }, function(t)
    local store = t:open()
    letExpire(t, store)
    store:writeValue("a", "new", { ifAbsent = true })
    t:equal("new", store:readValue("a"), "what was written")
    store:writeValue("d", 1, { ttl = "1h" })
    t:raises("conflict", "ifAbsent over what has not expired yet", store.writeValue, store, "d", 2, { ifAbsent = true })
  end)

  check("ifRevision does not hold for what has expired", { method = "writeValue", needs = "ttl",
    alsoNeeds = "revision" }, function(t)
    local store = t:open()
    local revision = store:writeValue("a", 1, { ttl = "1ms" })
    wait(t, store, "a")
    t:raises("conflict", "a write at its revision", store.writeValue, store, "a", 2, { ifRevision = revision })
    t:check(not store:hasValue("a"), "nothing was written")
  end)

  check("an entity says when it expires, and is there until then", { method = "readEntry", needs = "ttl" }, function(t)
    local store, before = t:open(), now()
    store:writeValue("a", 1, { ttl = "1h" })
    store:writeValue("b", 2)
    store:writeValue("c", 3, { expiresAt = before + 2 * HOUR })
    local told = store:readEntry("a").expiresAt
    t:check(type(told) == "number", "readEntry() gives expiresAt")
    t:check(told >= before + HOUR - 60000 and told <= now() + HOUR + 60000, "it is in an hour")
    t:check(store:readEntry("b").expiresAt == nil, "of one that never does it gives none")
    local times = {}
    for id, _, _, _, expiresAt in store:entries() do times[id] = expiresAt end
    t:blame("entries"):equal({ a = told, c = before + 2 * HOUR }, times, "what entries() gives")
    t:blame("writeValue"):equal(1, store:readValue("a"), "the entity")
    t:equal(3, store:count(), "count()")
  end)

  check("another write takes the time away, or gives another", { method = "writeValue", needs = "ttl",
    why = "what was written again would be gone" }, function(t)
    local store = t:open()
    store:writeValue("a", 1, { ttl = "1ms" })
    store:writeValue("a", 2)
    store:writeValue("b", 1, { ttl = "1ms" })
    store:writeValue("b", 2, { ttl = "1h" })
    clock.sleep(10 * PIECE)
    t:equal({ "a", "b" }, t:list(store:keys()), "keys()")
    t:check(store:readEntry("a").expiresAt == nil, "the one written without a time never expires")
    t:blame("writeMany")
    store:writeValue("c", 1, { ttl = "1h" })
    store:writeMany { c = 2 }
    t:check(store:readEntry("c").expiresAt == nil, "nor does one of a batch")
  end)

  check("a batch expires as a whole", { method = "writeMany", needs = "ttl" }, function(t)
    local store = t:open()
    store:writeMany({ a = 1, b = 2 }, { ttl = "1ms" })
    store:writeMany({ c = 3, d = 4 }, { ttl = "1h" })
    wait(t, store, "a")
    wait(t, store, "b")
    t:equal({ "c", "d" }, t:list(store:keys()), "keys()")
    t:check(store:readEntry("d").expiresAt ~= nil, "the other batch has a time")
  end)

  check("what has expired holds no values of a unique index", { method = "createIndex", needs = "ttl",
    alsoNeeds = "index" }, function(t)
    local store = t:open()
    core.createIndex(store, "n", { unique = true })
    letExpire(t, store)
    store:writeValue("z", { n = 1 })
    t:equal({ n = 1 }, store:readValue("z"), "an entity with the value of one that has expired")
    t:raises("duplicate", "one with the value of one that has not", store.writeValue, store, "y", { n = 2 })
  end)
end
