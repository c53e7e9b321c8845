-- SPDX-License-Identifier: MIT
--
-- `--table` and `--columns`: entities as aligned columns for people, by filter, take and get.

local command = require "support.command"
local temp = require "support.temp"
local terminal = require "support.terminal"

local ok, fails, holdfast = command.ok, command.fails, command.run

describe("--table", function()
  local dir, store

  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
  end)

  after_each(function() temp.removeAll() end)

  local function put(id, json) ok { "put", store, "trade", id, json } end

  it("has the id, then the keys in the order in which they are stored", function()
    put("a-2", '{"zeta":1,"alpha":"x"}')
    put("a-10", '{"alpha":"longer","mid":true,"zeta":null}')
    local expected = "id    zeta  alpha   mid\na-2   1     x\na-10  null  longer  true\n"
    assert.equal(expected, ok { "filter", store, "trade", "true", "--table" })
    assert.equal(expected, ok { "take", store, "trade", "5", "--table" })
    assert.equal(expected, ok { "get", store, "trade", "a-2", "a-10", "--table" })
    assert.equal("", ok { "filter", store, "trade", "false", "--table" })
  end)

  it("has numbers at the right, as they are stored", function()
    put("a", '{"pnl":-1.50,"n":12345678901234567890,"mixed":1}')
    put("b", '{"pnl":112.25,"n":1e3,"mixed":"x"}')
    assert.equal("id     pnl                     n  mixed\n"
      .. "a    -1.50  12345678901234567890  1\n"
      .. "b   112.25                   1e3  x\n", ok { "take", store, "trade", "5", "--table" })
  end)

  it("shows times as UTC, by the names of their fields", function()
    local ms = "1770501780000"
    put("a", ('{"closedAt":%s,"at":1770501780123,"exit":{"timestamp":%s},"till":%s,"exit_timestamp":%s,'
      .. '"valid_since":%s}'):format(ms, ms, ms, ms, ms))
    local names = "closedAt,at,exit.timestamp,till,exit_timestamp,valid_since"
    local out = ok { "take", store, "trade", "1", "--columns", names }
    local time = "2026-02-07T22:03:00Z  "
    assert.equal(time .. "2026-02-07T22:03:00.123Z  " .. time:rep(4):sub(1, -3),
      (out:match("\n(.*)\n$"):gsub("Z +", "Z  ")))
  end)

  it("leaves numbers alone that are no times", function()
    put("a", '{"price":1770501780000,"heat":1770501780000,"closedAt":1770501780,"openedAt":-1,"till":1770501780000.5,'
      .. '"since":"1770501780000","minuteEstimatedTime":1770501780000}')
    assert.is_nil(ok({ "take", store, "trade", "1", "--table" }):find("2026", 1, true))
  end)

  it("shows what is inside of objects and arrays, and names with dots in them", function()
    put("a", '{"exit":{"price":5,"by":{"who":"tp"}},"tags":["x","y"],"a.b":7,"id":"own","v":{"w":1}}')
    local names = "id, exit.price,exit.by.who,tags.2,a.b,v.id,v.w,exit.by"
    local out = ok { "filter", store, "trade", "true", "--columns", names }
    assert.equal("id  exit.price  exit.by.who  tags.2  a.b  v.id  v.w  exit.by\n"
      .. 'a            5  tp           y         7  own     1  {"who":"tp"}\n', out)
    assert.matches("^id  exit  +tags  +a.b  v.id  v\n", ok { "take", store, "trade", "1", "--table" })
  end)

  it("takes entities of every kind", function()
    put("a", "7")
    put("b", '[1, 2]')
    put("c", '"text"')
    put("d", "{}")
    put("e", '{"\\u00e4\\"b":1,"":2}')
    assert.equal('id  v       ä"b\na   7\nb   [1, 2]\nc   text\nd\ne             1  2\n',
      ok { "take", store, "trade", "9", "--table" })
  end)

  it("aligns what is wide, and shows nothing that a terminal obeys", function()
    put("a", '{"note":"日本","e":"e\\u0301🚀","x":1}')
    put("b", '{"note":"a\\u001b[2J\\n\\u0085\\u202e","e":"é","x":2}')
    assert.equal("id  note                      e    x\n"
      .. "a   日本                      e\204\129🚀  1\n"
      .. "b   a\\u001b[2J\\n\\u0085\\u202e  é    2\n", ok { "take", store, "trade", "5", "--table" })
  end)

  it("says which columns nothing has", function()
    put("a", '{"pnl":1}')
    local result = holdfast { "filter", store, "trade", "true", "--columns", "id,pln,pnl" }
    assert.equal("id  pln  pnl\na          1\n", result.stdout)
    assert.equal("holdfast: nothing has pln\n", result.stderr)
    assert.equal(0, result.code)
  end)

  it("is refused where it cannot be", function()
    fails(2, "--table is for people", { "filter", store, "trade", "true", "--table", "--json" })
    fails(2, "--table is for people", { "get", store, "trade", "a", "--columns", "a", "--json" })
    fails(2, "--ids prints nothing but ids", { "filter", store, "trade", "true", "--table", "--ids" })
    fails(2, "names with commas", { "filter", store, "trade", "true", "--columns", "a,,b" })
    fails(2, "names with commas", { "take", store, "trade", "1", "--columns", "" })
    fails(2, "names 'a' twice", { "take", store, "trade", "1", "--columns", "a,a" })
  end)

  it("tells of what is damaged or missing, and shows the rest", function()
    put("a", '{"n":1}')
    put("b", '{"n":"broken"}')
    assert.is_true(temp.patchFile(store .. "/data.mdb", '"broken"', '"xroken"') > 0)
    local result = fails(3, "is corrupt", { "filter", store, "trade", "true", "--table" })
    assert.equal("id  n\na   1\n", result.stdout)
    result = fails(1, "not found", { "get", store, "trade", "a", "none", "--table" })
    assert.equal("id  n\na   1\n", result.stdout)
  end)

  it("needs no more memory for more entities, and tells of fields that come late", function()
    local lines = {}
    for i = 1, 1500 do lines[i] = ('{"entity":"trade","id":"%d","value":{"n":%d}}'):format(i, i) end
    lines[1200] = '{"entity":"trade","id":"1200","value":{"n":1200,"late":1,"later":2}}'
    command.run({ "import", store, "-" }, table.concat(lines, "\n") .. "\n")
    local result = holdfast { "take", store, "trade", "9999", "--table" }
    assert.equal(1501, select(2, result.stdout:gsub("\n", "")))
    assert.equal("holdfast: no column for late, later, first seen after 1,000 rows: --columns chooses\n", result.stderr)
    assert.equal(1501, select(2, ok({ "take", store, "trade", "9999", "--columns", "n" }):gsub("\n", "")))
  end)

  describe("on a terminal", function()
    local function shown(columns, ...)
      local answers, code = terminal.talk({ ... }, { { "" } }, { columns = columns })
      assert.equal(0, code)
      return answers[1]
    end

    it("is not wider than that, and cuts neither numbers nor times", function()
      put("a", ('{"note":"%s","n":123456789,"closedAt":1770501780000,"other":"short"}'):format(("x"):rep(200)))
      local out = shown(60, "take", store, "trade", "1", "--table")
      for line in out:gmatch("[^\r\n]+") do
        assert.is_true(#line:gsub("…", ".") <= 60, line)
      end
      assert.matches("123456789  2026-02-07T22:03:00Z  short", out, 1, true)
      assert.matches("a   x+…  123456789", out)
    end)

    it("names the columns that have no room", function()
      put("a", '{"first":1234567890123,"second":1234567890123,"third":1234567890123}')
      local out = shown(40, "take", store, "trade", "1", "--table")
      assert.matches("^id +first +second\r\n", out)
      assert.matches("no room for third: a wider terminal shows it, or --columns chooses", out, 1, true)
    end)
  end)
end)
