-- SPDX-License-Identifier: MIT
--
-- Conditional writes: ifAbsent and ifRevision.

local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

stores.each(function(kind)
  describe("a revision", function()
    it("grows with every write of the entity", function()
      local store = kind.open()
      local last = 0
      for i = 1, 5 do
        local revision = store:writeValue("a", i)
        assert.is_true(revision > last)
        assert.equal(revision, store:readEntry("a").revision)
        last = revision
      end
      store:removeValue("a")
      assert.is_true(store:writeValue("a", 6) > last, "a new entity must not get an old one's revision")
    end)

    it("stays when other entities are written", function()
      local store, other = kind.open("signal"), kind.open("other")
      local revision = store:writeValue("a", 1)
      store:writeValue("b", 1)
      other:writeValue("a", 1)
      assert.equal(revision, store:readEntry("a").revision)
    end)
  end)

  describe("ifAbsent", function()
    it("writes only where nothing is", function()
      local store = kind.open("signal")
      assert.is_true(store:writeValue("a", 1, { ifAbsent = true }) > 0)
      local err = raises.error("conflict", "Entity signal:a exists already",
        store.writeValue, store, "a", 2, { ifAbsent = true })
      assert.is_true(err.retryable)
      assert.equal("a", err.entityId)
      assert.equal("signal", err.entityName)
      assert.equal(kind.name, err.backend)
      assert.equal(1, store:readValue("a"))
      store:removeValue("a")
      store:writeValue("a", 3, { ifAbsent = true })
      assert.equal(3, store:readValue("a"))
    end)

    it("counts a stored null or false as something", function()
      local store = kind.open()
      store:writeValue("a", false)
      raises.error("conflict", nil, store.writeValue, store, "a", 2, { ifAbsent = true })
    end)

    it("set to false is no condition", function()
      local store = kind.open()
      store:writeValue("a", 1)
      store:writeValue("a", 2, { ifAbsent = false })
      store:writeValue("a", 3, {})
      assert.equal(3, store:readValue("a"))
    end)
  end)

  describe("ifRevision", function()
    it("writes only over the revision that was read", function()
      local store = kind.open("signal")
      local first = store:writeValue("a", 1)
      local second = store:writeValue("a", 2, { ifRevision = first })
      assert.is_true(second > first)
      local err = raises.error("conflict", ("Entity signal:a is at revision %d, not %d"):format(second, first),
        store.writeValue, store, "a", 3, { ifRevision = first })
      assert.is_true(err.retryable)
      assert.equal(2, store:readValue("a"))
    end)

    it("conflicts where there is no entity", function()
      local store = kind.open("signal")
      raises.error("conflict", "Entity signal:a does not exist, so it is not at revision 7",
        store.writeValue, store, "a", 1, { ifRevision = 7 })
      raises.error("conflict", nil, store.writeValue, store, "a", 1, { ifRevision = 0 })
      assert.is_false(store:hasValue("a"))
    end)

    it("conflicts where the entity was removed, and in a transaction", function()
      local store = kind.open("signal")
      local revision = store:writeValue("a", 1)
      store:removeValue("a")
      local message = ("Entity signal:a does not exist, so it is not at revision %d"):format(revision)
      raises.error("conflict", message, store.writeValue, store, "a", 1, { ifRevision = revision })
      raises.error("conflict", message, holdfast.transaction, function()
        store:writeValue("a", 1, { ifRevision = revision })
      end)
      assert.is_false(store:hasValue("a"))
    end)

    it("makes a counter that loses nothing between two handles", function()
      local a, b = kind.open(), kind.open()
      a:writeValue("n", 0)
      local conflicts = 0
      for i = 1, 20 do
        local mine = a:readEntry("n")
        if i % 2 == 0 then
          b:writeValue("n", b:readValue("n") + 1)
        end
        local ok, err = pcall(a.writeValue, a, "n", mine.value + 1, { ifRevision = mine.revision })
        if not ok then
          assert.equal("conflict", err.code)
          conflicts = conflicts + 1
        end
      end
      assert.equal(10, conflicts)
      assert.equal(20, a:readValue("n"))
    end)
  end)

  describe("removeValue with ifRevision", function()
    it("removes at that revision only", function()
      local store = kind.open("signal")
      local first = store:writeValue("a", 1)
      local second = store:writeValue("a", 2)
      local err = raises.error("conflict", ("Entity signal:a is at revision %d, not %d"):format(second, first),
        store.removeValue, store, "a", { ifRevision = first })
      assert.is_true(err.retryable)
      assert.equal("a", err.entityId)
      assert.equal(2, store:readValue("a"))
      store:removeValue("a", { ifRevision = second })
      assert.is_false(store:hasValue("a"))
      raises.error("not_found", "Entity signal:a not found for deletion", store.removeValue, store, "a",
        { ifRevision = second })
      assert.equal(0, store:count())
    end)

    it("sees what its transaction has written, and is undone with it", function()
      local store = kind.open("signal")
      local revision = store:writeValue("a", 1)
      store:writeValue("b", 1)
      pcall(holdfast.transaction, function()
        store:removeValue("a", { ifRevision = revision })
        assert.is_false(store:hasValue("a"))
        raises.error("not_found", nil, store.removeValue, store, "a", { ifRevision = revision })
        local b = store:readEntry("b").revision
        raises.error("conflict", nil, store.removeValue, store, "b", { ifRevision = b + 1 })
        store:removeValue("b", { ifRevision = b })
        error("undo")
      end)
      assert.equal(2, store:count())
      holdfast.transaction(function()
        local own = store:writeValue("a", 2)
        if own ~= revision then
          raises.error("conflict", nil, store.removeValue, store, "a", { ifRevision = revision })
        end
        store:removeValue("a", { ifRevision = own })
      end)
      assert.equal(1, store:count())
    end)

    it("refuses what is no revision, and removes nothing then", function()
      local store = kind.open()
      store:writeValue("a", 1)
      for _, options in ipairs({ 5, "1", true, { ifAbsent = true }, { ifrevision = 1 }, { ifRevision = "1" },
        { ifRevision = -2 }, { ifRevision = 1.5 }, { ifRevision = true }, { 1 } }) do
        raises.error("invalid_argument", "^removeValue: ", store.removeValue, store, "a", options)
      end
      assert.is_true(store:hasValue("a"))
      store:removeValue("a", {}) -- no condition
      assert.is_false(store:hasValue("a"))
    end)
  end)
end)
