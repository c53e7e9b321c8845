-- SPDX-License-Identifier: MIT
--
-- Whatever a script raises, and whatever goes wrong while that is being said: the command ends with the exit code that
-- it documents, and with one sentence about it, never with a traceback of its own insides.

local holdfast = require "holdfast"
local process = require "support.process"
local raises = require "support.raises"
local temp = require "support.temp"

local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"
local quote = temp.quote

local directory

before_each(function() directory = temp.directory() end)
after_each(function() temp.removeAll() end)

-- Runs a script; checks what all ends have in common.
local function run(script, options, limits)
  temp.writeFile(directory .. "/x.lua", script)
  local result = process.shell(("%s cd %s && timeout 60 %s %s run x.lua"):format(limits or "", quote(directory),
    quote(command), options or ""))
  assert.falsy(result.stderr:find("holdfast.cli", 1, true), result.stderr)
  assert.equal("", result.stdout)
  return result
end

local ERROR = 'local holdfast = require "holdfast" local e = holdfast.error("io", "text") '

-- What is raised: the first line of what is said.
local cases = {
  ["an object whose __tostring raises"] = {
    'error(setmetatable({}, { __tostring = function() error("inside", 0) end }))',
    "(a table was raised, whose __tostring raised: inside)",
  },
  ["an object whose __tostring raises such an object"] = {
    'local m = {} m.__tostring = function() error(setmetatable({}, m)) end error(setmetatable({}, m))',
    "(a table was raised, whose __tostring raised: (a table was raised))",
  },
  ["an object whose __tostring gives a table"] = {
    "error(setmetatable({}, { __tostring = function() return {} end }))",
    "(a table was raised, whose __tostring gives no text)",
  },
  ["an object whose __tostring gives nothing"] = {
    "error(setmetatable({}, { __tostring = function() end }))",
    "(a table was raised, whose __tostring gives no text)",
  },
  ["an object with a protected metatable"] = {
    'error(setmetatable({}, { __metatable = false, __tostring = function() return "said" end }))', "said",
  },
  ["an object whose __index raises"] = {
    'error(setmetatable({}, { __index = function() error("index") end }))', "(a table was raised)",
  },
  ["a cdata whose __tostring raises"] = {
    'local ffi = require "ffi" local T = ffi.metatype("struct { int x; }", { __tostring = function() '
      .. 'error("c", 0) end }) error(T(1))', "(a cdata was raised, whose __tostring raised: c)",
  },
  ["nil"] = { "error(nil)", "(a nil was raised)" },
  ["an empty text"] = { "error(\"\", 0)", "(an empty text was raised)" },
  ["false"] = { "error(false)", "(a boolean was raised)" },
  ["a number"] = { "error(7, 0)", "7" },
  ["a table"] = { "error({ message = 1 })", "(a table was raised)" },
  ["a function"] = { "error(print)", "(a function was raised)" },
  ["text that is not UTF-8"] = { 'error("a\\255\\192\\128\\237\\160\\128b", 0)',
    "a\255\192\128\237\160\128b", "a" .. ("\239\191\189"):rep(6) .. "b" },
  ["an error object with text that is not UTF-8"] = { ERROR .. 'e.message = "a\\255" error(e)', "x.lua:1: a\255 [io]",
    "x.lua:1: a\239\191\189 [io]" },
  ["an error object that is its own cause"] = { ERROR .. "e.cause = e error(e)", "x.lua:1: text [io]" },
  ["an error object whose cause cannot be shown"] = {
    ERROR .. 'e.cause = setmetatable({}, { __tostring = function() error("no") end }) error(e)', "x.lua:1: text [io]",
  },
  ["an error object without a message"] = { ERROR .. "e.message = nil error(e)",
    "x.lua:1: the operating system refused; the cause names the call [io]" },
  ["an error object with tables in it"] = {
    ERROR .. "e.code, e.traceback, e.exit, e.where, e.entityName, e.line, e.retryable = {}, {}, {}, {}, {}, {}, {} "
      .. "error(e)",
    "text",
  },
  ["an error in an error handler"] = {
    'error((select(2, xpcall(function() error("a") end, function() error("b") end))), 0)',
    "an error was raised while an error was reported",
  },
  ["a stack overflow"] = { "local function f(n) return 1 + f(n + 1) end f(1)", "x.lua:1: stack overflow" },
  ["a stack overflow by way of C"] = {
    'local t t = setmetatable({}, { __index = function(_, k) return (("a"):gsub("a", function() '
      .. "return t[k] end)) end }) return t.x", "stack overflow",
  },
  ["anything, without the debug library"] = { 'debug = nil error("text", 0)', "text" },
  ["anything, with a debug.traceback that raises"] = {
    'debug.traceback = function() error("inside") end error("text", 0)', "text",
  },
  ["anything, without the basic functions"] = {
    "local e = error for _, name in ipairs { 'tostring', 'type', 'pcall', 'xpcall', 'select', 'unpack', 'error', "
      .. "'getmetatable', 'setmetatable', 'collectgarbage', 'string', 'table' } do _G[name] = nil end e('text', 0)",
    "text",
  },
  ["what a coroutine raises"] = {
    'coroutine.wrap(function() error(setmetatable({}, { __tostring = function() error("inside", 0) end })) end)()',
    "(a table was raised, whose __tostring raised: inside)",
  },
}

describe("what a script raises", function()
  for name, case in pairs(cases) do
    it("is said in a sentence, and the exit code is 1: " .. name, function()
      local result = run(case[1])
      assert.equal("holdfast: " .. case[2], result.stderr:match("^[^\n]*"))
      assert.equal(1, result.code)
    end)

    it("is a JSON object on one line with --json: " .. name, function()
      local result = run(case[1], "--json")
      assert.equal(1, result.code)
      assert.matches("^[^\n]+\n$", result.stderr)
      local err = holdfast.json.decode(result.stderr).error
      assert.equal(case[3] or case[2], err.message)
      assert.equal("string", type(err.code))
      assert.equal("boolean", type(err.retryable))
    end)
  end
end)

-- The sanitizers reserve more than any limit.
local limited = os.getenv("ASAN_OPTIONS") and pending or it
local LIMIT = "ulimit -v 80000;"

describe("a script for which there is no memory", function()
  local hungry = {
    ["in a loop"] = 'local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end',
    ["in global tables"] = 't = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end',
    ["in a coroutine"] = 'coroutine.wrap(function() local t = {} '
      .. 'while true do t[#t + 1] = ("x"):rep(1000) .. #t end end)()',
    ["in __tostring"] = 'error(setmetatable({}, { __tostring = function() local t = {} '
      .. 'while true do t[#t + 1] = ("x"):rep(1000) .. #t end end }))',
    ["in its own error handler"] = 'local _, e = xpcall(function() error("a") end, function() local t = {} '
      .. 'while true do t[#t + 1] = ("x"):rep(1000) .. #t end end) error(e, 0)',
    ["in a filter"] = 'local store = require("holdfast").MemoryPersist("x") store:writeValue("a", 1) '
      .. 'for _ in store:filter(function() local t = {} '
      .. 'while true do t[#t + 1] = ("x"):rep(1000) .. #t end end) do end',
    ["in a transaction"] = 'local holdfast = require "holdfast" local store = holdfast.MemoryPersist("x") '
      .. 'holdfast.transaction(function() store:writeValue("a", 1) '
      .. 'local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end)',
  }
  for name, script in pairs(hungry) do
    limited("ends with a sentence: " .. name, function()
      local result = run(script, nil, LIMIT)
      assert.equal(1, result.code)
      assert.matches("^holdfast: [^\n]+", result.stderr)
      assert.falsy(result.stderr:find("nil", 1, true), result.stderr)
      local function isSaid(text)
        return text:find("memory", 1, true) or text:find("while an error was reported", 1, true)
      end
      assert.truthy(isSaid(result.stderr), result.stderr)
      local err = holdfast.json.decode(run(script, "--json", LIMIT).stderr).error
      assert.truthy(isSaid(err.message), err.message)
    end)
  end

  limited("goes on when it has caught that", function()
    local result = run([[
      local holdfast = require "holdfast"
      local ok, err = pcall(function() local t = {} while true do t[#t + 1] = ("x"):rep(1000) .. #t end end)
      collectgarbage() -- LuaJIT does not do so by itself then
      assert(not ok and err == "not enough memory")
      local object = require("holdfast.core").toError(err)
      assert(holdfast.isError(object, "no_memory") and object.message == "Lua ran out of memory", tostring(object))
      local store = holdfast.MemoryPersist("x")
      store:writeValue("a", 1)
      assert(store:readValue("a") == 1)]], nil, LIMIT)
    assert.equal("", result.stderr)
    assert.equal(0, result.code)
  end)
end)

describe("toError", function()
  local toError = require("holdfast.core").toError

  it("gives error objects as they are, and makes them of anything else", function()
    local err = holdfast.error("busy", "x")
    assert.equal(err, toError(err))
    for _, case in ipairs {
      { "text", "script", "text" }, { nil, "script", "(a nil was raised)" }, { {}, "script", "(a table was raised)" },
      { "not enough memory", "no_memory", "Lua ran out of memory" },
      { "error in error handling", "script", "an error was raised while an error was reported" },
      { setmetatable({}, { __tostring = function() error("inside", 0) end }), "script",
        "(a table was raised, whose __tostring raised: inside)" },
    } do
      local made = raises.error(case[2], case[3], function() error(toError(case[1]), 0) end)
      assert.is_nil(made.traceback)
    end
  end)
end)
