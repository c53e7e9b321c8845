-- SPDX-License-Identifier: MIT
--
-- A class with `conditions = true` is told of predicates and may leave out what they surely refuse: that it leaves out
-- nothing else, keeps the order, and gives whole entities.  asking.lua has compared what comes of it all.

local questions = require "holdfast.conformance.questions"

-- {says, predicate}: each refuses some entities surely, and is true of some that a careless evaluation refuses.
local CARELESS = {
  { "what a call decides", function(v) return v.side == "short" and tostring(v.n) == "99" end },
  { "an or with a call", function(v) return v.n > 60 and (v.side == "none" or tostring(v.n) == "99") end },
  { "the opposite of a call", function(v) return v.n > 60 and not tostring(v.n):find("^1") end },
  { "a field that is not there", function(v) return v.n > 60 and v.note == nil end },
  { "null, which is not nil", function(v) return v.n > 60 and v.note ~= nil and v.note ~= "checked" end },
  { "a text of digits, which is no number", function(v) return v.odd ~= 7 and v.odd ~= nil end },
  { "0 and the empty text, which are true", function(v) return v.odd and v.n % 2 end },
}

local function collect(t, store, predicate, range)
  local all = { where = predicate }
  for name, value in pairs(range or {}) do all[name] = value end
  return t:list(store:keys(all))
end

return function(check)
  check("a class leaves out only what a condition is a sure no to", { method = "keys", needsConditions = true,
    why = "where a condition is not known, or would raise, the predicate decides" }, function(t)
    local store = t:open()
    store:writeMany(questions.entities())
    for _, careless in ipairs(CARELESS) do
      t:equal(questions.wanted(careless[2], {}).ids, collect(t, store, careless[2]), careless[1])
    end
    t:raises("script", "a comparison that raises, of a text with a number", collect, t, store,
      function(v) return v.odd == 7 or v.odd and v.odd < 0 end)
    local parameter = {}
    t:equal({}, collect(t, store, function(v) return v.n == parameter end), "a parameter that is a table")
    t:raises("script", "a comparison with a parameter that is a table", collect, t, store,
      function(v) return v.n > 100 and v.n < parameter end)
  end)

  check("a class keeps the order and the range where it leaves entities out", { method = "keys",
    needsConditions = true }, function(t)
    local store = t:open()
    store:writeMany(questions.entities())
    local function isLate(v) return v.n % 6 == 0 and v.n > 60 end
    for _, range in ipairs { {}, { reverse = true }, { from = "item-90", to = "item-200" },
      { from = "item-90", to = "item-200", reverse = true }, { prefix = "item-1", reverse = true } } do
      t:equal(questions.wanted(isLate, range).ids, collect(t, store, isLate, range), "keys with a predicate")
    end
  end)

  check("a class gives whole entities where it leaves others out", { method = "entries", needsConditions = true,
    why = "the predicate is asked of them, and the loop gets them" }, function(t)
    local store = t:open()
    store:writeMany(questions.entities())
    for id, value in store:entries { where = function(v) return v.n > 100 and v.side == "long" end } do
      t:equal(questions.entity(tonumber(id:match("%d+"))), value, "the entity of " .. id)
    end
  end)
end
