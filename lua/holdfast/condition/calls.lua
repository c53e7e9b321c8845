-- SPDX-License-Identifier: MIT
--
-- The calls in a predicate: what a function or method gives that a condition has an operator for (library.lua), and why
-- not where it has none.

local library = require "holdfast.condition.library"
local outside = require "holdfast.condition.outside"

local concat, format, tostring, type, unpack = table.concat, string.format, tostring, type, unpack

local M = {}

--- Whether a field of this name may be a method of a text that is known.
---@param key any
---@return boolean
function M.isMethod(key) return library.method(key) ~= nil end

-- What is called, for people.
local function name(callee)
  if callee == nil then return "what is not followed" end
  if callee.outside then return outside.text(callee.outside) .. "()" end
  local path = callee.path or callee
  if path[1] ~= "path" then return callee.method and format("the method %s()", callee.method) or "a result" end
  local parts = { path[2] }
  for i = 3, #path do parts[#parts + 1] = tostring(path[i]) end
  local method = #parts > 1 and table.remove(parts) or nil
  return concat(parts, ".") .. (method and ":" .. method or "") .. "()"
end

-- Notes that evaluating the call evaluates the indexing that found the method.
local function cover(graph, node, path)
  if node[1] == "if" then node = node[2] end
  graph.covered[node] = path
end

-- A value that is a path after all: a field that has the name of a method.
local function pathOf(value) return value and value.method and value.path or value end

local function methodCall(run, callee, list, operands)
  local call = run.uses:method(callee.method)
  if not call then return nil, false, "calls " .. name(callee) end
  if pathOf(list[1]) ~= callee.receiver then return nil, false, name(callee) .. " of another value" end
  local node, why = call(run.graph, unpack(operands))
  if node and callee.path then cover(run.graph, node, callee.path) end
  return node, callee.method ~= "find", why
end

--- The first result of a call.
---@param run table the run of the reader
---@param callee table? the value that is called
---@param list table the arguments as values; `isExact`: there are no more
---@param operands table the same as nodes
---@return table? node nil: not known
---@return boolean isOne whether it gives one result
---@return string? why it is not known
function M.result(run, callee, list, operands)
  if not list.isExact then return nil, false, "calls " .. name(callee) .. " with all results of another call" end
  if callee and callee.method then return methodCall(run, callee, list, operands) end
  local call = callee and callee.outside and run.uses:callee(callee)
  if not call then return nil, false, "calls " .. name(callee) end
  local subject = list[1]
  if library.isType(callee.value) and subject and subject.outside and run.uses:isObject(subject) then
    return run.graph:constant(type(subject.value)), true
  end
  local node, why = call(run.graph, unpack(operands))
  return node, not library.givesTwo(callee.value), why
end

return M
