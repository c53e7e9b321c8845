-- SPDX-License-Identifier: MIT
--
-- repl: Lua by the line, with `holdfast` at hand.  It talks on a
-- terminal, with Debian's lua-readline where that is installed; from a pipe or a file it
-- reads the same and only prints results.

local core = require "holdfast.core"
local holdfast = require "holdfast"
local call = require "holdfast.cli.code.call"
local output = require "holdfast.cli.console.output"
local terminal = require "holdfast.cli.system.terminal"

local PROMPT, CONTINUED = "holdfast> ", "       .. "

-- ------------------------------------------------------------------- printing

local show

-- A table that is not JSON, such as a class: its members by name, one level deep.
local function showMembers(value)
  local parts = {}
  for key, member in pairs(value) do
    parts[#parts + 1] = tostring(key) .. " = " .. (type(member) == "table" and tostring(member) or show(member))
  end
  table.sort(parts)
  return "{ " .. table.concat(parts, ", ") .. " }"
end

-- The text of a value: JSON where it is JSON, and what Lua calls it elsewhere.
function show(value)
  local kind = type(value)
  if kind == "nil" then return "nil" end
  if kind == "table" and (getmetatable(value) or {}).__tostring then return tostring(value) end
  local ok, json = pcall(holdfast.json.encode, value)
  if ok then return json end
  return kind == "table" and showMembers(value) or tostring(value)
end

local function showAll(first, last, values)
  if last < first then return end
  local parts = {}
  for i = first, last do parts[#parts + 1] = show(values[i]) end
  output.line(table.concat(parts, "\t"))
end

-- -------------------------------------------------------------------- reading

-- A function that gives the next line, or nil at the end; and one to call at the end, or nil.
local function reader(talks)
  if not talks then return function() return io.read("*l") end end
  local ok, readline = pcall(require, "readline")
  if ok then
    readline.set_options { auto_add = true, keeplines = 1000, histfile = "~/.holdfast_history" }
    return readline.readline, readline.save_history
  end
  return function(prompt)
    io.stdout:write(prompt)
    io.stdout:flush()
    return io.read("*l")
  end
end

-- Compiles what was typed.  nil, message, true: more lines are needed.
local function compile(code)
  local chunk, expressionMessage = loadstring("return " .. code, "=repl")
  if chunk then return chunk end
  local message
  chunk, message = loadstring(code, "=repl")
  if chunk then return chunk end
  local unfinished = "near '<eof>'$"
  return nil, message, (message:find(unfinished) or expressionMessage:find(unfinished)) ~= nil
end

local function evaluate(chunk, asJson)
  local function finish(ok, ...)
    if ok then
      showAll(1, select("#", ...), { ... })
    else
      output.complain(call.explain((...)), asJson)
    end
  end
  finish(call.call(chunk))
end

local function complainOfSyntax(message, asJson)
  local err = core.error("script", message)
  err.where = nil
  output.complain(err, asJson)
end

local function repl(args)
  local talks = terminal.isTerminal(0)
  local readLine, atEnd = reader(talks)
  _G.holdfast = holdfast
  _G.arg = { [0] = "repl" }
  if talks then
    output.line("Holdfast " .. holdfast.version .. ": Lua by the line, `holdfast` is at hand.  Ctrl-D ends.")
    output.flush()
  end
  local code
  while true do
    local line = readLine(code and CONTINUED or PROMPT)
    if not line then break end
    local whole = code and code .. "\n" .. line or (line:gsub("^%s*=", "return "))
    if not whole:find("%S") then
      code = nil
    else
      local chunk, message, incomplete = compile(whole)
      code = incomplete and whole or nil
      if chunk then
        evaluate(chunk, args.json)
        output.flush()
      elseif not incomplete then
        complainOfSyntax(message, args.json)
      end
    end
  end
  if atEnd then atEnd() end
  if talks then
    output.line("")
  elseif code then
    complainOfSyntax(select(2, compile(code)), args.json)
  end
  return 0
end

return {
  summary = "Type Lua by the line.",
  description = "Evaluates Lua line by line and prints results, JSON where they are JSON.  `holdfast` is the\n"
    .. "module.  Input that is not finished goes on in the next line; an error ends nothing.",
  examples = {
    "holdfast repl",
    "echo 'holdfast.PersistBase(\"signal\", \"./data\"):count()' | holdfast repl",
  },
  arguments = function() end,
  run = repl,
}
