-- SPDX-License-Identifier: MIT
--
-- `holdfast index`, and what the other commands say of indexes: verify, stat, copy, export, import, rescue.

local assert = require("luassert")
local command = require "support.command"
local json = require "cjson"
local temp = require "support.temp"

local ok, fails, run = command.ok, command.fails, command.run

describe("indexes by the command", function()
  local dir, store

  local function fill(where)
    local lines = {}
    for i = 1, 300 do
      lines[i] = ('{"entity":"signal","id":"S%d","value":{"n":%d,"side":"%s","meta":{"symbol":"C%d"}}}'):format(i, i,
        i % 3 == 0 and "long" or "short", i % 50)
    end
    ok({ "import", where, "-" }, table.concat(lines, "\n") .. "\n")
  end

  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
    fill(store)
  end)

  after_each(temp.removeAll)

  it("are made, listed and dropped", function()
    assert.same("", ok { "index", store })
    assert.same("", ok { "index", store, "signal" })
    assert.same("signal\tmeta.symbol\t300\n", ok { "index", store, "signal", "meta.symbol" })
    assert.same("signal\tside,n\t300\tunique\n", ok { "index", store, "signal", "side", "n", "--unique" })
    ok { "put", store, "risk", "r", '{"n":1}' }
    ok { "index", store, "risk", "n" }
    local all = "risk\tn\t1\nsignal\tmeta.symbol\t300\nsignal\tside,n\t300\tunique\n"
    assert.same(all, ok { "index", store })
    assert.same("risk\tn\t1\n", ok { "index", store, "risk" })
    assert.same('{"entity":"risk","name":"n","paths":["n"],"unique":false,"ready":true,"entries":1}\n',
      ok { "index", store, "risk", "--json" })
    assert.same("signal\tside,n\tdropped\n", ok { "index", store, "signal", "side,n", "--drop" })
    assert.same('{"entity":"signal","name":"meta.symbol","dropped":true}\n',
      ok { "index", store, "signal", "meta.symbol", "--drop", "--json" })
    assert.same("risk\tn\t1\n", ok { "index", store })
  end)

  it("are there already, or over what is not there yet, which is said", function()
    ok { "index", store, "signal", "n" }
    fails(0, "it was there already", { "index", store, "signal", "n" })
    fails(0, "it was there already", { "index", store, "signal", 'v["n"]' })
    assert.same("signal\tmeta.symbol\t300\n", ok { "index", store, "signal", 'v.meta["symbol"]' })
    fails(0, "no entity has a value at meta.symbl, tables aside: if that is misspelt, --drop it",
      { "index", store, "signal", "meta.symbl" })
    assert.same("signal\tmeta.symbl\tdropped\n", ok { "index", store, "signal", "meta.symbl", "--drop" })
    fails(0, "there are no entities named 'signl' yet", { "index", store, "signl", "n" })
    fails(1, "which is not unique: drop it first", { "index", store, "signal", "n", "--unique" })
  end)

  it("are over names in either kind of quotes, whatever is in them", function()
    ok { "put", store, "signal", "S1", [[{"a,b":1,"it's":2,"n":3,"x\"y,z":4}]] }
    local names = { ["v['a,b']"] = 'v["a,b"]', ['v["it\'s"]'] = 'v["it\'s"]', ["v['x\"y,z']"] = 'v["x\\"y,z"]' }
    for path, name in pairs(names) do
      assert.same("signal\t" .. name .. "\t300\n", ok { "index", store, "signal", path })
      assert.same("signal\t" .. name .. "\tdropped\n", ok { "index", store, "signal", path, "--drop" })
    end
    assert.same('signal\tv["\\110"]\t-\n', ok { "index", store, "signal", 'v["\\110"]' })
    assert.same('signal\tv["a,b"],n\t300\n', ok { "index", store, "signal", "v['a,b'],n" })
    fails(0, "it was there already", { "index", store, "signal", 'v["a,b"]', "v['n']" })
    fails(2, "and \"v['a,b\" is none", { "index", store, "signal", "v['a,b" })
  end)

  it("are not made of what is wrong", function()
    fails(2, "and \"meta..symbol\" is none", { "index", store, "signal", "meta..symbol" })
    fails(2, "name the index that is to go", { "index", store, "signal", "--drop" })
    fails(2, "name what is to be unique", { "index", store, "signal", "--unique" })
    fails(2, "not both", { "index", store, "signal", "n", "--unique", "--drop" })
    fails(1, "lists those that there are", { "index", store, "signal", "n", "--drop" })
    fails(1, "the store has: signal", { "index", store, "signl" })
    fails(2, 'a field called id is v.id', { "index", store, "signal", "id" })
    fails(2, "places in an array are whole numbers from 1 on", { "index", store, "signal", "tags[0]" })
    fails(2, 'the path "n" is in the index twice', { "index", store, "signal", "n", "n" })
    fails(2, "an index has at most 4 paths, not 5", { "index", store, "signal", "a,b,c,d,e" })
    fails(3, "was opened read-only", { "index", "lmdb:" .. store .. "?readonly=1", "signal", "n" })
    fails(3, "no store", { "index", dir .. "/none", "signal", "n" })
    ok { "put", "file:" .. dir .. "/files", "signal", "S1", "{}" }
    fails(3, "keep no indexes", { "index", "file:" .. dir .. "/files", "signal", "n" })
  end)

  it("refuse what is there twice", function()
    local result = fails(3, "the index side is unique", { "index", store, "signal", "side", "--unique" })
    assert.truthy(result.stderr:find("change one of them", 1, true), result.stderr)
    assert.same("", ok { "index", store })
    ok { "index", store, "signal", "n", "--unique" }
    fails(3, "the index n is unique, and S7 has the same", { "put", store, "signal", "new", '{"n":7}' })
    fails(3, "the index n is unique", { "import", store, "-" }, '{"entity":"signal","id":"new","value":{"n":8}}\n')
    assert.same("300\n", ok { "count", store, "signal" })
  end)

  it("are used by expressions, which --explain tells", function()
    ok { "index", store, "signal", "meta.symbol" }
    local expression = 'v.meta.symbol == "C7"'
    assert.same("S7\nS57\nS107\nS157\nS207\nS257\n", ok { "filter", store, "signal", expression, "--ids" })
    assert.same("6\n", ok { "count", store, "signal", "--where", expression })
    local text = ok { "filter", store, "signal", expression, "--explain" }
    assert.truthy(text:find("meta.symbol", 1, true), text)
    local told = json.decode(ok { "filter", store, "signal", expression, "--explain", "--json" })
    assert.same("meta.symbol", told.index)
    assert.same(6, told.candidates)
    assert.same(300, told.of)
    told = json.decode(ok { "filter", store, "signal", "v.n == 3", "--explain", "--json" })
    assert.is_nil(told.index)
  end)

  it("are compared with the entities by verify", function()
    local function verify(...) return ok { "verify", store, ... } end
    assert.falsy(verify():find("index", 1, true))
    ok { "index", store, "signal", "n" }
    ok { "index", store, "signal", "side" }
    assert.truthy(verify():find("2 indexes compared with the entities: all agree", 1, true))
    assert.truthy(verify("--readonly"):find("all agree", 1, true))
    assert.truthy(verify("--repair"):find("all agree", 1, true))
    local report = json.decode(verify "--json")
    assert.same({ 2, 0, 0, {} }, { report.indexes, report.indexProblems, report.indexProblemsLeft, report.indexFirst })
    fails(2, "--repair builds damaged indexes again", { "verify", store, "--repair", "--dry-run" })
  end)

  it("that do not agree are told of by verify, and built again", function()
    ok { "index", store, "signal", "meta.symbol" }
    ok { "index", store, "signal", "n" }
    local question = { "filter", store, "signal", 'v.meta.symbol == "C9"', "--ids" }
    assert.same("S9\nS59\nS109\nS159\nS209\nS259\n", ok(question))
    -- The last six entries of the index have another value.
    assert.is_true(temp.patchFile(store .. "/data.mdb", "\80C9\0\1", "\80C:\0\1") >= 6)
    local result = fails(1, "", { "verify", store })
    assert.truthy(result.stdout:find("\nindex\tsignal\tmeta.symbol\tS9\t", 1, true), result.stdout)
    assert.truthy(result.stdout:find("2 indexes compared with the entities: 12 differences\n", 1, true), result.stdout)
    assert.truthy(result.stdout:find("holdfast verify STORE --repair", 1, true), result.stdout)
    local report = json.decode(fails(1, "", { "verify", store, "--json" }).stdout)
    assert.same({ 2, 12, 12 }, { report.indexes, report.indexProblems, report.indexProblemsLeft })
    assert.same("meta.symbol", report.indexFirst[1].index)
    -- What it leads to is looked at: it is not what it says.
    result = run { "filter", store, "signal", 'v.meta.symbol == "C:"', "--ids" }
    assert.same({ 0, "" }, { result.code, result.stdout })
    assert.truthy(result.stderr:find("the index meta.symbol is damaged", 1, true), result.stderr)
    result = run { "verify", store, "--repair" }
    assert.truthy(result.stdout:find("12 differences, which are gone: those indexes were built again", 1, true),
      result.stdout)
    assert.truthy(ok({ "verify", store }):find("all agree", 1, true))
    assert.same("S9\nS59\nS109\nS159\nS209\nS259\n", ok(question))
  end)

  it("are told of by stat", function()
    assert.truthy(ok({ "stat", store, "signal" }):find("indexes +none"))
    ok { "index", store, "signal", "n" }
    ok { "index", store, "signal", "side", "n" }
    local text = ok { "stat", store, "signal" }
    assert.truthy(text:find("indexes +n=300; side,n=300\n"), text)
    local facts = json.decode(ok { "stat", store, "signal", "--json" })
    assert.same({ n = 300, ["side,n"] = 300 }, facts.indexes)
    ok { "put", "file:" .. dir .. "/files", "signal", "S1", "{}" }
    assert.falsy(ok({ "stat", "file:" .. dir .. "/files", "signal" }):find "indexes")
  end)

  it("come along with a copy, but not by force", function()
    ok { "index", store, "signal", "n", "--unique" }
    ok { "index", store, "signal", "meta.symbol" }
    local copy, plain, files = dir .. "/copy", dir .. "/plain", "file:" .. dir .. "/files"
    local list = "signal\tmeta.symbol\t300\nsignal\tn\t300\tunique\n"
    local said = ok { "copy", store, copy, "--verify" }
    assert.truthy(said:find("index\tsignal\tmeta.symbol\nindex\tsignal\tn\n", 1, true), said)
    assert.same(list, ok { "index", copy })
    assert.falsy(ok({ "copy", store, copy }):find("index", 1, true))
    ok { "copy", store, plain, "--no-indexes" }
    assert.same("", ok { "index", plain })
    fails(0, "2 indexes were not made: " .. files .. " keeps none", { "copy", store, files })
    local report = json.decode(ok { "copy", store, plain, "--json" })
    assert.same({ { entity = "signal", paths = { "meta.symbol" }, unique = false },
      { entity = "signal", paths = { "n" }, unique = true } }, report.indexes)
    assert.same(list, ok { "index", plain })
  end)

  it("that a target cannot have leave the entities there", function()
    ok { "index", store, "signal", "n", "--unique" }
    local other = dir .. "/other"
    ok { "put", other, "signal", "more", '{"n":5}' }
    fails(3, "the entities are there, without this index", { "copy", store, other })
    assert.same("301\n", ok { "count", other, "signal" })
    assert.same("", ok { "index", other })
  end)

  describe("of a mirror", function()
    local mirror, client

    local function order(where, id, value) ok { "put", where, "order", id, ('{"client":"%s"}'):format(value) } end

    local function mirrored(...) return run { "copy", store, mirror, "--delete", "--verify", ... } end

    before_each(function()
      mirror = dir .. "/mirror"
      client = "order\tclient\t1\tunique\n"
      order(store, "order-1", "c1")
      ok { "index", store, "order", "client", "--unique" }
      ok { "copy", store, mirror }
    end)

    it("make way for what the source has, and are made again", function()
      ok { "rm", store, "order", "order-1" }
      order(store, "order-2", "c1")
      local result = mirrored()
      assert.truthy(result.stderr:find("the unique index client of 'order' refuses in " .. mirror
        .. " what the source has, and is dropped there; it is made again at the end", 1, true), result.stderr)
      assert.truthy(result.stdout:find("dropped\torder\tclient\ndeleted\torder\t1\n", 1, true), result.stdout)
      assert.truthy(result.stdout:find("compared: equal\nindex\torder\tclient\n", 1, true), result.stdout)
      assert.equal(0, result.code)
      assert.same(client, ok { "index", mirror })
      result = mirrored()
      assert.same({ "", 0 }, { result.stderr, result.code })
      assert.falsy(result.stdout:find("client", 1, true), result.stdout)
    end)

    it("let values change places between batches", function()
      local lines = {}
      for i = 1, 2000 do lines[i] = ('{"entity":"order","id":"p%d","value":{"client":%d}}'):format(i, i) end
      ok({ "import", store, "-" }, table.concat(lines, "\n"))
      ok { "copy", store, mirror }
      local swap = '{"entity":"order","id":"p1","value":{"client":2000}}\n'
        .. '{"entity":"order","id":"p2000","value":{"client":1}}\n'
      ok({ "import", store, "-" }, swap)
      assert.equal(0, mirrored().code)
      assert.same("order\tclient\t2,001\tunique\n", (ok { "index", mirror }:gsub("2001", "2,001")))
      assert.same(ok { "export", store }, ok { "export", mirror })
    end)

    it("go where the source does not have them, or has others", function()
      ok { "index", store, "order", "client", "--drop" }
      ok { "index", store, "order", "client" }
      ok { "index", mirror, "signal", "n", "--unique" }
      ok { "put", mirror, "only", "x", '{"a":1}' }
      ok { "index", mirror, "only", "a" }
      order(store, "order-2", "c1")
      ok { "put", store, "signal", "another", '{"n":1}' }
      local result = mirrored "--json"
      assert.same({ "", 0 }, { result.stderr, result.code })
      local dropped = {}
      for _, one in ipairs(json.decode(result.stdout).indexesDropped) do
        dropped[#dropped + 1] = one.entity .. " " .. table.concat(one.paths, ",")
      end
      table.sort(dropped)
      assert.same({ "only a", "order client", "signal n" }, dropped)
      assert.same("order\tclient\t2\n", ok { "index", mirror })
    end)

    it("stay where the copy is no mirror of it, and the refusal says what to do", function()
      ok { "rm", store, "order", "order-1" }
      order(store, "order-2", "c1")
      local what = "holdfast index " .. mirror .. " order client --drop"
      fails(3, what, { "copy", store, mirror })
      fails(3, what, { "copy", store, mirror, "--delete", "--no-indexes" })
      fails(3, what, { "copy", store, mirror, "--delete", "--prefix", "order" })
      fails(3, what, { "import", mirror, "-" }, '{"entity":"order","id":"order-2","value":{"client":"c1"}}\n')
      assert.same(client, ok { "index", mirror })
    end)

    it("stay where the source keeps none, or cannot be a model", function()
      local files = "file:" .. dir .. "/files"
      ok { "put", files, "order", "order-2", '{"client":"c2"}' }
      ok { "copy", files, mirror, "--delete" }
      assert.same(client, ok { "index", mirror })
      ok { "put", files, "order", "order-3", '{"client":"c2"}' }
      fails(3, "order client --drop", { "copy", files, mirror, "--delete" })
      assert.same(client, ok { "index", mirror })
      ok { "rm", store, "order", "order-1" }
      ok { "index", store, "order", "client", "--drop" }
      fails(3, "nothing was deleted", { "copy", store, mirror, "--delete", "--entity", "order" })
      assert.same(client, ok { "index", mirror })
    end)
  end)

  it("come along with an export, which every import can read", function()
    ok { "index", store, "signal", "side", "n", "--unique" }
    ok { "index", store, "signal", "meta.symbol" }
    local file = dir .. "/backup.jsonl"
    ok { "export", store, "-o", file }
    local first = assert(io.open(file)):read("*l")
    assert.truthy(first:find('"exportIndexes":[{"entity":"signal","paths":["meta.symbol"],"unique":false},'
      .. '{"entity":"signal","paths":["side","n"],"unique":true}],"exportBegin":1}', 1, true), first)
    local said = ok { "import", dir .. "/new", file }
    assert.same("300 entities imported\nindex\tsignal\tmeta.symbol\nindex\tsignal\tside,n\n", said)
    assert.same("signal\tmeta.symbol\t300\nsignal\tside,n\t300\tunique\n", ok { "index", dir .. "/new" })
    assert.same(ok { "export", store }, ok { "export", dir .. "/new" })
    ok { "import", dir .. "/plain", file, "--no-indexes" }
    assert.same("", ok { "index", dir .. "/plain" })
    ok { "import", dir .. "/renamed", file, "--entity", "other" }
    assert.same("", ok { "index", dir .. "/renamed" })
    fails(0, "2 indexes were not made", { "import", "file:" .. dir .. "/files", file })
    -- A cut one is known as before.
    local cut = assert(io.open(dir .. "/cut.jsonl", "w"))
    cut:write(first, "\n")
    cut:close()
    fails(2, "is not a whole export", { "import", dir .. "/cut", dir .. "/cut.jsonl" })
    fails(2, '"exportIndexes" must be a list', { "import", dir .. "/cut", "-" },
      '{"entity":"e","id":"a","value":1,"exportIndexes":[{"entity":"e"}]}\n')
  end)

  it("are found again by rescue", function()
    ok { "index", store, "signal", "n", "--unique" }
    ok { "index", store, "signal", "meta.symbol" }
    local new = dir .. "/new"
    local result = run { "rescue", store, new }
    assert.same(0, result.code, result.stdout .. result.stderr)
    assert.truthy(result.stdout:find("Indexes: signal meta.symbol; signal n (unique)", 1, true), result.stdout)
    assert.same("signal\tmeta.symbol\t300\nsignal\tn\t300\tunique\n", ok { "index", new })
    assert.truthy(ok({ "verify", new }):find("all agree", 1, true))
  end)
end)
