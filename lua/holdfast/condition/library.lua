-- SPDX-License-Identifier: MIT
--
-- The library functions that a condition has operators for, as long as they are the original ones: type(), and of
-- strings find(), match(), sub() and len().  Each makes a node of the nodes of its arguments, or says why not.

local bytecode = require "holdfast.condition.bytecode"

local find, gsub, match, sub = string.find, string.gsub, string.match, string.sub
local len, pairs, type = string.len, pairs, type

local M = {}

-- ---- texts and patterns

--- The text that a pattern stands for, if it is an anchored or plain one.
---@param pattern string
---@return string? text nil: it matches more than one text
---@return boolean? begins whether it begins with ^
---@return boolean? ends whether it ends with $
function M.plainText(pattern)
  if find(pattern, "%z") then return nil end
  local begins = sub(pattern, 1, 1) == "^"
  local body = begins and sub(pattern, 2) or pattern
  local unescaped = gsub(body, "%%%W", "") -- without what stands for itself by its %
  local ends = sub(unescaped, -1) == "$"
  if ends then
    body, unescaped = sub(body, 1, -2), sub(unescaped, 1, -2)
  end
  if find(unescaped, "[%^%$%*%+%?%.%(%)%[%-%%]") then return nil end
  return (gsub(body, "%%(%W)", "%1")), begins, ends
end

local function isConstant(node, value) return node ~= nil and node[1] == "const" and node[2] == value end

local function isText(node) return node ~= nil and node[1] == "const" and type(node[2]) == "string" end

-- ---- calls
--
-- Each is given the graph and the arguments as nodes, and gives a node, or nil and why there is none.  The graph's
-- isPlain(node) says whether a text from outside is, and will be, one that stands for itself as a pattern.

-- What a pattern without magic finds in a text, as a condition.
local function matches(graph, subject, pattern)
  local text, begins, ends = M.plainText(pattern)
  if not text then return nil, nil, "the pattern is more than a plain text" end
  local constant = graph:constant(text)
  local operator = begins and (ends and "is" or "begins") or ends and "ends"
  if operator then return graph:operator(operator, subject, constant), text, begins and 1 or nil end
  return graph:operator("find", subject, constant), text
end

local function findText(graph, subject, text, init, plain)
  if text == nil then return nil, "find without a text" end
  if init ~= nil and not isConstant(init, 1) and not (init[1] == "const" and init[2] == nil) then
    return nil, "find from another place than the first"
  end
  local isPlain = plain and graph:truth(plain)
  if plain and isPlain == nil then return nil, "find with a fourth argument that may change" end
  if isPlain then return graph:operator("find", subject, text) end
  if graph.isPlain(text) then return graph:operator("find", subject, text) end
  if not isText(text) then return nil, "find without `1, true` of a text that may change" end
  local node, _, place = matches(graph, subject, text[2])
  if not node then return nil, "the pattern is more than a plain text" end
  if node[1] == "find" then return node end
  if not place then return nil, "find of a pattern that ends with $" end
  return graph:operator("if", node, graph:constant(1), graph.NIL)
end

local function matchText(graph, subject, pattern, init)
  if init ~= nil then return nil, "match from another place than the first" end
  if graph.isPlain(pattern) then
    return graph:operator("if", graph:operator("find", subject, pattern), pattern, graph.NIL)
  end
  if not isText(pattern) then return nil, "match of a pattern that may change" end
  local node, text, why = matches(graph, subject, pattern[2])
  if not node then return nil, why end
  return graph:operator("if", node, graph:constant(text), graph.NIL)
end

local function isPlace(node)
  return node[1] == "param" or (node[1] == "const" and type(node[2]) == "number")
end

local function subText(graph, subject, first, last)
  if not first then return nil, "sub without a place" end
  last = last or graph:constant(-1)
  if not isPlace(first) or not isPlace(last) then return nil, "sub with places that depend on the entity" end
  return graph:operator("sub", subject, first, last)
end

local function lenText(graph, subject) return graph:operator("len", subject) end

-- string.f(x, ...): other than x:f(...) it takes numbers for their texts.
local function ofStrings(call)
  return function(graph, subject, ...)
    if subject == nil then return nil, "a call without a text" end
    local node, why = call(graph, subject, ...)
    if not node or isText(subject) then return node, why end
    local isNumber = graph:operator("==", graph:operator("type", subject), graph:constant("number"))
    local taken = graph:unknown "string functions of a number, which they take for its text"
    return graph:operator("if", isNumber, taken, node)
  end
end

local function typeOf(graph, subject)
  if subject == nil then return nil, "type without a value" end
  if subject[1] == "const" and subject[2] == nil then return graph:constant("nil") end
  if subject[1] == "const" then return graph:constant(type(subject[2])) end
  return graph:operator("type", subject)
end

local METHODS = { find = findText, match = matchText, sub = subText, len = lenText }
local ORIGINALS = { find = find, match = match, sub = sub, len = len }

-- ---- which functions they are

-- Whether the functions that the library has do what they are for: a script may have replaced them before it required
-- this one.
local function areOriginals()
  for _, f in pairs(ORIGINALS) do
    if not bytecode.isBuiltin(f) then return false end
  end
  return bytecode.isBuiltin(type) and type(type) == "function" and find("a.c", ".", 1, true) == 2
    and match("abc", "^a.") == "ab" and sub("abc", 2, 2) == "b" and len("abc") == 3
end

local functions -- by function; false: none can be trusted

local function known()
  if functions ~= nil then return functions end
  functions = areOriginals() and { [type] = typeOf }
  for name, f in pairs(functions and ORIGINALS or {}) do functions[f] = ofStrings(METHODS[name]) end
  return functions
end

--- What makes a node of a call of this function.
---@param f any
---@return function? call nil: the function has no operator
function M.call(f)
  local all = known()
  return all and type(f) == "function" and all[f] or nil
end

--- Whether a function is type().
---@param f function
---@return boolean
function M.isType(f) return f == type end

--- Whether a function of ours may give a second result.
---@param f function
---@return boolean
function M.givesTwo(f) return f == find end

--- What makes a node of a call of this method of a string, and the function that it has to be.
---@param name string
---@return function? call
---@return function? original
function M.method(name)
  if not known() or not METHODS[name] then return nil end
  return METHODS[name], ORIGINALS[name]
end

return M
