-- SPDX-License-Identifier: MIT
--
-- What the store declares is tested; what it does not declare must answer `unsupported`.  A check with `needs` runs
-- where the capability is declared, one with `lacks` where it is not.  transactions.lua has more of the kind, and
-- concurrency.lua what takes another process.

local core = require "holdfast.core"
return function(check)
  -- ---- snapshots

  check("snapshots are refused where there are none", { method = "begin", lacks = "snapshot" }, function(t)
    local store = t:open()
    t:raises("unsupported", "snapshot", core.snapshot, store, function(s) return s:count() end)
  end)

  check("a snapshot sees one moment and writes nothing", { method = "begin", needs = "snapshot" }, function(t)
    local store = t:open()
    t:fill(store, 30)
    core.snapshot(store, function(s)
      t:equal(30, s:count(), "count in it")
      t:equal(30, #t:list(s:values()), "values in it")
      t:equal({ n = 3 }, s:readValue("item-3"), "a read in it")
      t:raises("readonly", "a write in it", s.writeValue, s, "item-3", 0)
    end)
    t:equal({ n = 3 }, store:readValue("item-3"), "the entity after it")
  end)

  -- ---- conditional writes

  check("ifAbsent is refused where it cannot be honoured", { method = "writeValue", lacks = "ifAbsent" }, function(t)
    local store = t:open()
    t:raises("unsupported", "writeValue with ifAbsent", store.writeValue, store, "a", 1, { ifAbsent = true })
    t:equal({}, t:list(store:keys()), "nothing was written")
  end)

  check("ifAbsent writes a new entity, and no other", { method = "writeValue", needs = "ifAbsent",
    why = "two strategies must not both take the last slot" }, function(t)
    local store, second = t:open(), t:open()
    store:writeValue("a", 1, { ifAbsent = true })
    t:raises("conflict", "ifAbsent over an entity", store.writeValue, store, "a", 2, { ifAbsent = true })
    t:raises("conflict", "the same by another instance", second.writeValue, second, "a", 3, { ifAbsent = true })
    t:equal(1, store:readValue("a"), "the entity stays")
    store:removeValue("a")
    store:writeValue("a", 4, { ifAbsent = true })
    t:equal(4, second:readValue("a"), "after it was removed")
    for _, value in ipairs { core.json.null, false, "", core.json.array() } do
      store:writeValue("a", value)
      t:raises("conflict", "ifAbsent over an entity that says nothing", store.writeValue, store, "a", 5,
        { ifAbsent = true })
    end
  end)

  check("ifRevision is refused where there are no revisions", { method = "writeValue", lacks = "revision" }, function(t)
    local store = t:open()
    store:writeValue("a", 1)
    t:raises("unsupported", "writeValue with ifRevision", store.writeValue, store, "a", 2, { ifRevision = 1 })
    t:equal(1, store:readValue("a"), "the entity stays")
  end)

  check("revisions change with every write, and ifRevision is honoured", { method = "writeValue", needs = "revision" },
    function(t)
    local store = t:open()
    local first = store:writeValue("a", 1)
    t:check(type(first) == "number" and first > 0, "writeValue returns the revision, not " .. tostring(first))
    t:blame("readEntry"):equal(first, store:readEntry("a").revision, "readEntry's revision")
    local second = store:writeValue("a", 2)
    t:blame("writeValue"):check(second ~= first, "the revision changes with a write")
    t:raises("conflict", "ifRevision with an old revision", store.writeValue, store, "a", 3, { ifRevision = first })
    t:equal(2, store:readValue("a"), "the entity stays")
    local third = store:writeValue("a", 3, { ifRevision = second })
    t:equal(3, store:readValue("a"), "ifRevision with the present revision")
    t:check(third ~= second, "that write changes the revision, too")
    t:raises("conflict", "ifRevision of a missing entity", store.writeValue, store, "missing", 1, { ifRevision = 1 })
  end)

  check("removeValue refuses ifRevision where it cannot be honoured", { method = "removeValue",
    lacks = "removeIfRevision" }, function(t)
    local store = t:open()
    local revision = store:writeValue("a", 1) or 1
    t:raises("unsupported", "removeValue with ifRevision", store.removeValue, store, "a", { ifRevision = revision })
    t:equal(1, store:readValue("a"), "the entity stays")
  end)

  check("removeValue with ifRevision removes at that revision only", { method = "removeValue",
    needs = "removeIfRevision", why = "what somebody has written since it was looked at would be lost" }, function(t)
    local store, second = t:open(), t:open()
    local first = store:writeValue("a", 1)
    store:writeValue("b", 1)
    second:writeValue("a", 2)
    t:raises("conflict", "removeValue with an old revision", store.removeValue, store, "a", { ifRevision = first })
    t:equal(2, store:readValue("a"), "the entity that was written since")
    store:removeValue("a", { ifRevision = store:readEntry("a").revision })
    t:equal({ "b" }, t:list(store:keys()), "keys() after a removal at the present revision")
    t:raises("not_found", "removeValue with ifRevision of a missing entity", store.removeValue, store, "a",
      { ifRevision = first })
    for id, _, revision in store:entries() do second:removeValue(id, { ifRevision = revision }) end
    t:equal(0, store:count(), "count() after removals at the revisions that entries() gave")
  end)

  -- Writes by which an entity gets another value, and another revision.
  local writes = {
    { "writeValue", function(store) store:writeValue("a", 1) end },
    { "writeValue", function(store) store:writeValue("a", 2) end },
    { "writeMany", function(store) store:writeMany { a = 3, b = 3 } end },
    { "writeMany", function(store) store:writeMany { a = 4, b = 4 } end },
    { "removeValue", function(store)
      store:removeValue("a")
      store:writeValue("a", 5)
    end },
    { "removeMany", function(store)
      store:removeMany { "a" }
      store:writeMany { a = 6 }
    end },
    { "removeAll", function(store)
      store:removeAll()
      store:writeValue("a", 7, { ifAbsent = store.supports.ifAbsent })
    end },
  }

  check("another value has another revision, whatever writes it", { method = "writeValue", needs = "revision",
    why = "ifRevision would hold for what somebody else has written since" }, function(t)
    local store, second, old = t:open(), t:open(), {}
    for i, write in ipairs(writes) do
      local method, fn = write[1], write[2]
      t:blame(method)
      fn(i % 2 == 0 and second or store)
      local revision = store:readEntry("a").revision
      for _, earlier in ipairs(old) do
        local says = ("write %d (%s): revision %s again"):format(i, method, core.json.encode(revision))
        t:check(revision ~= earlier, says)
        t:raises("conflict", "ifRevision with an old revision after write " .. i .. " (" .. method .. ")",
          store.writeValue, store, "a", 0, { ifRevision = earlier })
      end
      old[#old + 1] = revision
    end
  end)

  -- ---- batches

  check("a batch with one bad write leaves nothing", { method = "writeMany", needs = "atomicBatch", needsPoison = true,
    why = "atomicBatch is declared: batches happen whole or not at all" }, function(t)
    local store = t:open()
    store:writeValue("item-1", "old")
    local batch = {}
    for i = 1, 20 do batch["item-" .. i] = i end
    batch["item-13"] = t.target.poison -- fine for the core and for JSON, and refused by the storage
    t:check(not pcall(store.writeMany, store, batch), "the bad write raises")
    t:equal({ "item-1" }, t:list(store:keys()), "keys() after it")
    t:equal("old", store:readValue("item-1"), "the entity that was there")
    batch["item-13"] = 13
    store:writeMany(batch)
    t:equal(20, store:count(), "a good batch is written")
  end)

  -- ---- settings

  check("settings are kept in the store", { method = "settings", needs = "settings" }, function(t)
    local store = core.storeOf(t:open())
    t:equal("", store:settings().note, "the note of a new store")
    t:equal("a word", store:settings { note = "a word" }.note, "what settings() gives when it was set")
    t:equal("a word", core.storeOf(t:open()):settings().note, "what another handle sees")
    t:raises("invalid_argument", "a setting that there is not", store.settings, store, { nosuch = 1, note = "x" })
    t:equal("a word", store:settings().note, "after a failure")
    t:equal("", store:settings { note = core.json.null }.note, "the standard value again")
  end)

  check("settings are refused where there are none", { method = "settings", lacks = "settings" }, function(t)
    local instance = t:open()
    instance:waitForInit(true)
    local store = core.storeOf(instance)
    t:raises("unsupported", "settings()", store.settings, store)
  end)

  for _, name in ipairs { "quarantine", "checksum" } do
    check(name .. " cannot be seen from outside", { needs = name, notTested = "needs damage to the store's own files; "
      .. "the project's own tests do that" }, function() end)
  end
end
