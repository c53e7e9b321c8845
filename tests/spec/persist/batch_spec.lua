-- SPDX-License-Identifier: MIT
--
-- readMany, writeMany, removeMany, and what the command writes batches with.

local core = require("holdfast.core")
local holdfast = require("holdfast")
local raises = require("support.raises")
local stores = require("support.stores")

stores.each(function(kind)
  describe("core.writeTexts", function()
    it("writes all texts, of equal ids the later", function()
      local store = kind.open()
      store:writeMany({ a = 1 })
      core.writeTexts(store, { "b", "a", 10, 9, "10" }, { "[2]", '{"x":[]}', "1", "9", '"ten"' })
      assert.same({ "9 9", '10 "ten"', 'a {"x":[]}', "b [2]" }, stores.content(store))
      core.writeTexts(store, {}, {})
      assert.equal(4, store:count())
    end)

    it("keeps the texts as they are, where the store keeps texts", function()
      local store = kind.open()
      core.writeTexts(store, { "a", "b" }, { '{ "z": 1.50,"a":[ ] }', "1e2" })
      if kind.texts then assert.equal('{ "z": 1.50,"a":[ ] }', core.readText(store, "a")) end
      assert.same({ z = 1.5, a = {} }, store:readValue("a"))
    end)

    it("writes nothing when a text or an id is bad, and names it", function()
      local store = kind.open()
      store:writeMany({ a = 1 })
      local texts = { "2", "{" }
      local err = raises.error("invalid_value", "^not JSON at byte.*$", core.writeTexts, store, { "a", "b" }, texts)
      assert.equal("b", err.entityId)
      raises.error("invalid_argument", nil, core.writeTexts, store, { "a", "" }, { "2", "3" })
      raises.error("invalid_argument", nil, core.writeTexts, store, { "a", "b" }, { "2" })
      raises.error("invalid_argument", nil, core.writeTexts, store, { "a" }, { 2 })
      assert.same({ "a 1" }, stores.content(store))
    end)
  end)

  describe("core.checkId", function()
    it("gives the text of an id and refuses what is none", function()
      local store = kind.open()
      assert.equal("a/b", core.checkId(store, "a/b"))
      assert.equal("10", core.checkId(store, 10))
      raises.error("invalid_argument", nil, core.checkId, store, "")
      raises.error("invalid_argument", nil, core.checkId, store, {})
      raises.error("invalid_argument", nil, core.checkId, store, 0 / 0)
    end)
  end)

  describe("core.isSameStore", function()
    it("tells one store from another, once they are open", function()
      local store, other = kind.open("signal"), holdfast.PersistBase("signal", kind.newBase())
      assert.is_false(core.isSameStore(store, holdfast.openStore("memory:for-comparison")))
      store:count()
      other:count()
      local same = holdfast.PersistBase("another", store.baseDir)
      same:count()
      assert.is_true(core.isSameStore(store, store))
      assert.is_true(core.isSameStore(store, same))
      assert.is_false(core.isSameStore(store, other))
    end)
  end)

  describe("writeMany", function()
    it("writes all entities and replaces those that exist", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = 2 })
      store:writeMany({ b = { 3 }, [10] = "ten", [9] = "nine" })
      assert.same({ '9 "nine"', '10 "ten"', "a 1", "b [3]" }, stores.content(store))
    end)

    it("writes thousands in one commit", function()
      local store = kind.open()
      local batch = {}
      for i = 1, 5000 do
        batch["id-" .. i] = { n = i, text = ("x"):rep(i % 300) }
      end
      store:writeMany(batch)
      assert.equal(5000, store:count())
      for id, value in store:entries() do
        assert.same(batch[id], value)
      end
      if kind.durable then -- memory numbers writes, not commits
        assert.equal(store:readEntry("id-1").revision, store:readEntry("id-5000").revision)
      end
    end)

    it("writes nothing when one entity or id is bad", function()
      local store = kind.open()
      store:writeMany({ a = 1 })
      for i = 1, 50 do
        local batch = { a = 2 }
        for j = 1, 50 do
          batch["n" .. j] = j
        end
        batch["n" .. i] = print
        local err = raises.error("invalid_value", "^cannot store a function.*$", store.writeMany, store, batch)
        assert.equal("n" .. i, err.entityId)
      end
      raises.error("invalid_argument", nil, store.writeMany, store, { b = 1, [("x"):rep(251)] = 2 })
      assert.same({ "a 1" }, stores.content(store))
    end)

    it("refuses a number and its text, which are one id", function()
      local store = kind.open()
      raises.error("invalid_argument", nil, store.writeMany, store, { [1] = "number", ["1"] = "text" })
      assert.equal(0, store:count())
    end)

    it("of an empty table does nothing", function()
      local store = kind.open()
      store:writeMany({})
      assert.equal(0, store:count())
    end)
  end)

  describe("readMany", function()
    it("gives a table of those that exist, by the ids as they were given", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = { 2 }, [5] = false, n = holdfast.null })
      local found = store:readMany({ "a", "b", "none", 5, "n", "a" })
      assert.same({ a = 1, b = { 2 }, [5] = false, n = holdfast.null }, found)
      assert.same({ ["5"] = false }, store:readMany({ "5" }))
      assert.same({}, store:readMany({ "none" }))
      assert.same({}, store:readMany({}))
    end)

    it("reads thousands", function()
      local store = kind.open()
      local batch, ids = {}, {}
      for i = 1, 3000 do
        batch["id-" .. i] = i
        ids[i] = "id-" .. (3001 - i)
      end
      store:writeMany(batch)
      assert.same(batch, store:readMany(ids))
    end)
  end)

  describe("removeMany", function()
    it("deletes those that exist and says how many", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = 2, c = 3, [4] = 4 })
      assert.equal(2, store:removeMany({ "a", "none", 4, "a" }))
      assert.same({ "b 2", "c 3" }, stores.content(store))
      assert.equal(0, store:removeMany({ "a" }))
      assert.equal(0, store:removeMany({}))
    end)

    it("deletes nothing when one id is bad", function()
      local store = kind.open()
      store:writeMany({ a = 1, b = 2 })
      raises.error("invalid_argument", nil, store.removeMany, store, { "a", "" })
      raises.error("invalid_argument", nil, store.removeMany, store, { "a", {} })
      raises.error("invalid_argument", nil, store.removeMany, store, { "a", nil, "b" })
      raises.error("invalid_argument", nil, store.removeMany, store, { a = true })
      assert.equal(2, store:count())
    end)

    it("deletes thousands", function()
      local store = kind.open()
      local batch, ids = {}, {}
      for i = 1, 3000 do
        batch[i] = i
        if i % 3 ~= 0 then
          ids[#ids + 1] = i
        end
      end
      store:writeMany(batch)
      assert.equal(2000, store:removeMany(ids))
      assert.equal(1000, store:count())
      assert.equal("3", store:keys()())
    end)
  end)
end, stores.all)
