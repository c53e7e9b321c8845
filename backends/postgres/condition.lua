-- SPDX-License-Identifier: MIT
--
-- What a row must be for a condition not to refuse it, as SQL.  A condition comes as the expression of a predicate
-- (lua/holdfast/condition); a row to which it is not a sure no must be found: one for which it is true, and one for
-- which Lua would raise, or which the server cannot tell, since the predicate is asked of it here.
--
-- Each node is, as a truth, two conditions of SQL, and a set of reasons for not knowing, which are conditions too:
--   N  it is not surely false: true, raises, or is not known
--   T  it is not surely true
--   R  it raises, or is not known
-- and those of a node are made of those of its operands.  None of them is ever NULL, and nothing in them fails,
-- whatever is in a row.  Where an index has a field, what it can say of the row stands beside what says it best: the
-- second is fast where the server goes through all rows, and the first leads to a few.

local bounds = require "holdfast.backends.postgres.bounds"
local fields = require "holdfast.backends.postgres.field"
local holdfast = require "holdfast"
local key = require "holdfast.backends.postgres.key"

local format, rawequal = string.format, rawequal
local null = holdfast.null

local M = {}

-- SQL beyond this says less instead.
local LONGEST = 16000

-- ---- truths in SQL

local TRUE, FALSE = "TRUE", "FALSE"

local function both(a, b)
  if a == FALSE or b == FALSE then return FALSE end
  if a == TRUE or a == b then return b end
  if b == TRUE then return a end
  return "(" .. a .. " AND " .. b .. ")"
end

local function either(a, b)
  if a == TRUE or b == TRUE then return TRUE end
  if a == FALSE or a == b then return b end
  if b == FALSE then return a end
  return "(" .. a .. " OR " .. b .. ")"
end

-- ---- reasons

-- A reason for not knowing has a name; `implies` are the names of those that are true with it.
---@class holdfast.postgres.Reason
---@field sql string
---@field implies table<string, boolean>  itself among them

local function addAll(to, from)
  for name, value in pairs(from) do to[name] = value end
  return to
end

-- All names of some reasons, and what they imply.
local function implied(reasons)
  local names = {}
  for _, reason in pairs(reasons) do addAll(names, reason.implies) end
  return names
end

-- Those reasons as SQL that `covered` does not have already.
local function reasonsText(reasons, covered)
  local names, sql = {}, FALSE
  for name in pairs(reasons) do
    if not covered[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do sql = either(sql, reasons[name].sql) end
  return sql
end

-- ---- nodes
--
-- A node is {N, T, R, inN, inT}: the last two are the names of reasons that N and T surely have.

local ANYTHING = { any = { sql = TRUE, implies = { any = true } } }

local function unknown() return { N = TRUE, T = TRUE, R = ANYTHING, inN = {}, inT = {} } end

local function constant(truth)
  return { N = truth and TRUE or FALSE, T = truth and FALSE or TRUE, R = {}, inN = {}, inT = {} }
end

-- Whether a set of names, of a condition in SQL, has the name.
local function has(sql, names, name) return sql == TRUE or names[name] == true end

-- (a AND (R or b)), and the names that it has.
local function chain(a, aNames, R, b, bNames)
  local ofR = implied(R)
  local covered = b == TRUE and ofR or bNames
  local further = either(reasonsText(R, covered), b)
  local sql, names = both(a, further), {}
  if #sql > LONGEST or further == TRUE then return a, aNames end
  local all = addAll(addAll(addAll({}, aNames), ofR), bNames)
  for name in pairs(all) do
    if has(a, aNames, name) and (ofR[name] or has(b, bNames, name)) then names[name] = true end
  end
  return sql, names
end

local function union(a, aNames, b, bNames)
  local sql = either(a, b)
  if #sql > LONGEST then return TRUE, {} end
  return sql, addAll(addAll({}, aNames), bNames)
end

local function opposite(a) return { N = a.T, T = a.N, R = a.R, inN = a.inT, inT = a.inN } end

local function conjunction(a, b)
  local out = { R = addAll(addAll({}, a.R), b.R) }
  out.N, out.inN = chain(a.N, a.inN, a.R, b.N, b.inN)
  out.T, out.inT = union(a.T, a.inT, b.T, b.inT)
  return out
end

local function disjunction(a, b) return opposite(conjunction(opposite(a), opposite(b))) end

-- (c and a) or (not c and b), each as a whole
local function alternative(c, a, b) return disjunction(conjunction(c, a), conjunction(opposite(c), b)) end

-- ---- values

-- What is known of an operand without an entity.
local KNOWN = { ["nil"] = true, boolean = true, number = true, string = true }

---@class holdfast.postgres.Reader
---@field parameters any[]
---@field statement table
---@field give holdfast.postgres.Give
---@field isIndexed fun(field: holdfast.postgres.Field): boolean
local Reader = {}
Reader.__index = Reader

-- Whether the node is a constant or a parameter of which all is known; and its value.
function Reader:constantOf(node)
  local value
  if node[1] == "const" then
    value = node[2]
  elseif node[1] == "param" then
    value = self.parameters[node[2]]
  else
    return false
  end
  return KNOWN[type(value)] ~= nil or rawequal(value, null), value
end

-- The field that a node is; nil where it is none that the server can be asked for.
local function fieldOf(node)
  if node[1] ~= "path" or node[2] ~= "v" or node[3] == nil then return nil end
  return fields.new({ unpack(node, 3) }, #node - 2)
end

local function isId(node) return node[1] == "path" and node[2] == "id" and node[3] == nil end

-- ---- what is not known of a field

local function newReason(name, sql, implies)
  implies[name] = true
  return { [name] = { sql = sql, implies = implies } }
end

-- What an index says beside it, where there is one.
function Reader:withIndex(field, sql, ofIndex)
  if not self.isIndexed(field) then return sql end
  return both(sql, "(" .. ofIndex:gsub("KEY", function() return field:key(self.give) end) .. ")")
end

-- It is in something that cannot be walked.  What is further in cannot then, either.
function Reader:unwalkable(field)
  local parent, implies = field.parent, {}
  local outer = parent
  while outer do
    implies["in " .. outer.path] = true
    outer = outer.parent
  end
  local sql = self:withIndex(field, parent:unwalkable(self.give), "KEY = 'u'")
  return newReason("in " .. parent.path, sql, implies)
end

-- It is no number, or no string.
local OTHER = { number = "KEY < 'n' OR KEY >= 'p'", string = "KEY < 's' OR KEY >= 't'" }

function Reader:notOf(kind, field)
  local implies = implied(self:unwalkable(field))
  local sql = format("coalesce(%s <> '%s', TRUE)", field:type(self.give), kind)
  return newReason(kind .. " " .. field.path, self:withIndex(field, sql, OTHER[kind]), implies)
end

-- ---- tests of a field

-- A test that raises only where the field is in nothing that can be walked.
-- It is false where there is no field.
--   yes    SQL that is true where the test may be true; where there is no field it is NULL
--   sure   SQL that is true where the test surely is; nil: that is `yes`
--   index  what leads to N by an index
function Reader:plain(field, yes, sure, index)
  local R = self:unwalkable(field)
  local N = format("coalesce(%s, %s)", yes, field.parent:unwalkable(self.give))
  if index then N = self:withIndex(field, N, index) end
  local names = implied(R)
  return { N = N, T = format("((%s) IS NOT TRUE)", sure or yes), R = R, inN = names, inT = names }
end

-- A test that raises where the field is not of this kind.
--   yes, no  SQL that is true or false where the field is of this kind
--   index    what leads to N by an index, among the fields of this kind
function Reader:ofKind(kind, field, yes, no, index)
  local R = self:notOf(kind, field)
  local names, isOther = implied(R), field:type(self.give) .. " <> '" .. kind .. "'"
  local function text(sql) return format("coalesce(%s OR %s, TRUE)", sql, isOther) end
  local N = text(yes)
  if index then N = self:withIndex(field, N, OTHER[kind] .. " OR " .. index) end
  return { N = N, T = text(no), R = R, inN = names, inT = names }
end

-- ---- equality

-- Where a field is one of these values of JSON.
function Reader:equalsLiteral(field, literal, letter)
  local yes = format("%s = '%s'::jsonb", field:value(self.give), literal)
  return self:plain(field, yes, nil, format("KEY IN ('%s', 'u')", letter))
end

function Reader:equalsNil(field)
  local value, R = field:value(self.give), self:unwalkable(field)
  local names = implied(R)
  return {
    N = self:withIndex(field, format("(%s) IS NULL", value), "KEY IN ('m', 'u')"),
    T = either(format("(%s) IS NOT NULL", value), field.parent:unwalkable(self.give)),
    R = R, inN = names, inT = names,
  }
end

function Reader:equalsText(field, text)
  if not fields.isText(text) then return unknown() end
  local given = self.give("text", text)
  local yes = format('(%s) COLLATE "C" = %s', field:text(self.give), given)
  local isString = field:type(self.give) .. " = 'string'"
  return self:plain(field, yes, format("%s AND %s", yes, isString),
    format("KEY IN (%s, 'u')", key.ofText(text, self.give)))
end

-- A comparison with a bound in a jsonpath.
local function against(operator, bound) return format("@ %s %s", operator, bound) end

-- That a number rounds to this one, as a filter of a jsonpath.
local function isNear(number)
  local around = bounds.around(number)
  local parts = {}
  if around.lower then parts[1] = against(around.isClosed and ">=" or ">", around.lower) end
  if around.upper then parts[#parts + 1] = against(around.isClosed and "<=" or "<", around.upper) end
  return table.concat(parts, " && ")
end

local function isDouble(number) return number > -math.huge and number < math.huge end

function Reader:equalsNumber(field, number)
  if number ~= number then return unknown() end
  local path = self.give("jsonpath", format("%s ? (%s)", field.path, isNear(number)))
  local index = "KEY IN ('o', 'u')"
  if isDouble(number) then index = format("KEY IN (%s, 'o', 'u')", self.give("text", key.ofNumber(number))) end
  return self:plain(field, "data @? " .. path, nil, index)
end

function Reader:equals(field, value)
  if value == nil then return self:equalsNil(field) end
  if rawequal(value, null) then return self:equalsLiteral(field, "null", "d") end
  if value == true then return self:equalsLiteral(field, "true", "k") end
  if value == false then return self:equalsLiteral(field, "false", "f") end
  if type(value) == "number" then return self:equalsNumber(field, value) end
  return self:equalsText(field, value)
end

-- ---- order

-- For each operator what it leads to by an index, among numbers and all else: what is left out are numbers.
local LEADS = {
  ["<"] = "KEY < %s OR KEY >= 'o'", ["<="] = "KEY <= %s OR KEY >= 'o'", [">"] = "KEY < 'n' OR KEY > %s",
  [">="] = "KEY < 'n' OR KEY >= %s",
}

-- For each operator the bound at which it ends, seen from the path's side, and the operators of its yes and its no
-- where the bound itself rounds to the number, and where it does not.
local ORDER = {
  ["<"] = { bound = "lower", closed = { "<", ">=" }, open = { "<=", ">" } },
  ["<="] = { bound = "upper", closed = { "<=", ">" }, open = { "<", ">=" } },
  [">"] = { bound = "upper", closed = { ">", "<=" }, open = { ">=", "<" } },
  [">="] = { bound = "lower", closed = { ">=", "<" }, open = { ">", "<=" } },
}

function Reader:numberOrder(field, operator, number)
  local around = bounds.around(number)
  local order = ORDER[operator]
  local bound = around[order.bound]
  if not bound then return unknown() end
  local names = around.isClosed and order.closed or order.open
  -- True where it is a number on that side: one look at the field for a row that is refused.
  local function sure(name)
    return "data @@ " .. self.give("jsonpath", format("%s %s %s", field.path, name, bound))
  end
  local R = self:notOf("number", field)
  local all, N = implied(R), format("((%s) IS NOT TRUE)", sure(names[2]))
  if isDouble(number) then
    N = self:withIndex(field, N, LEADS[operator]:format(self.give("text", key.ofNumber(number))))
  end
  return { N = N, T = format("((%s) IS NOT TRUE)", sure(names[1])), R = R, inN = all, inT = all }
end

local NEGATED = { ["<"] = ">=", ["<="] = ">", [">"] = "<=", [">="] = "<" }

function Reader:textOrder(field, operator, text)
  if not fields.isText(text) then return unknown() end
  local given = self.give("text", text)
  local function compared(name) return format('(%s) COLLATE "C" %s %s', field:text(self.give), name, given) end
  local from, upTo = key.ofTexts(text)
  local isBelow = operator == "<" or operator == "<="
  return self:ofKind("string", field, compared(operator), compared(NEGATED[operator]),
    isBelow and "KEY <= " .. self.give("text", upTo) or "KEY >= " .. self.give("text", from))
end

function Reader:order(field, operator, value)
  if type(value) == "number" and value == value then return self:numberOrder(field, operator, value) end
  if type(value) == "string" then return self:textOrder(field, operator, value) end
  return unknown()
end

-- ---- ids, which are texts

function Reader:idAgainst(operator, value)
  local isOrder = operator ~= "=="
  if type(value) ~= "string" then return isOrder and unknown() or constant(false) end
  if not fields.isText(value) then return isOrder and unknown() or constant(false) end
  local function text(name)
    return format("entity_id%s %s %s", isOrder and ' COLLATE "C"' or "", name, self.give("text", value))
  end
  return { N = text(isOrder and operator or "="), T = text(isOrder and NEGATED[operator] or "<>"), R = {}, inN = {},
    inT = {} }
end

-- ---- comparisons of constants

local function compareKnown(operator, a, b)
  if operator == "==" then return constant(a == b) end
  if type(a) ~= type(b) or (type(a) ~= "number" and type(a) ~= "string") then return unknown() end
  if operator == "<" then return constant(a < b) end
  if operator == "<=" then return constant(a <= b) end
  if operator == ">" then return constant(a > b) end
  return constant(a >= b)
end

-- ---- types

-- Lua's types as those of JSON.
local TYPES = { number = "'number'", string = "'string'", boolean = "'boolean'", userdata = "'null'",
  table = "'object', 'array'" }

function Reader:typeIs(node, name)
  local field = fieldOf(node)
  if isId(node) then return constant(name == "string") end
  if not field then return unknown() end
  if name == "nil" then return self:equalsNil(field) end
  local yes = format("%s IN (%s)", field:type(self.give), TYPES[name] or "''")
  return self:plain(field, yes)
end

-- ---- texts

local TESTS = {
  find = 'strpos((%s) COLLATE "C", %s) > 0',
  begins = "starts_with(%s, %s)",
  ends = 'right(%s, char_length(%s)) COLLATE "C" = %s',
  is = '(%s) COLLATE "C" = %s',
}

function Reader:search(node)
  local isKnown, text = self:constantOf(node[3])
  if not isKnown or type(text) ~= "string" or not fields.isText(text) then return unknown() end
  local given, name = self.give("text", text), node[1]
  if isId(node[2]) then
    local yes = TESTS[name]:format("entity_id", given, given)
    return { N = yes, T = "(NOT " .. yes .. ")", R = {}, inN = {}, inT = {} }
  end
  local field = fieldOf(node[2])
  if not field then return unknown() end
  local yes = TESTS[name]:format(field:text(self.give), given, given)
  return self:ofKind("string", field, yes, "NOT " .. yes)
end

-- ---- all nodes

local MIRRORED = { ["=="] = "==", ["<"] = ">", ["<="] = ">=", [">"] = "<", [">="] = "<=" }

function Reader:comparison(operator, left, right)
  local leftKnown, a = self:constantOf(left)
  local rightKnown, b = self:constantOf(right)
  if leftKnown and rightKnown then return compareKnown(operator, a, b) end
  if leftKnown then return self:comparison(MIRRORED[operator], right, left) end
  if not rightKnown then return unknown() end
  if isId(left) then return self:idAgainst(operator, b) end
  if operator == "==" and left[1] == "type" then
    return type(b) == "string" and self:typeIs(left[2], b) or unknown()
  end
  if operator == "==" and b == nil and TESTS[left[1]] then return opposite(self:search(left)) end
  local field = fieldOf(left)
  if not field then return unknown() end
  return operator == "==" and self:equals(field, b) or operator ~= "==" and self:order(field, operator, b)
end

function Reader:path(node)
  local field = fieldOf(node)
  if isId(node) then return constant(true) end
  if not field then return unknown() end
  local yes = format("%s <> 'false'::jsonb", field:value(self.give))
  return self:plain(field, yes)
end

local CHOICES = { ["and"] = conjunction, ["or"] = disjunction, ["if"] = alternative }

function Reader:make(node)
  local name = node[1]
  if CHOICES[name] then
    return CHOICES[name](self:truth(node[2]), self:truth(node[3]), node[4] and self:truth(node[4]))
  end
  if name == "not" then return opposite(self:truth(node[2])) end
  if name == "~=" then return opposite(self:comparison("==", node[2], node[3])) end
  if MIRRORED[name] then return self:comparison(name, node[2], node[3]) end
  if TESTS[name] then return self:search(node) end
  if name == "path" then return self:path(node) end
  local isKnown, value = self:constantOf(node)
  if isKnown then return constant(value ~= nil and value ~= false) end
  return unknown()
end

function Reader:truth(node)
  local known = self.known[node]
  if not known then
    known = self:make(node)
    self.known[node] = known
  end
  return known
end

local function never() return false end

--- What a row must be, as SQL with parameters in it as `statement` makes them; nil where any row may be found.
---@param statement table
---@param expression table
---@param parameters any[]
---@param isIndexed? fun(field: holdfast.postgres.Field): boolean  whether an index has the field
---@return string?
function M.sql(statement, expression, parameters, isIndexed)
  local reader = setmetatable({
    parameters = parameters, statement = statement, known = {}, isIndexed = isIndexed or never,
    give = function(type, text) return statement:give(type, text) end,
  }, Reader)
  local N = reader:truth(expression).N
  if N == TRUE or #N > LONGEST then return nil end
  return N
end

return M
