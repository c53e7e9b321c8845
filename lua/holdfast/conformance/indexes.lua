-- SPDX-License-Identifier: MIT
--
-- Indexes: that loops give with them what they give without, whatever happened since they were made; that they are the
-- store's, and not the instance's.  The functions are taken from core, since a class that declares none may have
-- methods of these names for something else.  unique.lua has the unique ones.

local core = require "holdfast.core"
local processes = require "holdfast.conformance.processes"
local questions = require "holdfast.conformance.questions"

local createIndex, dropIndex, indexes, transaction = core.createIndex, core.dropIndex, core.indexes, core.transaction

local PATHS = { "symbol", { "side", "n" }, "deep.level", "odd", "note" }

-- Entities that come last, for which some predicates raise.
local ODD = {
  ["odd-1"] = {}, ["odd-2"] = { symbol = { "BTCUSDT" }, odd = core.json.array() }, ["odd-3"] = { symbol = 5, n = "7" },
  ["odd-4"] = { symbol = core.json.null, deep = 1 }, ["odd-5"] = { symbol = "BTCUSDT", side = "long", n = 25 },
  ["odd-6"] = { side = "flat", n = "7" },
}

local wanted, limits = "SOLUSDT", { low = 100 }
local null = core.json.null

-- {says, predicate}: the first few are asked again after each change.
local PREDICATES = {
  { "an equality", function(v) return v.symbol == "BTCUSDT" end },
  { "a range of one path after an equality of another", function(v)
    return v.side == "long" and v.n >= 20 and v.n < 90
  end },
  { "either of two", function(v) return v.symbol == wanted or v.deep.level == 3 end },
  { "a field that is not there", function(v) return v.note == nil end },
  { "a value of several types", function(v) return v.odd == 7 end },
  { "more than an equality", function(v) return v.symbol == "BTCUSDT" and v.n > limits.low end },
  { "a text of digits", function(v) return v.odd == "7" end },
  { "the empty text", function(v) return v.odd == "" end },
  { "null", function(v) return v.odd == null end },
  { "false", function(v) return v.odd == false end },
  { "what is not so", function(v) return v.odd ~= 7 end },
  { "null and a text", function(v) return v.note == null or v.note == "checked" end },
  { "a number, where one has a text", function(v) return v.side == "flat" and v.n > 8 end },
  { "neither nil nor false", function(v) return not v.odd end },
  { "a path that ends early", function(v) return v.deep.level > 6 end },
  { "a range of texts", function(v) return v.symbol >= "BTC" and v.symbol < "BTD" end },
  { "an order of different types", function(v) return v.odd and v.odd > 5 end },
  { "what raises before an equality is looked at", function(v) return v.deep.level > 6 and v.symbol == "BTCUSDT" end },
  { "what an index says nothing of", function(v) return v.symbol == "BTCUSDT" and tostring(v.n):find("^1") ~= nil end },
}
local FEW = 5

-- What a loop without an index gives: ids, and whether the predicate raised then.
local function plainly(all, predicate)
  local ids = {}
  for _, one in ipairs(all) do
    local ok, is = pcall(predicate, one[2], one[1])
    if not ok then return ids, true end
    if is then ids[#ids + 1] = one[1] end
  end
  return ids, false
end

-- What a loop with the predicate gives.
local function asked(t, store, predicate, reverse, says)
  local ids = {}
  local ok, raised = pcall(function()
    for id in store:keys { where = predicate, reverse = reverse } do ids[#ids + 1] = id end
  end)
  if not ok and raised.code ~= "script" then t:fail(says, "ids, or code script", tostring(raised)) end
  return ids, not ok
end

-- Compares what loops with predicates give with what asking each entity of a plain loop gives.
local function compare(t, store, when, few)
  local all, back = {}, {}
  for id, value in store:entries() do all[#all + 1] = { id, value } end
  for i, one in ipairs(all) do back[#all + 1 - i] = one end
  for i = 1, few or #PREDICATES do
    local says, predicate = PREDICATES[i][1], PREDICATES[i][2]
    for reverse, list in pairs { [false] = all, [true] = back } do
      local wantedIds, raises = plainly(list, predicate)
      local what = ("%s, %s%s"):format(when, says, reverse and ", from the last to the first" or "")
      local ids, raised = asked(t, store, predicate, reverse, what)
      t:equal(wantedIds, ids, what)
      t:equal(raises, raised, what .. ": whether the predicate raised")
      if not raises then t:equal(#wantedIds, store:count(predicate), what .. ": count()") end
    end
  end
end

local function makeAll(store)
  for _, paths in ipairs(PATHS) do createIndex(store, paths) end
end

local function fill(store)
  store:writeMany(questions.entities())
  store:writeMany(ODD)
end

local function names(store)
  local list = {}
  for i, index in ipairs(indexes(store)) do list[i] = index.name .. (index.unique and " unique" or "") end
  return list
end

-- ---- what there is

local function definitions(check)
  check("indexes are refused where there are none", { method = "createIndex", lacks = "index" }, function(t)
    local store = t:open()
    t:raises("unsupported", "createIndex", createIndex, store, "symbol")
    t:raises("unsupported", "dropIndex", dropIndex, store, "symbol")
    t:raises("unsupported", "indexes", indexes, store)
  end)

  check("an index is made, listed and forgotten", { method = "createIndex", needs = "index" }, function(t)
    local store, other = t:open(), t:open(t:other())
    t:blame("indexes"):equal({}, names(store), "indexes() at first")
    t:blame("createIndex")
    createIndex(store, "symbol")
    createIndex(store, { "v.side", "n" }, { unique = true })
    createIndex(store, "v['deep'].level")
    createIndex(store, "symbol")
    t:blame("indexes")
    t:equal({ "deep.level", "side,n unique", "symbol" }, names(store), "indexes()")
    t:equal({ "side", "n" }, indexes(store)[2].paths, "the paths of one")
    t:equal(true, indexes(store)[3].ready, "whether one that was made is ready")
    t:equal({ "deep.level", "side,n unique", "symbol" }, names(t:open()), "indexes() of another instance")
    t:equal({}, names(other), "indexes() of another collection")
    t:blame("createIndex")
    t:raises("conflict", "the same paths, and unique", createIndex, store, "symbol", { unique = true })
    t:raises("conflict", "the same paths, and not unique", createIndex, store, { "side", "n" })
    t:blame("dropIndex")
    dropIndex(store, { "side", "v.n" })
    dropIndex(store, "symbol")
    t:equal({ "deep.level" }, names(store), "indexes() after two were forgotten")
    t:raises("not_found", "dropIndex of one that was forgotten", dropIndex, store, "symbol")
    createIndex(store, "symbol", { unique = true })
    t:blame("createIndex"):equal({ "deep.level", "symbol unique" }, names(store), "indexes() when it was made again")
  end)
end

-- ---- what loops give

local WHY = "an index spares looking at entities, and changes nothing of what comes out"

local function answers(check)
  check("an index over what there is gives what a plain loop gives", { method = "createIndex", needs = "index",
    why = WHY }, function(t)
    local store = t:open()
    fill(store)
    makeAll(store)
    compare(t, store, "indexes over entities that were there")
    for _, paths in ipairs(PATHS) do dropIndex(store, paths) end
    t:blame("dropIndex"):equal({}, names(store), "indexes() after all were forgotten")
    compare(t, store, "after the indexes were forgotten", FEW)
  end)

  check("an index is kept up by all that writes and removes", { method = "writeValue", needs = "index", why = WHY },
    function(t)
    local store, second = t:open(), t:open()
    makeAll(store)
    local function step(method, fn)
      t:blame(method)
      fn()
      compare(t, store, "after " .. method, FEW)
    end
    step("writeMany", function() fill(store) end)
    step("writeValue", function()
      store:writeValue("item-7", { symbol = "BTCUSDT", side = "long", n = 21, deep = { level = 3 }, odd = 7 })
      second:writeValue("item-8", { symbol = "another" })
      second:writeValue("item-1000", questions.entity(20))
    end)
    step("writeMany", function()
      second:writeMany { ["item-9"] = { odd = 7, symbol = wanted, deep = { level = 0 } }, ["item-21"] = {},
        ["item-2000"] = questions.entity(26) }
    end)
    step("removeValue", function()
      store:removeValue("item-20")
      second:removeValue("item-1000")
    end)
    step("removeMany", function() second:removeMany { "item-22", "item-7", "nothing", "odd-1" } end)
    step("removeAll", function() store:removeAll() end)
    step("writeValue", function()
      for i = 1, 60 do store:writeValue("item-" .. i, questions.entity(i)) end
    end)
  end)
end

local function undone(check)
  check("an index is undone with the transaction", { method = "rollback", needs = "index", alsoNeeds = "transaction",
    why = "what was never committed must not be found, and what was taken back must" }, function(t)
    local store = t:open()
    fill(store)
    makeAll(store)
    local function change()
      store:writeValue("item-7", { symbol = "BTCUSDT", odd = 7, deep = { level = 3 } })
      store:writeMany { ["item-8"] = { symbol = "BTCUSDT" }, ["item-3000"] = questions.entity(7) }
      store:removeValue("item-9")
      store:removeMany { "item-21", "item-22" }
    end
    t:undo(function()
      change()
      compare(t, store, "in a transaction", FEW)
    end)
    compare(t, store, "after a transaction that was undone", FEW)
    t:undo(function()
      store:removeAll()
      store:writeValue("item-1", { symbol = "BTCUSDT" })
      compare(t, store, "in a transaction that emptied it", FEW)
    end)
    compare(t, store, "after a removeAll that was undone", FEW)
    t:blame("commit")
    transaction(change)
    compare(t, store, "after a transaction", FEW)
  end)

  check("an index is undone with the inner transaction alone", { method = "rollback", needs = "index",
    alsoNeeds = "nested" }, function(t)
    local store = t:open()
    fill(store)
    makeAll(store)
    transaction(function()
      store:writeValue("item-7", { symbol = "BTCUSDT", odd = 7, deep = { level = 3 } })
      t:undo(function()
        store:removeMany { "item-4", "item-7" }
        store:writeValue("item-8", { symbol = wanted, side = "long", n = 50 })
        compare(t, store, "in an inner transaction", FEW)
      end)
      compare(t, store, "after an inner transaction that was undone", FEW)
      store:writeValue("item-9", { symbol = "BTCUSDT", side = "long", n = 50 })
    end)
    compare(t, store, "after the outer one was committed", FEW)
  end)
end

-- ---- other instances and processes

local CHILD = [[
  local core = require "holdfast.core"
]]

local function others(check)
  check("an index is there again after everything was closed", { method = "createIndex", needs = "index",
    alsoNeeds = "durable" }, function(t)
    local store = t:open()
    fill(store)
    makeAll(store)
    store:writeValue("ticket", { ticket = 9 })
    createIndex(store, "ticket", { unique = true })
    local made = names(store)
    store:close()
    store = t:open()
    t:blame("indexes"):equal(made, names(store), "indexes() of a new instance")
    t:blame("createIndex")
    store:writeValue("item-7", { symbol = "BTCUSDT", odd = 7, deep = { level = 3 } })
    compare(t, store, "by a new instance", FEW)
    t:blame("writeValue"):raises("duplicate", "what another entity has, by a new instance", store.writeValue, store,
      "another", { ticket = 9 })
  end)

  check("an index is kept up by another process", { method = "createIndex", needs = "index", alsoNeeds = "durable",
    needsProcess = true, why = "a process that does not know of it would not keep it up" }, function(t)
    local store = t:open()
    fill(store)
    store:count(function(v) return v.symbol == "BTCUSDT" end)
    makeAll(store)
    processes.run(t, CHILD .. [[
      store:writeValue("item-7", { symbol = "BTCUSDT", odd = 7, deep = { level = 3 } })
      store:writeMany { ["item-8"] = { symbol = "BTCUSDT", n = 1 } }
      store:removeValue("item-21")
    ]])
    compare(t, store, "after another process wrote", FEW)
    processes.run(t, CHILD .. [[
      core.dropIndex(store, "symbol")
      core.createIndex(store, "n", { unique = false })
      store:writeValue("item-10", { symbol = "BTCUSDT", n = 21, side = "long" })
    ]])
    t:blame("indexes"):equal({ "deep.level", "n", "note", "odd", "side,n" }, names(store),
      "indexes() after another process forgot one and made one")
    t:blame("createIndex")
    compare(t, store, "after another process forgot one and made one", FEW)
  end)
end

-- ---- loops in the order of an index

local function order(check)
  check("loops in the order of an index are refused where there are none", { method = "keys", lacks = "indexOrder" },
    function(t)
    local store = t:open()
    store:writeValue("a", { n = 1 })
    if store.supports.index then createIndex(store, "n") end
    for _, method in ipairs { "keys", "entries" } do
      t:raises("unsupported", method .. " in the order of an index", function()
        t:list(store[method](store, { index = "n" }))
      end)
    end
  end)

  check("loops go in the order of an index", { method = "keys", needs = "indexOrder" }, function(t)
    local store, all = t:open(), questions.entities()
    store:writeMany(all)
    createIndex(store, "odd")
    -- By what it has there, and then by its number: null, false, true, numbers, texts.
    local places, sorted = { [null] = 1, [false] = 2, [true] = 3, [7] = 4, [""] = 5, ["7"] = 6 }, {}
    for _, value in pairs(all) do
      if value.odd ~= nil then sorted[#sorted + 1] = value end
    end
    table.sort(sorted, function(a, b)
      if a.odd ~= b.odd then return places[a.odd] < places[b.odd] end
      return a.n < b.n
    end)
    local function expected(range)
      local ids = {}
      for i = 1, #sorted do
        local v = sorted[range.reverse and #sorted + 1 - i or i]
        local fits = (not range.prefix or ("item-" .. v.n):find(range.prefix, 1, true) == 1)
          and (not range.from or v.n >= 60 and v.n <= 230) and (not range.where or range.where(v))
        if fits and #ids < (range.limit or #sorted) then ids[#ids + 1] = "item-" .. v.n end
      end
      return ids
    end
    for _, range in ipairs { {}, { reverse = true }, { limit = 5 }, { limit = 7, reverse = true },
      { prefix = "item-1" }, { from = "item-60", to = "item-230", reverse = true },
      { where = function(v) return v.n % 3 == 0 end },
      { where = function(v) return v.odd == 7 or v.odd == "7" end, reverse = true, limit = 9 } } do
      local given = { index = "odd" }
      for name, value in pairs(range) do given[name] = value end
      local ids, values = expected(range), {}
      for i, id in ipairs(ids) do values[i] = all[id] end
      t:blame("keys"):equal(ids, t:list(store:keys(given)), "keys in the order of an index")
      t:blame("values"):equal(values, t:list(store:values(given)), "values in the order of an index")
    end
    t:raises("not_found", "a loop in the order of an index that there is not", function()
      t:list(store:keys { index = "n" })
    end)
  end)
end

return function(check)
  definitions(check)
  answers(check)
  undone(check)
  others(check)
  order(check)
end
