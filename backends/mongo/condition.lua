-- SPDX-License-Identifier: MIT
--
-- What a condition asks, as a query: the part of it that MongoDB can tell.  The query finds every document to whose
-- entity the condition is not a sure no, and as few others as it can; what it finds is decoded and asked here.
--
-- Each node of the condition, as a truth, has three queries, for the documents for which it
--   N  is not surely false: true, raises, or is not known
--   T  is not surely true
--   R  raises or is not known; they are in N and in T
-- and those of a node are made of those of its operands.  Nothing is ever negated as a whole, so a query that finds too
-- much stays right wherever it goes.
--
-- What MongoDB sees otherwise than scripts:
--   arrays   `data.a.b` is also what the elements of an array `a` have, and a value is also each element of an array;
--            scripts have nil there, or a table
--   types    a Decimal128 is a number there and a text here, as dates and others are; NaN is null here (reader.lua)
--   numbers  a long beyond 2^53 is rounded here
--   texts    compare by their bytes here, so the query asks for the simple collation
--   names    with dots and others that MongoDB reads in another way are never asked for
--   marked   entities that are kept as their JSON text (writer.lua) have no fields there
--
-- Indexes serve the N of an equality and of a comparison, since each member of it is a condition on the field itself,
-- or one of those that indexes.lua makes small indexes for.

local core = require "holdfast.core"
local queries = require "holdfast.backends.mongo.queries"
local writer = require "holdfast.backends.mongo.writer"

local frexp, huge, abs, concat = math.frexp, math.huge, math.abs, table.concat
local pcall, rawequal, select, type, unpack = pcall, rawequal, select, type, unpack
local field, both, any, all, json = queries.field, queries.both, queries.any, queries.all, queries.json
local ALL, NONE = queries.ALL, queries.NONE
local null = core.json.null

local M = {}

-- Texts that are asked for, at most.
local TEXT_MAX = 1000

local LARGE = 2 ^ 53 -- beyond, several longs are one double
local LOWEST = "-1.7976931348623157e308"

-- ---- fields

-- A name as a part of MongoDB's dotted paths: with none of what has a meaning there.
local function isPlain(name)
  return type(name) == "string" and name ~= "" and name ~= writer.MARKER and #name <= 200
    and not name:find "^%$" and not name:find "[%.%z]" and not name:find "^%d+$" and (pcall(json, name))
end

-- {names=, key=, parent=} of a path node; nil for one that is not asked for.
local function fieldOf(node)
  if node[1] ~= "path" or node[2] ~= "v" or not node[3] then return nil end
  local keys = { [0] = "data" }
  for i = 3, #node do
    if not isPlain(node[i]) then return nil end
    keys[i - 2] = keys[i - 3] .. "." .. node[i]
  end
  return { keys = keys, count = #keys, key = keys[#keys] }
end

-- Of one of these types.  In arrays also: an element is.
local function hasType(key, ...)
  local names = '"' .. concat({ ... }, '","') .. '"'
  return field(key, "$type", select("#", ...) == 1 and names or "[" .. names .. "]")
end

local function exists(key) return field(key, "$exists", "true") end
local function isMissing(key) return field(key, "$exists", "false") end

--- Where MongoDB sees otherwise than scripts what it finds by a key: in elements of arrays, and numbers that are texts
--- here.  One query for both, so that one small index does for both (indexes.lua).
function M.isOdd(key) return hasType(key, "array", "decimal") end

-- Where one of the first keys is an array, or the last one a Decimal128.
local function hasArrays(of, last)
  local out = NONE
  for i = 0, last do out = any(out, M.isOdd(of.keys[i])) end
  return out
end

-- Where the path cannot be walked: it raises, or comes to a text, whose methods it would find.
local function unwalkable(of)
  local parent = of.keys[of.count - 1]
  local isNoObject = any(isMissing(parent), field(parent, "$not", '{"$type":"object"}'))
  if of.count == 1 then isNoObject = any(isNoObject, exists("data." .. writer.MARKER)) end
  return any(all(isMissing(of.key), isNoObject), hasArrays(of, of.count - 2))
end

-- Where there is no number that scripts see.
local function notNumber(of)
  return any(isMissing(of.key), field(of.key, "$not", '{"$gte":' .. LOWEST .. "}"), hasArrays(of, of.count))
end

-- Where there is no string; symbols, an old kind, compare as strings.
local function notString(of)
  return any(isMissing(of.key), field(of.key, "$not", '{"$gte":""}'), hasArrays(of, of.count))
end

-- ---- what a value may be

-- Types that are texts here, and what they look like.
local function textTypes(text)
  local types = { "javascript", "javascriptWithScope" }
  local function add(name) types[#types + 1] = name end
  if text:find "^%-?%d" or text:find "^%-?Infinity$" or text == "NaN" then add "decimal" end
  if text:find "^[%+%-]?%d%d%d%d+%-%d%d%-%d%dT" then add "date" end
  if text:find "^/" then add "regex" end
  if (#text % 4 == 0 and text:find "^[%w%+/]*=*$") or text:find "^%x+%-%x+%-%x+%-%x+%-%x+$" then add "binData" end
  if #text == 24 and text:find "^%x*$" then
    add "objectId"
    add "dbPointer"
  end
  if text == "MinKey" then add "minKey" end
  if text == "MaxKey" then add "maxKey" end
  return unpack(types)
end

-- The doubles beside a number: what is beyond them is not rounded to it.
local function neighbours(number)
  local _, exponent = frexp(number)
  local step = 2 ^ (exponent - 53)
  return number - step, number + step
end

local function isLarge(number) return abs(number) >= LARGE and abs(number) < huge end

local equal = {} -- by the type of the constant: what may be equal to it, what is not surely equal

function equal.number(of, number)
  if number ~= number then return NONE, ALL end
  local may = field(of.key, "$eq", json(number))
  if isLarge(number) then
    local below, above = neighbours(number)
    may = both(of.key, "$gte", json(below), "$lte", json(above))
  end
  return may, field(of.key, "$ne", json(number))
end

function equal.string(of, text)
  return any(field(of.key, "$eq", json(text)), hasType(of.key, textTypes(text))), field(of.key, "$ne", json(text))
end

function equal.boolean(of, truth) return field(of.key, "$eq", json(truth)), field(of.key, "$ne", json(truth)) end

-- MongoDB takes what is missing for null, and an undefined of old for either.
function equal.null(of)
  local isNaN = both(of.key, "$type", '"double"', "$not", '{"$gte":' .. LOWEST .. "}")
  return any(field(of.key, "$eq", "null"), hasType(of.key, "undefined"), isNaN),
    any(field(of.key, "$ne", "null"), isMissing(of.key))
end

equal["nil"] = function(of) return any(isMissing(of.key), hasArrays(of, of.count - 1)), exists(of.key) end

-- ---- constants

local UNKNOWN = {} -- a value that is none of those that MongoDB can be asked for

-- The value of a node that is the same for all entities, and its type; nil as the type: it is no such node.
local function constantOf(node, parameters)
  local value
  if node[1] == "const" then
    value = node[2]
  elseif node[1] == "param" then
    value = parameters[node[2]]
  else
    return nil, nil
  end
  if rawequal(value, null) then return value, "null" end
  local kind = type(value)
  if equal[kind] then return value, kind end
  return UNKNOWN, "unknown"
end

-- Whether a text can go into a query.
local function isText(text) return #text <= TEXT_MAX and (pcall(json, text)) end

-- ---- nodes

local function cover(N, T, R) return { N = N, T = T, R = R } end

-- A result that may be anything, where what raises is known.
local function anything(R) return cover(ALL, ALL, R) end

local coverOf -- (node, run)

local function negated(of) return cover(of.T, of.N, of.R) end

local function equality(of, value, kind)
  local R = unwalkable(of)
  if kind == "unknown" then return anything(ALL) end
  if kind == "string" and not isText(value) then return anything(R) end
  local may, mayNot = equal[kind](of, value)
  return cover(any(may, R), any(mayNot, hasArrays(of, of.count), R), R)
end

-- Types whose values are texts to scripts.
local TEXTS = { "string", "symbol", "javascript", "javascriptWithScope", "decimal", "date", "regex", "binData",
  "objectId", "dbPointer", "minKey", "maxKey" }

-- type(x) == "number", and others that type() gives.
local function typeEquality(of, name)
  local R, arrays = unwalkable(of), hasArrays(of, of.count)
  if name == "nil" then return equality(of, nil, "nil") end
  if name == "number" then return cover(any(hasType(of.key, "number"), R), any(notNumber(of), R), R) end
  if name == "string" then
    return cover(any(hasType(of.key, unpack(TEXTS)), R), any(field(of.key, "$not", '{"$type":"string"}'), arrays, R), R)
  end
  if name == "boolean" then
    return cover(any(hasType(of.key, "bool"), R), any(field(of.key, "$not", '{"$type":"bool"}'), arrays, R), R)
  end
  return anything(R)
end

local FLIPPED = { ["<"] = ">", [">"] = "<", ["<="] = ">=", [">="] = "<=" }
local OPERATORS = { ["<"] = "$lt", ["<="] = "$lte", [">"] = "$gt", [">="] = "$gte" }
local OPPOSITE = { ["<"] = ">=", ["<="] = ">", [">"] = "<=", [">="] = "<" }

-- The documents whose number compares so, where longs that are rounded to the constant may.
local function numbers(of, operator, number)
  if isLarge(number) then
    local below, above = neighbours(number)
    if operator == "<=" then number = above end
    if operator == ">=" then number = below end
  end
  return field(of.key, OPERATORS[operator], json(number))
end

local function comparison(of, operator, value, kind)
  if kind == "number" then
    local R = notNumber(of)
    if value ~= value then return cover(R, ALL, R) end
    return cover(any(numbers(of, operator, value), R), any(numbers(of, OPPOSITE[operator], value), R), R)
  end
  if kind ~= "string" then return anything(ALL) end -- it raises
  local R = notString(of)
  if not isText(value) then return anything(R) end
  local function texts(wanted) return any(field(of.key, OPERATORS[wanted], json(value)), R) end
  return cover(texts(operator), texts(OPPOSITE[operator]), R)
end

-- A plain text as a part of a regular expression.
local function pattern(text) return (text:gsub("[^%w_\128-\255]", "\\%0")) end

-- Texts that a plain text is found in; `before`: what stands before it in the regular expression.
local function search(of, before, text)
  local R = notString(of)
  if not isText(text) or text:find("%z") then return anything(R) end
  return cover(any(field(of.key, "$regex", json(before .. pattern(text))), R), ALL, R)
end

-- x:sub(1, n) == "text": x begins with it.
local function beginning(node, run, text, kind)
  local of, from = fieldOf(node[2]), constantOf(node[3], run.parameters)
  local _, toKind = constantOf(node[4], run.parameters)
  if not of or from ~= 1 or toKind ~= "number" or kind ~= "string" then return nil end
  return search(of, "^", text)
end

-- What is equal to a constant.
local function equalTo(node, value, kind, run)
  local of = fieldOf(node)
  if of then return equality(of, value, kind) end
  local inner = node[1] == "type" and fieldOf(node[2])
  if inner and kind == "string" then return typeEquality(inner, value) end
  if node[1] == "sub" then return beginning(node, run, value, kind) end
  return nil
end

-- An equality or a comparison; the constant may stand on either side.
local function relation(node, run)
  local operator, left, right = node[1], node[2], node[3]
  local value, kind = constantOf(right, run.parameters)
  if not kind then
    value, kind = constantOf(left, run.parameters)
    left, right = right, left
    operator = FLIPPED[operator] or operator
  end
  local found
  if kind and OPERATORS[operator] then
    local of = fieldOf(left)
    found = of and comparison(of, operator, value, kind)
  elseif kind then
    found = equalTo(left, value, kind, run)
    if found and operator == "~=" then found = negated(found) end
  end
  if found then return found end
  if OPERATORS[operator] then return anything(ALL) end
  return anything(any(coverOf(left, run).R, coverOf(right, run).R))
end

local NODES = {}

function NODES.const(node, run)
  local value, kind = constantOf(node, run.parameters)
  if kind == "unknown" then return anything(ALL) end
  if value then return cover(ALL, NONE, NONE) end
  return cover(NONE, ALL, NONE)
end
NODES.param = NODES.const

function NODES.path(node)
  if node[2] == "id" then return cover(ALL, NONE, NONE) end
  local of = fieldOf(node)
  if not of then return anything(node[3] and ALL or NONE) end
  local R = unwalkable(of)
  return cover(any(all(exists(of.key), field(of.key, "$ne", "false")), M.isOdd(of.key), R),
    any(isMissing(of.key), field(of.key, "$eq", "false"), hasArrays(of, of.count - 1), R), R)
end

NODES["not"] = function(node, run) return negated(coverOf(node[2], run)) end

NODES["and"] = function(node, run)
  local a, b = coverOf(node[2], run), coverOf(node[3], run)
  return cover(all(a.N, any(a.R, b.N)), any(a.T, b.T), any(a.R, all(a.N, b.R)))
end

NODES["or"] = function(node, run)
  local a, b = coverOf(node[2], run), coverOf(node[3], run)
  return cover(any(a.N, b.N), all(a.T, any(a.R, b.T)), any(a.R, all(a.T, b.R)))
end

NODES["if"] = function(node, run)
  local x, y, z = coverOf(node[2], run), coverOf(node[3], run), coverOf(node[4], run)
  return cover(any(x.R, all(x.N, y.N), all(x.T, z.N)), any(x.R, all(x.N, y.T), all(x.T, z.T)), any(x.R, y.R, z.R))
end

NODES["=="], NODES["~="] = relation, relation
NODES["<"], NODES["<="], NODES[">"], NODES[">="] = relation, relation, relation, relation

function NODES.type(node, run) return cover(ALL, NONE, coverOf(node[2], run).R) end

local function finds(before)
  return function(node, run)
    local of = fieldOf(node[2])
    local text, kind = constantOf(node[3], run.parameters)
    if not of or kind ~= "string" then return anything(ALL) end
    return search(of, before, text)
  end
end

NODES.find, NODES.ends, NODES.begins, NODES.is = finds "", finds "", finds "^", finds "^"

function coverOf(node, run)
  local found = run.known[node]
  if not found then
    local make = NODES[node[1]]
    found = make and make(node, run) or anything(ALL)
    run.known[node] = found
  end
  return found
end

--- The keys of a path: "data", "data.a", "data.a.b" for v.a.b, from 0 on; nil where MongoDB is asked nothing of it.
---@param steps (string|integer)[]
---@return table<integer, string>?
function M.keys(steps)
  local of = fieldOf { "path", "v", unpack(steps) }
  return of and of.keys
end

--- The query for a condition, as JSON; nil: it could leave out nothing.
---@param where table          the expression (docs/adapters.md, "Conditions")
---@param parameters? any[]
---@return string?
function M.query(where, parameters)
  local found = coverOf(where, { parameters = parameters or {}, known = {} }).N
  if found == ALL or found == NONE then return nil end
  return found.text
end

return M
