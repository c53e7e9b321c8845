-- SPDX-License-Identifier: MIT
--
-- What is asked of many entities: that a predicate decides, and nothing else does.  Predicates are read only when a
-- loop is long, so there are more entities than the first pages have; conditions.lua has what a class that evaluates
-- conditions promises.

local classes = require "holdfast.class"
local core = require "holdfast.core"
local PersistBase = require "holdfast.PersistBase"
local questions = require "holdfast.conformance.questions"

local COUNT = questions.COUNT
local transaction = core.transaction

local RANGES = {
  {},
  { prefix = "item-1", reverse = true },
  { from = "item-60", to = "item-230", limit = 70 },
}

-- A range with more in it.
local function with(range, name, value)
  local all = { [name] = value }
  for key, what in pairs(range) do all[key] = what end
  return all
end

local function collect(step)
  local list = {}
  for first, second in step do list[#list + 1] = second == nil and first or { first, second } end
  return list
end

local function idsOf(wanted) return wanted.ids end
local function valuesOf(wanted) return wanted.values end
local function pairsOf(wanted)
  local list = {}
  for i, id in ipairs(wanted.ids) do list[i] = { id, wanted.values[i] } end
  return list
end

-- All that asks: {method to blame, what it is to give, how it is called}.
local ASKING = {
  { "filter", valuesOf, function(s, f, range) return collect(s:filter(f, next(range) and range or nil)) end },
  { "values", valuesOf, function(s, f, range) return collect(s:values(with(range, "where", f))) end },
  { "keys", idsOf, function(s, f, range) return collect(s:keys(with(range, "where", f))) end },
  { "entries", pairsOf, function(s, f, range) return collect(s:entries(with(range, "where", f))) end },
  { "count", function(wanted) return #wanted.ids end, function(s, f, range)
    return next(range) and s:count(with(range, "where", f)) or s:count(f)
  end },
  { "values", valuesOf, function(s, f, range) return collect(s:take(COUNT, with(range, "where", f))) end },
  { "values", function(wanted) return { wanted.values[1], wanted.ids[1] } end, function(s, f, range)
    return { PersistBase.first(s, f, range) }
  end },
}

-- Which method is to blame for what another one made: the class's own one of this name, or its keys.
local function blamed(t, method)
  local class = t.target.class
  if not class or classes.isNative(class) then return method end
  return classes.ownMethod(class, method) and method or "keys"
end

-- What is left of a store after an attempt.
local function expectLeft(t, store, gone, says)
  local all = questions.entities()
  for _, id in ipairs(gone) do all[id] = nil end
  local left = {}
  for id, value in store:entries() do left[id] = value end
  for id, value in pairs(all) do t:equal(value, left[id], says .. ": " .. id .. ", which stays") end
  for id in pairs(left) do t:check(all[id] ~= nil, says .. ": " .. id .. " is still there") end
end

local function isLong(v) return v.side == "long" end

-- Asks each question in each way of each range.
local function compare(t)
  local store = t:open()
  store:writeMany(questions.entities())
  for _, question in ipairs(questions.list) do
    for _, range in ipairs(RANGES) do
      local wanted = questions.wanted(question.predicate, range)
      for _, asks in ipairs(ASKING) do
        local method, expected, run = asks[1], asks[2], asks[3]
        t:blame(blamed(t, method)):equal(expected(wanted), run(store, question.predicate, range),
          ("%s of a predicate, range %s: %s"):format(method, core.json.encode(range), question.name))
      end
    end
  end
end

return function(check)
  check("what is asked of many is what decoding them gives", { method = "filter",
    why = "a predicate decides, however many entities there are" }, compare)

  check("each entity is asked, where the predicate counts them", { method = "filter" }, function(t)
    local store, asked = t:blame(blamed(t, "filter")):open(), 0
    store:writeMany(questions.entities())
    local seen = collect(store:filter(function(v)
      asked = asked + 1
      return v.n > COUNT
    end))
    t:equal({}, seen, "filter()")
    t:equal(COUNT, asked, "calls of the predicate")
  end)

  check("a predicate that raises late stops the loop there", { method = "filter",
    why = "what comes before the failure is given, what comes after it is not" }, function(t)
    local store, got = t:blame(blamed(t, "filter")):open(), {}
    store:writeMany(questions.entities())
    store:writeValue("item-150", { n = 150 })
    local raised = t:raises("script", "a predicate that raises for item-150", function()
      for v in store:filter(function(v) return v.deep.level >= 4 end) do got[#got + 1] = v.n end
    end)
    t:check(raised.message:find("the predicate raised", 1, true), "it says that the predicate raised")
    local before = {}
    for i = 1, 149 do
      if questions.entity(i).deep.level >= 4 then before[#before + 1] = i end
    end
    t:equal(before, got, "what was given before it")
  end)

  check("a variable that the loop's body changes counts from the next entity on", { method = "filter",
    why = "values from outside are looked at before each entity that is handed out" }, function(t)
    local store, got, expected, rest = t:blame(blamed(t, "filter")):open(), {}, {}, 0
    store:writeMany(questions.entities())
    for v in store:filter(function(v) return v.n % 20 == rest end) do
      got[#got + 1] = v.n
      rest = (v.n + 3) % 20
    end
    for i = 20, COUNT, 3 do expected[#expected + 1] = i end
    t:equal(expected, got, "what the loop gave")
  end)

  check("removeWhere removes what it says, and nothing else", { method = "removeMany", needs = "transaction" },
    function(t)
    local store = t:open()
    store:writeMany(questions.entities())
    t:raises("script", "a predicate that raises late", PersistBase.removeWhere, store, function(v)
      return v.n < 200 or v.nothing.there
    end)
    expectLeft(t, store, {}, "after a predicate that raised")
    pcall(transaction, function()
      PersistBase.removeWhere(store, isLong)
      error("undo", 0)
    end)
    expectLeft(t, store, {}, "after a transaction that was undone")
    local gone = questions.wanted(isLong, {}).ids
    t:equal(#gone, PersistBase.removeWhere(store, isLong), "what removeWhere returns")
    expectLeft(t, store, gone, "after removeWhere")
  end)

  check("removeWhere removes at the revisions that it has asked of", { method = "removeValue",
    needs = "removeIfRevision", why = "what somebody writes meanwhile is not what was to be removed" }, function(t)
    local store, second, gone = t:open(), t:open(), {}
    store:writeMany(questions.entities())
    local function isWanted(v)
      if v.n == 2 then
        second:writeValue("item-4", { n = 4, side = "short" })
        if second:hasValue("item-6") then second:removeValue("item-6") end
      end
      return isLong(v)
    end
    for _, id in ipairs(questions.wanted(isLong, { reverse = true }).ids) do
      if id ~= "item-4" and id ~= "item-6" then table.insert(gone, 1, id) end
    end
    t:equal(#gone, PersistBase.removeWhere(store, isWanted, { reverse = true }), "what removeWhere returns")
    t:equal({ n = 4, side = "short" }, store:readValue("item-4"), "what was written meanwhile, and is not wanted")
    second:writeValue("item-4", questions.entity(4))
    second:writeValue("item-6", questions.entity(6))
    expectLeft(t, store, gone, "after removeWhere")
  end)

  check("removeWhere without transactions is refused, and with race removes what it says", { method = "removeValue",
    lacks = "transaction" }, function(t)
    local store = t:open()
    store:writeMany(questions.entities())
    if not store.supports.removeIfRevision then
      t:raises("unsupported", "removeWhere without race", PersistBase.removeWhere, store, isLong)
      expectLeft(t, store, {}, "after the refusal")
    end
    local gone = questions.wanted(isLong, {}).ids
    t:equal(#gone, PersistBase.removeWhere(store, isLong, { race = true }), "what removeWhere returns")
    expectLeft(t, store, gone, "after removeWhere")
  end)
end
