-- SPDX-License-Identifier: MIT
--
-- The MongoDB backend: the conformance kit, documents as the TypeScript framework and other programs have them, values
-- to the last bit, names and order, and what happens when the server is away, killed, stopped, or fails.
--
-- It runs on the server that HOLDFAST_TEST_MONGO names; without one, and always where a server is to fail, on the
-- stand-in tests/support/mongowire.py.

local conformance = require("holdfast.conformance")
local core = require("holdfast.core")
local ffi = require("ffi")
local holdfast = require("holdfast")
local mongo = require("support.mongo")
local process = require("support.process")
local raises = require("support.raises")
local clock = require("holdfast.util.clock")
local stores = require("support.stores")
local temp = require("support.temp")

local list = stores.list
local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"
local source = os.getenv("HOLDFAST_SOURCE") or "."

local db = mongo.forSpec()
if not db then return end

local function open(name, query) return holdfast.PersistBase(name or "signal", db:url(query)) end

local function fresh(name, query)
  local store = open(name, query)
  store:removeAll()
  return store
end

-- JSON text as the house writes it.
local function canonical(text) return core.json.encode(core.json.decode(text)) end

local function readText(store, id) return core.json.encode(store:readValue(id)) end

describe("a MongoDB store", function()
  it("conforms", function()
    local found = {}
    -- The stand-in is slow where a machine has much else to do; deadlines are looked at below.
    local report = conformance.run({ url = db:url("timeout=30s"), entities = 300 })
    for _, result in ipairs(report.results) do
      if result.status == "failed" then found[#found + 1] = result.name .. ": " .. tostring(result.message) end
    end
    assert.same({}, found)
    assert.is_true(report.passed > 75, report.passed)
  end)

  it("reads what the framework wrote", function()
    db:python([[
c = db["theirs"]
c.create_index([("entityId", 1)], unique=True)
btc = {"open": 44152.25, "list": [], "none": None, "when": 1707264000123}
for id, data in [("BTC", btc), (7, {"n": 1}), ("x", [])]:
    fields = {"entityId": id, "data": data, "updatedAt": datetime.datetime(2024, 2, 7)}
    c.update_one({"entityId": id}, {"$set": fields}, upsert=True)]])
    local store = open("theirs")
    assert.equal('{"open":44152.25,"list":[],"none":null,"when":1707264000123}',
      (store:readEntry("BTC") and core.readText(store, "BTC")))
    assert.equal(1707264000000, store:readEntry("BTC").updatedAt)
    local n = 0
    for id, _, revision, updatedAt in store:entries() do
      assert.is_nil(revision)
      assert.equal(store:readEntry(id).updatedAt, updatedAt)
      n = n + 1
    end
    assert.is_true(n > 0)
    assert.same({ "7", "BTC", "x" }, list(store:keys()))
    assert.same({ n = 1 }, store:readValue("7"))
    assert.same({ n = 1 }, store:readMany({ "7" })["7"])
    assert.is_true(store:hasValue("7"))
    assert.equal(3, store:count())
    raises.error("conflict", nil, store.writeValue, store, "7", {}, { ifAbsent = true })
    store:writeValue("7", { n = 2 })
    assert.equal("1 2", db:python([[print(db["theirs"].count_documents({"entityId": {"$in": [7, "7"]}}),
      db["theirs"].find_one({"entityId": 7})["data"]["n"])]]))
    store:removeValue("7")
    assert.same({ "BTC", "x" }, list(store:keys()))
  end)

  it("is read by others", function()
    local store = fresh("ours")
    store:writeValue("BTC/USDT",
      { open = 44152.25, whole = 3, large = 2 ^ 40, list = holdfast.array({}), no = holdfast.null })
    store:writeValue("5", { n = 1 })
    assert.equal("float int Int64 list NoneType datetime _id data entityId updatedAt", db:python([[
d = db["ours"].find_one({"entityId": "BTC/USDT"})
print(*[type(d["data"][k]).__name__ for k in ("open", "whole", "large", "list", "no")], type(d["updatedAt"]).__name__,
      *sorted(d.keys()))
assert abs((datetime.datetime.utcnow() - d["updatedAt"]).total_seconds()) < 60
assert db["ours"].find_one({"entityId": "5"})["data"] == {"n": 1}
unique = [i for i in db["ours"].index_information().values() if i.get("unique")]
assert unique[0]["key"] == [("entityId", 1)], unique]]))
  end)

  it("refuses a collection that cannot have the unique index", function()
    db:python([[db["twice"].insert_many([{"entityId": "a", "data": 1}, {"entityId": "a", "data": 2}])]])
    local err = raises.error("conflict", nil, function() open("twice"):count() end)
    assert.truthy(err.message:find("unique index", 1, true), err.message)
  end)

  it("says what of JSON's words others lack", function()
    db:python([[
c = db["foreign"]
o = bson.ObjectId("65c2f1d4a1b2c3d4e5f60718")
d = {"date": datetime.datetime(2024, 2, 29, 23, 59, 59, 7000), "old": datetime.datetime(1905, 1, 1), "id": o,
     "decimal": bson.Decimal128("12.340"), "binary": bson.Binary(b"\x00\xffab"), "nan": float("nan"),
     "uuid": bson.Binary(bytes(range(16)), 4), "regex": bson.Regex("^a/b", "i"), "code": bson.Code("f()"),
     "time": bson.Timestamp(5, 6), "low": bson.MinKey(), "high": bson.MaxKey(), "scope": bson.Code("g()", {"a": 1}),
     "long": bson.Int64(9007199254740993), "float": 3.0}
c.insert_one({"entityId": "a", "data": d, "updatedAt": "no date"})
c.insert_one({"entityId": "b", "updatedAt": 5})
c.insert_one({"entityId": "", "data": 1})
c.insert_one({"entityId": "x" * 300, "data": 1})
c.insert_one({"entityId": None, "data": 1})]])
    local store = open("foreign")
    assert.equal('{"date":"2024-02-29T23:59:59.007Z","old":"1905-01-01T00:00:00.000Z",'
      .. '"id":"65c2f1d4a1b2c3d4e5f60718","decimal":"12.340","binary":"AP9hYg==","nan":null,'
      .. '"uuid":"00010203-0405-0607-0809-0a0b0c0d0e0f","regex":"/^a/b/i","code":"f()","time":{"t":5,"i":6},'
      .. '"low":"MinKey","high":"MaxKey","scope":"g()","long":9007199254740993,"float":3}', core.readText(store, "a"))
    assert.equal(0, store:readEntry("a").updatedAt)
    raises.error("corrupt", nil, store.readValue, store, "b")
    assert.same({ "a", "b" }, list(store:keys())) -- what is not an id of ours is left out
  end)
end)

describe("values in MongoDB", function()
  it("keep each number to the last bit", function()
    local numbers = core.json.decode(temp.readFile(source .. "/tests/data/json_numbers.json")).numbers
    local store, batch = fresh("numbers"), {}
    for i, pair in ipairs(numbers) do batch["n" .. i] = core.json.decode(pair[2]) end
    store:writeMany(batch)
    local found = store:readMany(list(store:keys()))
    for i, pair in ipairs(numbers) do assert.equal(pair[2], core.json.encode(found["n" .. i])) end
    local types = { ["1.0"] = "int 1", ["-0"] = "float -0.0", ["-0.0"] = "float -0.0", ["1e3"] = "int 1000",
      ["1e999"] = "float inf", ["-1e999"] = "float -inf", ["2147483648"] = "Int64 2147483648", ["0.5"] = "float 0.5",
      ["-2147483648"] = "int -2147483648", ["1e15"] = "Int64 1000000000000000", ["1e300"] = "float 1e+300",
      ["9007199254740993"] = "Int64 9007199254740993", ["9223372036854775808"] = "float 9.223372036854776e+18" }
    store = fresh("types")
    for text in pairs(types) do core.writeText(store, text, text) end
    local said = db:python('for d in db["types"].find(): print(d["entityId"], type(d["data"]).__name__, d["data"])')
    for text, kind in said:gmatch("(%S+) ([^\n]+)") do
      assert.equal(types[text], kind, text)
      types[text] = nil
    end
    assert.same({}, types)
  end)

  it("keep every kind of text", function()
    local store = fresh("texts")
    local deepest = ("["):rep(128) .. ("]"):rep(128)
    local texts = {
      '"a\\u0000b"', '"\\ud83d\\ude00\\n\\"\\\\/\\u001f\\u007f"', '{"":1}', '{"$set":{"$date":"x"},"a.b":{".":2}}',
      '{"$ref":"a","$id":1}', '{"$id":1,"$ref":2}', '{"a\\u0000":1}', "[]", "{}", "null", "true", '""', "[[],{},[[]]]",
      '{"b":1,"a":2,"c":{"z":1,"y":2}}', deepest, '{"a":' .. deepest:sub(2, -2) .. "}", '{"0":1,"1":2}',
      '{"holdfast:json":"1"}', '{"holdfast:json":{"a":1},"b":2}', '{"a":{"holdfast:json":"[1]"}}',
      '{"_id":1,"entityId":2}',
      '{"' .. ("k"):rep(5000) .. '":"' .. ("v"):rep(100000) .. '"}', '"\\\\u0000"', '{"é":"ü€𝄞"}',
    }
    for i, text in ipairs(texts) do core.writeText(store, "t" .. i, text) end
    local many = store:readMany(list(store:keys()))
    for i, text in ipairs(texts) do
      assert.equal(canonical(text), readText(store, "t" .. i))
      assert.equal(canonical(text), core.json.encode(many["t" .. i]))
    end
    core.writeText(store, "order", '{ "b" : 1 , "a":[ 1 , 2 ],"c":{"z":1,"y":2} }')
    assert.equal('{"b":1,"a":[1,2],"c":{"z":1,"y":2}}', core.readText(store, "order"))
    core.writeText(store, "twice", '{"a":1,"b":{"a":2,"a":3},"a":4}')
    assert.same({ a = 4, b = { a = 3 } }, store:readValue("twice"))
    assert.equal("t15 t16 t18 t19 t20 t5 t6 t7", db:python([[
print(*sorted(d["entityId"] for d in db["texts"].find({}) if "holdfast:json" in (d["data"] if
  isinstance(d["data"], dict) else {})))]]))
  end)

  it("have a size that is refused when it is too large", function()
    local store = fresh("large")
    store:writeValue("fits", ("x"):rep(15 * 1024 * 1024))
    assert.equal(15 * 1024 * 1024, #store:readValue("fits"))
    local err = raises.error("invalid_value", nil, store.writeValue, store, "a", ("x"):rep(16 * 1024 * 1024))
    assert.truthy(err.message:find("16775168", 1, true), err.message)
    raises.error("invalid_value", nil, store.writeMany, store, { a = 1, b = ("x"):rep(17 * 1024 * 1024) })
    store:writeMany({ a = ("x"):rep(7e6), b = ("y"):rep(7e6), c = ("z"):rep(7e6) })
    local sizes = {}
    for id, value in store:entries() do sizes[#sizes + 1] = id .. #value end
    assert.same({ "a7000000", "b7000000", "c7000000", "fits15728640" }, sizes)
  end)
end)

describe("BSON", function()
  local reader = require("holdfast.backends.mongo.reader")
  local writer = require("holdfast.backends.mongo.writer")

  it("that is damaged is corrupt, and nothing worse", function()
    writer.reset()
    local document = writer.begin()
    writer.json("data", '{"a":[1,2.5,null,true,{"b":"text"}],"c":1e300,"d":{},"holdfast":"x"}')
    writer.date("updatedAt", 1707264000123)
    writer.marked("marked", "[1]")
    writer.finish(document)
    local bytes, size = writer.bytes()
    local whole, state, failed = ffi.string(bytes, size), 1, 0
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n
    end
    local function readAll(text)
      reader.each(ffi.cast("const uint8_t *", text), #text, function(_, kind, at, after)
        reader.plain(kind, at)
        reader.json(kind, at, after)
      end)
    end
    readAll(whole)
    for i = 1, 30000 do
      local damaged = whole:sub(1, i % 4 == 0 and random(size) or size)
      local kinds = "\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\17\18\19\127\255"
      for _ = 1, 1 + random(3) do
        local at, byte = random(#damaged), i % 2 == 0 and kinds:byte(1 + random(#kinds)) or random(256)
        damaged = damaged:sub(1, at) .. string.char(byte) .. damaged:sub(at + 2)
      end
      local ok, err = pcall(readAll, damaged)
      if not ok then
        failed = failed + 1
        assert.is_true(core.isError(err), tostring(err))
        assert.equal("corrupt", err.code)
      end
    end
    assert.is_true(failed > 1000 and failed < 30000, failed)
  end)
end)

describe("ids and names in MongoDB", function()
  it("keep collections apart, whatever their names", function()
    local names = {
      "x", "X", "$x", "%24x", "%name:x", "%name:%24x", "%long:x", "%names", "system.x", "systemx", "a.b", ".a", "a.",
      "a..b", "x$y", "%", "é", "x y", ("n"):rep(250), ("n"):rep(249), ("$"):rep(100), "admin", "a/b", "data",
    }
    for i, name in ipairs(names) do fresh(name):writeMany({ a = i, [name] = i }) end
    local plain, known = {}, {}
    for i, name in ipairs(names) do
      local store = open(name)
      assert.equal(i, store:readValue("a"), name)
      assert.equal(i, store:readValue(name), name)
      assert.equal(2, store:count(), name)
    end
    for _, name in ipairs(holdfast.openStore(db:url()):entities()) do known[name] = true end
    for _, name in ipairs(names) do assert.is_true(known[name], name) end
    db:python([[db["not-ours"].insert_one({"a": 1})]])
    for _, name in ipairs(holdfast.openStore(db:url()):entities()) do plain[name] = true end
    assert.is_nil(plain["not-ours"])
    assert.is_nil(plain["system.indexes"])
    fresh("%names"):removeAll()
    assert.equal(2, open(("n"):rep(250)):count())
  end)

  it("come in natural order, and in ranges", function()
    local cases = core.json.decode(temp.readFile(source .. "/tests/data/natural_order.json")).cases
    local store, batch, ids = fresh("order"), {}, {}
    for _, case in ipairs(cases) do
      for _, id in ipairs(case.ids) do batch[id] = id end
    end
    for i = 1, 300 do batch["log-" .. i], batch["é" .. i], batch["BTC" .. i .. "𝄞"] = i, i, i end
    for id in pairs(batch) do ids[#ids + 1] = id end
    table.sort(ids, holdfast.naturalOrder)
    store:writeMany(batch)
    assert.same(ids, list(store:keys()))
    assert.equal(#ids, store:count())
    for _, prefix in ipairs({ "log-1", "é", "BTC", "5", "-", "l", "𝄞" }) do
      local some, back = {}, {}
      for _, id in ipairs(ids) do
        if id:sub(1, #prefix) == prefix then
          some[#some + 1] = id
          table.insert(back, 1, id)
        end
      end
      assert.same(some, list(store:keys({ prefix = prefix })), prefix)
      assert.same(back, list(store:keys({ prefix = prefix, reverse = true })), prefix)
    end
    local some = {}
    for _, id in ipairs(ids) do
      local isOutside = holdfast.naturalOrder(id, "log-7") or holdfast.naturalOrder("log-20", id)
      if not isOutside then some[#some + 1] = id end
    end
    assert.same(some, list(store:keys({ from = "log-7", to = "log-20" })))
    assert.equal(#ids, store:removeMany(ids))
  end)

  it("are scanned in pages while others write", function()
    local store, batch = fresh("many", "timeout=30s"), {} -- the stand-in is slow where much else is done
    for i = 1, 2500 do batch["item-" .. i] = { n = i } end
    store:writeMany(batch)
    local n = 0
    for id, value in store:entries() do
      n = n + 1
      assert.equal("item-" .. n, id)
      assert.equal(n, value.n)
      if n == 5 then
        store:removeMany({ "item-2499", "item-2500" })
        store:writeMany({ ["item-1"] = { n = 0 }, ["item-0"] = { n = 0 } })
      end
    end
    assert.is_true(n == 2500 or n == 2498, n)
    assert.equal(2499, store:count())
  end)
end)

describe("a MongoDB server before version 5", function()
  it("gets as text what it refuses as keys", function()
    local old = mongo.standIn("--version 4.4")
    local store = holdfast.PersistBase("keys", old:url())
    local value = { ["$set"] = 1, list = { { ["$date"] = "x" } } }
    store:writeValue("one", value)
    store:writeMany({ a = value, b = { plain = 1 }, c = { ["$x"] = 2 }, d = 5 })
    assert.same(value, store:readValue("one"))
    local found = store:readMany({ "a", "b", "c", "d" })
    assert.same({ a = value, b = { plain = 1 }, c = { ["$x"] = 2 }, d = 5 }, found)
    assert.equal("a c one", old:python([[
print(*sorted(d["entityId"] for d in db["keys"].find({"data.holdfast:json": {"$exists": True}})))]]))
    raises.error("conflict", nil, store.writeValue, store, "one", value, { ifAbsent = true })
    store:writeValue("two", value, { ifAbsent = true })
    assert.same(value, store:readValue("two"))
    old:stop()
  end)
end)

describe("URLs of MongoDB", function()
  it("are refused where they mean nothing", function()
    local function refused(url, said)
      local err = raises.error("invalid_argument", nil, function() holdfast.PersistBase("signal", url):count() end)
      assert.truthy(err.message:find(said, 1, true), err.message)
      assert.is_nil(err.message:find("secret", 1, true), err.message)
    end
    refused("mongodb://u:secret@127.0.0.1:1/x?timeout=5", "timeout")
    refused("mongodb://u:secret@127.0.0.1:1/x?timeoutt=5s", "timeoutt")
    refused("mongodb://u:secret@127.0.0.1:1/x?w=0", "w=0")
    refused("mongodb://u:secret@127.0.0.1:port/x", "")
    refused("mongodb://", "mongodb://HOST")
    holdfast.PersistBase("signal", "mongodb://127.0.0.1:1/x"):close() -- dials nothing
  end)

  it("may be short", function()
    local alone = mongo.standIn()
    local store = holdfast.PersistBase("signal", "mongo://127.0.0.1:" .. alone.port)
    store:writeValue("a", 1)
    assert.equal("1", alone:python([[print(client["backtest-kit"]["signal"].find_one({"entityId": "a"})["data"])]]))
    assert.equal("backtest-kit", store:stat().database)
    assert.same({ "signal" }, holdfast.openStore("mongo://127.0.0.1:" .. alone.port):entities())
    alone:stop()
  end)

  it("are of a database of which stat tells what it may ask", function()
    local alone = mongo.standIn()
    local store = holdfast.PersistBase("signal", alone:url())
    store:writeMany({ a = 1, b = 2 })
    local stat = holdfast.openStore(alone:url()):stat()
    assert.same({ "mongodb", "spec", 2, 8192 }, { stat.backend, stat.database, stat.documents, stat.indexBytes })
    assert.equal("MongoDB " .. stat.version, stat.server)
    assert.is_true(stat.dataBytes > 50)
    alone:fail('["dbStats"]', '"errorCode": 13')
    stat = store:stat()
    assert.same({ "signal", 2, nil }, { stat.collection, stat.entities, stat.documents })
    store:close()
    alone:stop()
  end)

  it("show no password", function()
    local alone = mongo.standIn()
    for _, login in ipairs({ "app:se%23cret", "app:secret" }) do
      local store = holdfast.PersistBase("signal", alone:url("", nil, login))
      local err = raises.error("io", nil, function() store:count() end) -- the stand-in has no logins
      local shown = tostring(err) .. tostring(store) .. store.url .. tostring(err.cause)
      assert.is_nil(shown:find("cret", 1, true), shown)
      local out = process.run({ command, "ls", alone:url("", nil, login) })
      assert.not_equal(0, out.code)
      assert.is_nil((out.stdout .. out.stderr):find("cret", 1, true), out.stderr)
    end
    alone:stop()
  end)

  it("need libmongoc, and say so", function()
    local script = temp.directory() .. "/missing.lua"
    temp.writeFile(script, [[
      local ffi, holdfast = require "ffi", require "holdfast"
      local load = ffi.load
      ffi.load = function(name) return load((name:gsub("mongoc", "nothing"))) end
      local store = holdfast.PersistBase("signal", "mongodb://127.0.0.1:1/x")
      local ok, err = pcall(store.count, store)
      io.write(err.code, " ", tostring(err.retryable), " ", err.message)]])
    local out = process.run({ command, "run", script })
    assert.truthy(out.stdout:find("unavailable false the MongoDB backend needs libmongoc", 1, true), out.stdout)
    assert.truthy(out.stdout:find("apt-get install libmongoc-1.0-0", 1, true), out.stdout)
  end)

  it("need no word on standard error where a killed process of the same id left libmongoc's counters", function()
    local script = temp.directory() .. "/counters.lua"
    temp.writeFile(script, [[
      local ffi, holdfast = require "ffi", require "holdfast"
      ffi.cdef "int spec_getpid(void) __asm__(\"getpid\");"
      local path = "/dev/shm/mongoc-" .. ffi.C.spec_getpid()
      io.open(path, "w"):close()
      local before = io.popen("ls -i " .. path):read("*l")
      local kept = ... == "loads" and ffi.load "libmongoc-1.0.so.0" -- collected, it would be unloaded
      local store = holdfast.PersistBase("signal", "mongodb://127.0.0.1:1/x?timeout=100ms")
      local ok, err = pcall(store.count, store)
      local file = io.popen("ls -i " .. path)
      io.write(err.code, " ", file:read("*l") == before and "the same file" or "another file")
      file:close()
      os.remove(path)
      assert(kept ~= nil)]])
    local out = process.run({ command, "run", script })
    assert.equal("", out.stderr)
    assert.equal("unavailable another file", out.stdout)
    -- A program that has libmongoc itself has warned already, and keeps what it has.
    out = process.run({ command, "run", script, "loads" })
    assert.truthy(out.stderr:find("Falling back to malloc for counters", 1, true), out.stderr)
    assert.equal("unavailable the same file", out.stdout)
  end)
end)

describe("a MongoDB server in trouble", function()
  local faulty

  before_each(function() faulty = mongo.standIn("DIR/journal") end)
  after_each(function() faulty:stop("KILL") end)

  local function openFaulty(query)
    return holdfast.PersistBase("signal", faulty:url(query or "timeout=2s&connecttimeout=500ms"))
  end

  -- How long the call took, in seconds, and what it raised.
  local function timed(fn, ...)
    local began = clock.now()
    local ok, raised = pcall(fn, ...)
    assert.is_false(ok, "nothing was raised")
    return clock.now() - began, raised
  end

  local function mayHaveHappened(err) return err.message:find("may have happened", 1, true) ~= nil end

  it("may be away at first", function()
    faulty:stop("KILL")
    local store = openFaulty()
    local seconds, err = timed(store.writeValue, store, "a", 1)
    assert.equal("unavailable", err.code, err.message)
    assert.is_false(mayHaveHappened(err))
    assert.is_true(err.retryable)
    assert.is_true(seconds < 3, seconds)
    assert.is_true(faulty:start())
    store:writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
  end)

  it("costs nothing when it was restarted meanwhile", function()
    local store = openFaulty()
    store:writeValue("a", 1)
    for i = 1, 3 do
      faulty:stop("KILL")
      assert.is_true(faulty:start())
      store:writeValue("b", i)
    end
    faulty:stop("KILL")
    assert.is_true(faulty:start())
    assert.equal(3, store:readValue("b"))
  end)

  it("loses no write that was acknowledged when it is killed", function()
    local store = openFaulty()
    store:writeValue("n-0", 0)
    process.shell(("(sleep 0.8; kill -9 %s) >/dev/null 2>&1 </dev/null &"):format(faulty:pid()))
    local last, err = 0, nil
    local began = clock.now()
    repeat
      local ok, raised = pcall(store.writeValue, store, "n-" .. last + 1, last + 1)
      if ok then last = last + 1 else err = raised end
    until err or clock.now() - began > 10
    assert.truthy(err)
    assert.equal("unavailable", err.code, err.message)
    local doubtful = mayHaveHappened(err)
    assert.is_true(last > 0)
    local seconds
    seconds, err = timed(store.writeValue, store, "later", 1)
    assert.equal("unavailable", err.code, err.message)
    assert.is_false(mayHaveHappened(err), err.message)
    assert.is_true(seconds < 3, seconds)
    faulty:stop("KILL")
    assert.is_true(faulty:start())
    local ids = list(store:keys())
    assert.is_true(#ids == last + 1 or (#ids == last + 2 and doubtful), #ids)
    for i = 0, last do assert.equal(i, store:readValue("n-" .. i)) end
    store:writeValue("after", 1)
  end)

  it("gives an answer in time while it is stopped", function()
    local store = openFaulty()
    store:writeValue("a", 1)
    faulty:signal("STOP")
    local seconds, err = timed(store.writeValue, store, "a", 2) -- with no look before it: the connection was just used
    assert.equal("timeout", err.code, err.message)
    assert.is_true(seconds > 0.3 and seconds < 3, seconds)
    for _ = 1, 2 do
      seconds, err = timed(store.writeValue, store, "a", 3)
      assert.is_true(err.code == "timeout" or err.code == "unavailable", err.message)
      assert.is_false(mayHaveHappened(err), err.message)
      assert.is_true(seconds < 3, seconds)
      seconds, err = timed(store.readValue, store, "a")
      assert.is_true(err.code == "timeout" or err.code == "unavailable", err.message)
      assert.is_true(seconds < 3, seconds)
    end
    faulty:signal("CONT")
    store:writeValue("a", 4)
    assert.equal(4, store:readValue("a"))
  end)

  it("may lose a reply", function()
    local store = openFaulty()
    store:writeValue("a", 1)
    faulty:fail('["update"]', '"closeConnection": True')
    store:hasValue("a") -- so that nothing looks at the connection before the write
    local err = raises.error("unavailable", nil, store.writeValue, store, "a", 2)
    assert.is_true(mayHaveHappened(err), err.message)
    assert.is_false(err.retryable)
    faulty:fail('["delete"]', '"closeConnection": True')
    store:hasValue("a")
    assert.is_true(mayHaveHappened(raises.error("unavailable", nil, store.removeValue, store, "a")))
    faulty:fail('["find"]', '"closeConnection": True')
    assert.equal(1, store:readValue("a")) -- a read is just done again
    faulty:fail('["find"]', '"closeConnection": True', 9)
    raises.error("unavailable", nil, store.readValue, store, "a")
  end)

  it("repeats writes where the server can tell, if it is asked to", function()
    local set = mongo.standIn("--replica-set rs0")
    for _, case in ipairs({ { "retryWrites=true", true }, { "retryWrites=false", false }, { "", false } }) do
      local store = holdfast.PersistBase("repeated", set:url("timeout=3s&replicaSet=rs0&" .. case[1]))
      store:writeMany({ a = 0, b = 0, ["5"] = 0 })
      for _, fault in ipairs({ '"closeConnection": True', '"closeAfterwards": True' }) do
        set:fail('["update", "delete"]', fault)
        store:hasValue("a")
        local ok, err = pcall(store.writeValue, store, "a", 1)
        assert.equal(case[2], ok)
        assert.is_true(ok or mayHaveHappened(err))
        set:fail('["update", "delete"]', fault)
        store:hasValue("a")
        ok, err = pcall(store.removeValue, store, "b") -- done twice it would not find it
        assert.equal(case[2], ok)
        assert.is_true(ok or mayHaveHappened(err))
        store:writeValue("b", 1)
      end
      assert.equal(3, store:count())
      assert.equal(2, store:removeMany({ "5", "a", "c" }))
      store:removeAll()
    end
    set:stop()
  end)

  it("may be slow", function()
    local store = openFaulty()
    store:writeValue("a", 1)
    faulty:fail('["find", "update"]', '"blockTimeMS": 2500', 2)
    local seconds, err = timed(store.readValue, store, "a")
    assert.equal("timeout", err.code, err.message)
    assert.is_true(seconds < 3, seconds)
    seconds, err = timed(store.writeValue, store, "a", 2)
    assert.equal("timeout", err.code, err.message)
    assert.is_true(mayHaveHappened(err))
    assert.is_true(seconds < 3, seconds)
  end)

  it("says what kept it from writing", function()
    local store = openFaulty("timeout=2s&retries=1")
    store:writeValue("a", 1)
    local function failing(data, code, happened)
      faulty:fail('["update"]', data)
      local err = raises.error(code, nil, store.writeValue, store, "a", 2)
      assert.equal(happened or false, mayHaveHappened(err), err.message)
    end
    failing('"errorCode": 14031', "full")
    failing('"errorCode": 13', "io")
    failing('"errorCode": 10334', "invalid_value")
    failing('"errorCode": 11600', "unavailable", true)
    failing('"errorCode": 50', "timeout", true)
    failing('"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}', "timeout", true)
    faulty:fail('["update"]', '"errorCode": 10107') -- no primary: it was not done, and is done again
    store:writeValue("a", 3)
    assert.equal(3, store:readValue("a"))
    faulty:fail('["createIndexes"]', '"errorCode": 13') -- who may not make the index may use it
    assert.equal(3, holdfast.PersistBase("signal", faulty:url("retries=0")):readValue("a"))
    faulty:fail('["createIndexes"]', '"errorCode": 13')
    raises.error("io", nil, function() holdfast.PersistBase("other", faulty:url("retries=0")):count() end)
  end)

  it("is not disturbed by a process that forks", function()
    local script = temp.directory() .. "/fork.lua"
    temp.writeFile(script, ([[
      local ffi, holdfast = require "ffi", require "holdfast"
      ffi.cdef "int fork(void); void _exit(int code); int waitpid(int pid, int *status, int options);"
      local store = holdfast.PersistBase("signal", %q)
      store:writeValue("parent", 1)
      local pid = ffi.C.fork()
      if pid == 0 then
        local ok, err = pcall(function()
          local own = holdfast.PersistBase("signal", %q)
          for i = 1, 50 do own:writeValue("child-" .. i, i) end
        end)
        collectgarbage()
        collectgarbage()
        if not ok then io.stderr:write(tostring(err)) end
        ffi.C._exit(ok and 0 or 1)
      end
      for i = 1, 50 do store:writeValue("parent-" .. i, i) end
      local status = ffi.new("int[1]")
      ffi.C.waitpid(pid, status, 0)
      io.write(status[0], " ", store:count())]]):format(faulty:url(), faulty:url()))
    local out = process.run({ command, "run", script })
    assert.equal("0 101", out.stdout, out.stderr)
  end)
end)
