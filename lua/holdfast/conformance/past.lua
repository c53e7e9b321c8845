-- SPDX-License-Identifier: MIT
--
-- Looking back: reading entities as they were.

local core = require "holdfast.core"

-- The revision that the store has now.
local function revision(store)
  return core.storeOf(store):revision()
end

return function(check)
  check("an entity is read as it was after each commit", { method = "readValue", needs = "history" }, function(t)
    local store, moments = t:openLogged(), {}
    local function note(value) moments[#moments + 1] = { revision(store), value } end
    store:writeValue("other", 0)
    note(nil)
    for i = 1, 5 do
      store:writeValue("a", { n = i })
      note { n = i }
      store:writeValue("other", i)
      note { n = i }
    end
    store:removeValue("a")
    note(nil)
    store:writeMany { a = "again", b = 1 }
    note("again")
    store:removeAll()
    note(nil)
    for i = #moments, 1, -1 do
      local at, value = moments[i][1], moments[i][2]
      local says = "as of revision " .. at
      if value == nil then
        t:raises("not_found", says, store.readValue, store, "a", { at = at })
      else
        t:equal(value, store:readValue("a", { at = at }), says)
      end
    end
  end)

  check("a snapshot of the past sees all of one moment", { method = "snapshot", needs = "history" }, function(t)
    local store = t:openLogged()
    t:fill(store, 12)
    local at = revision(store)
    store:removeValue("item-3")
    store:writeValue("item-4", "new")
    store:writeValue("item-99", "later")
    store:removeMany { "item-1", "item-2" }
    core.snapshot(store, function(s)
      t:equal(12, s:count(), "count in it")
      local ids, values = {}, {}
      for id, value in s:entries() do ids[#ids + 1], values[#values + 1] = id, value.n end
      t:equal("item-1", ids[1], "the first id")
      t:equal("item-12", ids[12], "the last id")
      t:equal(12, #values, "entities in it")
      t:equal({ n = 3 }, s:readValue("item-3"), "what was removed since")
      t:equal({ n = 4 }, s:readValue("item-4"), "what was written since")
      t:check(not s:hasValue("item-99"), "what came later is not there")
      t:raises("readonly", "a write in it", s.writeValue, s, "item-3", 0)
    end, { at = at })
    t:equal(10, store:count(), "count after it")
  end)

  check("history gives all that is kept of an id, newest first", { method = "history", needs = "history" }, function(t)
    local store = t:openLogged()
    store:writeValue("a", 1)
    store:writeValue("b", "other")
    store:writeValue("a", 2)
    store:removeValue("a")
    store:writeValue("a", 3)
    store:removeAll()
    local found = t:map(store:history("a"), function(c) return c.what .. " " .. core.json.encode(c.value or "") end)
    t:equal({ 'clear ""', "write 3", 'remove ""', "write 2", "write 1" }, found, "what there is of it")
    t:equal(0, #store:history("never"), "how much there is of an id that never was")
  end)

  check("a transaction is one moment", { method = "readValue", needs = "history", alsoNeeds = "transaction" },
    function(t)
    local store = t:openLogged()
    store:writeValue("a", 1)
    local before = revision(store)
    core.transaction(function()
      store:writeValue("a", 2)
      store:writeValue("b", 2)
      store:removeValue("a")
      store:writeValue("a", 3)
    end)
    local after = revision(store)
    t:undo(function() store:writeValue("a", 4) end)
    t:equal(1, store:readValue("a", { at = before }), "before it")
    t:raises("not_found", "what it wrote, before it", store.readValue, store, "b", { at = before })
    t:equal(3, store:readValue("a", { at = after }), "after it: the last of what it wrote")
    t:equal({ "write 3", "write 1" }, t:map(store:history("a"), function(c)
      return c.what .. " " .. core.json.encode(c.value or "")
    end), "its history")
  end)

  check("what is not kept any more is compacted, and never something else", { method = "readValue",
    needs = "history" }, function(t)
    local store = t:openLogged("5")
    if not store then return end -- a log of somebody's own would be lost
    store:writeValue("a", 0)
    local first = revision(store)
    for i = 1, 60 do store:writeValue("a", i) end
    local err = t:raises("compacted", "a read of what is long gone", store.readValue, store, "a", { at = first })
    t:check(err.revision and err.revision > first, "the error says from which revision on it is kept")
    t:equal(60, store:readValue("a", { at = revision(store) }), "as of the newest revision")
    t:equal(58, store:readValue("a", { at = revision(store) - 2 }), "as of the one two before")
    t:raises("invalid_argument", "a revision that is not there yet", store.readValue, store, "a",
      { at = revision(store) + 1 })
  end)
end
