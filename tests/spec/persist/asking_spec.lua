-- SPDX-License-Identifier: MIT
--
-- Asking for entities by a predicate: filter, where, count, first, removeWhere.  What they give is compared with the
-- predicate's answers to all entities, decoded one by one.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

local list = stores.list
local COUNT = 700

-- Signals 1 to COUNT, of which some fields differ in kind.
local function fill(store)
  local batch = {}
  for i = 1, COUNT do
    batch[i] = {
      n = i,
      symbol = i % 50 == 0 and "BTCUSDT" or "ETH" .. i % 7,
      side = i % 3 == 0 and "long" or "short",
      open = i % 4 == 0 or nil,
      note = i % 5 == 0 and holdfast.null or nil,
      metadata = { symbol = i % 100 == 0 and "BTCUSDT" or "X", tags = { "a", i % 2 == 0 and "even" or "odd" } },
    }
  end
  store:writeMany(batch)
end

-- How often conditions are handed to stores, and dropped.
local function handedOver(fn)
  local ask, count, dropped = core.ask, 0, 0
  core.ask = function(iterator, condition, ...)
    if condition then count = count + 1 else dropped = dropped + 1 end
    return ask(iterator, condition, ...)
  end
  local ok, raised = pcall(fn)
  core.ask = ask
  if not ok then error(raised, 0) end
  return count, dropped
end

local min, cfg, text = 600, { symbol = "BTCUSDT", deep = { min = 650 } }, tostring
local predicates = {
  function(v) return v.symbol == "BTCUSDT" end,
  function(v) return v.metadata.symbol == cfg.symbol and v.n > 100 end,
  function(v) return v.n > min or v.open end,
  function(v) return v.n >= cfg.deep.min and v.side ~= "long" end,
  function(v) return v.symbol:find("BTC", 1, true) end,
  function(v) return v.metadata.tags[2] == "odd" and not v.open end,
  function(v) return v.note == holdfast.null end,
  function(v) if v.n < 10 then return true end return v.n * 2 > 1390 end,
  function(v) return text(v.n) == "333" end,
  function(v, id) return id == "77" or v.n == 78 end,
  function(_, id) return id:sub(1, 2) == "12" end,
  function() return true end,
  function() return nil end,
}
local ranges = {
  {},
  { prefix = "1" },
  { from = 100, to = 400 },
  { reverse = true },
  { limit = 7 },
  { limit = 0 },
  { prefix = "5", reverse = true, limit = 3 },
}

stores.each(function(kind)
  local store
  local function test(name, fn)
    it(name, function()
      store = kind.open()
      fill(store)
      fn()
      store:close()
      store = nil
    end)
  end

  -- The ids of those for which the predicate is true, by asking it of each.
  local function expected(predicate, range)
    local out, rest = {}, {}
    for name, value in pairs(range) do rest[name] = value end
    rest.limit = nil
    for id, value in store:entries(rest) do
      if #out == (range.limit or math.huge) then break end
      if predicate(value, id) then out[#out + 1] = id end
    end
    return out
  end

  local function with(range, predicate)
    local out = { where = predicate }
    for name, value in pairs(range) do out[name] = value end
    return out
  end

  test("all ways of asking give what the predicate says, in the same order", function()
    local some = kind.pages and ranges or { ranges[1], ranges[7] } -- the others are slow
    for i = 1, #predicates, kind.pages and 1 or 3 do
      local predicate = predicates[i]
      for _, range in ipairs(some) do
        local ids = expected(predicate, range)
        local numbers = {}
        for at, id in ipairs(ids) do numbers[at] = tonumber(id) end
        local function ns(...)
          local out = {}
          for v in ... do out[#out + 1] = v.n end
          return out
        end
        assert.same(numbers, ns(store:filter(predicate, range)))
        assert.same(numbers, ns(store:values(with(range, predicate))))
        assert.same(ids, list(store:keys(with(range, predicate))))
        local got = {}
        for id, v in store:entries(with(range, predicate)) do
          assert.equal(tonumber(id), v.n)
          got[#got + 1] = id
        end
        assert.same(ids, got)
        assert.equal(#ids, store:count(with(range, predicate)))
        assert.equal(#ids, store:count(predicate, range))
        local value, id = store:first(predicate, range)
        assert.same({ numbers[1], ids[1] }, { value and value.n, id })
        assert.same({ unpack(numbers, 1, 2) }, ns(store:take(2, with(range, predicate))))
      end
      assert.equal(#expected(predicate, {}), store:count(predicate))
    end
  end)

  test("entries have revision and time, as without a predicate", function()
    local plain, asked = {}, {}
    for id, _, revision, updatedAt in store:entries() do plain[id] = { revision, updatedAt } end
    for id, _, revision, updatedAt in store:entries { where = predicates[1] } do asked[id] = { revision, updatedAt } end
    assert.equal(14, store:count(predicates[1]))
    for id, info in pairs(asked) do assert.same(plain[id], info) end
  end)

  test("a predicate is read only where the first pages were not enough", function()
    assert.is_true(handedOver(function() list(store:filter(predicates[1])) end) > 0)
    assert.equal(0, handedOver(function() list(store:filter(predicates[1], { from = 1, to = 40 })) end))
    assert.equal(0, handedOver(function() list(store:filter(predicates[9])) end), "text() is not understood")
  end)

  test("a condition that refuses hardly anything is dropped", function()
    local count, dropped = handedOver(function()
      assert.equal(COUNT - 2, #list(store:filter(function(v) return v.n > 2 end)))
      assert.equal(COUNT - 2, store:count(function(v) return v.n > 2 end)) -- which are counted in place
    end)
    assert.same({ 2, 1 }, { count, dropped })
    count, dropped = handedOver(function()
      assert.equal(467, #list(store:filter(function(v) return v.side == "short" end)))
    end)
    assert.same({ 1, 0 }, { count, dropped })
  end)

  test("counts a range", function()
    assert.equal(COUNT, store:count {})
    assert.equal(111, store:count { prefix = "1" })
    assert.equal(5, store:count { prefix = "1", limit = 5 })
    raises.error("invalid_argument", "^the range must be a table", store.count, store, 7)
    raises.error("invalid_argument", "^count: the predicate must be a function, not a string: write "
      .. "function%(v%) return v.n == 1 end$", store.count, store, "v.n == 1")
    raises.error("invalid_argument", "not a string$", store.count, store, "v.n == ")
  end)

  test("the five-hundredth entity that the predicate raises for is the five-hundredth of which it is said", function()
    store:writeValue(500, { n = "none" })
    local seen = {}
    local err = raises.error("script", "^filter: the predicate raised: .*compare", function()
      for v in store:filter(function(v) return v.n > 0 and v.n % 2 == 0 end) do seen[#seen + 1] = v.n end
    end)
    assert.equal(249, #seen)
    assert.equal("signal", err.entityName)
    assert.matches("asking_spec", err.traceback)
    raises.error("script", "^count: the predicate raised: .*compare", store.count, store,
      function(v) return v.n > 0 end)
    err = raises.error("script", "^first: the predicate raised: ", store.first, store,
      function(v) return v.n > 700 end)
    assert.equal("500", err.entityId)
    err = raises.error("script", "^keys: the predicate raised: ", function()
      list(store:keys { where = function(v) return v.n > 700 end })
    end)
    assert.equal("500", err.entityId)
    assert.is_nil(err.isOfPredicate)
    err = raises.error("script", "^filter: the predicate raised: ", function()
      list(store:filter(function(v, id) return v.n > 700 end))
    end)
    assert.equal("500", err.entityId)
  end)

  test("goes on after what a predicate raised, as a loop does", function()
    store:writeValue(500, { n = "none" })
    local step = store:filter(function(v) return v.n > 498 and v.n < 503 end)
    local got = {}
    while true do
      local ok, value = pcall(step)
      if ok and value == nil then break end
      got[#got + 1] = ok and value.n or "raised"
    end
    assert.same({ 499, "raised", 501, 502 }, got)
  end)

  test("a variable that the loop's body changes holds from the next entity on", function()
    local at = 100
    local got = {}
    for v in store:filter(function(v) return v.n >= at end) do
      got[#got + 1] = v.n
      at = v.n + 100
    end
    assert.same({ 100, 200, 300, 400, 500, 600, 700 }, got)
    local wanted = { side = "long", min = 640 }
    got = {}
    for v in store:filter(function(v) return v.side == wanted.side and v.n > wanted.min end) do
      got[#got + 1] = v.n
      if v.n == 645 then wanted.side, wanted.min = "short", 690 end
    end
    assert.same({ 642, 645, 691, 692, 694, 695, 697, 698, 700 }, got)
  end)

  test("what a condition stood for may become something else", function()
    local wanted = { min = 600 }
    local got = {}
    for v in store:filter(function(v) return v.n > wanted.min end) do
      got[#got + 1] = v.n
      if v.n == 610 then
        wanted.min = nil
        setmetatable(wanted, { __index = function() return 695 end })
      end
    end
    assert.same({ 601, 602, 603, 604, 605, 606, 607, 608, 609, 610, 696, 697, 698, 699, 700 }, got)
  end)

  test("two loops of one function have their own variables", function()
    local function from(n) return function(v) return v.n >= n end end
    local a, b = store:filter(from(650)), store:filter(from(690))
    local got = {}
    for _ = 1, 5 do got[#got + 1] = a().n; got[#got + 1] = b().n end
    assert.same({ 650, 690, 651, 691, 652, 692, 653, 693, 654, 694 }, got)
  end)

  test("the id is the second argument of a predicate that names two, and of no other", function()
    local counts = {}
    store:count(function(...) counts[select("#", ...)] = true return false end)
    assert.same({ true }, counts)
    assert.equal(9, #list(store:filter(function(_, id) return #id == 1 end)))
    assert.equal(COUNT, store:count(math.abs and type)) -- a function in C
    assert.equal(COUNT, store:count(loadstring(string.dump(function(v, id) return v.n == tonumber(id) end, true))))
  end)

  test("an entity that is written or removed in the loop is seen as it is when its turn comes", function()
    local seen = {}
    for v in store:filter(function(v) return v.n >= 100 and v.n % 100 == 0 end) do
      seen[#seen + 1] = v.n
      if v.n == 100 then
        store:writeValue(700, { n = 800 })
        store:removeValue(600)
      end
    end
    assert.equal(100, seen[1])
    assert.equal(500, seen[5])
    assert.equal(2, #list(store:filter(function(v) return v.n >= 500 and v.n % 100 == 0 end)))
  end)

  test("a value that stands in for a predicate is refused", function()
    raises.error("invalid_argument", "first: the predicate must be a function, not a string", store.first, store, "x")
    raises.error("invalid_argument", "^explain: the predicate must be a function", store.explain, store)
    raises.error("invalid_argument", "^values: range.where must be a function", store.values, store, { where = true })
    raises.error("invalid_argument", "^a range has no 'where'", store.filter, store, type, { where = type })
    raises.error("invalid_argument", 'such as {prefix="BTC", limit=10}, not a function: a predicate is given as '
      .. "{where=predicate}$", store.values, store, type)
    raises.error("invalid_argument", "^take: the range must be a table .* {where=predicate}$",
      store.take, store, 1, type)
    raises.error("invalid_argument", "from 0 on, not a string$", store.values, store, { limit = "3" })
    raises.error("invalid_argument", "^removeWhere: the options must be a table", store.removeWhere, store, type, 1)
    raises.error("invalid_argument", "^a range has no 'rase'", store.removeWhere, store, type, { rase = true })
    assert.equal(COUNT, store:count())
  end)

  test("says what is made of a predicate, and where", function()
    local about = store:explain(predicates[1])
    assert.is_true(about.isComplete)
    assert.equal(core.evaluates(store) and "store" or "text", about.where)
    assert.matches("understood", tostring(about))
    about = store:explain(predicates[9])
    assert.equal("nowhere", about.where)
    assert.matches("not evaluated", tostring(about))
  end)

  if kind.supports "transaction" then
    test("sees what a transaction has written", function()
      holdfast.transaction(function()
        store:writeValue(300, { n = 300, symbol = "NEW" })
        store:removeValue(350)
        assert.same({ "300" }, list(store:keys { where = function(v) return v.symbol == "NEW" end }))
        assert.equal(12, store:count(predicates[1]))
        assert.equal(12, store:removeWhere(predicates[1]))
      end)
      assert.equal(0, store:count(predicates[1]))
      assert.equal(COUNT - 13, store:count())
    end)

    test("asks again where it removes", function()
      local asked = {}
      local removed = store:removeWhere(function(v)
        asked[v.n] = (asked[v.n] or 0) + 1
        if v.n == 10 and asked[10] == 1 then
          store:writeValue(20, { n = 2000 }) -- was wanted, and is not any more
          store:removeValue(30)
        end
        return v.n < 40
      end, { reverse = true })
      assert.equal(37, removed)
      assert.equal(2, asked[10])
      assert.same({ n = 2000 }, store:readValue(20))
      assert.is_false(store:hasValue(39))
      assert.is_true(store:hasValue(40))
    end)

    test("removes all or nothing", function()
      local asked = 0
      raises.error("script", "^removeWhere: the predicate raised: .*enough", store.removeWhere, store, function()
        asked = asked + 1
        return asked < COUNT + 300 or error("enough")
      end)
      assert.equal(COUNT, store:count())
      assert.equal(4, store:removeWhere(function(v) return v.n > 100 end, { prefix = "1", limit = 4 }))
      assert.same({ "105" }, list(store:keys { from = 101, limit = 1 }))
    end)
  else
    test("removes at one's own risk, where others cannot be kept out", function()
      raises.error("unsupported", "^removeWhere: .*race=true", store.removeWhere, store, predicates[1])
      assert.equal(COUNT, store:count())
      assert.equal(14, store:removeWhere(predicates[1], { race = true }))
      assert.equal(0, store:removeWhere(predicates[1], { race = true }))
      assert.equal(COUNT - 14, store:count())
    end)
  end
end, stores.all)

describe("a class", function()
  local function Plain(methods)
    local Class = holdfast.MemoryPersist:extend("Plain")
    for name, method in pairs(methods) do Class[name] = method end
    local store = Class("signal", "asking-class")
    store:removeAll()
    for i = 1, 100 do store:writeValue(i, { n = i }) end
    return store
  end

  it("that overrides reading is asked for what it gives, not for what is stored", function()
    local store = Plain { readValue = function(self, id)
      local value = holdfast.MemoryPersist.readValue(self, id)
      value.n = -value.n
      return value
    end }
    assert.equal(10, store:count(function(v) return v.n <= -91 end))
    assert.equal(0, store:count(function(v) return v.n > 0 end))
    assert.equal("100", (select(2, store:first(function(v) return v.n < -99 end))))
    store:close()
  end)

  it("that has a loop of its own is asked for what the loop gives", function()
    local store = Plain { values = function(self)
      local step = holdfast.MemoryPersist.values(self)
      return function()
        local value = step()
        if value then value.n = value.n * 1000 end
        return value
      end
    end }
    assert.equal(50, #list(store:filter(function(v) return v.n > 50000 end)))
    assert.equal(50, store:count(function(v) return v.n > 50000 end))
    assert.equal(50, #list(store:values { where = function(v) return v.n > 50000 end }))
    assert.equal("nowhere", store:explain(function(v) return v.n > 50000 end).where)
    store:close()
  end)

  it("keeps its own count and filter", function()
    local store = Plain {
      count = function() return 4711 end,
      filter = function(_, predicate) return predicate({ n = 1 }) and list or function() end end,
    }
    assert.equal(4711, store:count())
    assert.equal(50, store:count(function(v) return v.n > 50 end))
    assert.equal(11, store:count { prefix = "1", limit = 11 })
    assert.same({}, list(store:filter(function(v) return v.n > 1 end)))
    assert.equal(7, #list(store:filter(function(v) return v.n > 1 end, { limit = 7 })), "of a range it knows nothing")
    local predicate = function(v, id) return v.n > 50 and tonumber(id) > 50 end
    assert.equal(50, #list(store:filter(predicate)), "of which a filter of values knows no id")
    store:close()
  end)
end)

describe("a class that knows conditions", function()
  local asked, given

  local function open(extra, size)
    local Class = holdfast.PersistBase:extend("Knowing")
    Class.conditions = true
    local ids, kept = {}, {}
    for i = 1, size or 300 do ids[i], kept[tostring(i)] = tostring(i), { n = i } end
    function Class:waitForInit() end
    function Class:readValue(id) asked = asked + 1; return kept[id] or error(holdfast.error("not_found")) end
    function Class:hasValue(id) return kept[id] ~= nil end
    function Class:writeValue() end
    function Class:removeValue() end
    function Class:removeAll() end
    function Class:values() error("not needed") end
    function Class:keys(range)
      given[#given + 1] = range
      local where, i = range.where, (tonumber(range.from) or 1) - 1
      return function()
        repeat i = i + 1 until not where or not ids[i] or i >= range.parameters[1]
        return ids[i]
      end
    end
    for name, method in pairs(extra or {}) do Class[name] = method end
    return Class("signal", "")
  end

  before_each(function() asked, given = 0, {} end)

  it("goes on being told of them: what it left out is not known", function()
    local store, from, count = open(nil, 2000), 1000, 0
    for _ in store:filter(function(v) return v.n >= from end) do count = count + 1 end
    assert.equal(1001, count)
    for i = 2, #given do assert.truthy(given[i].where, i) end
    assert.truthy(given[2])
  end)

  it("is told of them and of their parameters, and may leave out what they refuse", function()
    local store, from = open(), 290
    local f = function(v) return v.n >= from end
    assert.equal("class", store:explain(f).where)
    local got = {}
    for v in store:filter(f) do
      got[#got + 1] = v.n
      if v.n == 291 then from = 299 end
    end
    assert.same({ 290, 291, 299, 300 }, got)
    assert.is_true(asked < 100, asked)
    assert.is_nil(given[1].where)
    local where = given[2].where
    assert.same({ ">=", { "path", "v", "n" }, { "param", 1 } }, { where[1], where[2], where[3] })
    assert.equal(290, given[2].parameters[1])
    assert.equal(299, given[#given].parameters[1])
    store:close()
  end)

  it("may as well leave nothing out", function()
    local store = open { keys = function(_, range)
      local i = (tonumber(range.from) or 1) - 1
      return function()
        i = i + 1
        return i <= 300 and tostring(i) or nil
      end
    end }
    assert.equal(11, store:count(function(v) return v.n >= 290 end))
    assert.equal(11, #list(store:filter(function(v) return v.n >= 290 end)))
    store:close()
  end)

  it("is one only if it says so", function()
    local store = open { conditions = function() return "mine" end }
    assert.equal("mine", store:conditions())
    assert.equal("291", (select(2, store:first(function(v) return v.n > 290 end))))
    for _, range in ipairs(given) do assert.is_nil(range.where) end
    store:close()
  end)
end)

describe("a loop that a finalizer goes on with", function()
  local got, least

  -- Drops a loop that has come to entity 300.  Its condition is newer than the watcher, and so is finalized before it.
  local function drop(store, more)
    local step = store:filter(function(v) return v.n % 5 == 0 and v.n >= least end)
    getmetatable(newproxy(true)).__gc = function()
      more()
      for value in step do got[#got + 1] = value.n end
    end
    local asked = handedOver(function()
      for _ = 1, 60 do step() end
    end)
    assert.equal(1, asked)
  end

  local function numbersAfter(change)
    got, least = {}, 0
    local store = holdfast.MemoryPersist("signal", "finalizers")
    local batch = {}
    for i = 1, 5000 do batch[i] = { n = i } end
    store:writeMany(batch)
    collectgarbage()
    drop(store, change)
    collectgarbage()
    collectgarbage()
    store:removeAll()
    store:close()
    return got
  end

  before_each(function() -- compiled code would keep the loop
    jit.off()
    jit.flush()
  end)
  after_each(function() jit.on() end)

  it("goes on without the condition that was finalized", function()
    local others = {} -- which would take its place in memory
    local numbers = numbersAfter(function()
      for i = 1, 20 do others[i] = core.condition.new { "const", false } end
    end)
    assert.same({ 940, 305, 5000, 20 }, { #numbers, numbers[1], numbers[#numbers], #others })
  end)

  it("sees what has changed since", function()
    local numbers = numbersAfter(function() least = 4991 end)
    assert.same({ 4995, 5000 }, numbers)
  end)
end)
