-- SPDX-License-Identifier: MIT
--
-- Looking back: entities as they were, by revision and by time, what happened to one, and snapshots of the past; of
-- stores that keep a history, and of classes around them.

local holdfast = require "holdfast"
local raises = require "support.raises"
local stores = require "support.stores"
local temp = require "support.temp"

-- "write 2, remove, write 1"
local function short(changes)
  local list = {}
  for i, change in ipairs(changes) do
    list[i] = change.what .. (change.value and " " .. holdfast.json.encode(change.value) or "")
  end
  return table.concat(list, ", ")
end

local function wait(seconds)
  local stop = os.time() + seconds
  while os.time() < stop do end -- until the second is over
end

stores.each(function(kind)
  describe("looking back", function()
    local options = kind.durable and { durability = "nosync" } or nil
    local whole, store

    before_each(function()
      whole = holdfast.openStore(kind.base, options)
      whole:settings { changes = "7d", history = "true" }
      store = kind.open("signal", options)
    end)

    after_each(function()
      store:close()
      whole:close()
      whole, store = nil, nil
    end)

    it("reads what an id was after each revision", function()
      local revisions = {}
      for n = 1, 5 do revisions[n] = store:writeValue("BTC", { n = n }) end
      store:removeValue("BTC")
      local last = store:writeValue("BTC", { n = 6 })
      for n = 1, 5 do
        assert.same({ n = n }, store:readValue("BTC", { at = revisions[n] }))
        local entry = store:readEntry("BTC", { at = revisions[n] })
        assert.same({ "BTC", n, revisions[n] }, { entry.id, entry.value.n, entry.revision })
      end
      assert.same({ n = 6 }, store:readValue("BTC", { at = last }))
      raises.error("not_found", "Entity signal:BTC not found", store.readValue, store, "BTC", { at = last - 1 })
      raises.error("not_found", nil, store.readValue, store, "BTC", { at = revisions[1] - 1 })
      assert.same({ n = 6 }, store:readValue("BTC", {}))
      assert.equal(last, whole:revision())
    end)

    it("takes a number for a revision and a text for a time, and nothing for another", function()
      store:writeValue("a", 1)
      local at = store:history("a")[1].at
      wait(2)
      store:writeValue("a", 2)
      local between = os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(at / 1000) + 1)
      assert.equal(1, store:readValue("a", { at = between }))
      assert.equal(1, store:readValue("a", { at = { time = at } }))
      assert.equal(1, store:readValue("a", { at = between:gsub("Z", "+00:00") }))
      assert.equal(2, store:readValue("a", { at = "2999-01-01" }))
      assert.equal(whole:revision() - 1, whole:revision { at = between })
      for _, wrong in ipairs { "2026-11-27T12:00:00", "yesterday", "12", "2026-02-30", 0, -1, 1.5, true, {},
        { time = 0 }, { time = at, revision = 1 }, { revision = 1 } } do
        raises.error("invalid_argument", nil, store.readValue, store, "a", { at = wrong })
      end
      raises.error("invalid_argument", "readValue: there is no option 'on': at exists", store.readValue, store, "a",
        { on = 1 })
      local newest = whole:revision()
      raises.error("invalid_argument",
        ("revision %d is not there yet: the newest is %d"):format(newest + 1, newest), store.readValue, store, "a",
        { at = newest + 1 })
    end)

    it("says where to begin again, where it is not kept", function()
      local first = whole:revision()
      store:writeValue("a", 1)
      if first > 1 then
        local err = raises.error("compacted", nil, store.readValue, store, "a", { at = first - 1 })
        assert.equal(first + 1, err.revision)
        raises.error("compacted", nil, store.snapshot, store, function() end, { at = first - 1 })
      end
      raises.error("compacted", nil, store.readValue, store, "a", { at = "1980-01-01" })
      whole:settings { history = "false" }
      raises.error("unsupported", nil, store.readValue, store, "a", { at = whole:revision() })
      raises.error("unsupported", nil, store.history, store, "a")
    end)

    it("tells what happened to an id", function()
      local first = store:writeValue("a", 1)
      store:writeValue("b", 5)
      store:writeValue("a", { "x" })
      store:removeValue("a")
      store:writeValue("a", holdfast.null)
      store:removeAll()
      local changes, from = store:history "a"
      assert.equal('clear, write null, remove, write ["x"], write 1', short(changes))
      assert.is_true(from <= first)
      assert.equal(first, changes[5].revision)
      assert.is_true(math.abs(changes[1].at - os.time() * 1000) < 3600000)
      for i = 2, #changes do
        assert.is_true(changes[i].at <= changes[i - 1].at)
        assert.is_true(changes[i].revision < changes[i - 1].revision)
      end
      assert.equal("clear, write null", short(store:history("a", { limit = 2 })))
      assert.same({}, (store:history("a", { limit = 0 })))
      assert.same({}, (store:history "none"))
    end)

    it("shows all of one moment in a snapshot", function()
      local risk = kind.open("risk", options)
      for n = 1, 20 do store:writeValue("k" .. n, { n = n }) end
      local then_ = risk:writeValue("r", 1)
      store:removeAll()
      risk:removeAll()
      store:writeValue("k3", { n = 33 })
      local n, ids, sum = store:snapshot(function(s)
        local list, total = {}, 0
        for id in s:keys { reverse = true, limit = 3 } do list[#list + 1] = id end
        for v in s:filter(function(v) return v.n > 18 end) do total = total + v.n end
        assert.same({ k1 = { n = 1 } }, s:readMany { "k1", "none" })
        assert.is_true(s:hasValue "k20")
        assert.equal(1, risk:count())
        assert.same({ "risk", "signal" }, whole:entities())
        assert.equal(3, s:snapshot(function(inner) return inner:readValue("k3").n end)) -- another one joins it
        raises.error("readonly", nil, s.writeValue, s, "x", 1)
        raises.error("unsupported", nil, s.snapshot, s, function() end, { at = then_ })
        return s:count(), table.concat(list, " "), total
      end, { at = then_ })
      assert.same({ 20, "k20 k19 k18", 39 }, { n, ids, sum })
      assert.equal(20, whole:snapshot(function(w)
        assert.equal(whole, w)
        return store:count()
      end, { at = then_ }))
      assert.equal(1, store:count())
      risk:close()
    end)

    it("is refused inside a transaction", function()
      local revision = store:writeValue("a", 1)
      store:writeValue("a", 2)
      holdfast.transaction(function()
        store:writeValue("a", 3)
        raises.error("unsupported", nil, store.snapshot, store, function() end, { at = revision })
        raises.error("unsupported", "a transaction sees no past: look back before it begins", store.readValue, store,
          "a", { at = revision })
        raises.error("unsupported", nil, store.history, store, "a")
        raises.error("unsupported", nil, whole.revision, whole)
      end)
    end)

    it("works in a snapshot of the present, too", function()
      local revision = store:writeValue("a", 1)
      store:writeValue("a", 2)
      store:snapshot(function()
        assert.equal(1, store:readValue("a", { at = revision }))
        assert.equal("write 2, write 1", short(store:history "a"))
        assert.equal(revision + 1, whole:revision())
      end)
    end)

    it("forgets what is purged", function()
      local revision = store:writeValue("a", 1)
      store:writeValue("a", 2)
      assert.is_true(store:purge "a" > 0)
      raises.error("not_found", nil, store.readValue, store, "a", { at = revision })
      assert.equal("write 2", short(store:history "a"))
      assert.equal(2, store:readValue "a")
      assert.equal(0, store:purge "a")
    end)
  end)
end, { "lmdb", "memory" })

describe("a class around a store with history", function()
  local Doubling

  before_each(function()
    Doubling = holdfast.LmdbPersist:extend "Doubling"
    function Doubling:readValue(id) return holdfast.LmdbPersist.readValue(self, id) * 2 end
    function Doubling:writeValue(id, value, given)
      return holdfast.LmdbPersist.writeValue(self, id, value / 2, given)
    end
  end)

  it("is asked in a snapshot of the moment", function()
    local dir = temp.directory() .. "/store"
    local whole = holdfast.openStore(dir)
    whole:settings { changes = "7d", history = "true" }
    local store = Doubling("signal", dir)
    store:writeValue("a", 10)
    local then_ = whole:revision()
    store:writeValue("a", 20)
    assert.equal(10, store:readValue("a", { at = then_ }))
    assert.equal(20, store:readValue "a")
    assert.equal(10, store:snapshot(function(s) return s:readValue "a" end, { at = then_ }))
    assert.equal(5, holdfast.LmdbPersist.readValue(store, "a", { at = then_ }))
    -- What is kept is not what the class gives.
    raises.error("unsupported", "^.*a class around a store may keep other values than it gives.*$", store.history,
      store, "a")
    assert.same(5, holdfast.PersistBase("signal", dir):history("a")[2].value)
    store:close()
    whole:close()
  end)

  it("of its own has no past", function()
    local Own = require "support.ScriptPersist"
    local store = Own("signal", "past")
    raises.error("unsupported", nil, store.readValue, store, "a", { at = 5 })
    raises.error("unsupported", nil, store.history, store, "a")
    raises.error("unsupported", nil, store.snapshot, store, function() end, { at = 5 })
    store:close()
  end)
end)
