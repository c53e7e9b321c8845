-- SPDX-License-Identifier: MIT
--
-- filter: the entities for which a Lua expression is true.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local expression = require "holdfast.cli.code.expression"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local target = require "holdfast.cli.store.target"

local function filter(args)
  local predicate = expression.compile(args.expression)
  local store = target.open(args)
  local persist = store:entity(args.entity)
  local range = options.rangeOf(args)
  local left = range.limit or math.huge
  range.limit = nil
  local decode = holdfast.json.decode
  local current, found
  local ok, raised = xpcall(function()
    if left == 0 then return end
    for id, json in store:texts(persist, range) do
      found = true
      local value = decode(json)
      current = id
      local wanted = predicate(value, id)
      current = nil
      if wanted then
        if args.ids and not args.json then output.line(id) else output.entity(args, id, json) end
        left = left - 1
        if left == 0 then return end
      end
    end
  end, function(raised) return raised == output.nobodyReads and raised or core.traceback(raised) end)
  if not ok then
    if raised ~= output.nobodyReads then raised = core.toError(raised) end
    if current then
      raised.message = string.format("the expression raised at %s:%s: %s", args.entity, current, raised.message)
      raised.entityName, raised.entityId = args.entity, current
      raised.showTraceback = false
    end
    error(raised, 0)
  end
  store:requireFound(found or args.limit == 0, args.entity)
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
  },
  arguments = function(command)
    options.url(command)
    options.entity(command)
    command:argument("EXPR"):argname("EXPR"):target("expression")
      :description("A Lua expression, or statements with a return that gives a value.")
    command:flag("-i --ids"):description("Print the ids and not the values.")
    options.range(command)
    options.readonly(command)
  end,
  run = filter,
}
