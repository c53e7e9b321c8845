-- SPDX-License-Identifier: MIT
--
-- Documents as other programs may have written them to MongoDB, by pymongo: each type of BSON, and arrays, wherever a
-- predicate might look; and what predicates ask there.

local M = {}

-- Each value at v.a, at v.a.b and v.a.b.c, in arrays on the way, and as the whole entity.
M.PYTHON = [=[
D, I, Bin = bson.Decimal128, bson.Int64, bson.Binary
values = [None, True, False, 0, 1, 5, -5, 1.5, -0.0, 0.1, 2**31, I(2**53), I(2**53 + 1), I(2**53 + 2), I(2**53 + 3),
  I(-2**53 - 1), float(2**53 + 2), I(2**63 - 1), 2.0**63,
  float("inf"), float("-inf"), float("nan"), 5e-324, 1.7976931348623157e308,
  "", "a", "abc", "b", "B", "ab", "abcd", "zabc", "\x00", "a\x00b", "é", "5", "true", "nil", "number", "long", "a.c",
  D("1"), D("5"), D("-5"), D("NaN"), D("0.1"), D("1E+3"), datetime.datetime(2024, 2, 7),
  bson.ObjectId("65c2f1d4a1b2c3d4e5f60718"), Bin(b"\x96\x89\xe0"), Bin(bytes(range(16)), 4), bson.Regex("^abc", "i"),
  bson.Code("abc"), bson.Code("abc", {"a": 1}), bson.Timestamp(5, 1), bson.MinKey(), bson.MaxKey(), {}, [],
  {"holdfast:json": '"abc"'}, {"holdfast:json": "5"}, {"length": 5}, {"a.b": 5}, {"b": {"c": 5, "a": "abc"}}]
def shapes(v):
    yield {"a": v}
    yield {"a": [v]}
    yield {"a": [[v]]}
    yield {"a": {"b": v}}
    yield {"a": [{"b": v}]}
    yield {"a": {"b": [v]}}
    yield {"a": {"b": {"c": v}}}
    yield {"a": [{"b": {"c": v}}]}
    yield {"a": {"b": [{"c": v}]}}
    yield {"a.b": v, "b": v}
    yield [{"a": v}]
    yield [{"a": {"b": v}}]
    yield v
documents, n = [], 0
for v in values:
    for data in shapes(v):
        n += 1
        documents.append({"entityId": "o%d" % n, "data": data, "updatedAt": datetime.datetime(2024, 2, 7)})
for i, json in enumerate(['{"a":"abc"}', '{"a":5}', '{"a":{"b":5}}', '{"a":{"b":"abc"}}', "5", "null", "[]"]):
    documents.append({"entityId": "t%d" % i, "data": {"holdfast:json": json}})
def put(name, documents):  # insert_many() would refuse keys with dots
    for i in range(0, len(documents), 500):
        reply = db.command(bson.SON([("insert", name), ("documents", documents[i:i + 500])]))
        assert reply["n"] == len(documents[i:i + 500]), reply
]=]

-- Copies of what is in a collection, in each of which one value, at random, became one of another type.
M.CHANGED = [=[
import random
def places(value, around, key):
    yield around, key
    for k in list(value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()):
        yield from places(value[k], value, k)
def changed(value, seed):
    draw = random.Random(seed)
    root = {"data": value}
    around, key = draw.choice(list(places(value, root, "data")))
    old = around[key]
    way = draw.randrange(5)
    around[key] = [old] if way == 0 else [{key: old}] if way == 1 and isinstance(key, str) else draw.choice(values)
    return root["data"]
def change(name, seed):
    found = [d for d in db[name].find() if not (isinstance(d["data"], dict) and "holdfast:json" in d["data"])]
    put(name, [{"entityId": "o%s" % d["entityId"], "data": changed(d["data"], seed + i)} for i, d in enumerate(found)])
]=]

local PATHS = { "v.a", "v.a.b", "v.a.b.c" }
local CONSTANTS = { "5", '"abc"', "true", "false", "nil", "null", "0", "2^53", "2^53 + 4", "-2^53", "0.1", "1/0", "0/0",
  '""', '"B"', '"5"', '"1"', '"NaN"', '"2024-02-07T00:00:00.000Z"', '"65c2f1d4a1b2c3d4e5f60718"', '"long"', '"long"',
  '"00010203-0405-0607-0809-0a0b0c0d0e0f"', '"/^abc/i"', '"MinKey"', '"MaxKey"', '"a\\0b"', '"é"', "-1/0", "2^63",
  "{}" }
local ORDERED = { "5", "0", "-5", '"abc"', '""', "2^53", "-2^53", "1/0", "0/0", "nil", "true", '"é"', "2^53 + 4" }
local EQUALITIES, COMPARISONS = { "==", "~=" }, { "<", "<=", ">", ">=" }
local OTHERS = { "%s", "type(%s) == 'number'", "type(%s) == 'string'", "type(%s) ~= 'table'", "type(%s) == 'boolean'",
  "type(%s) == 'nil'", "type(%s)", "%s:find('bc', 1, true)", "%s:find('a.c', 1, true)", "%s:match('^ab')",
  "%s:match('bc$')", "%s:match('^abc$')", "%s:sub(1, 2) == 'ab'", "%s:sub(1, 2) ~= 'ab'", "%s + 1 == 6", "#%s == 3",
  "%s == v.c", "%s:sub(1, v.n) == 'ab'" }

--- What predicates ask: expressions of `v`.
---@param constants? string[]  that it is compared with, by == and ~=
---@param ordered? string[]    by the other comparisons
---@return string[]
function M.expressions(constants, ordered)
  constants, ordered = constants or CONSTANTS, ordered or ORDERED
  local out = {}
  for _, path in ipairs(PATHS) do
    for _, operator in ipairs(EQUALITIES) do
      for _, constant in ipairs(constants) do out[#out + 1] = ("%s %s %s"):format(path, operator, constant) end
    end
    for _, operator in ipairs(COMPARISONS) do
      for i, constant in ipairs(ordered) do
        local flipped = i % 3 == 0
        out[#out + 1] = ("%s %s %s"):format(flipped and constant or path, operator, flipped and path or constant)
      end
    end
    for _, other in ipairs(OTHERS) do out[#out + 1] = other:format(path) end
  end
  for _, operator in ipairs(EQUALITIES) do out[#out + 1] = ('v["a.b"] %s 5'):format(operator) end
  return out
end

--- Further ones, made of two or three of them at random.
---@param draw asked.Draw
---@param all string[]
---@return string
function M.combined(draw, all)
  local function one() return all[draw(#all)] end
  local way = draw(6)
  if way == 1 then return ("not (%s)"):format(one()) end
  if way == 2 then return ("(%s) and (%s)"):format(one(), one()) end
  if way == 3 then return ("(%s) or (%s)"):format(one(), one()) end
  if way == 4 then return ("not ((%s) and (%s)) or (%s)"):format(one(), one(), one()) end
  if way == 5 then return ("(%s) and ((%s) or not (%s))"):format(one(), one(), one()) end
  return ("((%s) and (%s) or (%s)) == true"):format(one(), one(), one())
end

--- The chunk of a predicate, as those of predicates.lua.
---@param expression string
---@return string
function M.chunk(expression)
  return ("local lib = ...\nlocal null = lib.null\nlocal c = %s\n"):format('"abc"')
    .. "local function predicate(v) return " .. expression .. " end\n"
    .. "return predicate, function() end, function() return c end"
end

return M
