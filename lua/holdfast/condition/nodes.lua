-- SPDX-License-Identifier: MIT
--
-- The expression of a predicate as a graph of nodes: equal ones are one node.  A node is a table with the operator's
-- name first and its operands after it, as docs/scripting.md documents them.
--
-- The whole counts as a truth, so `if` becomes `and`, `or` and `not` where that is the same.  Nothing that may raise is
-- lost: check() keeps what the function evaluates and does not use.

local format, ipairs, pairs, setmetatable, tostring, type = string.format, ipairs, pairs, setmetatable, tostring, type

local M = {}

-- How many nodes one graph may have: fewer than src/condition takes.
M.MAX = 2000
-- How deep operators may be in each other before their chains are balanced: src/condition takes 250.
M.DEPTH_MAX = 100

---@class holdfast.Graph
local Graph = {}
Graph.__index = Graph

local NEVER_RAISES = { const = true, param = true } -- and paths without steps
local RAISES_BY_OPERANDS = { ["not"] = true, ["=="] = true, ["~="] = true, type = true, ["and"] = true, ["or"] = true,
  ["if"] = true }
local CHOICES = { ["and"] = true, ["or"] = true, ["if"] = true } -- do not evaluate all of their operands

--- An empty graph.
---@return holdfast.Graph
function M.new()
  local g = setmetatable({ count = 0, ids = {}, byKey = {}, constants = {}, steps = {}, operators = {}, prefix = {},
    covered = {}, raising = {} }, Graph)
  g.TRUE, g.FALSE, g.NIL = g:constant(true), g:constant(false), g:constant(nil)
  return g
end

--- A number for a value, which stands for it in keys.
---@param value table
---@return integer
function Graph:id(value)
  local id = self.ids[value]
  if id then return id end
  self.count = self.count + 1
  self.ids[value] = self.count
  return self.count
end

-- Notes that the node is the one of this key.
function Graph:keep(map, key, node)
  map[key] = node
  self:id(node)
  return node
end

-- The node of this key, which is this one if there was none.
function Graph:intern(key, node) return self.byKey[key] or self:keep(self.byKey, key, node) end

---@return table node
function Graph:constant(value)
  if value == nil or value ~= value or value == 0 then -- keys that tables do not have, or do not tell apart
    local sign = value == 0 and 1 / value < 0 and "-" or ""
    return self:intern("const " .. sign .. tostring(value), { "const", value })
  end
  return self.constants[value] or self:keep(self.constants, value, { "const", value })
end

---@return table node
function Graph:parameter(number) return self:intern("param " .. number, { "param", number }) end

--- What is not understood.
---@param why string
---@param line? integer
---@param of? table a node that it comes of, where it is to be another one for each of these
---@return table node
function Graph:unknown(why, line, of)
  local key = format("unknown %s %s %s", line or "?", of and self:id(of) or "", why)
  return self:intern(key, { "unknown", why, line = line })
end

--- The beginning of a path: "v" or "id".
---@return table node
function Graph:root(name) return self:intern("path " .. name, { "path", name }) end

-- The table in another one, made where it is missing.
local function inner(map, key)
  local found = map[key] or {}
  map[key] = found
  return found
end

--- A path that goes on with a step: the name of a field, or a place.
---@return table node
function Graph:step(path, key)
  local steps = inner(self.steps, path)
  if steps[key] then return steps[key] end
  local node = {}
  for i = 1, #path do node[i] = path[i] end
  node[#node + 1] = key
  self.prefix[node] = path
  return self:keep(steps, key, node)
end

local ROOM = 2 ^ 17 -- for a number of id()

--- The result of an operator.
---@return table node
function Graph:operator(name, a, b, c)
  local known = inner(self.operators, name)
  local key = (self:id(a) * ROOM + (b and self:id(b) or 0)) * ROOM + (c and self:id(c) or 0)
  return known[key] or self:keep(known, key, { name, a, b, c })
end

--- Whether evaluating a node may raise, or end in something unknown.
---@return boolean
function Graph:mayRaise(node)
  local known = self.raising[node]
  if known ~= nil then return known end
  local name, may = node[1], true
  if NEVER_RAISES[name] or (name == "path" and #node == 2) then
    may = false
  elseif RAISES_BY_OPERANDS[name] then
    may = false
    for i = 2, #node do may = may or self:mayRaise(node[i]) end
  end
  self.raising[node] = may
  return may
end

-- Whether evaluating `node` evaluates `wanted` whatever else happens, or something unknown, after which that makes no
-- difference.  Gives up (false) after `budget` nodes.
function Graph:surely(node, wanted, budget)
  if node == wanted or node[1] == "unknown" then return true end
  budget.left = budget.left - 1
  if budget.left < 0 then return false end
  local name = node[1]
  if name == "path" then
    local prefix = self.prefix[node]
    -- Two fields of one value: both are there to be read, or neither is.
    return prefix ~= nil and (prefix == self.prefix[wanted] or self:surely(prefix, wanted, budget))
  end
  if self.covered[node] == wanted then return true end
  if name == "if" and self:surely(node[3], wanted, budget) and self:surely(node[4], wanted, budget) then
    return true
  end
  local last = CHOICES[name] and 2 or #node
  for i = 2, last do
    if type(node[i]) == "table" and self:surely(node[i], wanted, budget) then return true end
  end
  return false
end

--- What `node` gives, after `evaluated` has been evaluated, which may raise.
---@return table node
function Graph:check(evaluated, node)
  if not self:mayRaise(evaluated) then return node end
  if self:surely(node, evaluated, { left = 60 }) then return node end
  return self:operator("if", evaluated, node, node)
end

--- Whether a node is true, where that is known without an entity.
---@return boolean? truth nil: it is not
function Graph:truth(node)
  if node[1] == "const" then return node[2] ~= nil and node[2] ~= false end
  return nil
end

--- The opposite of a node.
---@return table node
function Graph:negate(node)
  node = self:asCondition(node)
  local truth = self:truth(node)
  if truth ~= nil then return truth and self.FALSE or self.TRUE end
  if node[1] == "==" then return self:operator("~=", node[2], node[3]) end
  if node[1] == "~=" then return self:operator("==", node[2], node[3]) end
  return self:operator("not", node)
end

-- A result as a condition and what comes of it: condition, result if it is true, result if not.
function Graph:branches(node)
  local name = node[1]
  if name == "and" then return node[2], node[3], self.FALSE end
  if name == "or" then return node[2], self.TRUE, node[3] end
  if name == "if" then return node[2], node[3], node[4] end
  return node, self.TRUE, self.FALSE
end

-- Both conditions, of which the second is looked at only if the first is true.
local function both(g, a, b) return g:operator("and", a, b) end
local function either(g, a, b) return g:operator("or", a, b) end

-- Where one of two results is a condition itself, one of whose results is the other one: both conditions in one.
function Graph:merge(condition, yes, no)
  local second, secondYes, secondNo = self:branches(no)
  if secondYes == yes then return either(self, condition, second), yes, secondNo end
  if secondNo == yes then return either(self, condition, self:negate(second)), yes, secondYes end
  second, secondYes, secondNo = self:branches(yes)
  if secondNo == no then return both(self, condition, second), secondYes, no end
  if secondYes == no then return both(self, condition, self:negate(second)), secondNo, no end
  return nil
end

-- A condition without what only its value has: `text or nil` is as true as what decides between the two.
function Graph:asCondition(node)
  if node[1] == "not" and node[2][1] == "not" then return self:asCondition(node[2][2]) end
  if node[1] ~= "if" then return node end
  local yes, no = self:truth(node[3]), self:truth(node[4])
  if yes == true and no == false then return node[2] end
  if yes == false and no == true then return self:negate(node[2]) end
  return node
end

-- A constant result as true or false: the whole is a truth.
function Graph:asTruth(node)
  local truth = self:truth(node)
  if truth == nil then return self:asCondition(node) end
  return truth and self.TRUE or self.FALSE
end

--- `yes` where the condition is true, else `no`; all three as truths.
---@return table node
function Graph:choose(condition, yes, no)
  local truth = self:truth(condition)
  yes, no = self:asTruth(yes), self:asTruth(no)
  if truth ~= nil then return truth and yes or no end
  if yes == condition then yes = self.TRUE end
  if no == condition then no = self.FALSE end
  condition = self:asCondition(condition)
  if condition[1] == "not" then return self:choose(condition[2], no, yes) end
  if yes == condition then yes = self.TRUE end
  if no == condition then no = self.FALSE end
  if yes == no then return self:check(condition, yes) end
  if no == self.FALSE then return yes == self.TRUE and condition or both(self, condition, yes) end
  if yes == self.TRUE then return either(self, condition, no) end
  if yes == self.FALSE then
    local opposite = self:negate(condition)
    return no == self.TRUE and opposite or both(self, opposite, no)
  end
  if no == self.TRUE then return either(self, self:negate(condition), yes) end
  local merged, mergedYes, mergedNo = self:merge(condition, yes, no)
  if merged then return self:choose(merged, mergedYes, mergedNo) end
  return self:operator("if", condition, yes, no)
end

-- ---- long chains

-- How deep the operators of a node are in each other, by node.
local function depthOf(node, depths)
  if depths[node] then return depths[node] end
  local depth = 0
  for i = 2, #node do
    local operand = type(node[i]) == "table" and depthOf(node[i], depths) or 0
    if operand > depth then depth = operand end
  end
  depths[node] = depth + 1
  return depth + 1
end

-- The operands of a chain of one operator, in the order in which they are evaluated.
local function operandsOf(node, name, list)
  while node[1] == name do
    operandsOf(node[2], name, list)
    node = node[3]
  end
  list[#list + 1] = node
  return list
end

-- A chain as a tree of little depth: `and` and `or` are associative.
local function treeOf(g, name, list, first, last)
  if first == last then return list[first] end
  local middle = math.floor((first + last) / 2)
  return g:operator(name, treeOf(g, name, list, first, middle), treeOf(g, name, list, middle + 1, last))
end

local function balance(g, node, done)
  if done[node] then return done[node] end
  local name, made = node[1], node
  if name == "and" or name == "or" then
    local list = operandsOf(node, name, {})
    for i, operand in ipairs(list) do list[i] = balance(g, operand, done) end
    made = treeOf(g, name, list, 1, #list)
  elseif name == "if" then
    made = g:operator("if", balance(g, node[2], done), balance(g, node[3], done), balance(g, node[4], done))
  end
  done[node] = made
  return made
end

--- The same expression, with long chains of `and` and `or` as trees.
---@param node table
---@return table node
function Graph:balanced(node)
  if depthOf(node, {}) <= M.DEPTH_MAX then return node end
  return balance(self, node, {})
end

--- Whether a node, or what it is made of, is not understood.
---@return boolean
function M.hasUnknown(node)
  local seen, found = {}, false
  local function look(n)
    if seen[n] or found then return end
    seen[n] = true
    found = n[1] == "unknown"
    for _, operand in pairs(n) do
      if type(operand) == "table" then look(operand) end
    end
  end
  look(node)
  return found
end

return M
