-- SPDX-License-Identifier: MIT
--
-- Loops over a collection that has indexes.  What they give, raise and write is compared with the same loops over
-- a collection of the same entities that has none.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local list = stores.list
local COUNT = 3000

-- An entity of which some fields differ in kind, or are not there.
local function entity(i)
  local symbol = i % 100 == 0 and "BTCUSDT" or "ETH" .. i % 7
  return {
    n = i,
    symbol = symbol,
    pnl = i % 10 == 0 and ((i * 37) % 1009 - 500) / 4 or nil,
    kind = ({ [0] = "text", 5, true, false, holdfast.null, { "list" }, nil })[i % 7],
    side = i % 3 == 0 and "long" or "short",
    long = ("x"):rep(i % 2 == 0 and 300 or 10) .. i % 40,
    metadata = i % 11 ~= 0 and { symbol = symbol, list = { i % 90 } } or i % 2 == 0 and "none" or nil,
  }
end

local function fill(store)
  local batch = {}
  for i = 1, COUNT do batch[i] = entity(i) end
  store:writeMany(batch)
end

local PATHS = { "n", "symbol", "pnl", "kind", "long", "metadata.symbol", "metadata.list[1]", { "side", "n" } }

-- What a function gives: the list of what it has noted, and what it has raised.
local function outcome(fn, ...)
  local noted = {}
  local ok, raised = pcall(fn, function(...) noted[#noted + 1] = { ... } end, ...)
  if ok then return { noted = noted } end
  return { noted = noted, code = raised.code or raised, message = raised.message, id = raised.entityId }
end

local wanted, cfg = 900, { symbol = "BTCUSDT" }
local predicates = {
  function(v) return v.symbol == "BTCUSDT" end,
  function(v) return v.n == 1234 end,
  function(v) return v.n == wanted or v.n == wanted + 1 or v.symbol == "none" end,
  function(v) return v.n > 2950 end,
  function(v) return v.n >= 20 and v.n < 25 end,
  function(v) return 2990 <= v.n end,
  function(v) return v.symbol == cfg.symbol and v.n > 1500 end,
  function(v) return v.metadata.symbol == "BTCUSDT" end,
  function(v) return v.metadata and v.metadata.symbol == "BTCUSDT" end,
  function(v) return v.metadata and v.metadata.list and v.metadata.list[1] == 7 end,
  function(v) return v.pnl and v.pnl > 120 end,
  function(v) return v.pnl > 120 end,
  function(v) return v.pnl == 3 end,
  function(v) return v.kind == 5 end,
  function(v) return v.kind == holdfast.null end,
  function(v) return v.kind == nil end,
  function(v) return v.kind end,
  function(v) return not v.kind end,
  function(v) return v.kind > 3 end,
  function(v) return v.long == ("x"):rep(300) .. "4" end,
  function(v) return v.side == "long" and v.n > 2980 end,
  function(v) return v.side == "long" and v.n == 300 end,
  function(v, id) return v.n > 2990 and id ~= "2995" end,
  function(v) return v.n == 10 and error("no") or v.n == 11 end,
  function(v) return v.symbol ~= "BTCUSDT" end,
  function(v) return v.n > 5000 end,
  function(v) return v.n == 0 / 0 end,
  function(v) return v.n < 3 or v.symbol:find("BTC", 1, true) end,
  function(v) return v.n == 2500 or v.pnl == 60 end,
}
local ranges = {
  {},
  { prefix = "12" },
  { from = 100, to = 1400 },
  { reverse = true },
  { limit = 7 },
  { limit = 0 },
  { reverse = true, limit = 1, to = 2000 },
}

stores.each(function(kind)
  local indexed, plain

  local function open()
    indexed, plain = kind.open("indexed"), kind.open("plain")
    fill(indexed)
    fill(plain)
    for _, paths in ipairs(PATHS) do indexed:createIndex(paths) end
  end

  local function test(name, fn)
    it(name, function()
      open()
      fn()
      indexed:close()
      plain:close()
      indexed, plain = nil, nil
    end)
  end

  -- Does the same on both and compares; gives what it was.
  local function both(fn, ...)
    local a, b = outcome(fn, indexed, ...), outcome(fn, plain, ...)
    if a.message then a.message = a.message:gsub("indexed", "plain") end
    assert.same(b, a)
    return a
  end

  local function with(range, predicate)
    local out = { where = predicate }
    for name, value in pairs(range) do out[name] = value end
    return out
  end

  -- The name of the index that a predicate uses.
  local function indexOf(predicate, range) return indexed:explain(predicate, range).index end

  test("all ways of asking give the same, and raise for the same entity", function()
    for _, predicate in ipairs(predicates) do
      for _, range in ipairs(ranges) do
        both(function(note, store)
          for v in store:filter(predicate, range) do note(v.n) end
        end)
        both(function(note, store)
          for id in store:keys(with(range, predicate)) do note(id) end
        end)
        both(function(note, store)
          for id, v in store:entries(with(range, predicate)) do note(id, v.n) end
        end)
        both(function(note, store) note(store:count(predicate, range)) end)
        both(function(note, store)
          local value, id = store:first(predicate, range)
          note(value and value.n, id)
        end)
      end
    end
  end)

  test("says by which index it goes, and how many entities that leads to", function()
    local about = indexed:explain(predicates[1])
    assert.same({ "symbol", 30, COUNT, "nothing" }, { about.index, about.candidates, about.of, about.asked })
    assert.matches("looked at: 30 of 3000 entities, by the index symbol$", tostring(about))
    about = plain:explain(predicates[1])
    assert.same({}, { about.index, about.reason })
    assert.matches("\nevaluated [^\n]*$", tostring(about))
    assert.equal("n", indexOf(predicates[2]))
    assert.is_nil(indexOf(predicates[25]))
    assert.matches("all entities", tostring(indexed:explain(predicates[25])))
    assert.is_nil(indexed:explain(function(v) return v.nothing == 1 end).index)
    about = indexed:explain(function(v) return v.n > 20 end)
    assert.equal("nothing", about.asked)
    assert.matches("leads to more than 150 entities; a count goes by an index alone$", tostring(about))
    about = indexed:explain(predicates[1], { index = "pnl" })
    assert.same({ "pnl", nil, COUNT }, { about.index, about.candidates, about.of })
    assert.matches("looked at: what the index pnl has, in its order$", tostring(about))
  end)

  test("gives equal ones in the natural order of their ids, which may be long", function()
    local function inOrder(size, value, index)
      indexed:removeAll()
      local batch, expected = {}, {}
      for i = 1, 32 do -- they differ in capitals: A comes before a
        expected[i] = ("x"):rep(size - 5) .. ("abcde"):gsub("()(.)", function(at, letter)
          return math.floor((i - 1) / 2 ^ (5 - at)) % 2 == 0 and letter:upper() or letter
        end)
        batch[expected[i]] = value
      end
      indexed:writeMany(batch)
      local ids = {}
      for id in indexed:keys { index = index } do ids[#ids + 1] = id end
      assert.same(expected, ids)
    end
    inOrder(150, { long = ("y"):rep(300) }, "long")
    inOrder(240, { n = 1.5 }, "n")
  end)

  test("leaves out what is in null where that is asked first", function()
    local null = holdfast.null
    local trades = {}
    for i = 1, COUNT do
      trades[i] = { exit = i % 3 == 0 and null or { reason = i % 300 == 1 and "rare" or "target" } }
    end
    indexed:writeMany(trades)
    plain:writeMany(trades)
    indexed:createIndex("exit.reason")
    local function isRare(v) return v.exit and v.exit ~= null and v.exit.reason == "rare" end
    both(function(note, store) note(store:count(isRare)) end)
    local about = indexed:explain(isRare)
    assert.same({ "exit.reason", COUNT / 300 }, { about.index, about.candidates })
    local raised = both(function(note, store)
      for _, id in store:filter(function(v) return v.exit.reason == "rare" end) do note(id) end
    end)
    assert.matches("attempt to index field 'exit'", raised.message)
    assert.same({ { COUNT / 3 } }, both(function(note, store)
      note(store:count(function(v) return v.exit == null end))
    end).noted)
  end)

  test("reads only what an index leads to", function()
    local ask, iterators = core.ask, {}
    core.ask = function(iterator, ...)
      iterators[#iterators + 1] = iterator
      return ask(iterator, ...)
    end
    local looked = {}
    for i, predicate in ipairs { predicates[1], predicates[2], predicates[5], predicates[22] } do
      for _ in indexed:filter(predicate) do
        local _, lookedAt, byIndex = core.counted(iterators[#iterators])
        looked[i] = { lookedAt, byIndex }
      end
    end
    core.ask = ask
    assert.same({ { 29 + 128, true }, { 1, true }, { 5, true }, { 1, true } }, looked)
  end)

  test("goes on with other values where what the predicate uses has changed", function()
    both(function(note, store)
      local n = 5
      for id in store:entries { where = function(v) return v.n == n end } do
        note(id)
        n = n + 7
      end
    end)
    both(function(note, store)
      local symbol = "BTCUSDT"
      for v in store:filter(function(v) return v.symbol == symbol end) do
        note(v.n)
        if v.n == 500 then symbol = "ETH3" end
        if v.n == 700 then symbol = "none" end
      end
    end)
    both(function(note, store)
      local symbol, n = "BTCUSDT", 0
      note(store:count(function(v)
        n = n + 1
        return v.symbol == symbol
      end), n)
    end)
  end)

  test("sees what its body writes ahead, and not what it removes", function()
    both(function(note, store)
      for id in store:entries { where = function(v) return v.n > 2855 end } do
        note(id)
        if id == "2856" then
          store:removeValue(2990)
          store:writeValue(2991, { n = 0 })
          store:writeValue("2992x", { n = 3001 })
          store:removeValue(2999)
          store:writeValue(2999, { n = 3002 })
        end
      end
    end)
  end)

  test("may be left early, and removes what it finds", function()
    both(function(note, store)
      for v in store:filter(function(v) return v.symbol == "BTCUSDT" end) do
        note(v.n)
        if v.n == 400 then break end
      end
      note(store:removeWhere(function(v) return v.symbol == "BTCUSDT" end), store:count())
      note(store:removeWhere(function(v) return v.n < 40 end, { limit = 3 }), store:count())
      note(store:count(function(v) return v.symbol == "BTCUSDT" end), store:first(function(v) return v.n < 40 end).n)
    end)
  end)

  test("sees a transaction's own writes, and a snapshot's moment", function()
    local function isNew(v) return v.symbol == "NEW" end
    both(function(note, store)
      holdfast.transaction(function()
        store:writeValue(300, { n = 300, symbol = "NEW" })
        store:removeValue(400)
        note(store:count(isNew), list(store:keys { where = isNew }))
        note(list(store:keys { where = predicates[1] }))
        pcall(holdfast.transaction, function()
          store:writeValue(301, { n = 301, symbol = "NEW" })
          note(list(store:keys { where = isNew }))
          error("undone")
        end)
        note(list(store:keys { where = isNew }))
        error("undone, too")
      end)
    end)
    both(function(note, store) note(store:count(isNew), store:count(predicates[1])) end)
    both(function(note, store)
      store:snapshot(function() note(store:count(predicates[1]), list(store:keys { where = predicates[1] })) end)
    end)
  end)

  test("forgets what it has found in a transaction that is undone", function()
    both(function(note, store)
      holdfast.transaction(function()
        local step = store:filter(function(v) return v.n > 2950 end)
        for _ = 1, 8 do note(step().n) end
        pcall(holdfast.transaction, function()
          for i = 2970, 3000 do store:writeValue(i, { n = 0 }) end
          for _ = 1, 8 do note(step().n) end
          error("undone")
        end)
        for v in step do note(v.n) end
      end)
    end)
  end)

  test("keeps loops of the same function apart", function()
    local function is(symbol)
      return function(v) return v.symbol == symbol end
    end
    both(function(note, store)
      note(store:first(is "ETH1").n, store:count(is "BTCUSDT"))
      for v in store:filter(is "BTCUSDT") do
        note(v.n, store:first(is("ETH" .. v.n % 7)).n, store:first(is "none"))
        if v.n % 500 == 0 then note(store:count(is "ETH2")) end
        for other in store:filter(is "BTCUSDT") do
          note(other.n)
          if other.n > 200 then break end
        end
      end
    end)
  end)

  test("goes on where an index is dropped in the middle, or made", function()
    local seen = {}
    for v in indexed:filter(function(v) return v.symbol == "BTCUSDT" end) do
      seen[#seen + 1] = v.n
      if v.n == 100 then indexed:dropIndex("symbol") end
      if v.n == 300 then indexed:createIndex("symbol") end
    end
    assert.equal(30, #seen)
    assert.equal(30, indexed:count(predicates[1]))
  end)

  test("counts by an index alone, and within a range", function()
    both(function(note, store)
      note(store:count(function(v) return v.symbol == "ETH3" end))
      note(store:count(function(v) return v.symbol == "ETH3" end, { prefix = "1" }))
      note(store:count(function(v) return v.symbol == "ETH3" end, { from = 50, to = 60, reverse = true }))
      note(store:count(function(v) return v.symbol == "ETH3" end, { limit = 5 }))
      note(store:count(function(v) return v.n < 1000 end))
    end)
  end)

  -- ---- in the order of an index

  local function byPnl(reverse)
    local out = {}
    for id, v in plain:entries() do
      if type(v.pnl) == "number" then out[#out + 1] = { id = id, pnl = v.pnl, at = #out } end
    end
    table.sort(out, function(a, b)
      if a.pnl ~= b.pnl then return a.pnl < b.pnl end
      return a.at < b.at
    end)
    local ids = {}
    for i, row in ipairs(out) do ids[reverse and #out + 1 - i or i] = row.id end
    return ids
  end

  test("goes in the order of an index, either way, and leaves out what has none", function()
    assert.same(byPnl(), list(indexed:keys { index = "pnl" }))
    assert.same(byPnl(true), list(indexed:keys { index = "pnl", reverse = true }))
    assert.same({ unpack(byPnl(true), 1, 10) }, list(indexed:keys { index = "pnl", reverse = true, limit = 10 }))
    assert.equal(#byPnl(), indexed:count { index = "pnl" })
    local last = -math.huge
    for v in indexed:values { index = "pnl" } do
      assert.is_true(v.pnl >= last)
      last = v.pnl
    end
  end)

  test("goes in the order of an index within a range, and where a predicate is true", function()
    local some, few = {}, {}
    for _, id in ipairs(byPnl()) do
      if id:sub(1, 1) == "2" then some[#some + 1] = id end
      if tonumber(id) >= 500 and tonumber(id) <= 900 and tonumber(id) % 20 == 0 then few[#few + 1] = id end
    end
    assert.same(some, list(indexed:keys { index = "pnl", prefix = "2" }))
    local range = { index = "pnl", from = 500, to = 900, where = function(v) return v.n % 20 == 0 end }
    assert.same(few, list(indexed:keys(range)))
    assert.equal(#few, indexed:count(range))
    local ids = {}
    for id, v, revision in indexed:entries(range) do
      assert.is_true(v.n % 20 == 0 and revision > 0)
      ids[#ids + 1] = id
    end
    assert.same(few, ids)
  end)

  test("orders by kind: null, false, true, numbers, texts", function()
    local store = kind.open("kinds")
    local values = {
      { k = "b" }, { k = 1 }, { k = true }, { k = holdfast.null }, { k = {} }, {}, { k = "a" }, { k = -1 },
      { k = false }, { k = "" } }
    for i, value in ipairs(values) do store:writeValue(i, value) end
    store:createIndex("k")
    assert.same({ "4", "9", "3", "8", "2", "10", "7", "1" }, list(store:keys { index = "k" }))
    store:close()
  end)

  test("leaves out what has moved before its turn, and goes on", function()
    local seen, first = {}, byPnl()[1]
    for id, v in indexed:entries { index = "pnl" } do
      seen[#seen + 1] = id
      if #seen == 1 then indexed:writeValue(byPnl()[200], { n = v.n, pnl = -1000 }) end
    end
    assert.equal(first, seen[1])
    assert.equal(#byPnl() - 1, #seen)
  end)

  test("goes on in the order of an index that is built again in the middle", function()
    for _, reverse in ipairs { false, true } do
      local seen = {}
      for id in indexed:keys { index = "pnl", reverse = reverse } do
        seen[#seen + 1] = id
        if #seen == 100 then
          indexed:dropIndex("pnl")
          indexed:createIndex("another")
          indexed:createIndex("pnl")
          indexed:dropIndex("another")
        end
      end
      assert.same(byPnl(reverse), seen)
    end
    raises.error("not_found", "^the index pnl of indexed was dropped meanwhile$", function()
      for _ in indexed:keys { index = "pnl" } do pcall(indexed.dropIndex, indexed, "pnl") end
    end)
  end)

  test("says what is wrong with an index to go by", function()
    raises.error("not_found", "^indexed has no index nothing: there are ", indexed.keys, indexed, { index = "nothing" })
    raises.error("not_found", "^plain has no index pnl, and no other: make it first$", plain.keys, plain,
      { index = "pnl" })
    raises.error("invalid_argument", "^range.index must be the name of an index such as .*, not a number$", plain.keys,
      plain, { index = 1 })
    raises.error("invalid_argument", "not an empty string$", plain.keys, plain, { index = "" })
    local file = holdfast.FilePersist("signal", require("support.temp").directory())
    raises.error("unsupported", "^file stores cannot iterate in the order of an index", file.keys, file,
      { index = "pnl" })
    file:close()
  end)

  -- ---- making them

  test("lists what was made, and forgets what is dropped", function()
    local names = {}
    for i, index in ipairs(indexed:indexes()) do
      assert.is_true(index.ready)
      assert.is_false(index.unique)
      assert.equal(COUNT, index.entries)
      names[i] = index.name
    end
    assert.same({ "kind", "long", "metadata.list[1]", "metadata.symbol", "n", "pnl", "side,n", "symbol" }, names)
    indexed:createIndex("symbol")
    indexed:createIndex({ "symbol" }, { unique = false })
    indexed:dropIndex { "side", "n" }
    assert.equal(7, #indexed:indexes())
    indexed:createIndex { "side", "n" }
    indexed:dropIndex "side,n"
    assert.equal(7, #indexed:indexes())
    raises.error("invalid_argument", "^an index is over paths .* several paths are a list", indexed.dropIndex, indexed,
      "side,n")
    raises.error("not_found", "^indexed has no index side,n$", indexed.dropIndex, indexed, { "side", "n" })
    raises.error("conflict", "^indexed has an index symbol already, which is not unique: drop it first$",
      indexed.createIndex, indexed, "symbol", { unique = true })
    assert.same({}, plain:indexes())
  end)

  test("refuses a second entity with the same values, and changes nothing", function()
    plain:createIndex("n", { unique = true })
    local already = "^the index n is unique, and 7 has the same there already$"
    local err = raises.error("duplicate", already, plain.writeValue, plain, "new",
      { n = 7 })
    assert.same({ "plain", "new" }, { err.entityName, err.entityId })
    raises.error("duplicate", nil, plain.writeMany, plain, { a = { n = 10001 }, b = { n = 10001 } })
    assert.equal(COUNT, plain:count())
    raises.error("duplicate", nil, plain.createIndex, plain, "symbol", { unique = true })
    assert.equal(1, #plain:indexes())
  end)

  test("says what is wrong with what is to be made", function()
    local function refused(message, ...)
      raises.error("invalid_argument", message, plain.createIndex, plain, ...)
    end
    refused("^createIndex: a path must be a string such as \"metadata.symbol\", not a nil$")
    refused("^createIndex: the paths must be a list such as {\"strategyName\", \"symbol\"}$", {})
    refused("^createIndex: the paths must be a list", { "a", x = 1 })
    refused("^createIndex: an index has at most 4 paths, not 5$", { "a", "b", "c", "d", "e" })
    refused("^createIndex: the options must be a table such as {unique=true}, not a string: several", "a", "b")
    refused("^createIndex: there is no option 'uniqe', only unique$", "a", { uniqe = true })
    refused("^createIndex: options.unique must be true or false$", "a", { unique = 1 })
    refused("^.*NUL byte$", "a\0b")
    refused("^.*is none.*$", "a b")
    holdfast.transaction(function()
      raises.error("unsupported", "^.*not inside a transaction or snapshot$", plain.createIndex, plain, "a")
    end)
  end)
end)
