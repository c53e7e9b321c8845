-- SPDX-License-Identifier: MIT
--
-- count: how many entities there are.

local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"
local where = require "holdfast.cli.code.where"

local function countOne(store, name, args)
  if not args.predicate then return store:count(store:entity(name)) end
  return store:countWhere(store:entity(name), { where = args.predicate })
end

local function count(args)
  where.prepare(args)
  local store = target.open(args)
  local total = 0
  local names = args.entity and { args.entity } or store:names()
  if where.explainFor(args, store, names) then return 0 end
  if args.entity then
    total = countOne(store, args.entity, args)
    store:requireAsked(total > 0, store:entity(args.entity))
  else
    local bar = progress.start { label = "Counting", unit = "entity names", total = #names }
    for i, name in ipairs(names) do
      total = total + countOne(store, name, args)
      bar:step(i)
    end
    bar:finish()
  end
  output.line(args.json and text.object("entity", args.entity, "count", total) or string.format("%.0f", total))
  return store:exitCode()
end

return {
  summary = "Count entities.",
  description = "Prints how many entities an entity name has, or the whole store.",
  examples = {
    "holdfast count ./data signal",
    "holdfast count ./data",
    "holdfast count ./data signal --where 'v.side == \"long\"'",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    options.where(command)
    options.at(command)
    options.readonly(command)
  end,
  run = target.lookingBack(count),
}
