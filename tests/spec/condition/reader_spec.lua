-- SPDX-License-Identifier: MIT
--
-- What is read of predicates: each form, and the expression that is made of it, as Lua again.  `?` stands for what is
-- not understood.

local condition = require "holdfast.condition"
local corpus = require "support.predicates"
local source = require "holdfast.condition.source"

local function textOf(text)
  local reading = condition.read(corpus.compile(text), corpus.takesId(text) and 2 or 1)
  return source.text(reading.expression, reading.parameters)
end

-- Source and what is read; left out: the same text.
local function check(rows)
  for _, row in ipairs(rows) do
    local text, expected = row[1], row[2] or row[1]
    it("reads " .. text, function() assert.same(expected, textOf(text)) end)
  end
end

describe("of comparisons a condition", function()
  check {
    { 'v.symbol == "BTCUSDT"' }, { 'v.a ~= 1' }, { "nil == v.a", "v.a == nil" }, { "v.a == v.b" }, { "v.a == true" },
    { "v.a < 3" }, { "3 < v.a", "v.a > 3" }, { "v.a >= 3" }, { "v.a < v.b" }, { "v.a > v.b", "v.b < v.a" },
    { 'v.a < "abd"' }, { "v.metadata.symbol == sym" }, { "v.note == null" },
  }
  check { -- the opposite of < is not >=: a number may be NaN
    { "not (v.a < 3)" }, { "not (v.a >= 3)" }, { "not (3 <= v.a)", "not (v.a >= 3)" }, { "not (v.a == 3)", "v.a ~= 3" },
  }
end)

describe("of arithmetic a condition", function()
  check {
    { "v.a + v.b == v.c" }, { "v.a * 2 - v.b * 3 + v.c == 0" }, { "1 - v.a < v.b" }, { "v.a % -3 == -1" },
    { "-v.a == -3" }, { "v.a / v.b == 1" }, { "(v.a + 1) * 2 == v.b - (v.c - 1)" },
    { "v.a ^ 2 == 9", "? == 9" }, { 'v.a .. v.b == "xx"', '? == "xx"' },
  }
end)

describe("of and, or and not a condition", function()
  check {
    { "v.a" }, { "not v.a" }, { "not not v.a", "v.a" }, { "v.a and v.b" }, { "v.a or v.b" },
    { "(v.a or v.b) and (v.c or v.d)" }, { "not (v.a and v.b)", "not v.a or not v.b" }, { "v.a and v.b or v.c" },
    { "(v.a and v.b or v.c) == 3", "if v.a and v.b then\n  return v.b == 3\nend\nreturn v.c == 3" },
    { "v.a == 1 or v.b == 2 and v.c == 3" }, { "yes and v.a" }, { "cfg and v.a", "v.a" },
  }
end)

describe("of statements a condition", function()
  check {
    { "function(v) if v.a then return true end end", "v.a" },
    { "function(v) if v.a then return false end return v.b end", "not v.a and v.b" },
    { "function(v) if v.a == 1 then return v.b elseif v.b == 2 then return v.c > 2 end return v.d end",
      "if v.a == 1 then\n  return v.b\nend\nif v.b == 2 then\n  return v.c > 2\nend\nreturn v.d" },
    { "function(v) local m = v.metadata if m == nil then return false end return m.n end",
      "v.metadata ~= nil and v.metadata.n" },
    { "function(v) local a, b = v.a, v.b a, b = b, a return a < b end", "v.b < v.a" },
    { "function(v) local a, b = v.a, v.b local c = a or b return c == 1 end",
      "if v.a then\n  return v.a == 1\nend\nreturn v.b == 1" },
    { "function(v) local a, b = v.a, v.b local c = a and b return c == 1 end", "if v.a then\n  return v.b == 1\nend\n"
      .. "return v.a == 1" },
    { "function(...) local v = ... return v.a == 1 end", "v.a == 1" },
    { "function(v, w) return w == nil and v.a end", "v.a" },
    { "function(v, id) return id == v.a end" , "id == v.a" },
    { "function(v) return end", "false" },
    { "function(v) end", "false" },
  }
  check { -- what raises and is not used is kept
    { "function(v) local x = v.d.e return v.a end", "local _ = v.d.e\nreturn v.a" },
    { "function(v) local x = v.a + 1 return v.b end", "local _ = v.a + 1\nreturn v.b" },
    { "function(v) local x = v.a return v.b end", "v.b" }, -- both are fields of one value
  }
end)

describe("of calls a condition", function()
  check {
    { 'type(v.a) == "string"' }, { 'kind(v.a) == "boolean"', 'type(v.a) == "boolean"' },
    { 'type(cfg) == "table" and v.a', "v.a" },
    { 'v.symbol:find("BTC", 1, true)' }, { 'v.symbol:find("BTC")', 'v.symbol:find("BTC", 1, true)' },
    { 'v.symbol:match("^BTC")' }, { 'v.symbol:match("USDT$")' }, { 'v.symbol:match("^BTC%.USDT$")' },
    { 'v.symbol:match("USD") == "USD"', 'v.symbol:find("USD", 1, true) == "USD"' },
    { 'v.symbol:sub(1, 3) == "BTC"' }, { 'v.symbol:sub(-4) == "USDT"' }, { "#v.symbol > 3" },
    { "v.symbol:len() == 7", "#v.symbol == 7" }, { "sym:find(v.symbol, 1, true)" },
    { "v.symbol:find(sym)", "v.symbol:find(sym, 1, true)" }, { "v.symbol:find(v.a)", "?" },
    { 'v.symbol:sub(1, 3):find("T", 1, true)' },
    { 'v.symbol:match("^BTC.USDT$")', "?" }, { "v.symbol:lower() == \"x\"", "?" }, { "helper(v)", "?" },
    { "v.a or helper(v)", "v.a or ?" }, { "tonumber(v.a) == 3", "?" },
  }
end)

describe("of values from outside a condition", function()
  check {
    { "v.a > min" }, { "v.a > changing" }, { "v.symbol == cfg.symbol" }, { "v.a > cfg.limits.deep.max" },
    { "v.a > self.limit" }, { "v.a == LIMIT" }, { "v.a == cfg[1]" }, { "cfg == v.a", "local _ = v.a\nreturn false" },
    { "v[key] == 1", "v.a == 1" }, { "v.list[place]", "v.list[1]" }, { "v.a == magic.x", "v.a == ?" },
    { "v[v.a]", "?" }, { "v.list[0]", "?" },
  }
end)

describe("a path ends as unknown, and no other,", function()
  check {
    { "function(v) if v.a then changing = 2 end return v.b end", "if v.a then\n  return ?\nend\nreturn v.b" },
    { "function(v) if v.a then some_global = 1 end return v.b end", "if v.a then\n  return ?\nend\nreturn v.b" },
    { "function(v) if v.b then v.b = nil end return v.a end", "if v.b then\n  return ?\nend\nreturn v.a" },
    { "function(v) if not v.a then return false end for k in pairs(v) do return true end end", "v.a and ?" },
    { "function(v) return v.a and coroutine.yield() end", "v.a and ?" },
    { "function(v) for i = 1, 3 do if v[i] == 2 then return true end end return v.a end", "?" },
  }
end)

describe("of a function without names and lines a condition", function()
  it("is what it would be with them", function()
    local f = loadstring(string.dump(function(v) return v.a == 1 or string.rep(v.b, 2) end, true))
    local reading = condition.read(f)
    assert.same("v.a == 1 or ?", source.text(reading.expression, reading.parameters))
    assert.is_nil(source.unknowns(reading.expression)[1].line)
    local g = loadstring "local x = 1 return function(v) return v.a == x end" ()
    assert.same("v.a == x", source.text(condition.read(g).expression, condition.read(g).parameters))
  end)
end)

describe("of an expression of the command a condition", function()
  local function read(text)
    local reading = condition.read(require("holdfast.cli.code.expression").compile(text), 2)
    return source.text(reading.expression, reading.parameters)
  end

  for _, row in ipairs {
    { 'v.side == "long" and v.price > 40000' },
    { "v.note == null" },
    { "v.note == holdfast.null" },
    { 'type(v.a) == "string" and id ~= v.a' },
    { 'id:sub(1, 3) == "BTC"' },
    { 'id:match("^BTC")' },
    { "if v.a then return true end return v.b", "v.a or v.b" },
    { "v.b and v.a > os.time()", "v.b and ?" },
  } do
    it("reads " .. row[1], function() assert.same(row[2] or row[1], read(row[1])) end)
  end
end)

describe("a long predicate", function()
  -- One with as many parts as this, made of what `part` gives.
  local function chain(count, operator, part)
    local parts = {}
    for i = 1, count do parts[i] = part(i) end
    return loadstring("return function(v) return " .. table.concat(parts, operator) .. " end")()
  end

  it("is read whole", function()
    local core = require "holdfast.core"
    local f = chain(400, " or ", function(i) return ('v.s == "S%d"'):format(i) end)
    local asked = assert(condition.of(f))
    assert.same("yes", (core.condition.test(asked.condition, "x", '{"s":"S400"}')))
    assert.same("no", (core.condition.test(asked.condition, "x", '{"s":"S401"}')))
  end)

  it("may have more constants than an instruction has room for", function()
    local core = require "holdfast.core"
    local f = chain(300, " and ", function(i) return ("v.f%d == %d"):format(i, i) end)
    local fields = {}
    for i = 1, 300 do fields[i] = ('"f%d":%d'):format(i, i) end
    local text = "{" .. table.concat(fields, ",") .. "}"
    local made = assert(condition.of(f)).condition
    assert.same("yes", (core.condition.test(made, "x", text)))
    assert.same("no", (core.condition.test(made, "x", (text:gsub(":300}", ":3}")))))
    assert.same("no", (core.condition.test(made, "x", (text:gsub(":270,", ":3,")))))
  end)

  it("costs as much as it is long, and not more", function()
    local f = chain(60, " and ", function(i) return ("(v.a%d or v.b%d)"):format(i, i) end)
    local text = source.text(condition.read(f).expression, {})
    local _, count = text:gsub("v%.a%d+ or", "")
    assert.same(60, count)
  end)

  it("is unknown where it is too long", function()
    local lines = {}
    for i = 1, 12 do lines[i] = ("local x%d = v.a%d or v.b%d"):format(i, i, i) end
    local sum = {}
    for i = 1, 12 do sum[i] = "x" .. i end
    local f = loadstring("return function(v) " .. table.concat(lines, " ") .. " return " .. table.concat(sum, " + ")
      .. " > 1 end")()
    local reading = condition.read(f)
    assert.is_nil(reading.why)
    local whys = {}
    for _, node in ipairs(source.unknowns(reading.expression)) do whys[node[2]] = true end
    assert.same({ ["too much to be read"] = true }, whys)
  end)
end)
