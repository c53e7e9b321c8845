-- SPDX-License-Identifier: MIT
--
-- Other processes: what they write is seen, what was acknowledged to them survives when they are killed, what they had
-- only begun does not, and of two that want the same at the same moment one gets it.

local core = require "holdfast.core"
local processes = require "holdfast.conformance.processes"

local LOST = "a lost position is money"

-- How often two processes want the same: enough for the rare moment in which both look before one of them writes.
local ROUNDS = 100

-- Everything that the store says of these ids is what `state` has, id -> value.
local function expect(t, store, state, ids, when)
  local there = {}
  for _, id in ipairs(ids) do
    local value = state[id]
    if value then there[#there + 1] = id end
    t:blame("hasValue"):equal(value ~= nil, store:hasValue(id), "hasValue of " .. id .. when)
    for _, method in ipairs { "readValue", "readEntry" } do
      t:blame(method)
      if not value then t:raises("not_found", method .. " of " .. id .. when, store[method], store, id)
      elseif method == "readValue" then t:equal(value, store:readValue(id), "readValue of " .. id .. when)
      else t:equal(value, store:readEntry(id).value, "readEntry of " .. id .. when) end
    end
  end
  local values = {}
  for i, id in ipairs(there) do values[i] = state[id] end
  t:blame("readMany"):equal(state, store:readMany(ids), "readMany" .. when)
  t:blame("keys"):equal(there, t:list(store:keys()), "keys()" .. when)
  t:blame("values"):equal(values, t:list(store:values()), "values()" .. when)
  t:blame("count"):equal(#there, store:count(), "count()" .. when)
end

-- Runs the body in another process, which must not fail: this method is to blame if it does.
local function another(t, method, message, body)
  local ok, found = pcall(processes.run, t, body)
  if not ok then t:blame(method):fail(message, nil, found.message) end
  return found
end

local function durability(check)
  local function survives(title, method, alsoNeeds, body, verify)
    check(title, { method = method, needs = "durable", alsoNeeds = alsoNeeds, needsProcess = true, why = LOST },
      function(t)
      local store = t:open()
      store:writeValue("before", "old")
      processes.run(t, body)
      verify(t, t:open())
    end)
  end

  survives("a write that returned survives the end of the process", "writeValue", nil, [[
      store:writeValue("a", { n = 1 })
      store:writeValue("before", "new")
      store:removeValue("a")
      store:writeValue("b", { n = 2 })
      child:kill()
    ]], function(t, store)
    t:equal({ n = 2 }, store:readValue("b"), "what the killed process wrote last")
    t:equal("new", store:readValue("before"), "what it wrote over")
    t:equal(false, store:hasValue("a"), "what it removed")
    t:equal({ "b", "before" }, t:list(store:keys()), "keys()")
  end)

  survives("a batch that returned survives the end of the process", "writeMany", nil, [[
      store:writeMany { x = 1, y = 2, z = 3 }
      store:removeMany { "y" }
      child:kill()
    ]], function(t, store)
    t:equal({ "before", "x", "z" }, t:list(store:keys()), "keys()")
  end)

  survives("a transaction that returned survives the end of the process", "commit", "transaction", [[
      holdfast.transaction(function()
        store:writeValue("before", "new")
        store:writeValue("a", 1)
      end)
      child:kill()
    ]], function(t, store)
    t:equal({ "a", "before" }, t:list(store:keys()), "keys()")
    t:equal("new", store:readValue("before"), "what it wrote over")
  end)
end

local function wholeness(check)
  check("a transaction is not committed when its process dies", { method = "commit", needs = "transaction",
    needsProcess = true, alsoNeeds = "durable" }, function(t)
    local store = t:open()
    store:writeValue("before", "old")
    store:close()
    processes.run(t, [[
      holdfast.transaction(function()
        store:writeValue("before", "new")
        store:writeValue("a", 1)
        child:kill()
      end)
    ]])
    store = t:open()
    t:equal("old", store:readValue("before"), "the entity that it wrote over")
    t:equal({ "before" }, t:list(store:keys()), "keys()")
  end)

  check("a batch whose process dies is whole or not there", { method = "writeMany", needs = "atomicBatch",
    alsoNeeds = "durable", needsProcess = true,
    why = "atomicBatch is declared: batches happen whole or not at all" }, function(t)
    local store = t:open()
    for _, seconds in ipairs { 0.003, 0.01, 0.02, 0.04 } do
      processes.run(t, ([[
        local function batch(value)
          local entities = {}
          for i = 1, 40 do entities["k" .. i] = value end
          return entities
        end
        local ids = {}
        for i = 1, 40 do ids[i] = "k" .. i end
        store:writeMany(batch(0))
        child:killIn(%g)
        for n = 1, math.huge do
          if n %% 3 == 1 then store:removeMany(ids) else store:writeMany(batch(n)) end
        end
      ]]):format(seconds))
      local values = t:list(store:values())
      if #values ~= 0 and #values ~= 40 then
        t:fail("entities of a batch of 40 whose process was killed", "40 or none", tostring(#values))
      end
      for _, value in ipairs(values) do
        t:equal(values[1], value, "values of a batch of 40 whose process was killed")
      end
    end
  end)
end

local function visibility(check)
  check("an open instance sees what another process writes and removes", { method = "readValue", needs = "durable",
    needsProcess = true, why = "what an instance has kept is old once another process has written" }, function(t)
    local store, ids = t:open(), { "added", "changed", "kept", "removed" }
    for _, id in ipairs { "changed", "kept", "removed" } do store:writeValue(id, "old") end
    expect(t, store, { changed = "old", kept = "old", removed = "old" }, ids, " at first")
    processes.run(t, [[
      store:writeValue("changed", "new")
      store:removeValue("removed")
      store:writeValue("added", "new")
    ]])
    expect(t, store, { added = "new", changed = "new", kept = "old" }, ids, " after another process wrote")
    processes.run(t, [[
      store:writeMany { changed = "newer", removed = "again" }
      store:removeMany { "added" }
    ]])
    expect(t, store, { changed = "newer", kept = "old", removed = "again" }, ids, " after its batches")
    processes.run(t, "store:removeAll()")
    expect(t, store, {}, ids, " after its removeAll")
  end)

  check("another process sees what was committed, and may write then", { method = "commit", needs = "transaction",
    alsoNeeds = "durable", needsProcess = true,
    why = "a transaction that stays open keeps what it has written from others, and others from writing" }, function(t)
    local store = t:open()
    core.transaction(function() store:writeValue("a", 1) end)
    local sees = another(t, "commit", "another process cannot read after a commit", "return store:hasValue('a')")
    t:blame("commit"):equal("true", sees, "whether another process sees what was committed")
    another(t, "commit", "another process cannot write after a commit", "store:writeValue('b', 1)")
    pcall(core.transaction, function()
      store:writeValue("c", 1)
      error("undo")
    end)
    another(t, "rollback", "another process cannot write after a rollback", "store:writeValue('d', 1)")
    t:blame("commit"):equal({ "a", "b", "d" }, t:list(store:keys()), "keys() in the end")
  end)

  check("a snapshot does not see what another process writes", { method = "begin", needs = "snapshot",
    alsoNeeds = "durable", needsProcess = true }, function(t)
    local store = t:open()
    store:writeValue("a", "old")
    local wrote
    core.snapshot(store, function(s)
      t:equal("old", s:readValue("a"), "before the other process writes")
      -- It may have to wait for the snapshot's end, which it does not do for long.
      wrote = pcall(processes.run, t, "store:writeMany { a = 'new', b = 'new' }", 3)
      t:equal("old", s:readValue("a"), "readValue after the other process wrote")
      t:equal({ "a" }, t:list(s:keys()), "keys() after the other process wrote")
      t:equal(1, s:count(), "count() after the other process wrote")
    end)
    if wrote then t:equal("new", store:readValue("a"), "readValue after the snapshot") end
  end)
end

local function races(check)
  check("ifAbsent is won once by two processes", { method = "writeValue", needs = "ifAbsent", alsoNeeds = "durable",
    needsProcess = true, why = "two strategies must not both take the last slot" }, function(t)
    local store = t:open()
    store:waitForInit(true)
    local one, two = processes.race(t, ([[
      local won = 0
      for i = 1, %d do
        child:meet(i)
        local ok, err = pcall(store.writeValue, store, "slot-" .. i, child.me, { ifAbsent = true })
        if not ok and err.code ~= "conflict" then error(err, 0) end
        if ok then won = won + 1 end
        if i %% 10 == 0 then store:writeValue("own-" .. child.me .. "-" .. i, 0) end
      end
      return won
    ]]):format(ROUNDS))
    t:equal(ROUNDS, one + two, "slots taken by the two together, of " .. ROUNDS)
    local has = { [0] = 0, 0, 0 }
    for value in store:values() do has[value] = has[value] + 1 end
    t:equal(one, has[1], "slots that have what the first process wrote, of those that it took")
    t:equal(two, has[2], "slots that have what the second process wrote, of those that it took")
    t:equal(ROUNDS / 5, has[0], "what each wrote under ids of its own meanwhile")
  end)

  check("ifRevision is won once by two processes", { method = "writeValue", needs = "revision", alsoNeeds = "durable",
    needsProcess = true, why = "the one that is second would write over what it has not seen" }, function(t)
    local store = t:open()
    store:writeValue("n", 0)
    local one, two = processes.race(t, ([[
      local won = 0
      for i = 1, %d do
        local entry = store:readEntry("n")
        child:meet(2 * i - 1)
        local ok, err = pcall(store.writeValue, store, "n", entry.value + 1, { ifRevision = entry.revision })
        if not ok and err.code ~= "conflict" then error(err, 0) end
        if ok then won = won + 1 end
        child:meet(2 * i)
      end
      return won
    ]]):format(ROUNDS))
    t:equal(ROUNDS, one + two, "writes that succeeded in " .. ROUNDS .. " rounds of two")
    t:equal(ROUNDS, store:readValue("n"), "the number to which each of them added 1")
  end)

  check("a removal at a revision never takes what another process writes", { method = "removeValue",
    needs = "removeIfRevision", alsoNeeds = "durable", needsProcess = true,
    why = "what was changed meanwhile was not what was to be removed" }, function(t)
    local store = t:open()
    for i = 1, ROUNDS do store:writeValue("item-" .. i, "old") end
    local removed, written = processes.race(t, ([[
      local done = 0
      for i = 1, %d do
        local id = "item-" .. i
        local condition = { ifRevision = store:readEntry(id).revision }
        child:meet(i)
        local ok, err
        if child.me == 1 then ok, err = pcall(store.removeValue, store, id, condition)
        else ok, err = pcall(store.writeValue, store, id, "new", condition) end
        if not ok and err.code ~= "conflict" and err.code ~= "not_found" then error(err, 0) end
        if ok then done = done + 1 end
      end
      return done
    ]]):format(ROUNDS))
    t:equal(ROUNDS, removed + written, "removals and writes that succeeded in " .. ROUNDS .. " rounds of one each")
    t:equal(written, #t:list(store:values()), "entities that are left, of those that were written meanwhile")
  end)
end

return function(check)
  durability(check)
  wholeness(check)
  visibility(check)
  races(check)
end
