-- SPDX-License-Identifier: MIT
--
-- readMany, writeMany, removeMany: the store's own, or made by the core of single operations.

return function(check)
  check("readMany gives those that exist", { method = "readMany" }, function(t)
    local store = t:open()
    t:fill(store, 30)
    local ids = {}
    for i = 30, 1, -1 do ids[#ids + 1] = "item-" .. i end
    ids[#ids + 1] = "missing"
    local got = store:readMany(ids)
    for i = 1, 30 do t:equal({ n = i }, got["item-" .. i], "item-" .. i) end
    t:equal(nil, got.missing, "one that does not exist")
    t:equal({}, store:readMany {}, "no ids")
    store:writeValue(5, "five")
    t:equal("five", store:readMany { 5 }[5], "a number as id")
  end)

  check("writeMany writes all, over what is there", { method = "writeMany" }, function(t)
    local store = t:open()
    store:writeValue("item-3", "old")
    local batch, expected = {}, {}
    for i = 1, 100 do
      batch["item-" .. i] = { n = i }
      expected[i] = "item-" .. i
    end
    store:writeMany(batch)
    t:equal(expected, t:list(store:keys()), "keys()")
    for i = 1, 100 do t:equal({ n = i }, store:readValue("item-" .. i), "item-" .. i) end
    store:writeMany {}
    t:equal(100, store:count(), "an empty batch changes nothing")
  end)

  check("writeMany refuses a batch with an unusable value", { method = "writeMany" }, function(t)
    local store = t:open()
    t:raises("invalid_value", "a value that cannot be stored", store.writeMany, store, { a = 1, b = { 0 / 0 } })
    t:raises("invalid_argument", "an id that cannot be", store.writeMany, store, { a = 1, [""] = 2 })
    t:equal({}, t:list(store:keys()), "nothing of it was written")
  end)

  check("removeMany removes those that exist and counts them", { method = "removeMany" }, function(t)
    local store = t:open()
    t:fill(store, 20)
    t:equal(3, store:removeMany { "item-1", "missing", "item-20", "item-7" }, "how many there were")
    t:equal(17, store:count(), "what is left")
    t:equal(false, store:hasValue("item-7"), "one of them")
    t:equal(true, store:hasValue("item-8"), "one that was not named")
    t:equal(0, store:removeMany { "missing" }, "none of them exists")
    t:equal(0, store:removeMany {}, "no ids")
  end)

  check("batches in any order and size agree with single operations", { method = "readMany" }, function(t)
    local store, expected = t:open(), {}
    local seed = 42
    local function random(n)
      seed = (seed * 1103515245 + 12345) % 2147483648
      return math.floor(seed / 65536) % n + 1
    end
    for step = 1, 60 do
      local batch, ids = {}, {}
      for _ = 1, random(8) do
        local id = "k" .. random(25)
        batch[id] = step
        ids[#ids + 1] = id
      end
      local kind = random(4)
      if kind == 1 then
        store:writeMany(batch)
        for id in pairs(batch) do expected[id] = step end
      elseif kind == 2 then
        local unique, there = {}, 0
        for id in pairs(batch) do
          unique[#unique + 1] = id
          if expected[id] then there = there + 1 end
          expected[id] = nil
        end
        t:blame("removeMany"):equal(there, store:removeMany(unique), "removeMany in step " .. step)
      elseif kind == 3 then
        store:writeValue(ids[1], step)
        expected[ids[1]] = step
      else
        local got = store:readMany(ids)
        for _, id in ipairs(ids) do t:blame("readMany"):equal(expected[id], got[id], "readMany of " .. id) end
      end
    end
    local n = 0
    for id, value in store:entries() do
      n = n + 1
      t:blame("entries"):equal(expected[id], value, "the value of " .. id .. " in the end")
    end
    local wanted = 0
    for _ in pairs(expected) do wanted = wanted + 1 end
    t:equal(wanted, n, "how many there are in the end")
  end)
end
