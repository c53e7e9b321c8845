-- SPDX-License-Identifier: MIT
--
-- Indexes of the MongoDB backend: which ones a server gets, what they refuse, and what becomes of those of other
-- programs.  The server is that of stores/mongo.

local conditions = require "holdfast.condition"
local found = require "support.asked.found"
local holdfast = require "holdfast"
local mongo = require "support.mongo"
local raises = require "support.raises"
local stores = require "support.stores"
local scan = require "holdfast.backends.mongo.scan"

local db = mongo.forSpec()
if not db then return end

local function fresh(name)
  local store = holdfast.PersistBase(name, db:url("timeout=30s"))
  store:removeAll()
  return store
end

-- What pymongo sees of indexes: names with their keys.
local function seen(name)
  return db:python(([[
for name, index in sorted(db["%s"].index_information().items()):
    if name not in ("_id_", "entityId_1"):
        print(name, *("%%s:%%d" %% pair for pair in index["key"]), "unique" if index.get("unique") else "")]])
    :format(name))
end

local function listed(store)
  local out = {}
  for i, index in ipairs(store:indexes()) do
    out[i] = index.name .. (index.unique and " unique" or "") .. (index.ready and "" or " not ready")
  end
  return out
end

describe("indexes in MongoDB", function()
  it("are made, listed and dropped", function()
    local store = fresh("made")
    for i = 1, 20 do store:writeValue(i, { metadata = { symbol = "S" .. i % 3 }, pnl = i }) end
    assert.same({}, store:indexes())
    store:createIndex("metadata.symbol")
    store:createIndex({ "pnl", "metadata.symbol" })
    store:createIndex("metadata.symbol") -- there already
    assert.same({ "metadata.symbol", "pnl,metadata.symbol" }, listed(store))
    assert.same({ "pnl", "metadata.symbol" }, store:indexes()[2].paths)
    assert.equal("holdfast-odd:data data:1 holdfast:1 \n"
      .. "holdfast-odd:metadata data.metadata:1 holdfast:1 \n"
      .. "holdfast-odd:metadata.symbol data.metadata.symbol:1 holdfast:1 \n"
      .. "holdfast-odd:pnl data.pnl:1 holdfast:1 \n"
      .. "holdfast:metadata.symbol data.metadata.symbol:1 \n"
      .. "holdfast:pnl,metadata.symbol data.pnl:1 data.metadata.symbol:1 ", seen("made"))
    store:dropIndex({ "pnl", "metadata.symbol" })
    assert.same({ "metadata.symbol" }, listed(store))
    store:dropIndex("metadata.symbol")
    assert.same({}, listed(store))
    assert.equal("", seen("made"))
    raises.error("not_found", nil, store.dropIndex, store, "pnl")
  end)

  it("have names of fields as conditions have them", function()
    local store = fresh("named")
    store:createIndex('v["two words"]["quo\\"te"]')
    store:createIndex("v.v.id")
    assert.same({ 'v["two words"]["quo\\"te"]', "v.v.id" }, { store:indexes()[2].name, store:indexes()[1].name })
    store:dropIndex('v["two words"]["quo\\"te"]')
    store:dropIndex("v.v.id")
    assert.equal("", seen("named"))
    for _, path in ipairs { "tags[1]", 'v["a.b"]', 'v["$a"]', 'v["5"]', 'v["a\\0b"]' } do
      raises.error("unsupported", "^MongoDB can have no index over ", store.createIndex, store, path)
    end
    local long = ("x"):rep(150)
    store:createIndex("a." .. long)
    store:createIndex("b." .. long)
    assert.same({ "a." .. long, "b." .. long }, listed(store))
  end)

  it("that are unique refuse the same values, and say whose they are", function()
    local store = fresh("unique")
    store:createIndex("symbol", { unique = true })
    store:createIndex({ "side", "slot" }, { unique = true })
    assert.same({ "side,slot unique", "symbol unique" }, listed(store))
    store:writeValue("a", { symbol = "BTC", side = "long", slot = 1 })
    store:writeValue("a", { symbol = "BTC", side = "long", slot = 1, again = true })
    local err = raises.error("duplicate", "b: the index symbol is unique, and a has the same there already",
      store.writeValue, store, "b",
      { symbol = "BTC" })
    assert.equal("b", err.entityId)
    raises.error("duplicate", "b: the index side,slot is unique, and a has the same there already",
      store.writeValue, store, "b", { side = "long", slot = 1 })
    raises.error("duplicate", "^b: the index symbol is unique",
      store.writeValue, store, "b", { symbol = "BTC" }, { ifAbsent = true })
    raises.error("conflict", nil, store.writeValue, store, "a", { symbol = "ETH" }, { ifAbsent = true })
    err = raises.error("duplicate", "^c: the index symbol is unique",
      store.writeMany, store, { c = { symbol = "BTC" }, d = { symbol = "X" } })
    assert.equal("c", err.entityId)
    assert.is_false(store:hasValue("b") or store:hasValue("c"))
    -- Neither missing, nor null, nor tables count; 1 and true are two.
    for i, value in ipairs { {}, {}, holdfast.null, holdfast.null, 1, true, "1", "x" } do
      store:writeValue("n" .. i, { symbol = value })
      store:writeValue("m" .. i, { other = i })
    end
    raises.error("duplicate", "and n5 has the same there already$", store.writeValue, store, "z", { symbol = 1 })
    assert.same({ "a" }, stores.list(store:keys { where = function(v) return v.symbol == "BTC" end }))
  end)

  it("that are unique do not count what is in arrays, but for those that have objects, too", function()
    local store = fresh("elements")
    store:createIndex("symbol", { unique = true })
    store:createIndex({ "side", "deep.slot" }, { unique = true })
    local arrays = { { "BTC" }, { "BTC" }, {}, { { "BTC" } }, { holdfast.null, "BTC" }, { { symbol = "BTC" } } }
    for i, value in ipairs(arrays) do
      store:writeValue("list-" .. i, { symbol = holdfast.array(value), side = { "long" }, deep = { slot = { i } } })
      store:writeValue("also-" .. i, { symbol = holdfast.array(value), side = "long", deep = { slot = { 1, 2 } } })
    end
    store:writeValue("a", { symbol = "BTC", side = "long", deep = { slot = 1 } })
    raises.error("duplicate", "b: the index symbol is unique, and a has the same there already",
      store.writeValue, store, "b", { symbol = "BTC" })
    raises.error("duplicate", "b: the index side,deep.slot is unique, and a has the same there already",
      store.writeValue, store, "b", { side = "long", deep = { slot = 1 } })
    local says = "c: the index symbol is unique, and MongoDB counts what is in an array as a value, and this entity or "
      .. "another one has one there"
    raises.error("duplicate", says, store.writeValue, store, "c", { symbol = { "BTC", { 1 }, { symbol = 1 } } })
    store:writeValue("d", { symbol = { "ETH", { n = 1 } } })
    raises.error("duplicate", says, store.writeValue, store, "c", { symbol = "ETH" })
    store:writeValue("d", { symbol = { "ETH" } })
    store:writeValue("c", { symbol = "ETH" })
  end)

  it("over two paths take entities that have arrays at both, as their texts", function()
    local store = fresh("parallel")
    store:createIndex({ "tags", "sides" })
    local value = { tags = { "x", "y" }, sides = { "long" } }
    store:writeValue("a", value)
    store:writeMany { b = value, c = { tags = { "x" } }, d = value }
    assert.same(value, store:readValue("a"))
    assert.same(value, store:readValue("d"))
    assert.equal("3", db:python('print(db["parallel"].count_documents({"data.holdfast:json": {"$exists": True}}))'))
    assert.same({ "a", "b", "c", "d" }, stores.list(store:keys { where = function(v) return v.tags[1] == "x" end }))
    local other = fresh("parallel2")
    other:writeValue("a", value)
    for _, unique in ipairs { true, false } do
      raises.error("unsupported", "MongoDB can have no index over tags,sides, since an entity has arrays at two of "
        .. "these "
        .. "paths: make one for each path", other.createIndex, other, { "tags", "sides" }, { unique = unique })
      assert.same({}, other:indexes())
    end
    other:writeValue("b", { tags = "x", sides = "y" })
    other:writeValue("c", { tags = "x", sides = "y" })
  end)

  it("that are unique cannot be made where something is there twice", function()
    local store = fresh("twice")
    for i = 1, 6 do store:writeValue(i, { n = i, twice = i % 5, none = holdfast.null }) end
    raises.error("duplicate", "no unique index over twice can be made: 1 and 6 have the same values there",
      store.createIndex, store, "twice", { unique = true })
    assert.same({}, store:indexes())
    assert.equal("", seen("twice"))
    store:createIndex("none", { unique = true })
    store:createIndex("n")
    raises.error("conflict", "drop it first$", store.createIndex, store, "n", { unique = true })
    raises.error("conflict", "drop it first$", store.createIndex, store, "none")
    assert.same({ "n", "none unique" }, listed(store))
  end)

  it("of other programs serve as well, and are theirs to drop", function()
    local store = fresh("theirs")
    db:python([[
db["theirs"].create_index([("data.symbol", 1)], name="mine")
db["theirs"].create_index([("data.at", 1)], name="once", unique=True)
db["theirs"].create_index([("data.a", 1), ("data.b", -1)])
db["theirs"].create_index([("updatedAt", 1)])]])
    assert.same({ "at unique", "symbol" }, listed(store))
    store:createIndex("symbol")
    raises.error("unsupported", "with the name mine: drop it there$", store.dropIndex, store, "symbol")
    assert.same({ "at unique", "symbol" }, listed(store))
  end)

  it("are found by loops with what was written meanwhile", function()
    local store = fresh("found")
    for i = 1, 300 do store:writeValue(i, { symbol = "S" .. i % 30, n = i }) end
    store:createIndex("symbol")
    local function symbols(wanted)
      return stores.list(store:keys { where = function(v) return v.symbol == wanted end })
    end
    assert.equal(10, #symbols("S7"))
    store:writeValue(8, { symbol = "S7" })
    store:removeValue(7)
    assert.same({ "8", "37" }, { unpack(symbols("S7"), 1, 2) })
    db:python([[db["found"].update_one({"entityId": "9"}, {"$set": {"data.symbol": bson.Code("S7")}})]])
    assert.equal(11, #symbols("S7"))
    assert.equal(11, store:count(function(v) return v.symbol == "S7" end))
  end)
end)

describe("what a MongoDB server is asked", function()
  -- The ids that the backend gives for a predicate, all of them found by one listing or page after page.
  local function given(store, predicate)
    local range, out = { where = conditions.of(predicate).expression, parameters = {} }, {}
    for id in scan.entries(store, range) do out[#out + 1] = id end
    return out
  end

  local function raw(name) return found.open(db:url("timeout=30s"), name) end

  it("may be refused by it: then the loop is as without", function()
    local store = fresh("refused")
    for i = 1, 200 do store:writeValue(i, { n = i }) end
    db:fail('["find"]', '"errorCode": 2', 1)
    assert.equal(200, #given(raw "refused", function(v) return v.n == 7 end))
    assert.same({ "7" }, given(raw "refused", function(v) return v.n == 7 end))
  end)

  it("may take it too long: then the question goes along with each page", function()
    local store, late = fresh("late"), raw "late"
    for i = 1, 300 do store:writeValue("s" .. i, { n = i }) end
    local function predicate(v) return v.n == 7 or v.n == 250 end
    for _ = 1, 2 do
      db:fail('["find"]', '"errorCode": 50', 1)
      assert.same({ "s7", "s250" }, given(late, predicate))
      assert.is_true(late.searchAgainAt > 0)
      late.searchAgainAt = nil
    end
  end)

  it("may have too much to say: then the question goes along with each page", function()
    local store, many = fresh("many"), raw "many"
    for i = 1, 60 do store:writeValue("s" .. i, { n = i % 2, deep = { n = i } }) end
    local listPage = scan.listPage
    local ok, raised = pcall(function()
      for page = 9, 31 do
        scan.listPage = page
        assert.equal(30, #given(many, function(v) return v.n == 1 end), page)
        assert.equal(10, #given(many, function(v) return v.deep.n > 50 end), page)
      end
    end)
    scan.listPage = listPage
    assert(ok, raised)
  end)

  it("does not decide between two documents with one id", function()
    local store = fresh("both")
    db:python([[
c = db["both"]
c.insert_one({"entityId": 5, "data": {"n": 7}})
c.insert_one({"entityId": "5", "data": {"n": 8}})
c.insert_one({"entityId": 6, "data": {"n": 7}})]])
    store:writeValue("x", { n = 9 })
    local function predicate(v) return v.n == 7 end
    local function texts()
      local out, both = {}, raw "both"
      for id, text in scan.entries(both, { where = conditions.of(predicate).expression, parameters = {} }) do
        out[id] = text
      end
      return out
    end
    assert.same('{"n":7}', texts()["6"])
    assert.is_true(texts()["5"] == nil or texts()["5"] == '{"n":8}') -- the text counts
    db:fail('["find"]', '"errorCode": 50', 1)
    local late = texts()
    assert.is_true(late["6"] == '{"n":7}' and late["5"] == '{"n":8}')
    assert.same({ "6" }, stores.list(store:keys { where = predicate }))
  end)

  it("is not asked of a document that is none, which is corrupt", function()
    fresh("none"):writeValue("a", { n = 1 })
    db:python([[db["none"].insert_one({"entityId": "b"})]])
    raises.error("corrupt", nil, given, raw "none", function(v) return v.n == 7 end)
  end)

  it("can be seen", function()
    local store = raw "seen"
    local where = conditions.of(function(v) return v.symbol == "BTC" end).expression
    assert.equal('db.getCollection("seen").find({"entityId":{"$gte":"b","$lt":"c"},"$and":[{"$or":['
      .. '{"data.symbol":"BTC"},{"data.symbol":{"$type":["javascript","javascriptWithScope"]}},'
      .. '{"$and":[{"data.symbol":{"$exists":false}},{"$or":[{"data":{"$exists":false}},'
      .. '{"data":{"$not":{"$type":"object"}}},{"data.holdfast:json":{"$exists":true}}]}]}]}]},'
      .. '{"_id":0,"entityId":1}).collation({"locale":"simple"})',
      scan.statement(store, { where = where, parameters = {}, prefix = "b" }))
  end)

  it("can be seen by a store's URL, with what variables are now", function()
    local store, wanted = fresh("seen"), "BTC"
    local function predicate(v) return v.symbol == wanted end
    local about = store:explain(predicate, { prefix = "b" })
    assert.equal("class", about.where)
    assert.matches('^db%.getCollection%("seen"%)%.find%({"entityId":{"%$gte":"b","%$lt":"c"},.*{"data%.symbol":"BTC"}',
      about.statement)
    wanted = "ETH"
    assert.matches('{"data%.symbol":"ETH"}', store:explain(predicate).statement)
    wanted = '"}, {"$where": "1"}'
    assert.matches('{"data%.symbol":"\\"}, {\\"%$where\\": \\"1\\"}"}', store:explain(predicate).statement)
    store:writeValue("a", { symbol = wanted })
    assert.same({ "a" }, stores.list(store:keys { where = predicate }))
  end)
end)
