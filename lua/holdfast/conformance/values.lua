-- SPDX-License-Identifier: MIT
--
-- What goes in comes out, and only that: values of every kind, what is refused, and that nothing is shared with the
-- caller.

local core = require "holdfast.core"
local vectors = require "holdfast.conformance.vectors"

local json = core.json

-- One of every kind.
local KINDS = {
  json.array(), {}, { list = json.array() }, { object = {} }, json.array { json.array(), {} }, json.null,
  { none = json.null }, json.array { json.null, false, 0, "" }, true, false, 0, "", "text", 1.5, -1,
  { deep = { deeper = { deepest = json.array { 1, { x = json.array { json.null } } } } } },
  { [""] = "empty key", ["a.b"] = 1, ["$set"] = 2, ["1"] = "digit key", ["__proto__"] = 3 },
}

return function(check)
  check("an empty array stays an array", { method = "readValue", why = "[] must not become {}" }, function(t)
    local store = t:open()
    store:writeValue("top", json.array())
    store:writeValue("inside", { levels = json.array() })
    t:check(json.isArray(store:readValue("top")), "[] came back as an object")
    t:check(json.isArray(store:readValue("inside").levels), "{\"levels\":[]} came back with an object in it")
    t:check(not json.isArray(store:readValue("inside")), "an object came back as an array")
  end)

  check("every kind of JSON value comes back as it was", { method = "readValue",
    why = "what goes in comes out: [] is no {}, null is no absence" }, function(t)
    local store = t:open()
    for i, value in ipairs(KINDS) do store:writeValue("v" .. i, value) end
    for i, value in ipairs(KINDS) do t:equal(value, store:readValue("v" .. i), "value " .. i) end
    t:blame("values")
    local n = 0
    for id, value in store:entries() do
      n = n + 1
      t:equal(KINDS[tonumber(id:sub(2))], value, "value of " .. id .. " in a loop")
    end
    t:equal(#KINDS, n, "all of them are listed")
  end)

  check("each way of reading gives the same", { method = "values",
    why = "null, false and [] are entities: a loop that leaves them out loses them" }, function(t)
    local store, batch, ids = t:open(), {}, {}
    for i, value in ipairs(KINDS) do
      ids[i] = "v" .. i
      batch[ids[i]] = value
    end
    store:writeMany(batch)
    t:blame("values"):equal(KINDS, t:list(store:values()), "values()")
    t:equal({ unpack(KINDS, 3, 11) }, t:list(store:values { from = "v3", to = "v11" }), "values of a range")
    t:blame("filter"):equal(KINDS, t:list(store:filter(function() return true end)), "filter")
    t:blame("take"):equal({ unpack(KINDS, 1, 11) }, t:list(store:take(11)), "take")
    t:blame("readMany"):equal(batch, store:readMany(ids), "readMany")
    for i, value in ipairs(KINDS) do
      t:blame("readValue"):equal(value, store:readValue(ids[i]), "readValue of value " .. i)
      t:blame("readEntry"):equal(value, store:readEntry(ids[i]).value, "readEntry of value " .. i)
      t:blame("hasValue"):equal(true, store:hasValue(ids[i]), "hasValue of value " .. i)
    end
    t:blame("count"):equal(#KINDS, store:count(), "count()")
    t:blame("removeMany"):equal(#KINDS, store:removeMany(ids), "removeMany")
  end)

  check("-0 and infinity come back", { method = "readValue", why = "minuteEstimatedTime may be infinite" }, function(t)
    local store = t:open()
    store:writeValue("n", { minus = -0.0, plus = math.huge, below = -math.huge })
    local back = store:readValue("n")
    t:equal(math.huge, back.plus, "infinity")
    t:equal(-math.huge, back.below, "-infinity")
    t:equal(-math.huge, 1 / back.minus, "1 / -0")
  end)

  check("numbers keep their value to the last bit", { method = "readValue",
    why = "a price that changes in its last digit is another price" }, function(t)
    local store = t:open()
    local numbers = json.array()
    for i, text in ipairs(vectors.numbers) do numbers[i] = json.decode(text) end
    store:writeValue("all", numbers)
    local back = store:readValue("all")
    for i, text in ipairs(vectors.numbers) do
      t:equal(numbers[i], back[i], "the number " .. text)
    end
    for i, text in ipairs(vectors.numbers) do
      if i <= 20 then
        store:writeValue("one", numbers[i])
        t:equal(numbers[i], store:readValue("one"), "the number " .. text .. " by itself")
      end
    end
  end)

  check("text of every kind comes back", { method = "readValue" }, function(t)
    local store = t:open()
    local texts = { "", " ", "a\0b", "\1\2\31", "\127", "\"\\/\b\f\n\r\t", "é ü ß", "日本語", "😀👍", "\226\128\168",
      "\239\191\191", "</script>", "'; DROP TABLE x; --", "%s %d %%", "$1 \\1", ("ab"):rep(5000) }
    for i, text in ipairs(texts) do store:writeValue("t" .. i, { text = text, [text == "" and "k" or text] = i }) end
    for i, text in ipairs(texts) do
      t:equal({ text = text, [text == "" and "k" or text] = i }, store:readValue("t" .. i), "text " .. i)
    end
  end)

  check("deep values come back", { method = "readValue", why = "up to 128 levels can be stored" }, function(t)
    local store = t:open()
    local depth = 120 -- a class around a store may need some levels itself
    local value = json.array { "leaf" }
    for i = 2, depth do value = i % 2 == 0 and { d = value } or json.array { value } end
    store:writeValue("deep", value)
    t:equal(json.encode(value), json.encode(store:readValue("deep")), "a value of " .. depth .. " levels")
  end)

  check("large values come back whole", { method = "readValue", why = "a value that is cut off is lost" }, function(t)
    local store = t:open()
    local parts = json.array()
    for i = 1, 20000 do parts[i] = { i = i, text = "part number " .. i .. " of a large value" } end
    store:writeValue("large", { parts = parts, text = ("x"):rep(1024 * 1024) })
    local back = store:readValue("large")
    t:equal(1024 * 1024, #back.text, "bytes of the text")
    t:equal(20000, #back.parts, "parts")
    t:equal(parts[20000], back.parts[20000], "the last part")
  end)

  check("what cannot be stored is refused, with its path, and changes nothing", { method = "writeValue" }, function(t)
    local store = t:open()
    store:writeValue("kept", "old")
    local cycle = {}
    cycle.self = cycle
    local wrong = { { a = { 0 / 0 } }, { f = print }, cycle, { [1] = 1, x = 2 }, { [3] = 1 }, { t = "\255" },
      { [true] = 1 } }
    for i, value in ipairs(wrong) do
      local err = t:raises("invalid_value", "writeValue of unusable value " .. i, store.writeValue, store, "kept",
        value)
      t:equal(t.name, err.entityName, "err.entityName")
    end
    t:raises("invalid_value", "writeValue of nil", store.writeValue, store, "kept", nil)
    local err = t:raises("invalid_value", "NaN", store.writeValue, store, "kept", { prices = { 1, 2, 0 / 0 } })
    t:check(err.message:find("prices[3]", 1, true), "the error names the path: " .. err.message)
    t:equal("old", store:readValue("kept"), "the old value stays")
    t:equal({ "kept" }, t:list(store:keys()), "nothing was added")
  end)

  check("what was written is not shared with the caller", { method = "writeValue",
    why = "changing a table after writeValue must not change the store" }, function(t)
    local store = t:open()
    local mine = { list = { 1, 2 }, inner = { n = 1 } }
    store:writeValue("a", mine)
    mine.list[1], mine.inner.n, mine.new = 99, 99, true
    t:equal({ list = { 1, 2 }, inner = { n = 1 } }, store:readValue("a"), "what is stored")
  end)

  check("what was read is not shared with the store", { method = "readValue",
    why = "changing what was read must not change the store" }, function(t)
    local store = t:open()
    store:writeValue("a", { list = { 1, 2 } })
    store:readValue("a").list[1] = 99
    for value in store:values() do value.list[2] = 99 end
    for value in store:filter(function(v)
      v.list[1] = 98
      return true
    end) do value.more = true end
    t:equal({ list = { 1, 2 } }, store:readValue("a"), "what is stored")
    t:check(not rawequal(store:readValue("a"), store:readValue("a")), "two reads gave one table")
  end)
end
