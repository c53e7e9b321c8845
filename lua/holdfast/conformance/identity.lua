-- SPDX-License-Identifier: MIT
--
-- Ids: which are one and which are two, their order, ranges, and that collections and
-- stores do not see each other.

local context = require "holdfast.conformance.context"
local core = require "holdfast.core"
local vectors = require "holdfast.conformance.vectors"

-- Ids that have bitten somebody.
local BITING = {
  "BTC/USDT:USDT", "BTC/USDT", "BTCUSDT", "btcusdt", "a", "A", "a/b", "a:b", "a/../b", "..", "../up", ".", "./here",
  ".hidden", "/root", "end/", "a//b", "100%", "%41", "%2F", "%", "*", "?", "[a]", "a*b", "\\", "a\\b", "\"quoted\"",
  "it's", "semi;colon", "a b", " lead", "trail ", "tab?no", "null", "nil", "true", "0", "-1", "1e3", "007", "7", "NaN",
  "__proto__", "constructor", "häßlich", "日本", "😀", "CON", "a.json", "a.json/b", "$where", "a.b.c", "{x}", "<tag>",
  "a=b&c=d", "#hash", "~", "`cmd`", "$(cmd)", "--", "' OR 1=1 --", "hasslich", "haßlich", "é", "e\204\129", "e",
  "a%b", "a_b", "a?b", "a.b", "ab", "a^b", "a$b", "$a", "^a", "[^a]", "_", "%%", "!%", "|", "(a|b)", "a+", "\\%", "''",
}

-- An id and what is not that id, however near it comes as text, as a pattern, as a number, as a path, as an encoding.
local NEIGHBOURS = {
  ["BTC/USDT:USDT"] = { "BTC", "BTC/", "BTC/USDT", "BTC/USDT:", "BTC/USDT:USD", "USDT", "C/U", "BTC%", "BTC_USDT:USDT",
    "BTC/USDT:USDTX", "BTC%2FUSDT%3AUSDT", "BTC/./USDT:USDT", "BTC//USDT:USDT", "/BTC/USDT:USDT", "BTC/USDT:USDT/",
    "btc/usdt:usdt", "BTC:USDT:USDT", "BTC-USDT-USDT", "BTCUSDTUSDT", "BTC\\USDT:USDT", "BTC/USDT:USDT.json" },
  ["abc"] = { "a", "ab", "bc", "b", "abcd", "xabc", " abc", "abc ", "ABC", "Abc", "a%", "a_c", "%", "_", "___", "*",
    "a*", "?bc", "[a]bc", "[^x]bc", "a.c", ".*", "^abc$", "abc|x", "abc'", "'abc'", "\"abc\"", "abc\\", "abc.", "./abc",
    "x/../abc", "%61bc", "äbc", "abc;", "abc--", "abc' OR 'a'='a" },
  ["7"] = { "07", "7.0", "+7", " 7", "7 ", "0x7", "7e0", "seven", "-7", "77" },
  ["é"] = { "e", "e\204\129", "É", "Ã©" },
}

-- Characters that mean something in a pattern, a path or a query.
local SPECIAL = "[ ] \\ * ? % _ . ^ $ ' \" ( ) { } + | - / : ! # = ~ & ; , @ `"

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

  check("ids that bite go through batches and loops", { method = "writeMany" }, function(t)
    local store, batch = t:open(), {}
    for i, id in ipairs(BITING) do batch[id] = { i = i } end
    store:writeMany(batch)
    t:blame("keys"):equal(#BITING, #t:list(store:keys()), "keys() after writeMany")
    t:blame("readMany"):equal(batch, store:readMany(BITING), "readMany of them")
    for i, id in ipairs(BITING) do
      t:equal({ [id] = { i = i } }, store:readMany { id }, "readMany of " .. id)
      local entry = store:readEntry(id)
      t:blame("readEntry"):equal(id, entry.id, "the id that readEntry gives")
      t:equal({ i = i }, entry.value, "the value that readEntry gives of " .. id)
    end
    for id, value in store:entries() do t:blame("entries"):equal(batch[id], value, "the value of " .. id) end
    local half = { unpack(BITING, 1, #BITING / 2) }
    t:blame("removeMany"):equal(#half, store:removeMany(half), "removeMany of half of them")
    t:equal(#BITING - #half, store:count(), "what is left")
    for i = #half + 1, #BITING do t:equal(1, store:removeMany { BITING[i] }, "removeMany of " .. BITING[i]) end
  end)

  check("an id means itself, and nothing that is like it", { method = "hasValue",
    why = "a position of one symbol is none of another whose name begins or looks alike" }, function(t)
    local store, stored = t:open(), {}
    for id in pairs(NEIGHBOURS) do
      store:writeValue(id, id)
      stored[#stored + 1] = id
    end
    table.sort(stored, core.naturalOrder)
    for id, neighbours in pairs(NEIGHBOURS) do
      local where = " where there is only " .. id
      for _, other in ipairs(neighbours) do
        t:blame("hasValue"):equal(false, store:hasValue(other), "hasValue of " .. other .. where)
        t:blame("readValue"):raises("not_found", "readValue of " .. other .. where, store.readValue, store, other)
        t:blame("readEntry"):raises("not_found", "readEntry of " .. other .. where, store.readEntry, store, other)
        t:blame("removeValue"):raises("not_found", "removeValue of " .. other .. where, store.removeValue, store, other)
      end
      t:blame("readMany"):equal({}, store:readMany(neighbours), "readMany of what is like " .. id)
      t:blame("removeMany"):equal(0, store:removeMany(neighbours), "removeMany of what is like " .. id)
      t:blame("removeValue"):equal(stored, t:list(store:keys()), "keys() after what is like " .. id .. " was removed")
      if t.supports.ifAbsent then
        t:blame("writeValue")
        local ok, raised = pcall(store.writeValue, store, neighbours[1], 0, { ifAbsent = true })
        t:check(ok, "ifAbsent of " .. neighbours[1] .. where .. ": " .. tostring(raised))
        store:removeValue(neighbours[1])
      end
    end
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

  -- keys and values of each range are those of the ids, which are in order, that a look at each finds in it.
  local function tryRanges(t, store, ids, ranges)
    for _, range in ipairs(ranges) do
      local expected, prefix = {}, range.prefix or ""
      for i = 1, #ids do
        local id = ids[range.reverse and #ids + 1 - i or i]
        local inside = id:sub(1, #prefix) == prefix and not (range.from and core.naturalOrder(id, range.from))
          and not (range.to and core.naturalOrder(range.to, id))
        if inside and #expected < (range.limit or math.huge) then expected[#expected + 1] = id end
      end
      local says = " of the range " .. context.show(range)
      t:blame("keys"):equal(expected, t:list(store:keys(range)), "keys" .. says)
      t:blame("values"):equal(expected, t:list(store:values(range)), "values" .. says)
    end
  end

  check("ranges give what a look at each id gives", { method = "keys" }, function(t)
    local store, ids = t:open(), { "a", "A", "A1", "A7", "a01", "a-1", "b", "B", "b10", "Z" }
    for i = 1, 40 do
      ids[#ids + 1] = "a" .. i
      ids[#ids + 1] = "b/" .. i
    end
    for _, id in ipairs(ids) do store:writeValue(id, id) end
    table.sort(ids, core.naturalOrder)
    local ranges = { { reverse = true }, { reverse = true, limit = 3 }, { limit = 0 }, { limit = 1 },
      { from = "a35", to = "b/3" }, { from = "a7", limit = 4 }, { from = "b/3", to = "a35" },
      { prefix = "a", from = "a7", to = "a30" }, { prefix = "a1", from = "a11", to = "a15", reverse = true },
      { prefix = "b/", from = "a", to = "b/7" }, { prefix = "b", to = "b/2", reverse = true, limit = 5 } }
    for _, reverse in ipairs { false, true } do
      for _, bound in ipairs { "a3", "a10", "A7", "a01", "b/9", "b/39.5", "b", "Z", "z", "0" } do
        ranges[#ranges + 1] = { from = bound, reverse = reverse or nil }
        ranges[#ranges + 1] = { to = bound, reverse = reverse or nil }
      end
      for _, prefix in ipairs { "a", "a1", "A", "b/", "b/1", "b", "zz" } do
        ranges[#ranges + 1] = { prefix = prefix, reverse = reverse or nil }
        ranges[#ranges + 1] = { prefix = prefix, reverse = reverse or nil, limit = 4 }
      end
    end
    tryRanges(t, store, ids, ranges)
  end)

  check("a range takes its characters as they are", { method = "keys",
    why = "what is special in a pattern or a query is an ordinary character in an id: escape it" }, function(t)
    local store, batch, ids, ranges = t:open(), {}, {}, {}
    for c in SPECIAL:gmatch("%S") do
      for _, id in ipairs { c .. "x", "a" .. c, "a" .. c .. "b" } do ids[#ids + 1] = id end
      for _, range in ipairs { { prefix = c }, { prefix = "a" .. c }, { from = "a" .. c, to = "a" .. c .. "b" } } do
        ranges[#ranges + 1] = range
      end
    end
    for _, id in ipairs { "a", "ab", "abb", "axb", "aab", "x", "[ab]x", "a.*x", "%41" } do ids[#ids + 1] = id end
    for _, prefix in ipairs { "[ab]", "[a", "a.*", "a%b", "a_b", "%%", "' OR ''='", "%4", "a\\b", "(a", "a{1" } do
      ranges[#ranges + 1] = { prefix = prefix }
    end
    for _, id in ipairs(ids) do batch[id] = id end
    store:writeMany(batch)
    table.sort(ids, core.naturalOrder)
    tryRanges(t, store, ids, ranges)
  end)

  check("entity names do not see each other", { method = "keys",
    why = "one collection must not show, change or delete what belongs to another" }, function(t)
    local names, stores, ids = { t.name, t.name:upper(), t.name .. "-2", t.name .. "%", t.name .. "*",
      t.name .. "[a]", t.name .. "'", t.name .. "a", "_" .. t.name:sub(2), "?" .. t.name:sub(2) }, {},
      { "a", "b", "x/y", t.name }
    for separator in (": / _ . | -"):gmatch("%S") do
      names[#names + 1] = t.name .. separator .. "a"
      ids[#ids + 1] = "a" .. separator .. "b"
    end
    table.sort(ids, core.naturalOrder)
    local function look(from, when)
      for i = from, #names do
        local name, values = names[i], {}
        for n, id in ipairs(ids) do values[n] = { name = name, id = id } end
        t:blame("keys"):equal(ids, t:list(stores[i]:keys()), "keys() of " .. name .. when)
        t:blame("values"):equal(values, t:list(stores[i]:values()), "values() of " .. name .. when)
        t:blame("count"):equal(#ids, stores[i]:count(), "count() of " .. name .. when)
        t:blame("readValue"):equal(values[2], stores[i]:readValue(ids[2]), "readValue of " .. name .. when)
      end
    end
    for i, name in ipairs(names) do
      stores[i] = t:open(name)
      local batch = {}
      for _, id in ipairs(ids) do batch[id] = { name = name, id = id } end
      stores[i]:writeMany(batch)
    end
    look(1, "")
    stores[1]:removeValue("a")
    t:blame("removeValue"):equal(true, stores[2]:hasValue("a"), "what removeValue of another entity name left")
    for i, name in ipairs(names) do
      stores[i]:removeAll()
      t:blame("removeAll"):equal({}, t:list(stores[i]:keys()), "keys() of " .. name .. " after removeAll")
      t.method = nil
      look(i + 1, " after removeAll of " .. name)
    end
  end)

  check("stores on different bases do not see each other", { method = "init", needsBase = true,
    why = "the base says where the data are" }, function(t)
    local one, two = t:open(), t:open(nil, t.target.newBase())
    one:writeValue("a", 1)
    t:equal({}, t:list(two:keys()), "keys() of the other base")
    t:equal(false, two:hasValue("a"), "hasValue of the other base")
    two:writeValue("a", 2)
    t:equal(1, one:readValue("a"), "what is read after a write to the other base")
    two:removeAll()
    t:equal(1, one:count(), "count after removeAll of the other base")
  end)
end
