-- SPDX-License-Identifier: MIT
--
-- test: whether an adapter or a store keeps the contract (holdfast.conformance).

local core = require "holdfast.core"
local conformance = require "holdfast.conformance"
local options = require "holdfast.cli.console.options"
local output = require "holdfast.cli.console.output"
local refuse = require "holdfast.cli.console.refuse"
local terminal = require "holdfast.cli.system.terminal"

local function list(args)
  for _, check in ipairs(conformance.checks()) do
    if args.json then
      output.line(core.json.encode { group = check.group, name = check.name, needs = check.needs, lacks = check.lacks })
    else
      output.line(check.group .. ": " .. check.name .. (check.needs and " [" .. check.needs .. "]" or ""))
    end
  end
  return 0
end

local function write(path, text)
  local file, problem = io.open(path, "w")
  if not file then error(core.error("io", "cannot write the report " .. problem), 0) end
  file:write(text, "\n")
  file:close()
end

-- What a person sees while it goes on.
local function progress(args)
  if args.json or args.tap or not terminal.isTerminal(2) then return nil end
  local n = 0
  return function(result)
    n = n + 1
    io.stderr:write("\r\27[K", n, " ", result.group, ": ", result.name:sub(1, math.max(10, terminal.width(2) - 40)))
    io.stderr:flush()
  end
end

local function run(args)
  if args.list then return list(args) end
  if not args.target then
    refuse.call "give an adapter file such as ./my_adapter.lua, or a store URL"
  end
  local isFile = args.target:match("%.lua$") and not args.target:match("^lua:")
  local ok, found = xpcall(conformance.run, core.traceback, {
    path = isFile and args.target or nil, url = not isFile and args.target or nil, base = args.base, only = args.only,
    entities = args.entities, timeout = args.timeout, onResult = progress(args),
  })
  if not ok then
    found = core.toError(found)
    found.exit = found.code == "script" and 1 or 2
    if found.code == "invalid_argument" then
      found.hint = "an adapter file returns its class; docs/adapters.md shows one"
    end
    error(found, 0)
  end
  if progress(args) then io.stderr:write("\r\27[K") end
  if #found.results == 0 then
    refuse.call("no check matches '%s'; --list shows them", args.only)
  end
  local function shown(report) return core.redact(report, args.target) end -- whatever a store has said
  if args.junit then write(args.junit, shown(conformance.report.junit(found))) end
  if args.json then output.line(shown(core.json.encode(conformance.report.json(found))))
  elseif args.tap then output.line(shown(conformance.report.tap(found)))
  else output.line(shown(conformance.report.text(found, terminal.isTerminal(1)))) end
  return found.failed == 0 and 0 or 1
end

return {
  summary = "Test whether an adapter keeps the contract.",
  description = "Runs the conformance checks against an adapter, a Lua file that returns its class, or against the\n"
    .. "store that a URL names.  Prints what failed, with the line of the adapter to look at, and what it\n"
    .. "declares and keeps, and last with which failure to begin.  In a store, everything is done under\n"
    .. "entity names of its own and removed again.\n\n"
    .. "The exit code is 0 if all checks passed, 1 if some failed or the file raised, 2 if there is nothing\n"
    .. "to test.",
  examples = { "holdfast test my_adapter.lua", "holdfast test file:./scratch --only values",
    "holdfast test my_adapter.lua --junit report.xml" },
  arguments = function(command)
    command:argument("TARGET"):argname("TARGET"):target("target"):args("?")
      :description("A Lua file, or a store URL such as lua:my.module or file:./scratch.")
    command:option("--only"):argname("PATTERN"):description("Only checks with this in their name (a Lua pattern).")
    command:flag("--list"):description("List the checks.")
    command:flag("--tap"):description("Write the Test Anything Protocol.")
    command:option("--junit"):argname("FILE"):description("Also write JUnit's XML to a file.")
    command:option("--base"):argname("DIR"):description("Where classes keep their data; else a temporary directory.")
    command:option("--entities"):argname("N"):convert(options.wholeNumber)
      :description("How many entities are many (2500).")
    command:option("--timeout"):argname("S"):convert(options.wholeNumber)
      :description("Seconds that a check may take (30).")
  end,
  run = run,
}
