-- SPDX-License-Identifier: MIT
--
-- Ids: which are one and which are two, their order, ranges, and that entity types and
-- stores do not see each other.

local core = require "holdfast.core"
local vectors = require "holdfast.conformance.vectors"

-- Ids that have bitten somebody.
local BITING = {
  "BTC/USDT:USDT", "BTC/USDT", "BTCUSDT", "btcusdt", "a", "A", "a/b", "a:b", "a/../b", "..", "../up", ".", "./here",
  ".hidden", "/root", "end/", "a//b", "100%", "%41", "%2F", "%", "*", "?", "[a]", "a*b", "\\", "a\\b", "\"quoted\"",
  "it's", "semi;colon", "a b", " lead", "trail ", "tab?no", "null", "nil", "true", "0", "-1", "1e3", "007", "7", "NaN",
  "__proto__", "constructor", "häßlich", "日本", "😀", "CON", "a.json", "a.json/b", "$where", "a.b.c", "{x}", "<tag>",
  "a=b&c=d", "#hash", "~", "`cmd`", "$(cmd)", "--", "' OR 1=1 --",
}

return function(check)
  check("ids that bite are stored, listed and told apart", { method = "writeValue",
    why = "every id of up to 250 bytes is ordinary: slashes, dots, percent signs, upper and lower case" }, function(t)
    local store = t:open()
    for i, id in ipairs(BITING) do store:writeValue(id, { i = i, id = id }) end
    for i, id in ipairs(BITING) do
      t:blame("hasValue"):equal(true, store:hasValue(id), "hasValue of " .. id)
      t:blame("readValue"):equal({ i = i, id = id }, store:readValue(id), "the value of id " .. id)
    end
    local expected = { unpack(BITING) }
    table.sort(expected, core.naturalOrder)
    t:blame("keys"):equal(expected, t:list(store:keys()), "keys() lists exactly these")
    for _, id in ipairs(BITING) do store:removeValue(id) end
    t:blame("removeValue"):equal({}, t:list(store:keys()), "all can be removed again")
  end)

  check("the longest ids work", { method = "writeValue", why = "ids have up to 250 bytes" }, function(t)
    local store = t:open()
    local ids = { ("x"):rep(250), ("x"):rep(249), ("%"):rep(250), ("/"):rep(250), ("é"):rep(125), ("9"):rep(250),
      ("a1"):rep(125) }
    for i, id in ipairs(ids) do store:writeValue(id, i) end
    for i, id in ipairs(ids) do t:equal(i, store:readValue(id), "the value of an id of " .. #id .. " bytes") end
    t:blame("keys"):equal(#ids, #t:list(store:keys()), "keys() lists them")
  end)

  check("a number is the id of its JSON text", { method = "readValue", why = "1 and \"1\" are one id" }, function(t)
    local store = t:open()
    store:writeValue(1, "one")
    t:equal("one", store:readValue("1"), "written as 1, read as \"1\"")
    store:writeValue("2", "two")
    t:equal("two", store:readValue(2), "written as \"2\", read as 2")
    store:writeValue(0.1, "tenth")
    t:equal("tenth", store:readValue("0.1"), "written as 0.1")
    store:writeValue("007", "agent")
    store:writeValue("7", "seven")
    t:equal("agent", store:readValue("007"), "\"007\" is another id than \"7\"")
    store:writeValue("1e3", "text")
    store:writeValue(1000, "number")
    t:equal("text", store:readValue("1e3"), "\"1e3\" is another id than 1000")
    t:blame("keys"):equal({ "0.1", "1", "1e3", "2", "007", "7", "1000" }, t:list(store:keys()), "keys() gives strings")
  end)

  for i, order in ipairs(vectors.order) do
    check("natural order, list " .. i, { method = "keys",
      why = "ids are ordered as people read them (sort with holdfast.naturalOrder)" }, function(t)
      local store = t:open()
      for n = #order, 1, -1 do store:writeValue(order[n], n) end
      t:equal(order, t:list(store:keys()), "keys()")
      local expected = {}
      for n = 1, #order do expected[n] = n end
      t:blame("values"):equal(expected, t:list(store:values()), "values()")
    end)
  end

  check("unusable ids are refused and nothing is written", { method = "writeValue" }, function(t)
    local store = t:open()
    for _, id in ipairs { "", ("x"):rep(251), "a\0b", "line\nbreak", "\255", {}, true } do
      t:raises("invalid_argument", "writeValue with the id " .. tostring(id), store.writeValue, store, id, 1)
      t:raises("invalid_argument", "readValue with the id " .. tostring(id), store.readValue, store, id)
      t:raises("invalid_argument", "hasValue with the id " .. tostring(id), store.hasValue, store, id)
      t:raises("invalid_argument", "removeValue with the id " .. tostring(id), store.removeValue, store, id)
    end
    t:equal({}, t:list(store:keys()), "nothing was written")
  end)

  check("ranges give what a look at each id gives", { method = "keys" }, function(t)
    local store = t:open()
    local ids = {}
    for i = 1, 40 do
      ids[#ids + 1] = "a" .. i
      ids[#ids + 1] = "b/" .. i
    end
    for _, id in ipairs(ids) do store:writeValue(id, id) end
    table.sort(ids, core.naturalOrder)
    local ranges = { { prefix = "a1" }, { prefix = "b/" }, { from = "a35", to = "b/3" }, { from = "a7", limit = 4 },
      { reverse = true }, { reverse = true, limit = 3 }, { prefix = "a", reverse = true, limit = 5 }, { limit = 0 },
      { from = "z" }, { to = "a3", reverse = true }, { from = "b/39.5" } }
    for n, range in ipairs(ranges) do
      local expected = {}
      for i = 1, #ids do
        local id = ids[range.reverse and #ids + 1 - i or i]
        local inside = id:sub(1, #(range.prefix or "")) == (range.prefix or "")
          and not (range.from and core.naturalOrder(id, range.from)) and not (range.to and core.naturalOrder(range.to,
            id))
        if inside and #expected < (range.limit or math.huge) then expected[#expected + 1] = id end
      end
      t:blame("keys"):equal(expected, t:list(store:keys(range)), "keys of range " .. n)
      t:blame("values"):equal(expected, t:list(store:values(range)), "values of range " .. n)
    end
  end)

  check("entity names do not see each other", { method = "keys",
    why = "one entity type must not show, change or delete what belongs to another" }, function(t)
    local names = { t.name, t.name .. ":a", t.name .. "-2", t.name .. "/x", t.name .. "_", t.name:upper() }
    local stores = {}
    for i, name in ipairs(names) do
      stores[i] = t:open(name)
      for _, id in ipairs { "a", "a:b", "b", "x/y", name } do stores[i]:writeValue(id, { name = name, id = id }) end
    end
    for i, name in ipairs(names) do
      t:blame("keys"):equal(5, #t:list(stores[i]:keys()), "keys() of " .. name)
      for _, value in ipairs(t:list(stores[i]:values())) do
        t:blame("values"):equal(name, value.name, "values() of " .. name)
      end
      t:blame("readValue"):equal({ name = name, id = "a:b" }, stores[i]:readValue("a:b"), "readValue of " .. name)
    end
    stores[1]:removeAll()
    for i = 2, #names do
      t:blame("removeAll"):equal(5, stores[i]:count(), "what is left of " .. names[i]
        .. " after removeAll of " .. names[1])
    end
    t:blame("removeAll"):equal(0, stores[1]:count(), "what is left of " .. names[1])
    stores[2]:removeValue("a")
    t:blame("removeValue"):equal(true, stores[3]:hasValue("a"), "removeValue of another entity name")
  end)

  check("stores on different bases do not see each other", { method = "init", needsBase = true,
    why = "the base says where the data are" }, function(t)
    local one, two = t:open(), t:open(nil, t.target.newBase())
    one:writeValue("a", 1)
    t:equal({}, t:list(two:keys()), "keys() of the other base")
    t:equal(false, two:hasValue("a"), "hasValue of the other base")
    two:writeValue("a", 2)
    t:equal(1, one:readValue("a"), "what is read behind a write to the other base")
    two:removeAll()
    t:equal(1, one:count(), "count behind removeAll of the other base")
  end)
end
