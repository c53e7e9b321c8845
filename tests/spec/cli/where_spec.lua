-- SPDX-License-Identifier: MIT
--
-- --where and --explain: commands on those entities for which an expression is true.

local command = require "support.command"
local json = require "cjson"
local temp = require "support.temp"

local ok, fails = command.ok, command.fails

describe("--where", function()
  local dir, store

  -- 300 entities, of which every third is closed: more than what is asked of before the expression is read.
  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
    local lines = {}
    for i = 1, 300 do
      lines[i] = ('{"entity":"signal","id":"S%d","value":{"n":%d,"closed":%s,"note":null}}'):format(i, i,
        tostring(i % 3 == 0))
    end
    ok({ "import", store, "-" }, table.concat(lines, "\n") .. "\n")
    ok { "put", store, "risk", "r", '{"n":1}' }
  end)

  after_each(temp.removeAll)

  it("counts, in one collection and in all", function()
    assert.same("100\n", ok { "count", store, "signal", "--where", "v.closed" })
    assert.same("1\n", ok { "count", store, "signal", "--where", 'id == "S250"' })
    assert.same("0\n", ok { "count", store, "signal", "--where", "v.n > 300" })
    assert.same("2\n", ok { "count", store, "--where", "v.n == 1" })
    assert.same('{"entity":"signal","count":1}\n',
      ok { "count", store, "signal", "--json", "--where", "v.note == null and v.n == 7" })
  end)

  it("lists ids, within a range, too", function()
    assert.same("S294\nS297\nS300\n", ok { "ls", store, "signal", "--where", "v.closed", "--from", "S292" })
    assert.same("S300\nS297\n", ok { "ls", store, "signal", "--where", "v.closed", "-r", "--limit", "2" })
    local long = ok { "ls", store, "signal", "-l", "--where", "v.n == 299" }
    assert.truthy(long:find("^S299\t"), long)
    fails(2, "give ENTITY, too", { "ls", store, "--where", "v.closed" })
  end)

  it("filters, as the expression alone does", function()
    assert.same("S150\n", ok { "filter", store, "signal", "--ids", "--where", "v.n == 150" })
    assert.same(ok { "filter", store, "signal", "v.n > 290" }, ok { "filter", store, "signal", "--where", "v.n > 290" })
    fails(2, "not both", { "filter", store, "signal", "v.n", "--where", "v.n" })
    fails(2, "give the expression", { "filter", store, "signal" })
  end)

  it("exports and copies a part, which can be compared", function()
    local _, count = ok({ "export", store, "--where", "v.closed or v.n == 1" }):gsub('"value"', "")
    assert.same(102, count)
    local copy = dir .. "/copy"
    ok { "copy", store, copy, "--where", "v.closed", "--verify" }
    assert.same("100\n", ok { "count", copy, "signal" })
    ok { "put", copy, "signal", "S1", '{"closed":true,"n":0}' }
    ok { "put", copy, "signal", "extra", '{"closed":true}' }
    ok { "put", copy, "signal", "other", '{"closed":false}' }
    -- A mirror of the part: what the source has is kept, and what the expression is not true of is not looked at.
    ok { "copy", store, copy, "--where", "v.closed", "--delete" }
    assert.same("other\nS1\n", ok { "ls", copy, "signal", "--where", "v.n == nil or v.n == 0" })
  end)

  it("removes", function()
    assert.same('{"removed":100}\n', ok { "rm", store, "signal", "--where", "v.closed", "--json" })
    assert.same("200\n", ok { "count", store, "signal" })
    assert.same('{"removed":0}\n', ok { "rm", store, "signal", "--where", "v.closed", "--json" })
    fails(2, "one of them only", { "rm", store, "signal", "S1", "--where", "v.closed" })
    fails(2, "one of them only", { "rm", store, "signal", "--all", "--where", "v.closed" })
  end)

  it("removes nothing that it cannot tell about", function()
    local files = "file:" .. dir .. "/files"
    ok { "put", files, "signal", "a", '{"closed":true}' }
    fails(3, "--race removes all the same", { "rm", files, "signal", "--where", "v.closed" })
    assert.same("1\n", ok { "count", files, "signal" })
    ok { "rm", files, "signal", "--where", "v.closed", "--race" }
    assert.same("0\n", ok { "count", files, "signal" })
  end)

  it("names the entity for which the expression raises, before anything is removed", function()
    local words = "the expression raised at signal:S1: EXPR:1: attempt to index field 'x' (a nil value)"
    for _, name in ipairs { "count", "ls", "export" } do
      fails(1, words, { name, store, "signal", "--where", "v.x.y" })
    end
    fails(1, "attempt to index field 'x'", { "rm", store, "signal", "--where", "v.x.y" })
    local late = "v.n < 250 and v.closed or v.n >= 250 and v.x.y"
    fails(1, "signal:S250", { "count", store, "signal", "--where", late })
    fails(1, "attempt to index", { "rm", store, "signal", "--where", late })
    assert.same("300\n", ok { "count", store, "signal" })
  end)

  it("refuses what is no expression, and names that are not there", function()
    for _, name in ipairs { "count", "ls", "export", "rm" } do
      fails(2, "the expression is not Lua", { name, store, "signal", "--where", "v.n =>" })
      fails(2, "gives no value", { name, store, "signal", "--where", "local x = 1" })
      fails(1, "the store has: risk, signal", { name, store, "sig", "--where", "true" })
    end
  end)

  it("refuses a function and variables that are nowhere set, which hold for all entities or none", function()
    for _, code in ipairs { 'side ~= "long"', "not closed", "v.side ~= long", "V.closed", "local x = 1 return f(x)",
      "(function() return closed end)() == nil" } do
      fails(2, "which is nowhere set: a field is v.", { "rm", store, "signal", "--where", code })
    end
    fails(2, "is a function, which is true of every",
      { "rm", store, "signal", "--where", "function(v) return v.n end" })
    assert.same("300\n", ok { "count", store, "signal" })
    for _, code in ipairs { "x = v.n return x == 1", "(function(w) return w.n == 1 end)(v)", "tonumber(v.n) == 1",
      "v.note == null and v.n == 1", "v.note ~= holdfast.null or v.n == 1" } do
      assert.same("1\n", ok { "count", store, "signal", "--where", code })
    end
  end)

  it("tells what is made of the expression, and does nothing, with --explain", function()
    for _, words in ipairs { { "count", store, "signal" }, { "ls", store, "signal" }, { "export", store },
      { "rm", store, "signal" }, { "filter", store, "signal" }, { "copy", store, dir .. "/none" } } do
      words[#words + 1] = "--where"
      words[#words + 1] = "v.closed and unpack(v)"
      words[#words + 1] = "--explain"
      local said = ok(words)
      assert.truthy(said:find("v.closed and ?", 1, true), said)
      assert.truthy(said:find("calls unpack() (line 1)", 1, true), said)
      assert.truthy(said:find("evaluated in place", 1, true), said)
      words[#words + 1] = "--json"
      assert.same({ "calls unpack() (line 1)" }, json.decode(ok(words)).unknown)
    end
    assert.same("300\n", ok { "count", store, "signal" })
    fails(3, "no store", { "ls", dir .. "/none" })
    fails(2, "give --where", { "count", store, "signal", "--explain" })
  end)
end)
