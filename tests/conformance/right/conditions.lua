-- SPDX-License-Identifier: MIT
--
-- A right adapter that evaluates conditions: its keys() and entries() leave out what a predicate surely refuses.  One
-- with a database would make a query of range.where; this one evaluates it in Lua.

local holdfast = require "holdfast"
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
local Memory = dofile(here .. "memory.lua")

local Conditions = Memory:extend("Conditions")
Conditions.conditions = true

local evaluate -- (node, entity, id, parameters): its value; raises where that is not known, or would raise in Lua

local function known(value)
  if type(value) == "table" or type(value) == "function" then error("not known") end
  return value
end

local OPERATORS = {
  ["=="] = function(a, b) return known(a) == known(b) end,
  ["~="] = function(a, b) return known(a) ~= known(b) end,
  ["<"] = function(a, b) return a < b end,
  ["<="] = function(a, b) return a <= b end,
  [">"] = function(a, b) return a > b end,
  [">="] = function(a, b) return a >= b end,
  ["not"] = function(a) return not a end,
  ["%"] = function(a, b) return a % b end,
}

local NODES = {
  const = function(node) return node[2] end,
  param = function(node, _, _, parameters) return known(parameters[node[2]]) end,
  path = function(node, entity, id)
    if node[2] == "id" then return id end
    local value = entity
    for i = 3, #node do
      if type(value) ~= "table" then error("not known") end
      value = value[node[i]]
    end
    return value
  end,
  ["and"] = function(node, ...) return evaluate(node[2], ...) and evaluate(node[3], ...) end,
  ["or"] = function(node, ...) return evaluate(node[2], ...) or evaluate(node[3], ...) end,
  ["if"] = function(node, ...)
    if evaluate(node[2], ...) then return evaluate(node[3], ...) end
    return evaluate(node[4], ...)
  end,
}

function evaluate(node, ...)
  local special, operator = NODES[node[1]], OPERATORS[node[1]]
  if special then return special(node, ...) end
  if not operator then error("not known") end -- "unknown", and all that is not in these tables
  if not node[3] then return operator(evaluate(node[2], ...)) end
  return operator(evaluate(node[2], ...), (evaluate(node[3], ...)))
end

--- Whether it is known what the condition is for an entity, and what it is.
function Conditions.look(range, id, entity) return pcall(evaluate, range.where, entity, id, range.parameters) end

--- Whether the predicate would surely refuse the entity; broken ones override it.
function Conditions.refuses(range, id, entity)
  local sure, wanted = Conditions.look(range, id, entity)
  return sure and not wanted
end

function Conditions:entries(range)
  local ids, i, step = Memory.keys(self), 0, 1
  if range.reverse then i, step = #ids + 1, -1 end
  return function()
    while true do
      i = i + step
      local id = ids[i]
      if not id then return nil end
      local entity = self.texts[id] and holdfast.json.decode(self.texts[id])
      if entity ~= nil and not (range.where and self.refuses(range, id, entity)) then return id, entity end
    end
  end
end

function Conditions:keys(range) return Conditions.entries(self, range) end

return Conditions
