-- SPDX-License-Identifier: MIT
--
-- filter: the entities for which a Lua expression is true.

local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local rows = require "holdfast.cli.console.rows"
local target = require "holdfast.cli.store.target"
local where = require "holdfast.cli.code.where"

local function filter(args)
  if args.expression and args.where then refuse.call "give EXPR or --where EXPR, not both: join them by 'and'" end
  args.where = args.where or args.expression
  if not args.where then refuse.call "give the expression to filter by, such as 'v.side == \"long\"'" end
  where.prepare(args)
  local shown = rows.of(args)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  if where.explain(args, persist) then return 0 end
  local found = args.limit == 0
  for id, json in store:texts(persist, options.rangeOf(args)) do
    found = true
    if args.ids and not args.json then output.line(id) else shown:add(id, json) end
  end
  shown:finish()
  store:requireAsked(found, persist)
  return store:exitCode()
end

return {
  summary = "Print entities for which a Lua expression is true.",
  description = "Prints the values, one line of JSON each, for which EXPR is true.  In EXPR `v` is the value,\n"
    .. "`id` its id, `null` JSON's null.  Finding none is no error.",
  examples = {
    "holdfast filter ./data signal 'v.side == \"long\" and v.price > 40000'",
    "holdfast filter ./data signal 'v.closed' --ids | xargs -d '\\n' holdfast rm ./data signal",
    "holdfast filter ./data candle 'v.volume == 0' --prefix BTC --json",
    "holdfast filter ./data trade 'v.pnl < 0' --columns id,symbol,pnl,closedAt",
  },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("EXPR"):argname("EXPR"):target("expression"):args("?")
      :description("A Lua expression, or statements with a return that gives a value.")
    command:flag("-i --ids"):description("Print the ids and not the values.")
    options.table(command)
    options.where(command)
    options.range(command)
    options.at(command)
    options.readonly(command)
  end,
  run = target.lookingBack(filter),
}
