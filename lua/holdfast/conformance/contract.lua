-- SPDX-License-Identifier: MIT
--
-- The contract, method by method, and what its errors say.

local core = require "holdfast.core"
local clock = require "holdfast.util.clock"

-- Milliseconds by which a server's clock may differ from ours; an hour is a time zone.
local CLOCKS_DIFFER = 10 * 60 * 1000

return function(check)
  check("writeValue replaces what was there", { method = "writeValue", why = "a write is an upsert" }, function(t)
    local store = t:open()
    store:writeValue("a", { n = 1, old = true })
    store:writeValue("a", { n = 2 })
    t:equal({ n = 2 }, store:readValue("a"), "the second write is what is read")
    t:equal({ "a" }, t:list(store:keys()), "one id is one entity")
  end)

  check("hasValue answers true or false", { method = "hasValue" }, function(t)
    local store = t:open()
    t:equal(false, store:hasValue("a"), "before the first write")
    store:writeValue("a", false)
    t:equal(true, store:hasValue("a"), "a stored false exists")
    store:writeValue("a", core.json.null)
    t:equal(true, store:hasValue("a"), "a stored null exists")
    store:removeValue("a")
    t:equal(false, store:hasValue("a"), "after removeValue")
  end)

  check("readValue raises not_found with the contract's message", { method = "readValue",
    why = "callers tell a missing entity from a store that failed by the code" }, function(t)
    local store = t:open()
    local err = t:raises("not_found", "readValue of a missing entity", store.readValue, store, "missing")
    t:equal(string.format("Entity %s:missing not found", t.name), err.message, "the message")
    t:equal(t.name, err.entityName, "err.entityName")
    t:equal("missing", err.entityId, "err.entityId")
    t:equal(false, err.retryable, "err.retryable")
  end)

  check("removeValue raises not_found with the contract's message", { method = "removeValue",
    why = "removing twice is a mistake that must show" }, function(t)
    local store = t:open()
    store:writeValue("a", 1)
    store:removeValue("a")
    local err = t:raises("not_found", "removeValue of a missing entity", store.removeValue, store, "a")
    t:equal(string.format("Entity %s:a not found for deletion", t.name), err.message, "the message")
    t:equal({}, t:list(store:keys()), "nothing is left")
  end)

  check("removeValue removes one entity only", { method = "removeValue" }, function(t)
    local store = t:open()
    for _, id in ipairs { "a", "ab", "a/b", "b" } do store:writeValue(id, id) end
    store:removeValue("a")
    t:equal({ "a/b", "ab", "b" }, t:list(store:keys()), "the others stay")
  end)

  check("removeAll of an empty store is fine, and twice", { method = "removeAll" }, function(t)
    local store = t:open()
    store:removeAll()
    store:writeValue("a", 1)
    store:removeAll()
    store:removeAll()
    t:equal(0, store:count(), "nothing is left")
    store:writeValue("a", 2)
    t:equal(2, store:readValue("a"), "the store goes on")
  end)

  check("keys and values agree", { method = "values", why = "values() gives the entities in the order of keys()" },
    function(t)
    local store = t:open()
    for _, id in ipairs { "item-10", "item-9", "b", "a", "Item-11", "7" } do store:writeValue(id, { id = id }) end
    local ids, values = t:list(store:keys()), t:list(store:values())
    t:equal(#ids, #values, "as many values as keys")
    for i, id in ipairs(ids) do t:equal({ id = id }, values[i], "value " .. i .. " belongs to key " .. i) end
  end)

  check("filter gives what the predicate says, in order", { method = "filter" }, function(t)
    local store = t:open()
    t:fill(store, 30)
    local seen = {}
    for v in store:filter(function(v) return v.n % 7 == 0 end) do seen[#seen + 1] = v.n end
    t:equal({ 7, 14, 21, 28 }, seen, "the entities for which the predicate is true")
    t:equal({}, t:list(store:filter(function() return false end)), "a predicate that is never true")
    t:equal(30, #t:list(store:filter(function() return true end)), "a predicate that is always true")
  end)

  check("filter reports what its predicate raises", { method = "filter",
    why = "a predicate that fails must not look like one that says no" }, function(t)
    local store = t:open()
    t:fill(store, 3)
    local err = t:raises("script", "a predicate that raises", function()
      t:list(store:filter(function(v) return v.nothing.there end))
    end)
    t:check(err.message:find("nothing", 1, true), "the error says what the predicate raised: " .. err.message)
    t:raises("busy", "an error object of the predicate keeps its code", function()
      t:list(store:filter(function() error(core.error("busy", "later")) end))
    end)
    t:raises("invalid_argument", "filter without a predicate", store.filter, store)
  end)

  check("take gives the first n, none for 0, and all beyond the end", { method = "take" }, function(t)
    local store = t:open()
    t:fill(store, 20)
    local function numbers(n)
      local out = {}
      for v in store:take(n) do out[#out + 1] = v.n end
      return out
    end
    t:equal({}, numbers(0), "take(0)")
    t:equal({ 1 }, numbers(1), "take(1)")
    t:equal({ 1, 2, 3, 4, 5 }, numbers(5), "take(5)")
    t:equal(20, #numbers(20), "take(20) of 20")
    t:equal(20, #numbers(1000), "take(1000) of 20")
    for _, wrong in ipairs { -1, 1.5, "x" } do
      t:raises("invalid_argument", "take(" .. tostring(wrong) .. ")", store.take, store, wrong)
    end
  end)

  check("count is the number of keys", { method = "count" }, function(t)
    local store = t:open()
    t:equal(0, store:count(), "of an empty store")
    t:fill(store, 25)
    t:equal(25, store:count(), "after 25 writes")
    store:writeValue("item-1", 0)
    t:equal(25, store:count(), "after writing over one")
    store:removeValue("item-1")
    t:equal(24, store:count(), "after removing one")
  end)

  check("readEntry gives the id with the value", { method = "readEntry" }, function(t)
    local store = t:open()
    t:fill(store, 12)
    local entry = store:readEntry("item-3")
    t:equal("item-3", entry.id, "readEntry's id")
    t:equal({ n = 3 }, entry.value, "readEntry's value")
    t:raises("not_found", "readEntry of a missing entity", store.readEntry, store, "missing")
  end)

  check("updatedAt is when the entity was written last, in milliseconds", { method = "readEntry",
    why = "programs tell by it how old a price or a position is" }, function(t)
    local store = t:open()
    local function written(value)
      store:writeValue("a", value)
      return store:readEntry("a").updatedAt
    end
    local first = written(1)
    if first == 0 then return end -- not known: nobody is misled
    local now = os.time() * 1000
    t:check(math.abs(first - now) < CLOCKS_DIFFER, ("updatedAt is %s, and now is %d ms since 1970, in UTC")
      :format(core.json.encode(first), now))
    -- Whole seconds are fine, so the next write comes in another one.
    local later, deadline = first, clock.now() + 1.2
    while later == first and clock.now() < deadline do
      clock.sleep(first % 1000 == 0 and 0.2 or 0.005)
      t:equal(first, store:readEntry("a").updatedAt, "updatedAt when nothing was written")
      later = written(2)
    end
    t:check(later > first, ("updatedAt stays %d when the entity is written again a second later"):format(first))
  end)

  check("stat tells something about the collection", { method = "stat" }, function(t)
    t:check(type(t:open():stat()) == "table", "stat() returns a table")
  end)
end
