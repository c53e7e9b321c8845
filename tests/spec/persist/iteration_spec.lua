-- SPDX-License-Identifier: MIT
--
-- Iteration: pages, ranges, and what may happen to a store while a loop over it runs.  Ranges are compared with a
-- list that is sorted by the vectors and cut by hand.

local another = require("support.another")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local list = stores.list

-- Thousands of commits that need not survive a power cut.
local fast = { durability = "nosync" }

-- Writes entities with the ids 1..n; each holds its number.
local function fill(store, n)
  local batch = {}
  for i = 1, n do
    batch[i] = { n = i }
  end
  store:writeMany(batch)
end

local function numbers(from, to)
  local out = {}
  for i = from, to do
    out[#out + 1] = tostring(i)
  end
  return out
end

-- The ids that the range asks for, by looking at each.  `sorted` has every id that is stored or used as a bound.
local function expected(sorted, stored, range)
  local place = {}
  for i, id in ipairs(sorted) do
    place[id] = i
  end
  local out = {}
  local first, last, step = 1, #sorted, 1
  if range.reverse then
    first, last, step = #sorted, 1, -1
  end
  for i = first, last, step do
    local id = sorted[i]
    if
      stored[id]
      and (not range.prefix or id:sub(1, #range.prefix) == range.prefix)
      and (not range.from or i >= place[range.from])
      and (not range.to or i <= place[range.to])
      and (not range.limit or #out < range.limit)
    then
      out[#out + 1] = id
    end
  end
  return out
end

stores.each(function(kind)
  it("a loop over thousands of entities sees each once, in order", function()
    local store = kind.open("signal", fast)
    fill(store, 5000)
    assert.same(numbers(1, 5000), list(store:keys()))
    local n = 0
    for value in store:values() do
      n = n + 1
      assert.equal(n, value.n)
    end
    assert.equal(5000, n)
    for id, value in store:entries({ reverse = true }) do
      assert.equal(n, value.n)
      assert.equal(tostring(n), id)
      n = n - 1
    end
    assert.equal(0, n)
  end)

  it("pages with large values lose and repeat nothing", function()
    local store = kind.open("signal", fast)
    for i = 1, 60 do
      store:writeValue(i, { n = i, text = ("x"):rep(i % 7 * 9000) })
    end
    local n = 0
    for value in store:values() do
      n = n + 1
      assert.equal(n, value.n)
      assert.equal(n % 7 * 9000, #value.text)
    end
    assert.equal(60, n)
  end)

  describe("while a loop runs", function()
    it("every entity may be removed", function()
      local store = kind.open("signal", fast)
      fill(store, 3000)
      local seen = {}
      for id in store:keys() do
        seen[#seen + 1] = id
        store:removeValue(id)
      end
      assert.same(numbers(1, 3000), seen)
      assert.equal(0, store:count())
    end)

    it("every entity may be written again", function()
      local store = kind.open("signal", fast)
      fill(store, 1000)
      local seen = 0
      for id, value in store:entries() do
        seen = seen + 1
        store:writeValue(id, { n = -value.n })
        assert.is_true(seen <= 1000, "entities are seen twice")
      end
      assert.equal(1000, seen)
      assert.same({ n = -1000 }, store:readValue(1000))
    end)

    it("entities may come and go around it, and those present throughout are seen exactly once", function()
      for _, reverse in ipairs({ false, true }) do
        local store = kind.open("signal", fast)
        fill(store, 1200)
        local seen, steps = {}, 0
        for id in store:keys({ reverse = reverse }) do
          steps = steps + 1
          if steps > 10000 then
            error("the loop does not end")
          end
          seen[id] = (seen[id] or 0) + 1
          if id:match("^%d+$") then
            store:writeValue(id .. "-after", 1)
            store:writeValue("0-before-" .. id, 1)
            local other = (tonumber(id) * 7) % 1200 + 1
            if other % 3 == 0 and store:hasValue(other) then
              store:removeValue(other)
            end
          end
        end
        for i = 1, 1200 do
          local id = tostring(i)
          if i % 3 ~= 0 then
            assert.equal(1, seen[id], id)
          else
            assert.is_true((seen[id] or 0) <= 1)
          end
        end
        store:removeAll()
      end
    end)

    it("removeAll ends it at the next page", function()
      if kind.name == "lua" then return end -- its keys() is asked once for a scan
      local store = kind.open("signal", fast)
      fill(store, 2000)
      local n = 0
      for _ in store:keys() do
        n = n + 1
        if n == 1 then
          store:removeAll()
        end
      end
      assert.is_true(n >= 1 and n < 2000)
    end)

    it("break leaves nothing open", function()
      local store = kind.open("signal", fast)
      fill(store, 300)
      for _ = 1, 200 do
        for value in store:values() do
          if value.n == 1 then
            break
          end
          error("the loop went on")
        end
      end
      store:writeValue("more", 1)
      assert.equal(301, #list(store:keys()))
    end)

    it("other loops may run inside", function()
      local store = kind.open("signal", fast)
      fill(store, 40)
      local pairsSeen = 0
      for _ in store:keys() do
        for _ in store:values() do
          pairsSeen = pairsSeen + 1
        end
      end
      assert.equal(1600, pairsSeen)
    end)

    it("an error in the body leaves the store usable", function()
      local store = kind.open("signal", fast)
      fill(store, 300)
      local raised = raises.caught(function()
        for _ in store:keys() do
          error("stop", 0)
        end
      end)
      assert.equal("stop", raised)
      store:removeAll()
      assert.equal(0, store:count())
    end)

    it("its coroutine may stop for a while", function()
      if not kind.pages then return end
      local store = kind.open("signal", fast)
      fill(store, 300)
      local step = coroutine.wrap(function()
        for id in store:keys() do
          coroutine.yield(id)
        end
      end)
      assert.equal("1", step())
      store:removeAll()
      store:writeValue("zzz", 1)
      local last, n = nil, 1
      for id in step do
        last, n = id, n + 1
      end
      assert.equal("zzz", last)
      assert.is_true(n < 300)
    end)
  end)

  describe("a range", function()
    it("gives what a look at each id gives, in every combination", function()
      local cases = holdfast.json.decode(temp.readFile("tests/data/natural_order.json")).cases
      local store = kind.open()
      local tried = 0
      for _, number in ipairs({ 2, 3, 4, 6, 8 }) do
        local sorted = { unpack(cases[number].sorted, 1, 60) }
        local stored, batch = {}, {}
        for i, id in ipairs(sorted) do
          if i % 3 ~= 0 then
            stored[id], batch[id] = true, i
          end
        end
        store:removeAll()
        store:writeMany(batch)
        local n = #sorted
        local bounds = { false, sorted[1], sorted[3], sorted[math.floor(n / 2)], sorted[n - 1], sorted[n] }
        local prefixes = { false, "", sorted[2]:sub(1, 1), sorted[math.floor(n / 2)]:sub(1, 2), sorted[n], "no such" }
        for _, from in ipairs(bounds) do
          for _, to in ipairs(bounds) do
            for _, prefix in ipairs(prefixes) do
              for _, reverse in ipairs({ false, true }) do
                for _, limit in ipairs({ false, 0, 1, 3, 1000 }) do
                  local range = {
                    from = from or nil, to = to or nil, prefix = prefix or nil, reverse = reverse, limit = limit or nil,
                  }
                  local found = list(store:keys(range))
                  local wanted = expected(sorted, stored, range)
                  if table.concat(found, "\n") ~= table.concat(wanted, "\n") then
                    assert.same(wanted, found, holdfast.json.encode(range))
                  end
                  tried = tried + 1
                end
              end
            end
          end
        end
      end
      assert.equal(5 * 6 * 6 * 6 * 2 * 5, tried)
    end)

    it("with every prefix of every id finds what begins with it", function()
      local cases = holdfast.json.decode(temp.readFile("tests/data/natural_order.json")).cases
      local store = kind.open()
      for _, number in ipairs({ 2, 3, 4, 7 }) do
        local sorted = { unpack(cases[number].sorted, 1, 50) }
        local stored, batch = {}, {}
        for _, id in ipairs(sorted) do
          stored[id], batch[id] = true, 1
        end
        store:removeAll()
        store:writeMany(batch)
        for _, id in ipairs(sorted) do
          for size = 1, #id do
            for _, reverse in ipairs({ false, true }) do
              local range = { prefix = id:sub(1, size), reverse = reverse }
              assert.same(expected(sorted, stored, range), list(store:keys(range)), range.prefix)
            end
          end
        end
      end
    end)

    it("works over many pages with all of its parts at once", function()
      local store = kind.open()
      local batch = {}
      for i = 1, 3000 do
        batch["log-" .. i] = i
        batch["other-" .. i] = i
      end
      store:writeMany(batch)
      local range = { prefix = "log-", from = "log-100", to = "log-2500", reverse = true, limit = 2000 }
      local found = list(store:values(range))
      assert.equal(2000, #found)
      assert.equal(2500, found[1])
      assert.equal(501, found[2000])
      assert.equal(3000, #list(store:keys({ prefix = "log-" })))
      assert.equal(1111, #list(store:keys({ prefix = "log-1" })))
    end)

    it("means the same for values, keys and entries", function()
      local store = kind.open()
      fill(store, 50)
      local range = { from = 10, to = 12 }
      assert.same({ "10", "11", "12" }, list(store:keys(range)))
      assert.same({ { n = 10 }, { n = 11 }, { n = 12 } }, list(store:values(range)))
      assert.same({ "10", "11", "12" }, list(store:entries(range)))
    end)

    it("is empty when from lies after to", function()
      local store = kind.open()
      fill(store, 50)
      assert.same({}, list(store:keys({ from = 30, to = 20 })))
      assert.same({}, list(store:keys({ from = 30, to = 20, reverse = true })))
    end)

    it("holds what was given when the loop began", function()
      local store = kind.open()
      fill(store, 200)
      local range = { from = 5, limit = 100 }
      local nextKey = store:keys(range)
      range.from, range.limit = 199, 1
      assert.equal("5", nextKey())
      assert.equal(99, #list(nextKey))
    end)
  end)

  describe("a snapshot", function()
    if not kind.supports("snapshot") then
      it("is refused", function()
        local store = kind.open()
        raises.error("unsupported", kind.name .. " stores have no snapshots", store.snapshot, store,
          function(s) return s:count() end)
      end)
      return
    end
    it("runs the function with the store and returns what it returns", function()
      local store = kind.open()
      local function collect(...)
        return select("#", ...), { ... }
      end
      local n, results = collect(store:snapshot(function(s)
        assert.equal(store, s)
        return 1, nil, "three", nil
      end))
      assert.equal(4, n)
      assert.same({ 1, nil, "three" }, results)
      assert.equal(0, (collect(store:snapshot(function() end))))
    end)

    it("reads of one moment agree, also over many pages", function()
      local store = kind.open()
      fill(store, 1000)
      store:snapshot(function(s)
        local n = 0
        for _ in s:values() do
          n = n + 1
        end
        assert.equal(s:count(), n)
        assert.equal(1000, n)
        assert.same({ n = 7 }, s:readMany({ 7 })[7])
        assert.is_true(s:hasValue(7))
        assert.same({ n = 7 }, s:readEntry(7).value)
      end)
    end)

    it("refuses to write, and the store is as before", function()
      local store = kind.open()
      fill(store, 3)
      local before = stores.content(store)
      local writes = {
        function() store:writeValue("x", 1) end,
        function() store:removeValue(1) end,
        function() store:removeAll() end,
        function() store:writeMany({ x = 1 }) end,
        function() store:removeMany({ 1 }) end,
        function() holdfast.transaction(function() store:writeValue("x", 1) end) end,
      }
      for _, write in ipairs(writes) do
        store:snapshot(function()
          raises.error("readonly", nil, write)
        end)
      end
      assert.same(before, stores.content(store))
      store:writeValue("x", 1)
    end)

    it("passes on what its function raises, and ends", function()
      local store = kind.open()
      local thrown = {}
      assert.equal(thrown, raises.caught(store.snapshot, store, function() error(thrown) end))
      store:writeValue("x", 1)
      assert.equal(1, store:readValue("x"))
    end)

    it("covers one store", function()
      local store = kind.open()
      local other = holdfast.MemoryPersist("signal", "another")
      other:writeValue("x", 1)
      store:snapshot(function()
        local err = raises.error("unsupported", nil, other.readValue, other, "x")
        assert.is_truthy(err.message:find(store.url, 1, true))
        assert.is_truthy(err.message:find(other.url, 1, true))
      end)
      assert.equal(1, other:readValue("x"))
      other:close()
    end)

    it("may be taken inside a snapshot and inside a transaction", function()
      local store = kind.open()
      store:writeValue("x", 1)
      store:snapshot(function()
        store:snapshot(function()
          assert.equal(1, store:readValue("x"))
        end)
        assert.equal(1, store:readValue("x"))
      end)
      holdfast.transaction(function()
        store:writeValue("x", 2)
        store:snapshot(function()
          assert.equal(2, store:readValue("x"))
          raises.error("readonly", nil, store.writeValue, store, "x", 3)
        end)
        store:writeValue("x", 4)
      end)
      assert.equal(4, store:readValue("x"))
    end)

    it("of a collection that does not exist yet is empty", function()
      local store = kind.open()
      store:snapshot(function()
        assert.equal(0, store:count())
        assert.same({}, list(store:keys()))
        assert.is_false(store:hasValue("x"))
      end)
    end)
  end)
end, stores.all)

describe("a snapshot on lmdb", function()
  local kind = stores.kind("lmdb")
  stores.fresh(kind)

  it("does not see what another process writes meanwhile", function()
    local store = kind.open()
    store:writeValue("x", 1)
    store:snapshot(function()
      assert.equal(1, store:readValue("x"))
      another.on("signal", kind.base, "store:writeValue('x', 2) store:writeValue('y', 3)")
      assert.equal(1, store:readValue("x"))
      assert.is_false(store:hasValue("y"))
      assert.same({ "x" }, list(store:keys()))
      assert.equal(1, store:count())
    end)
    assert.equal(2, store:readValue("x"))
    assert.equal(3, store:readValue("y"))
  end)
end)
