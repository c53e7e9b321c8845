-- SPDX-License-Identifier: MIT
--
-- Transactions where they are declared: whole or not at all, over several collections, one after the other, and several
-- in one commit.

local context = require "holdfast.conformance.context"
local core = require "holdfast.core"

local transaction = core.transaction

-- What holdfast.transactions has to say of functions of which every third raises: true, or what was raised.  A check
-- that fails in one of them fails.
local function runMany(write)
  local functions, became = {}, {}
  for i = 1, 7 do
    functions[i] = function()
      write(i)
      if i % 3 == 0 then error("undo " .. i, 0) end
    end
  end
  for i, result in ipairs(core.transactions(functions)) do
    if getmetatable(result.error) == context.Failure then error(result.error, 0) end
    became[i] = result.ok or tostring(result.error)
  end
  return became
end

local RAISED_BY_THIRDS = { true, true, "undo 3", true, true, "undo 6", true }

return function(check)
  check("transactions are refused where there are none", { method = "begin", lacks = "transaction",
    why = "what is unsupported is an error, never a silent no-op" }, function(t)
    local store = t:open()
    t:raises("unsupported", "a write in a transaction", transaction, function() store:writeValue("a", 1) end)
    t:equal({}, t:list(store:keys()), "nothing was written")
  end)

  check("a transaction commits all of it", { method = "commit", needs = "transaction" }, function(t)
    local store, other = t:open(), t:open(t:other())
    store:writeValue("old", 1)
    local result = transaction(function()
      store:writeValue("a", 1)
      other:writeValue("b", 2)
      store:removeValue("old")
      t:equal(1, store:readValue("a"), "it reads its own writes")
      t:equal(false, store:hasValue("old"), "it sees what it removed")
      t:equal({ "a" }, t:list(store:keys()), "keys() in it")
      return "done"
    end)
    t:equal("done", result, "what the function returned")
    t:equal({ "a" }, t:list(store:keys()), "keys() after it")
    t:equal(2, other:readValue("b"), "the other collection")
  end)

  check("a transaction is over when commit or rollback returns", { method = "commit", needs = "transaction",
    why = "one that stays open takes what comes next into it" }, function(t)
    local store = t:open()
    local function undone(method, id) -- after a call of this method
      local ok, raised = pcall(transaction, function()
        store:writeValue(id, 1)
        error("undo", 0)
      end)
      if ok or raised ~= "undo" then
        t:blame(method):fail("the next transaction after a " .. method .. ", which must end the one before",
          "it begins, and raises what its function raises", ok and "nothing was raised" or tostring(raised))
      end
    end
    undone("begin", "w")
    t:blame("rollback"):equal({}, t:list(store:keys()), "what a transaction wrote that was undone")
    transaction(function() store:writeValue("first", 1) end)
    undone("commit", "x")
    t:blame("commit"):equal({ "first" }, t:list(store:keys()), "what was committed, after the next one was undone")
    undone("rollback", "y")
    store:writeValue("second", 1)
    undone("rollback", "z")
    t:blame("rollback"):equal({ "first", "second" }, t:list(store:keys()), "what was written between two transactions")
    transaction(function() store:writeValue("third", 1) end)
    t:blame("commit"):equal({ "first", "second", "third" }, t:list(t:open():keys()), "keys() in the end")
  end)

  check("a transaction that raises undoes all of it", { method = "rollback", needs = "transaction",
    why = "half a move is two positions, or none" }, function(t)
    local store, other = t:open(), t:open(t:other())
    store:writeMany { keep = 1, change = 1 }
    local ok, raised = pcall(transaction, function()
      store:writeValue("new", 1)
      store:writeValue("change", 2)
      store:removeValue("keep")
      other:writeValue("x", 1)
      other:removeAll()
      other:writeValue("y", 1)
      error("undo", 0)
    end)
    t:check(not ok and tostring(raised) == "undo", "what was raised comes out: " .. tostring(raised))
    t:equal({ "change", "keep" }, t:list(store:keys()), "keys() after it")
    t:equal(1, store:readValue("change"), "the entity that was changed")
    t:equal({}, t:list(other:keys()), "keys() of the other collection")
    transaction(function() store:writeValue("new", 3) end)
    t:equal(3, store:readValue("new"), "the next transaction")
  end)

  check("each way of reading sees what its transaction wrote", { method = "begin", needs = "transaction" }, function(t)
    local store = t:open()
    store:writeMany { changed = "old", kept = "old", removed = "old" }
    local ids = { "added", "also", "changed", "kept" }
    transaction(function()
      store:writeValue("changed", "new")
      store:removeValue("removed")
      store:writeMany { added = "new", also = "new" }
      local state = { added = "new", also = "new", changed = "new", kept = "old" }
      t:blame("count"):equal(4, store:count(), "count() in it")
      t:blame("values"):equal({ "new", "new", "new", "old" }, t:list(store:values()), "values() in it")
      t:blame("keys"):equal({ "added", "also", "changed" }, t:list(store:keys { to = "d" }), "keys of a range in it")
      local all = { "added", "also", "changed", "kept", "removed" }
      t:blame("readMany"):equal(state, store:readMany(all), "readMany in it")
      t:blame("removeMany"):equal(1, store:removeMany { "removed", "added" }, "removeMany in it")
      store:writeValue("added", "new")
      for _, id in ipairs(ids) do
        t:blame("hasValue"):equal(true, store:hasValue(id), "hasValue in it")
        t:blame("readEntry"):equal(state[id], store:readEntry(id).value, "readEntry in it")
      end
      store:removeAll()
      t:blame("removeAll"):equal({}, t:list(store:keys()), "keys() after removeAll in it")
      store:writeMany(state)
    end)
    t:blame("commit"):equal(ids, t:list(store:keys()), "keys() after it")
  end)

  check("a collection that is first used in a transaction works after it was undone", { method = "rollback",
    needs = "transaction" }, function(t)
    local store, fresh = t:open(), nil
    pcall(transaction, function()
      store:writeValue("a", 1)
      fresh = t:open(t:other())
      fresh:writeValue("b", 1)
      error("undo")
    end)
    t:check(fresh, "an instance can be made in a transaction")
    t:equal({}, t:list(fresh:keys()), "keys() after it")
    t:raises("not_found", "readValue after it", fresh.readValue, fresh, "b")
    fresh:writeValue("c", 1)
    t:equal(1, fresh:readValue("c"), "a write after it")
  end)

  check("an inner transaction that raises undoes only itself", { method = "rollback", needs = "nested" }, function(t)
    local store = t:open()
    transaction(function()
      store:writeValue("outer", 1)
      pcall(transaction, function()
        store:writeValue("inner", 1)
        store:writeValue("outer", 2)
        error("undo")
      end)
      t:equal(1, store:readValue("outer"), "in the outer one after it")
      transaction(function() store:writeValue("second", 1) end)
    end)
    t:equal({ "outer", "second" }, t:list(store:keys()), "keys() in the end")
  end)

  check("of transactions that share a commit each is undone alone", { method = "rollback", needs = "nested",
    why = "one that fails must take none of the others with it" }, function(t)
    local store, other = t:open(), t:open(t:other())
    store:writeValue("old", 0)
    local became = runMany(function(i)
      t:equal(i == 1 and 0 or i - (i % 3 == 1 and 2 or 1), store:readValue("old"), "what the one before has left")
      store:writeValue("old", i)
      store:writeValue("new-" .. i, i)
      other:writeValue(i, i)
    end)
    t:equal(RAISED_BY_THIRDS, became, "what became of each")
    t:equal({ "new-1", "new-2", "new-4", "new-5", "new-7", "old" }, t:list(store:keys()), "keys() after it")
    t:equal({ "1", "2", "4", "5", "7" }, t:list(other:keys()), "keys() of the other collection")
    t:equal(7, store:readValue("old"), "what all of them changed")
    t:blame("begin"):equal(false, core.inTransaction(), "a transaction is open after it")
  end)

  check("a commit that transactions share is undone whole", { method = "rollback", needs = "nested" }, function(t)
    local store = t:open()
    store:writeValue("old", 0)
    pcall(transaction, function()
      runMany(function(i) store:writeValue("old", i) end)
      t:equal(7, store:readValue("old"), "what they left in the transaction around them")
      error("undo")
    end)
    t:equal(0, store:readValue("old"), "what is left after it was undone")
  end)

  check("where transactions do not nest, each of several is committed by itself", { method = "rollback",
    needs = "transaction", lacks = "nested" }, function(t)
    local store = t:open()
    local became = runMany(function(i)
      t:equal(i == 1 and 0 or i - (i % 3 == 1 and 2 or 1), store:hasValue("a") and store:readValue("a") or 0,
        "what the one before has left")
      store:writeValue("a", i)
    end)
    t:equal(RAISED_BY_THIRDS, became, "what became of each")
    t:equal(7, store:readValue("a"), "what all of them changed")
    t:blame("begin"):equal(false, core.inTransaction(), "a transaction is open after it")
  end)

  check("where there are no transactions, what each of several has written stays", { method = "writeValue",
    lacks = "transaction" }, function(t)
    local store = t:open()
    local became = runMany(function(i)
      t:equal(i - 1, store:count(), "how many the ones before have left")
      store:writeValue(i, i)
    end)
    t:equal(RAISED_BY_THIRDS, became, "what became of each")
    t:equal({ "1", "2", "3", "4", "5", "6", "7" }, t:list(store:keys()), "keys() after it")
  end)
end
