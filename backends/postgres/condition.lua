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
-- whatever is in a row.  Beside each stands where in indexes its rows are (lead.lua): that is for a plan that uses one,
-- and what says it best is this.

local bounds = require "holdfast.backends.postgres.bounds"
local fields = require "holdfast.backends.postgres.field"
local holdfast = require "holdfast"
local key = require "holdfast.backends.postgres.key"
local leads = require "holdfast.backends.postgres.lead"

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
---@field lead? holdfast.postgres.Lead

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

-- Where one of those reasons holds that b does not have already, or b does.
local function orReasons(reasons, covered, b, bLead)
  local names, sql, lead = {}, FALSE, b ~= FALSE and { bLead } or nil
  for name in pairs(reasons) do
    if not covered[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local ofReason = reasons[name].lead
    sql = either(sql, reasons[name].sql)
    lead = { lead and leads.either(lead[1], ofReason) or not lead and ofReason or nil }
  end
  return either(sql, b), lead and lead[1]
end

-- ---- nodes
--
-- A node is {N, T, R, inN, inT, leadN, leadT}: inN and inT are the names of reasons that N and T surely have, and the
-- last two where their rows are.

local ANYTHING = { any = { sql = TRUE, implies = { any = true } } }

local function unknown() return { N = TRUE, T = TRUE, R = ANYTHING, inN = {}, inT = {} } end

local function constant(truth)
  return { N = truth and TRUE or FALSE, T = truth and FALSE or TRUE, R = {}, inN = {}, inT = {} }
end

-- Whether a set of names, of a condition in SQL, has the name.
local function has(sql, names, name) return sql == TRUE or names[name] == true end

-- (a AND (R or b)), the names that it has, and where it leads.
local function chain(a, aNames, aLead, R, b, bNames, bLead)
  local ofR = implied(R)
  local covered = b == TRUE and ofR or bNames
  local further, furtherLead = orReasons(R, covered, b, bLead)
  local sql, names = both(a, further), {}
  if #sql > LONGEST or further == TRUE then return a, aNames, aLead end
  local all = addAll(addAll(addAll({}, aNames), ofR), bNames)
  for name in pairs(all) do
    if has(a, aNames, name) and (ofR[name] or has(b, bNames, name)) then names[name] = true end
  end
  return sql, names, leads.both(aLead, furtherLead)
end

local function union(a, b)
  local sql = either(a.T, b.T)
  if #sql > LONGEST then return TRUE, {}, nil end
  local lead = leads.either(a.leadT, b.leadT)
  if a.T == FALSE then lead = b.leadT end
  if b.T == FALSE then lead = a.leadT end
  return sql, addAll(addAll({}, a.inT), b.inT), lead
end

local function opposite(a)
  return { N = a.T, T = a.N, R = a.R, inN = a.inT, inT = a.inN, leadN = a.leadT, leadT = a.leadN }
end

local function conjunction(a, b)
  local out = { R = addAll(addAll({}, a.R), b.R) }
  out.N, out.inN, out.leadN = chain(a.N, a.inN, a.leadN, a.R, b.N, b.inN, b.leadN)
  out.T, out.inT, out.leadT = union(a, b)
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
---@field isIndexed fun(field: holdfast.postgres.Field): boolean?
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

local function newReason(name, sql, implies, lead)
  implies[name] = true
  return { [name] = { sql = sql, implies = implies, lead = lead } }
end

-- Where rows with these ranges of the field are, if it is in an index.
function Reader:leadTo(field, ranges)
  if not self.isIndexed(field) then return nil end
  return leads.new(field, ranges)
end

local UNWALKABLE = leads.points { "u" }

-- It is in something that cannot be walked.  What is further in cannot then, either.
function Reader:unwalkable(field)
  local parent, implies = field.parent, {}
  local outer = parent
  while outer do
    implies["in " .. outer.path] = true
    outer = outer.parent
  end
  return newReason("in " .. parent.path, parent:unwalkable(self.give), implies, self:leadTo(field, UNWALKABLE))
end

-- It is no number, or no string.
local OTHER = {
  number = leads.union(leads.range(nil, "n"), leads.range("p")),
  string = leads.union(leads.range(nil, "s"), leads.range("t")),
}

function Reader:notOf(kind, field)
  local implies = implied(self:unwalkable(field))
  local sql = format("coalesce(%s <> '%s', TRUE)", field:type(self.give), kind)
  return newReason(kind .. " " .. field.path, sql, implies, self:leadTo(field, OTHER[kind]))
end

-- ---- tests of a field

-- A test that raises only where the field is in nothing that can be walked.
-- It is false where there is no field.
--   yes     SQL that is true where the test may be true; where there is no field it is NULL
--   sure    SQL that is true where the test surely is; nil: that is `yes`
--   ranges  of what an index has where the test may be true
function Reader:plain(field, yes, sure, ranges)
  local R = self:unwalkable(field)
  local names = implied(R)
  return {
    N = format("coalesce(%s, %s)", yes, field.parent:unwalkable(self.give)),
    T = format("((%s) IS NOT TRUE)", sure or yes), R = R, inN = names, inT = names,
    leadN = ranges and self:leadTo(field, leads.union(ranges, UNWALKABLE)),
  }
end

-- A test that raises where the field is not of this kind.
--   yes, no            SQL that is true or false where the field is of this kind
--   ofYes, ofNo        ranges of what an index has where the test may be true, and where it may be false
function Reader:ofKind(kind, field, yes, no, ofYes, ofNo)
  local R = self:notOf(kind, field)
  local names, isOther = implied(R), field:type(self.give) .. " <> '" .. kind .. "'"
  local function text(sql) return format("coalesce(%s OR %s, TRUE)", sql, isOther) end
  local function lead(ranges) return ranges and self:leadTo(field, leads.union(ranges, OTHER[kind])) end
  return { N = text(yes), T = text(no), R = R, inN = names, inT = names, leadN = lead(ofYes), leadT = lead(ofNo) }
end

-- ---- equality

-- Where a field is one of these values of JSON.
function Reader:equalsLiteral(field, literal, letter)
  local yes = format("%s = '%s'::jsonb", field:value(self.give), literal)
  return self:plain(field, yes, nil, leads.points { letter })
end

function Reader:equalsNil(field)
  local value, R = field:value(self.give), self:unwalkable(field)
  local names = implied(R)
  return {
    N = format("(%s) IS NULL", value), leadN = self:leadTo(field, leads.points { "m", "u" }),
    T = either(format("(%s) IS NOT NULL", value), field.parent:unwalkable(self.give)),
    R = R, inN = names, inT = names,
  }
end

function Reader:equalsText(field, text)
  if not fields.isText(text) then return unknown() end
  local given = self.give("text", text)
  local yes = format('(%s) COLLATE "C" = %s', field:text(self.give), given)
  local isString = field:type(self.give) .. " = 'string'"
  return self:plain(field, yes, format("%s AND %s", yes, isString), key.ofText(text))
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

function Reader:equalsNumber(field, number)
  if number ~= number then return unknown() end
  local path = self.give("jsonpath", format("%s ? (%s)", field.path, isNear(number)))
  return self:plain(field, "data @? " .. path, nil, leads.points { key.ofNumber(number), "o" })
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

local NEGATED = { ["<"] = ">=", ["<="] = ">", [">"] = "<=", [">="] = "<" }

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
  local all = implied(R)
  local function lead(name) return self:leadTo(field, leads.union(key.ofNumbers(name, number), OTHER.number)) end
  return {
    N = format("((%s) IS NOT TRUE)", sure(names[2])), T = format("((%s) IS NOT TRUE)", sure(names[1])), R = R,
    inN = all, inT = all, leadN = lead(operator), leadT = lead(NEGATED[operator]),
  }
end

function Reader:textOrder(field, operator, text)
  if not fields.isText(text) then return unknown() end
  local given = self.give("text", text)
  local function compared(name) return format('(%s) COLLATE "C" %s %s', field:text(self.give), name, given) end
  return self:ofKind("string", field, compared(operator), compared(NEGATED[operator]), key.ofTexts(operator, text),
    key.ofTexts(NEGATED[operator], text))
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

local RANGES = { begins = key.ofBeginning, is = key.ofText }

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
  local yes, ranges = TESTS[name]:format(field:text(self.give), given, given), RANGES[name]
  return self:ofKind("string", field, yes, "NOT " .. yes, ranges and ranges(text))
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

--- What a row must be, as SQL with parameters in it as `statement` makes them; nil where any row may be found.  And
--- what holds of the same rows by indexes, given as the fields of each; nil where that is nothing.
---@param statement table
---@param expression table
---@param parameters any[]
---@param indexes? holdfast.postgres.Field[][]
---@return string? sql
---@return string? byIndexes
function M.sql(statement, expression, parameters, indexes)
  local known = {}
  for _, index in ipairs(indexes or {}) do
    for _, field in ipairs(index) do known[field.path] = true end
  end
  local function give(type, text) return statement:give(type, text) end
  local reader = setmetatable({
    parameters = parameters, statement = statement, known = {}, give = give,
    isIndexed = function(field) return known[field.path] end,
  }, Reader)
  local truth = reader:truth(expression)
  if truth.N == TRUE or #truth.N > LONGEST then return nil end
  local byIndexes = indexes and leads.sql(truth.leadN, indexes, give)
  return truth.N, byIndexes and #byIndexes <= LONGEST and byIndexes or nil
end

return M
