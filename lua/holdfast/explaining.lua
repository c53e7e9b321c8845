-- SPDX-License-Identifier: MIT
--
-- explain: what is made of a predicate on a store: what was understood of it, what was not, and where it is evaluated.

local asking = require "holdfast.asking"
local core = require "holdfast.core"

local require = require

local M = {}

-- Sentences on where a condition is evaluated, by the name of the place.
local PLACES = {
  store = "evaluated in place, where the entities are stored",
  text = "evaluated on the JSON text that the store or the class gives, before it is decoded",
  class = "given to the class, which may leave out what it refuses",
  nowhere = "not evaluated: every entity is decoded and the predicate asked",
}

local Explanation = {}
Explanation.__index = Explanation
function Explanation:__tostring()
  return require "holdfast.condition.explain".text(self) .. "\n" .. PLACES[self.where]
end

--- What is made of a predicate.
---@param self PersistBase
---@param predicate function
---@return holdfast.Explanation
function M.explain(self, predicate)
  local explanation = require "holdfast.condition.explain".explain(predicate, asking.argumentsOf(predicate))
  local class = getmetatable(self)
  if explanation.isUseless or not asking.canLeaveOut(self, predicate) then
    explanation.where = "nowhere"
  elseif not core.evaluates(self) then
    explanation.where = "text"
  else
    explanation.where = class.isScript and "class" or "store"
  end
  return setmetatable(explanation, Explanation)
end

return M
