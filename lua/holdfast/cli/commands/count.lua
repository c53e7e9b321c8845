-- SPDX-License-Identifier: MIT
--
-- count: how many entities there are.

local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local progress = require "holdfast.cli.console.progress"
local target = require "holdfast.cli.store.target"
local text = require "holdfast.cli.console.text"

local function count(args)
  local store = target.open(args)
  local total = 0
  if args.entity then
    total = store:count(store:entity(args.entity))
    store:requireFound(total > 0, args.entity)
  else
    local names = store:names()
    local bar = progress.start { label = "Counting", unit = "entity names", total = #names }
    for i, name in ipairs(names) do
      total = total + store:count(store:entity(name))
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
  examples = { "holdfast count ./data signal", "holdfast count ./data" },
  arguments = function(command)
    options.url(command)
    options.entity(command, true)
    options.readonly(command)
  end,
  run = count,
}
