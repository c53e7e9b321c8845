-- SPDX-License-Identifier: MIT
--
-- --where and --explain, as commands take them: the expression compiled before a store is opened, and told of instead
-- of asked.

local core = require "holdfast.core"
local expression = require "holdfast.cli.code.expression"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"

-- What an explanation says of how a store finds the entities, where it has indexes or asks a server.
local FOUND = { "index", "candidates", "of", "asked", "reason", "statement" }

local M = {}

--- Compiles the expression, into `args.predicate`.
---@param args table
function M.prepare(args)
  if args.explain and not args.where then refuse.call "--explain tells of an expression: give --where EXPR" end
  if args.where then args.predicate = expression.compile(args.where) end
end

-- What is made of the expression, as JSON.
local function json(explanation)
  local parameters = core.json.array {}
  for i, parameter in ipairs(explanation.parameters) do
    parameters[i] = { name = parameter.text, value = parameter.value, fixed = parameter.fixed }
  end
  local all = { understood = explanation.understood, complete = explanation.isComplete,
    unknown = core.json.array(explanation.unknown), parameters = parameters, why = explanation.why,
    where = explanation.where }
  for _, name in ipairs(FOUND) do all[name] = explanation[name] end
  return core.json.encode(all)
end

--- Tells what is made of the expression on entities like these, if that was asked for.
---@param args table
---@param persist PersistBase
---@return boolean told
function M.explain(args, persist)
  if not args.explain then return false end
  local range = options.rangeOf(args)
  range.where = nil
  local explanation = persist:explain(args.predicate, range)
  output.line(args.json and json(explanation) or tostring(explanation))
  return true
end

--- The same where entities of several names are asked of: for the first of them.
---@param args table
---@param store table  as target.open gives it
---@param names string[]
---@return boolean told
function M.explainFor(args, store, names)
  if not args.explain then return false end
  if not names[1] then refuse.call "the store has no entities to ask of" end
  return M.explain(args, store:entity(names[1]))
end

return M
