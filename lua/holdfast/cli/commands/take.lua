-- SPDX-License-Identifier: MIT
--
-- take: the first entities in natural order.

local options = require "holdfast.cli.console.options"
local rows = require "holdfast.cli.console.rows"
local target = require "holdfast.cli.store.target"

local function take(args)
  local shown = rows.of(args)
  local store = target.open(args)
  local range = options.rangeOf(args)
  range.limit = args.n
  local found = false
  for id, json in store:texts(store:entity(args.entity), range) do
    found = true
    shown:add(id, json)
  end
  shown:finish()
  store:requireFound(found, args.entity)
  return store:exitCode()
end

return {
  summary = "Print the first N entities.",
  description = "Prints the first N values in natural order of ids, one line of JSON each.",
  examples = { "holdfast take ./data candle 10", "holdfast take ./data candle 1 --reverse --json",
    "holdfast take ./data signal 20 --table" },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("N"):argname("N"):target("n"):convert(options.wholeNumber):description("How many at most.")
    options.range(command, true)
    options.table(command)
    options.at(command)
    options.readonly(command)
  end,
  run = target.lookingBack(take),
}
