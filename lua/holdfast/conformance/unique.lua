-- SPDX-License-Identifier: MIT
--
-- Unique indexes: that no second entity gets what one has, whoever writes it and however; that what is not the same is
-- not taken for it; and that what was refused has changed nothing.

local core = require "holdfast.core"
local processes = require "holdfast.conformance.processes"

local createIndex, null = core.createIndex, core.json.null

-- How often two processes write the same at the same moment.
local ROUNDS = 40

local function writes(check)
  check("a unique index refuses what another entity has, and nothing is changed", { method = "writeValue",
    needs = "index", why = "two positions with one order id are one too many" }, function(t)
    local store, second = t:open(), t:open()
    createIndex(store, "symbol", { unique = true })
    local function refused(says, id, value, by)
      local err = t:raises("duplicate", says, by and by.writeValue or store.writeValue, by or store, id, value)
      t:equal(id, err.entityId, says .. ": err.entityId")
      t:equal(t.name, err.entityName, says .. ": err.entityName")
      t:equal(false, err.retryable, says .. ": err.retryable")
    end
    store:writeValue("a", { symbol = "X", n = 1 })
    store:writeValue("a", { symbol = "X", n = 2 })
    refused("a new entity with what another one has", "b", { symbol = "X" })
    refused("the same by another instance", "b", { symbol = "X" }, second)
    t:equal(false, store:hasValue("b"), "hasValue after it was refused")
    second:writeValue("b", { symbol = "Y" })
    refused("an entity that takes what another one has", "b", { symbol = "X", n = 3 })
    t:equal({ symbol = "Y" }, store:readValue("b"), "the entity that was refused a change")
    store:writeValue("a", { symbol = "Z" })
    second:writeValue("b", { symbol = "X" })
    refused("what an entity got when another had given it up", "a", { symbol = "X" })
    t:blame("removeValue")
    store:removeValue("b")
    store:writeValue("c", { symbol = "X" })
    t:blame("removeMany")
    store:removeMany { "c" }
    store:writeValue("d", { symbol = "X" })
    t:blame("removeAll")
    store:removeAll()
    store:writeValue("e", { symbol = "X" })
    t:equal({ "e" }, t:list(store:keys()), "keys() in the end")
  end)
end

local function values(check)
  check("a unique index counts what is the same, and nothing else", { method = "writeValue", needs = "index" },
    function(t)
    local store = t:open()
    createIndex(store, "symbol", { unique = true })
    createIndex(store, { "side", "n" }, { unique = true })
    local long = ("x"):rep(400)
    local numbers = { 1, 0, 0.3, 0.1 + 0.2, 2 ^ 53, 2 ^ 53 - 1 }
    for i, value in ipairs(numbers) do store:writeValue("number-" .. i, { symbol = value }) end
    local all = { "1", "", true, false, "x", "null", long .. "a", long .. "b" }
    for i, value in ipairs(all) do
      store:writeValue("value-" .. i, { symbol = value })
    end
    for i, value in ipairs { 1, -0.0, "", true, "x", long .. "a", 0.1 + 0.2, 2 ^ 53 } do
      t:raises("duplicate", "a second entity with " .. core.json.encode(value):sub(1, 20), store.writeValue, store,
        "again-" .. i, { symbol = value })
    end
    for i = 1, 2 do -- those count for nothing
      store:writeValue("null-" .. i, { symbol = null })
      store:writeValue("missing-" .. i, {})
      store:writeValue("list-" .. i, { symbol = { "x" } })
      store:writeValue("text-" .. i, "x")
      store:writeValue("half-" .. i, { side = "long" })
    end
    store:writeValue("pair-1", { side = "long", n = 1 })
    store:writeValue("pair-2", { side = "long", n = 2 })
    store:writeValue("pair-3", { side = "short", n = 1 })
    t:raises("duplicate", "the same at both paths", store.writeValue, store, "pair-4", { side = "long", n = 2 })
  end)
end

local function several(check)
  check("a batch with what a unique index forbids is refused", { method = "writeMany", needs = "index" }, function(t)
    local store = t:open()
    createIndex(store, "symbol", { unique = true })
    store:writeMany { a = { symbol = "A" }, b = { symbol = "B" } }
    t:raises("duplicate", "a batch of which one has what another entity has", store.writeMany, store,
      { c = { symbol = "C" }, d = { symbol = "A" } })
    t:equal(false, store:hasValue("d"), "hasValue of the one")
    if store.supports.atomicBatch then t:equal({ "a", "b" }, t:list(store:keys()), "keys() after it") end
    store:removeMany { "c", "d" }
    t:raises("duplicate", "a batch in which two have the same", store.writeMany, store,
      { e = { symbol = "E" }, f = { symbol = "E" } })
    t:check(not (store:hasValue("e") and store:hasValue("f")), "both of them are there")
    store:removeMany { "e", "f" }
    store:writeMany { a = { symbol = "A", n = 1 }, c = { symbol = "C" } }
    t:equal({ "a", "b", "c" }, t:list(store:keys()), "keys() after a batch in which nothing is the same")
  end)

  check("what is there twice gets no unique index", { method = "createIndex", needs = "index" }, function(t)
    local store = t:open()
    store:writeMany { a = { symbol = "X" }, b = { symbol = "X" }, c = { symbol = null }, d = { symbol = null } }
    t:raises("duplicate", "createIndex of a unique one", createIndex, store, "symbol", { unique = true })
    t:equal(0, #core.indexes(store), "indexes() after it")
    store:writeValue("e", { symbol = "X" })
    store:removeMany { "a", "b" }
    createIndex(store, "symbol", { unique = true })
    t:raises("duplicate", "what one has that was there", store.writeValue, store, "f", { symbol = "X" })
  end)
end

local function undone(check)
  check("a unique index is undone with the transaction", { method = "rollback", needs = "index",
    alsoNeeds = "transaction", why = "what was never committed must keep nobody out" }, function(t)
    local store = t:open()
    createIndex(store, "symbol", { unique = true })
    store:writeValue("a", { symbol = "X" })
    store:writeValue("b", { symbol = "Y" })
    t:undo(function()
      store:removeValue("a")
      store:writeValue("c", { symbol = "X" })
      store:writeValue("b", { symbol = "Z" })
      t:raises("duplicate", "in the transaction, what it wrote", store.writeValue, store, "d", { symbol = "X" })
    end)
    for _, symbol in ipairs { "X", "Y" } do
      t:raises("duplicate", "after it was undone, " .. symbol, store.writeValue, store, "e", { symbol = symbol })
    end
    store:writeValue("e", { symbol = "Z" })
    store:removeValue("e")
    t:blame("commit")
    core.transaction(function()
      store:removeValue("a")
      store:writeValue("c", { symbol = "X" })
    end)
    t:raises("duplicate", "after it was committed", store.writeValue, store, "a", { symbol = "X" })
  end)
end

local function races(check)
  check("what a unique index allows once is written once by two processes", { method = "writeValue", needs = "index",
    alsoNeeds = "durable", needsProcess = true, why = "two strategies must not both take one order" }, function(t)
    local store = t:open()
    createIndex(store, "order", { unique = true })
    local one, two = processes.race(t, ([[
      local won = 0
      for i = 1, %d do
        child:meet(i)
        local ok, err = pcall(store.writeValue, store, child.me .. "-" .. i, { order = i })
        if not ok and err.code ~= "duplicate" then error(err, 0) end
        if ok then won = won + 1 end
      end
      return won
    ]]):format(ROUNDS))
    t:equal(ROUNDS, one + two, "writes that succeeded in " .. ROUNDS .. " rounds of two")
    t:equal(ROUNDS, store:count(), "entities after it")
  end)
end

return function(check)
  writes(check)
  values(check)
  several(check)
  undone(check)
  races(check)
end
