-- SPDX-License-Identifier: MIT
--
-- What a predicate uses from outside of itself, as it is being read: values that go into its condition as parameters,
-- and guards, which say what must stay as it was for the reading to hold (a function that is the original one, an
-- upvalue that is a table).  Parameters may change, guards may not.

local library = require "holdfast.condition.library"
local outside = require "holdfast.condition.outside"

local concat, format, ipairs, pairs, rawequal, setmetatable, type =
  table.concat, string.format, ipairs, pairs, rawequal, setmetatable, type
local sort = table.sort

local M = {}

M.PARAMETERS_MAX = 64 -- as src/condition has it

---@class holdfast.Guard
---@field outside holdfast.Outside
---@field rule "is"|"kind"|"key"|"plain"|"readable"|"unreadable"
---@field expected? any a library function, a kind, or a key; never a value of the script that is collected

---@class holdfast.Parameter
---@field outside holdfast.Outside
---@field fixed boolean nothing assigns to it
---@field text string as the source has it

-- A value from outside in a register.
---@class holdfast.UsedValue
---@field outside holdfast.Outside
---@field value any what it was when the predicate was read

---@class holdfast.Uses
---@field parameters holdfast.Parameter[]
---@field guards holdfast.Guard[]
local Uses = {}
Uses.__index = Uses

--- Nothing yet.
---@param f function
---@param graph holdfast.Graph
---@param prototype holdfast.Prototype
---@return holdfast.Uses
function M.new(f, graph, prototype)
  local uses = setmetatable({
    f = f,
    graph = graph,
    immutable = prototype.immutable,
    parameters = {},
    guards = {},
    byKey = {},
    guarded = {},
    nodes = {},
    values = {},
    used = {},
  }, Uses)
  function graph.isPlain(node) return uses:isPlain(node) end
  return uses
end

-- The used value of an outside one: the same one each time.
function Uses:value(of)
  local parts = { of.root, of.upvalue or "" }
  for _, key in ipairs(of.keys) do parts[#parts + 1] = format(type(key) == "string" and "%q" or "%.17g", key) end
  local key = concat(parts, " ")
  local value = self.byKey[key]
  if value then return value end
  value = { outside = of, value = outside.look(self.f, of) }
  self.byKey[key] = value
  self.graph:id(value)
  return value
end

function Uses:guard(value, rule, expected)
  local key = self.graph:id(value) .. rule
  if self.guarded[key] then return end
  self.guarded[key] = true
  self.used[value] = true
  self.guards[#self.guards + 1] = { outside = value.outside, rule = rule, expected = expected }
end

-- The value, if it can be had without calling something; else nil and why.
function Uses:readable(value)
  if not rawequal(value.value, outside.UNREADABLE) then return value end
  self:guard(value, "unreadable")
  return nil, format("%s, which cannot be read without calling something", outside.text(value.outside))
end

---@return holdfast.UsedValue
function Uses:upvalue(number)
  return self:value(outside.new("upvalue", number, outside.upvalueName(self.f, number)))
end

---@return holdfast.UsedValue? value
---@return string? why there is none
function Uses:global(name) return self:readable(self:value(outside.field(outside.new "global", name))) end

--- What indexing a text gives.
---@return holdfast.UsedValue
function Uses:stringField(name) return self:value(outside.field(outside.new "strings", name)) end

--- A field of a value.
---@return holdfast.UsedValue? field
---@return string? why it cannot be read; neither: it is the method of a text
function Uses:field(value, key)
  local kind = outside.kind(value.value)
  if kind == "string" and type(key) == "string" then return nil end
  if kind ~= "table" then
    self:guard(value, "kind", kind)
    return nil, format("indexes %s (a %s value)", outside.text(value.outside), kind)
  end
  self.used[value] = true -- reading the field reads it, too
  return self:readable(self:value(outside.field(value.outside, key)))
end

--- The node of a value.
---@return table node
function Uses:operand(value)
  local node = self.nodes[value]
  if node then return node end
  node = self.graph:parameter(self.graph:id(value)) -- finish() gives it its number
  self.nodes[value], self.values[node] = node, value
  return node
end

local function isPlainText(text) return type(text) == "string" and library.plainText(text) == text end

--- Whether a node is a text from outside that stands for itself as a pattern, which it must go on doing.
---@return boolean
function Uses:isPlain(node)
  local value = self.values[node]
  if not value or not isPlainText(value.value) then return false end
  self:guard(value, "plain")
  return true
end

--- Whether a value is a table, function or the like, and will be.
---@return boolean
function Uses:isObject(value)
  if outside.isPlain(value.value) then return false end
  self:guard(value, "kind", outside.kind(value.value))
  return true
end

--- Whether two values differ whatever the entity is: an object of the script, and what comes of the entity.
---@return boolean
function Uses:isApart(a, b)
  if a == nil or b == nil then return false end
  if b.outside then a, b = b, a end
  if not a.outside or b.outside or b[1] == "unknown" or type(a.value) == "cdata" then return false end
  return self:isObject(a)
end

--- The value as a key, which it must stay.
---@return string|number? key nil: it is none
function Uses:key(value)
  local kind = type(value.value)
  if kind ~= "string" and kind ~= "number" then return nil end
  self:guard(value, "key", value.value)
  return value.value
end

--- What makes a node of a call of this value.
---@return function? call nil: no function that is known
function Uses:callee(value)
  local call = library.call(value.value)
  if call then self:guard(value, "is", value.value) end
  return call
end

--- What makes a node of a call of this method of a text.
---@return function? call nil: no method that is known, or not the original one
function Uses:method(name)
  local call, original = library.method(name)
  local value = call and self:stringField(name)
  if not value or not rawequal(value.value, original) then return nil end
  self:guard(value, "is", original)
  return call
end

-- Guards for the fields that were read and are in no parameter and no guard: reading them must stay possible.
function Uses:guardReads()
  local read = {}
  for _, value in pairs(self.byKey) do
    if #value.outside.keys > 0 and not self.used[value] then read[#read + 1] = value end
  end
  sort(read, function(a, b) return self.graph:id(a) < self.graph:id(b) end)
  for _, value in ipairs(read) do self:guard(value, "readable") end
end

-- The parameters of an expression, in the order in which they occur.
local function parametersIn(expression)
  local seen, list = {}, {}
  local function look(node)
    if seen[node] then return end
    seen[node] = true
    if node[1] == "param" then list[#list + 1] = node end
    for i = 2, #node do
      if type(node[i]) == "table" then look(node[i]) end
    end
  end
  look(expression)
  return list
end

--- Ends the reading: numbers the parameters that the expression has.
---@param expression table
---@return boolean ok false: there are too many
function Uses:finish(expression)
  local list = parametersIn(expression)
  for number, node in ipairs(list) do
    local value = self.values[node]
    local of = value.outside
    self.used[value] = true
    node[2] = number
    self.parameters[number] = { outside = of, text = outside.text(of),
      fixed = of.root == "upvalue" and #of.keys == 0 and self.immutable[of.upvalue] == true }
  end
  self:guardReads()
  self.f, self.graph, self.byKey, self.nodes, self.values, self.used, self.guarded = nil, nil, nil, nil, nil, nil, nil
  return #list <= M.PARAMETERS_MAX
end

--- Whether a guard still holds.
---@param f function the closure
---@param number integer
---@param strings table what core.condition.plainStrings() has just given
---@return boolean
function Uses:holds(f, number, strings)
  local guard = self.guards[number]
  local value, rule = outside.look(f, guard.outside, strings), guard.rule
  if rawequal(value, outside.UNREADABLE) then return rule == "unreadable" end
  if rule == "is" then return rawequal(value, guard.expected) end
  if rule == "kind" then return outside.kind(value) == guard.expected end
  if rule == "plain" then return isPlainText(value) end
  if rule == "key" then return outside.isSame(value, guard.expected) end
  return rule == "readable"
end

return M
