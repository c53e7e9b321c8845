-- SPDX-License-Identifier: MIT
--
-- Loops over a store, while they, and others, change it.

return function(check)
  check("many entities are listed once each, in order", { method = "keys" }, function(t)
    local store, count = t:open(), t.entities
    local batch = {}
    for i = 1, count do
      batch["item-" .. i] = { n = i }
      if i % 500 == 0 or i == count then
        store:writeMany(batch)
        batch = {}
      end
    end
    local n = 0
    for id in store:keys() do
      n = n + 1
      if id ~= "item-" .. n then t:fail("key " .. n, "item-" .. n, id) end
    end
    t:equal(count, n, "how many keys")
    n = 0
    for value in store:values() do
      n = n + 1
      if value.n ~= n then t:blame("values"):fail("value " .. n, "{n: " .. n .. "}",
        "{n: " .. tostring(value.n) .. "}") end
    end
    t:blame("values"):equal(count, n, "how many values")
    t:blame("count"):equal(count, store:count(), "count()")
    t:blame("removeAll")
    store:removeAll()
    t:equal(0, store:count(), "count() after removeAll")
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
