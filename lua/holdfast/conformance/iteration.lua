-- SPDX-License-Identifier: MIT
--
-- Loops over a store, while they, and others, change it.

return function(check)
  -- Writes item-1 to item-N, each {n = its number}, so many at a time, and gives the batch of all.
  local function fillMany(t, store, atOnce)
    local all, batch = {}, {}
    for i = 1, t.entities do
      batch["item-" .. i] = { n = i }
      all["item-" .. i] = batch["item-" .. i]
      if i % atOnce == 0 or i == t.entities then
        store:writeMany(batch)
        batch = {}
      end
    end
    return all
  end

  -- A loop gives items first to last, in steps of 1 or -1; numberOf takes what it gives.
  local function expectItems(t, method, says, first, last, numberOf, step, state, control)
    local direction = first <= last and 1 or -1
    local i = first
    t:blame(method)
    for id, value in step, state, control do
      local n = numberOf(id, value)
      if (last - i) * direction < 0 then t:fail(says .. ", beyond the last one", "the end", "item-" .. tostring(n)) end
      if n ~= i then t:fail(says, "item-" .. i, "item-" .. tostring(n)) end
      i = i + direction
    end
    t:equal(math.abs(last - first) + 1, math.abs(i - first), says .. ": how many")
  end

  local function ofId(id) return tonumber(id:match("^item%-(%d+)$")) end
  local function ofValue(value) return value.n end
  local function ofEntry(id, value) return ofId(id) == value.n and value.n end

  check("entries gives ids with their values, in order", { method = "keys" }, function(t)
    local store = t:open()
    t:fill(store, 12)
    local n = 0
    for id, value in store:entries() do
      n = n + 1
      t:equal("item-" .. n, id, "id " .. n)
      t:equal({ n = n }, value, "value of " .. id)
    end
    t:equal(12, n, "entries() gives all")
  end)

  check("many entities are listed once each, in order", { method = "keys",
    why = "what a service answers in pages has more than one" }, function(t)
    local store, count = t:open(), t.entities
    fillMany(t, store, 500)
    expectItems(t, "keys", "keys()", 1, count, ofId, store:keys())
    expectItems(t, "values", "values()", 1, count, ofValue, store:values())
    expectItems(t, "entries", "entries()", 1, count, ofEntry, store:entries())
    expectItems(t, "filter", "filter()", 1, count, ofValue, store:filter(function() return true end))
    t:blame("count"):equal(count, store:count(), "count()")
    t:blame("removeAll")
    store:removeAll()
    t:equal(0, store:count(), "count() after removeAll")
    t:equal({}, t:list(store:keys()), "keys() after removeAll")
  end)

  check("many entities are written, read and removed at once", { method = "writeMany",
    why = "what a service takes at once has a limit" }, function(t)
    local store, count = t:open(), t.entities
    local all, ids = fillMany(t, store, t.entities), {}
    for i = 1, count do ids[i] = "item-" .. i end
    t:equal(count, store:count(), "count() after writeMany")
    t:blame("readMany"):equal(all, store:readMany(ids), "readMany of all")
    t:blame("removeMany"):equal(count, store:removeMany(ids), "removeMany of all")
    t:equal({}, t:list(store:keys()), "keys() after removeMany")
  end)

  check("many entities are found by prefix and range", { method = "keys",
    why = "what a service answers in pages has more than one" }, function(t)
    local store, count = t:open(), t.entities
    fillMany(t, store, 500)
    store:writeMany { aaa = { n = 0 }, item = { n = 0 }, ["item-"] = { n = 0 }, zzz = { n = 0 } }
    local from, to = "item-1", "item-" .. count
    expectItems(t, "keys", "keys of a prefix", 1, count, ofId, store:keys { prefix = "item-", from = from })
    expectItems(t, "values", "values of a prefix", 1, count, ofValue, store:values { prefix = "item-", from = from })
    expectItems(t, "keys", "keys of a range", 2, count, ofId, store:keys { from = "item-2", to = to })
    expectItems(t, "keys", "keys of a range, reverse", count, 1, ofId, store:keys { prefix = "item-", from = from,
      reverse = true })
    expectItems(t, "values", "values of a range, reverse", count, 2, ofValue, store:values { from = "item-2", to = to,
      reverse = true })
    expectItems(t, "keys", "keys with a limit", 1, count - 1, ofId, store:keys { from = from, limit = count - 1 })
    t:blame("take"):equal(count, #t:list(store:take(count)), "take(" .. count .. ")")
  end)

  -- Runs a loop over what must be seen exactly once while `change` changes the rest.
  local function whileChanging(title, method, change)
    check(title, { method = method,
      why = "entities that are there throughout are seen exactly once, whatever the loop's body does" }, function(t)
      local store = t:open()
      for i = 1, 60 do store:writeValue(string.format("keep-%d", i), { keep = i }) end
      for i = 1, 60 do store:writeValue(string.format("gone-%d", i), { gone = i }) end
      local seen, steps = {}, 0
      for item in store[method](store) do
        steps = steps + 1
        if steps > 2000 then t:fail("the loop does not end") end
        local keep = type(item) == "table" and item.keep or type(item) == "string"
          and tonumber(item:match("^keep%-(%d+)$"))
        if keep then seen[keep] = (seen[keep] or 0) + 1 end
        change(store, steps)
      end
      for i = 1, 60 do
        if seen[i] ~= 1 then t:fail("entity keep-" .. i .. " in the loop", "seen once",
          "seen " .. (seen[i] or 0) .. " times") end
      end
    end)
  end
  for _, method in ipairs { "keys", "values" } do
    whileChanging(method .. "() while the loop removes others", method, function(store, step)
      if step <= 60 then store:removeValue("gone-" .. step) end
    end)
    whileChanging(method .. "() while the loop adds others", method, function(store, step)
      if step <= 100 then
        store:writeValue("new-" .. step, { new = step })
        store:writeValue("a-" .. step, { new = step })
      end
    end)
    whileChanging(method .. "() while the loop writes over all", method, function(store, step)
      if step <= 60 then store:writeValue("keep-" .. step, { keep = step }) end
    end)
  end

  check("a loop may remove what it is at", { method = "removeValue" }, function(t)
    local store = t:open()
    t:fill(store, 50)
    local n = 0
    for id in store:keys() do
      n = n + 1
      store:removeValue(id)
    end
    t:equal(50, n, "keys in the loop")
    t:equal(0, store:count(), "what is left")
  end)

  check("a loop may be left, and another one begun in it", { method = "keys" }, function(t)
    local store = t:open()
    t:fill(store, 40)
    for _ = 1, 30 do
      for id in store:keys() do
        if id == "item-3" then break end
      end
      for value in store:values() do
        if value.n == 2 then break end
      end
    end
    local n = 0
    for a in store:keys() do
      for value in store:values() do
        n = n + 1
        if value.n == 5 then break end
      end
      if a == "item-10" then break end
    end
    t:equal(50, n, "steps of loops in a loop")
    store:writeValue("more", 1)
    t:equal(41, #t:list(store:keys()), "keys() afterwards")
  end)

  check("two iterators side by side do not disturb each other", { method = "values" }, function(t)
    local store = t:open()
    t:fill(store, 40)
    local a, b, keys = store:values(), store:values(), store:keys()
    for i = 1, 40 do
      t:equal(i, a().n, "the first one, step " .. i)
      t:equal(i, b().n, "the second one, step " .. i)
      t:equal("item-" .. i, keys(), "one over keys, step " .. i)
    end
    t:check(a() == nil and b() == nil and keys() == nil, "all of them end")
  end)

  check("entries give the revision and the time that readEntry gives", { method = "entries",
    why = "who writes under the condition of a revision from a loop must not write over what is newer" }, function(t)
    local store = t:open()
    store:writeMany { a = 1, b = 2, c = 3 }
    store:writeValue("b", 4)
    local reads = 0
    for id, value, revision, updatedAt in store:entries() do
      local entry = store:readEntry(id)
      t:equal(entry.value, value, "the value of " .. id)
      if revision ~= nil or store.supports.revision then
        t:equal(entry.revision, revision, "the third result for " .. id .. ", its revision")
      end
      if updatedAt ~= nil then t:equal(entry.updatedAt, updatedAt, "the fourth result for " .. id .. ", its time") end
      reads = reads + 1
    end
    t:equal(3, reads, "entries() gives all")
  end)

  check("loops over an empty store do nothing", { method = "values" }, function(t)
    local store = t:open()
    t:blame("keys"):equal({}, t:list(store:keys()), "keys()")
    t:blame("values"):equal({}, t:list(store:values()), "values()")
    t:blame("filter"):equal({}, t:list(store:filter(function() return true end)), "filter()")
    t:blame("take"):equal({}, t:list(store:take(3)), "take(3)")
    t:blame("keys"):equal({}, t:list(store:keys { prefix = "x", reverse = true }), "a range")
  end)
end
