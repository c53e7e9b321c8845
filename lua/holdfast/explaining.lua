-- SPDX-License-Identifier: MIT
--
-- explain: what is made of a predicate on a store: what was understood of it, what was not, where it is evaluated, and
-- which entities that is done with.

local asking = require "holdfast.asking"
local classes = require "holdfast.class"
local core = require "holdfast.core"

local format, pairs, pcall, require, select, tostring = string.format, pairs, pcall, require, select, tostring

local M = {}

-- Sentences on where a condition is evaluated, by the name of the place.
local PLACES = {
  store = "evaluated in place, where the entities are stored",
  text = "evaluated on the JSON text that the store or the class gives, before it is decoded",
  class = "given to the class, which may leave out what it refuses",
  nowhere = "not evaluated: every entity is decoded and the predicate asked",
}

-- A sentence on the entities that are looked at; nil where there is nothing to say.
local function whichText(explanation)
  if explanation.index and not explanation.candidates then
    return format("looked at: what the index %s has, in its order", explanation.index)
  end
  if explanation.index then
    return format("looked at: %.0f of %.0f entities, by the index %s", explanation.candidates, explanation.of,
      explanation.index)
  end
  if explanation.candidates then return "looked at: no entity, since none can be wanted" end
  local counts = explanation.asked == "nothing" and "; a count goes by an index alone" or ""
  return explanation.reason and "looked at: all entities, since " .. explanation.reason .. counts
end

local Explanation = {}
Explanation.__index = Explanation
function Explanation:__tostring()
  local lines = { require "holdfast.condition.explain".text(self), PLACES[self.where] }
  lines[#lines + 1] = whichText(self)
  if self.statement then lines[#lines + 1] = "statement: " .. self.statement end
  return table.concat(lines, "\n")
end

-- Adds which entities a loop would look at.
local function addIndex(explanation, self, range, asked)
  local found = core.explainRange(self, range, asked.condition)
  explanation.index, explanation.candidates, explanation.of = found.index, found.candidates, found.of
  explanation.asked, explanation.reason = found.asked, found.why
end

-- Adds what a class sends to its server, if it can say: the class of the instance, or the one that its URL means.
local function addStatement(explanation, self, range, asked)
  local instance = select(3, core.evaluates(self))
  local class = instance and getmetatable(instance).class
  local method = class and classes.knowsConditions(class) and classes.ownMethod(class, "statementFor")
  if not method then return end
  local values, count = asked:parameters()
  local given = { where = asked.expression, parameters = {} }
  for name, value in pairs(range or {}) do
    if name ~= "limit" then given[name] = value end
  end
  for i = 1, count do given.parameters[i] = values[i] end
  local ok, statement = pcall(function()
    self:waitForInit(true)
    return method(instance, given)
  end)
  explanation.statement = statement and (ok and statement or "not known: " .. tostring(statement)) or nil
end

-- Where the condition of the predicate is evaluated.
local function place(self, predicate, isUseless)
  if isUseless or not asking.canLeaveOut(self, predicate) then return "nowhere" end
  local evaluates, byClass = core.evaluates(self)
  if not evaluates then return "text" end
  return byClass and "class" or "store"
end

--- What is made of a predicate.
---@param self PersistBase
---@param predicate function
---@param range? holdfast.Range
---@return holdfast.Explanation
function M.explain(self, predicate, range)
  local arguments = asking.argumentsOf(predicate)
  local explanation = require "holdfast.condition.explain".explain(predicate, arguments)
  explanation.where = place(self, predicate, explanation.isUseless)
  local asked = explanation.where ~= "nowhere" and require "holdfast.condition".of(predicate, arguments)
  if asked and explanation.where == "class" then
    addStatement(explanation, self, range, asked)
  elseif asked then
    addIndex(explanation, self, range, asked)
  end
  return setmetatable(explanation, Explanation)
end

return M
