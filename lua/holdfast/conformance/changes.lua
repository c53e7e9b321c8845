-- SPDX-License-Identifier: MIT
--
-- The log of changes: what watches give.  Each check turns the log on, in a store that keeps none, and off again.

local core = require "holdfast.core"

-- How long to wait for a change that has to come, and for one that must not, in ms.
local PATIENCE, MOMENT = 3000, 20

-- The next `count` changes of a watch, and that there are no more.
local function take(t, watch, count)
  local out = {}
  for i = 1, count do
    local change = watch:next(PATIENCE)
    if not change then t:fail(("change %d of %d"):format(i, count), "a change", "none in time") end
    out[i] = change
  end
  local more = watch:next(MOMENT)
  t:check(more == nil, more and ("a change too many: %s of %s"):format(more.what, tostring(more.id)))
  return out
end

-- What changes did, as texts: "write a 1".
local function told(changes)
  local out = {}
  for i, change in ipairs(changes) do
    local words = { change.what, change.id }
    if change.what == "write" then
      words[#words + 1] = change.value == nil and "gone" or core.json.encode(change.value)
    end
    out[i] = table.concat(words, " ")
  end
  return out
end

return function(check)
  check("a watch gives each change once, in order", { method = "watch", needs = "changes",
    why = "who follows a store misses one, or takes one twice" }, function(t)
    local store, second = t:openLogged(), t:open()
    local watch = store:watch()
    store:writeValue("a", 1)
    second:writeValue("b", 2)
    store:removeValue("a")
    second:writeMany { c = 3 }
    store:removeMany { "c", "missing" }
    pcall(store.removeValue, store, "missing")
    store:writeValue("a", { 4 })
    local changes = take(t, watch, 6)
    t:equal({ "write a", "write b", "remove a", "write c", "remove c", "write a" }, t:map(changes, function(c)
      return c.what .. " " .. c.id
    end), "what was done")
    t:equal({ 4 }, changes[6].value, "the value of the newest change")
    for i, change in ipairs(changes) do
      t:equal(store.entityName, change.entityName, "the name of change " .. i)
      t:check(i == 1 or change.revision > changes[i - 1].revision, "a later commit has a larger revision")
      t:check(i == 1 or change.at >= changes[i - 1].at, "the time of a later commit is not before")
    end
    t:equal(changes[6].revision, watch.revision, "the watch's revision when all was taken")
    watch:close()
  end)

  -- Where others may add something meanwhile, a storage says of each that it is removed.
  check("removeAll is one change, or one for each", { method = "watch", needs = "changes" }, function(t)
    local store = t:openLogged()
    t:fill(store, 5)
    local watch = store:watch()
    store:removeAll()
    local first = watch:next(PATIENCE) or t:fail("removeAll", "a change", "none in time")
    local isOne, removed = first.what == "clear", { [first.id or ""] = true }
    for _, change in ipairs(take(t, watch, isOne and 0 or 4)) do
      t:equal("remove", change.what, "what each of them is")
      removed[change.id] = true
    end
    for i = 1, isOne and 0 or 5 do t:check(removed["item-" .. i], "item-" .. i .. " is removed") end
    store:writeValue("a", 1)
    t:equal({ "write a 1" }, told(take(t, watch, 1)), "what was done afterwards")
    watch:close()
  end)

  check("a commit's changes have one revision, and come together", { method = "watch", needs = "changes",
    alsoNeeds = "transaction", why = "a follower would be stopped in the middle of a transaction" }, function(t)
    local store = t:openLogged()
    store:writeValue("old", 0)
    local watch = store:watch()
    core.transaction(function()
      store:writeValue("a", 1)
      store:removeValue("old")
      store:writeValue("b", 2)
    end)
    store:writeValue("c", 3)
    local changes = take(t, watch, 4)
    t:equal({ "write a 1", "remove old", "write b 2", "write c 3" }, told(changes), "what was done")
    t:check(changes[1].revision == changes[3].revision, "the transaction's changes have one revision")
    t:check(changes[4].revision > changes[3].revision, "the next commit has another one")
    t:equal({ false, false, true, true }, t:map(changes, function(c) return c.last == true end), "which is last")
    watch:close()
  end)

  check("what was undone is no change", { method = "watch", needs = "changes", alsoNeeds = "transaction" }, function(t)
    local store = t:openLogged()
    store:writeValue("a", 1)
    local watch = store:watch()
    t:undo(function()
      store:writeValue("a", 2)
      store:writeMany { b = 1, c = 1 }
      store:removeAll()
    end)
    store:writeValue("d", 3)
    t:equal({ "write d 3" }, told(take(t, watch, 1)), "what was committed")
    watch:close()
  end)

  check("a watch goes on where another one ended", { method = "watch", needs = "changes",
    why = "who was stopped would have to begin again" }, function(t)
    local store = t:openLogged()
    local first = store:watch()
    for i = 1, 10 do store:writeValue("item-" .. i, i) end
    for _ = 1, 4 do first:next(PATIENCE) end
    local from = first.revision + 1
    first:close()
    local second = store:watch { from = from }
    local changes = take(t, second, 6)
    for i, change in ipairs(changes) do t:equal("item-" .. i + 4, change.id, "the id of change " .. i) end
    second:close()
    local none = store:watch { from = changes[6].revision + 1 }
    t:equal({}, take(t, none, 0), "after the newest one")
    store:writeValue("later", 1)
    t:equal({ "write later 1" }, told(take(t, none, 1)), "what comes later")
    none:close()
  end)

  check("a watch is of one entity name, and of a prefix", { method = "watch", needs = "changes" }, function(t)
    local store, other = t:openLogged(), t:open(t:other())
    local watch, some = store:watch(), store:watch { prefix = "b" }
    other:writeValue("a", 1)
    store:writeValue("a", 2)
    store:writeValue("b1", 3)
    other:removeAll()
    store:removeValue("b1")
    t:equal({ "write a 2", "write b1", "remove b1" }, t:map(take(t, watch, 3), function(c)
      return c.id == "a" and "write a 2" or c.what .. " " .. c.id
    end), "of the name")
    t:equal({ "write b1", "remove b1" }, t:map(take(t, some, 2), function(c) return c.what .. " " .. c.id end),
      "of the prefix")
    watch:close()
    some:close()
  end)

  check("what is not kept any more is compacted, and it is told from where on it is", { method = "watch",
    needs = "changes", why = "who follows would go on with a hole" }, function(t)
    local store = t:openLogged("5")
    if not store then return end -- a log of somebody's own would be lost
    local probe = store:watch() -- a log has revisions of its own
    local first = probe.revision + 1
    probe:close()
    store:writeValue("item-0", 0)
    for i = 1, 60 do store:writeValue("item-" .. i % 7, i) end
    local err = t:raises("compacted", "a watch from a revision that is long gone", store.watch, store, { from = first })
    t:check(err.revision and err.revision > first, "the error says from which revision on changes are kept")
    local watch = store:watch { from = err.revision }
    local newest
    for change in function() return watch:next(MOMENT) end do newest = change end
    t:check(newest ~= nil, "changes from there on")
    t:equal("item-" .. 60 % 7, newest.id, "the newest change")
    watch:close()
  end)

  check("a watch of a store without a log is refused", { method = "watch", needs = "changes" }, function(t)
    local store = t:open()
    if core.storeOf(store):settings().changes ~= "off" then return end -- somebody's own
    store:writeValue("a", 1)
    t:raises("unsupported", "watch()", store.watch, store)
  end)
end
