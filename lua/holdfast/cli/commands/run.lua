-- SPDX-License-Identifier: MIT
--
-- run: a Lua script with `require "holdfast"` inside.

local core = require "holdfast.core"
local call = require "holdfast.cli.code.call"
local refuse = require "holdfast.cli.console.refuse"

-- As it is now: the script that raises an error may have replaced it.
local error = error

local function load(path)
  local code, message
  if path == "-" then
    code = io.read("*a") or ""
  else
    local file
    file, message = io.open(path, "rb")
    code = file and file:read("*a")
    if file then file:close() end
    if not code then refuse.path("cannot read the script " .. (message or path .. ": is it a directory?")) end
  end
  local chunk, problem = loadstring(code, path == "-" and "=stdin" or "@" .. path)
  if not chunk then
    local err = core.error("script", problem)
    err.showTraceback = false
    error(err, 0)
  end
  return chunk
end

-- Lua's stack holds some 8,000 values.
local ARGUMENTS_MAX = 7000

local function run(args)
  local chunk = load(args.script)
  local words = args.args
  if #words > ARGUMENTS_MAX then
    refuse.call("a script takes at most %d arguments, not %d: give them in a file", ARGUMENTS_MAX, #words)
  end
  _G.arg = { [0] = args.script }
  for i, word in ipairs(words) do _G.arg[i] = word end
  local ok, raised = call.call(chunk, unpack(words))
  if not ok then error(call.explain(raised), 0) end
  return 0
end

return {
  summary = "Run a Lua script.",
  description = "Runs a script, in which require \"holdfast\" works.  Its arguments are in `...` and in `arg`;\n"
    .. "options for the command itself stand before SCRIPT.  What a script raises is printed with its line\n"
    .. "and traceback, and the exit code is 1; os.exit(N) gives another.",
  examples = { "holdfast run report.lua ./data --since 2024", "echo 'print(holdfast ~= nil)' | holdfast run -" },
  arguments = function(command)
    command:argument("SCRIPT"):argname("SCRIPT"):target("script"):description("A Lua file; '-' is the standard input.")
    command:argument("ARG"):argname("ARG"):target("args"):args("*"):description("Arguments for the script.")
  end,
  runsScript = true,
  run = run,
}
