-- SPDX-License-Identifier: MIT
--
-- Adapter files and modules that cannot be loaded: each is refused with one sentence that begins with the line to look
-- at, wherever it is loaded from, and no line of ours is in the way there.

local conformance = require("holdfast.conformance")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local stores = require("support.stores")
local temp = require("support.temp")

local command = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

local RETURNS = ': an adapter returns its class, made with holdfast.PersistBase:extend("Name")'
local CLASS = 'local holdfast = require "holdfast"\nlocal My = holdfast.PersistBase:extend("My")\n'

-- What is in the file, how it is refused, and the way there where it tells more.  @ is the folder, with a slash.
local CASES = {
  ["a syntax error"] = {
    text = CLASS .. "function My:readValue(id) retrun 1 end\nreturn My\n",
    code = "script", message = "@x.lua:3: '=' expected near '1'", where = "@x.lua:3",
  },
  ["a runtime error"] = {
    text = CLASS .. "local x\nlocal y = x.field\n",
    code = "script", message = "@x.lua:4: attempt to index local 'x' (a nil value)", where = "@x.lua:4",
  },
  ["a runtime error further in"] = {
    text = "local function connect(t) return t.host.name end\nlocal function start()\n  local n = connect({})\n"
      .. "  return n\nend\nlocal x = start()\nreturn x\n",
    code = "script", message = "@x.lua:1: attempt to index field 'host' (a nil value)", where = "@x.lua:1",
    traceback = "@x.lua:1: in function 'connect'\n\t@x.lua:3: in function 'start'\n\t@x.lua:6: in main chunk",
  },
  ["a module that raises"] = {
    text = 'package.path = "@?.lua;" .. package.path\nlocal inner = require "inner"\nreturn inner\n',
    inner = "local t\nlocal x = t.y\n",
    code = "script", message = "@inner.lua:2: attempt to index local 't' (a nil value)", where = "@inner.lua:2",
    traceback = "@inner.lua:2: in main chunk\n\t@x.lua:2: in main chunk",
  },
  ["a module with a syntax error"] = {
    text = 'package.path = "@?.lua;" .. package.path\nlocal inner = require "inner"\nreturn inner\n',
    inner = "local t = = nil\n",
    code = "script", message = "@inner.lua:1: unexpected symbol near '='", where = "@inner.lua:1",
    traceback = "@x.lua:2: in main chunk",
  },
  ["a module that is missing"] = {
    text = '\nlocal inner = require "no.such.module"\nreturn inner\n',
    code = "script", message = "@x.lua:2: module 'no.such.module' not found", where = "@x.lua:2",
  },
  ["an error without a position"] = {
    text = 'error("no server", 0)\n',
    code = "script", message = "@x.lua:1: no server", where = "@x.lua:1",
  },
  ["an error that is a table"] = {
    text = "error({})\n",
    code = "script", message = "@x.lua:1: (a table was raised)", where = "@x.lua:1",
  },
  ["an error object"] = {
    text = 'error(require("holdfast").error("unavailable", "the server is away"))\n',
    code = "unavailable", message = "@x.lua:1: the server is away", where = "@x.lua:1", retryable = true,
  },
  ["a misuse of ours"] = {
    text = 'local holdfast = require "holdfast"\nlocal My = holdfast.PersistBase:extend(5)\n',
    code = "invalid_argument", message = "@x.lua:2: the name of a class must be a string, not a number",
    where = "@x.lua:2",
  },
  ["nothing to return"] = {
    text = CLASS, code = "invalid_argument", message = "@x.lua returned nothing" .. RETURNS, where = "@x.lua",
  },
  ["nothing in it"] = {
    text = "", code = "invalid_argument", message = "@x.lua returned nothing" .. RETURNS, where = "@x.lua",
  },
  ["a number to return"] = {
    text = "return 5\n", code = "invalid_argument", message = "@x.lua returned a number" .. RETURNS, where = "@x.lua",
  },
  ["a table that is not a class"] = {
    text = "return {}\n", code = "invalid_argument", message = "@x.lua returned a table" .. RETURNS, where = "@x.lua",
  },
  ["an instance to return"] = {
    text = 'return require("holdfast").MemoryPersist("a", "b")\n',
    code = "invalid_argument", message = "@x.lua returned an instance" .. RETURNS, where = "@x.lua",
  },
  ["a class that lacks methods"] = {
    text = CLASS .. "for _, name in ipairs { 'waitForInit', 'readValue', 'hasValue', 'removeValue', 'removeAll', "
      .. "'keys' } do\n  My[name] = function() end\nend\nreturn My\n",
    code = "invalid_argument", message = "@x.lua: My lacks methods that every backend has: writeValue, values.  "
      .. "Define them with function My:writeValue(...), or extend a concrete store", where = "@x.lua",
  },
  ["the bytecode of another Lua"] = {
    text = "\27LuaQ\0\1\4\8\4\8\0",
    code = "script", message = "@x.lua: cannot load incompatible bytecode: give the source, or what " .. jit.version
      .. " has compiled", where = "@x.lua",
  },
}

local folder

-- The folder as it is named, in place of every @.
local function named(text, as) return text and (text:gsub("@", (as:gsub("%%", "%%%%")))) end

local function write(case)
  temp.writeFile(folder .. "/x.lua", named(case.text, folder .. "/"))
  if case.inner then temp.writeFile(folder .. "/inner.lua", case.inner) end
end

local function checkError(case, err)
  assert.equal(named(case.message, folder .. "/"), err.message)
  assert.equal(case.code, err.code)
  assert.equal(named(case.where, folder .. "/"), err.where)
  assert.equal(case.retryable or false, err.retryable)
  local traceback = case.traceback and "stack traceback:\n\t" .. named(case.traceback, folder .. "/")
  assert.equal(traceback, err.cause)
end

before_each(function() folder = temp.directory() end)

after_each(function()
  package.loaded.inner = nil
  package.path = package.path:gsub("[^;]*/holdfast%-test%-[^;]*;", "")
  stores.leaveNothing()
end)

for what, case in pairs(CASES) do
  describe("an adapter file with " .. what, function()
    before_each(function() write(case) end)

    it("is refused by its URL, again and again", function()
      for _ = 1, 3 do
        checkError(case, raises.error(case.code, nil, holdfast.PersistBase, "signal", "lua:" .. folder .. "/x.lua"))
      end
    end)

    it("is refused by a whole store", function()
      local store = holdfast.openStore("lua:" .. folder .. "/x.lua")
      local err = raises.error(case.code, nil, store.verify, store, { entityName = "signal" })
      store:close()
      checkError(case, err)
    end)

    it("is refused where an adapter is registered", function()
      local adapter = holdfast.PersistSignalAdapter
      local register = adapter.usePersistSignalAdapter
      checkError(case, raises.error(case.code, nil, register, "lua:" .. folder .. "/x.lua"))
    end)

    it("is refused by the conformance kit", function()
      checkError(case, raises.error(case.code, nil, conformance.run, { path = folder .. "/x.lua" }))
    end)

    it("is refused by the command, which prints no more than that", function()
      for _, row in ipairs({
        { "ls lua:./x.lua signal", "./" }, { "put lua:./x.lua signal a 1", "./" }, { "test lua:./x.lua", "./" },
        { "test x.lua", "" }, { "test ./x.lua", "./" },
      }) do
        local words, as = row[1], row[2]
        local result = process.shell(("cd %s && %s %s"):format(temp.quote(folder), temp.quote(command), words))
        local expected = "holdfast: " .. named(case.message, as) .. "\n"
        if case.traceback then expected = expected .. "stack traceback:\n\t" .. named(case.traceback, as) .. "\n" end
        if case.inner then expected = expected:gsub("%f[%w.][%w./]*inner", folder .. "/inner") end
        local hint = "  an adapter file returns its class; docs/adapters.md shows one\n"
        if words:find("^test") and case.code == "invalid_argument" then expected = expected .. hint end
        assert.equal(expected, result.stderr, words)
        assert.equal("", result.stdout)
        assert.is_true(result.code > 0)
      end
    end)

    it("shows no line of ours to a script that opens it", function()
      temp.writeFile(folder .. "/use.lua", 'local holdfast = require "holdfast"\nlocal function go()\n'
        .. '  local store = holdfast.PersistBase("signal", "lua:./x.lua")\n  return store\nend\n'
        .. 'local s = go()\nreturn s')
      local result = process.shell(("cd %s && %s run use.lua"):format(temp.quote(folder), temp.quote(command)))
      local first = result.stderr:match("^holdfast: ([^\n]*)")
      if case.inner then first = first:gsub("^[%w./-]*inner", "./inner") end
      assert.equal(named(case.message, "./") .. (case.code ~= "script" and " [" .. case.code .. "]" or ""), first)
      for _, ours in ipairs({ "[holdfast", "/lua/holdfast/", "[C]" }) do
        assert.is_nil(result.stderr:find(ours, 1, true), result.stderr)
      end
      assert.equal(1, result.code)
    end)
  end)
end

describe("an adapter file", function()
  it("that is missing, unreadable or a folder says so", function()
    local url, adapter = "lua:" .. folder .. "/x.lua", holdfast.PersistRiskAdapter
    local function refused(code, message)
      for _, open in ipairs({
        function() holdfast.PersistBase("signal", url) end,
        function() adapter.usePersistRiskAdapter(url) end,
        function() conformance.run({ path = folder .. "/x.lua" }) end,
      }) do
        local err = raises.error(code, message:gsub("@", folder .. "/"), open)
        assert.matches("files_spec.lua:%d+$", err.where) -- the line that named it
        assert.is_nil(err.cause)
      end
    end
    refused("not_found", "there is no adapter file @x.lua")
    os.execute("mkdir " .. temp.quote(folder .. "/x.lua"))
    refused("io", "cannot read the adapter file @x.lua: Is a directory")
    os.execute("rmdir " .. temp.quote(folder .. "/x.lua") .. " && ln -s x.lua " .. temp.quote(folder .. "/x.lua"))
    refused("io", "cannot read the adapter file @x.lua: Too many levels of symbolic links")
  end)

  it("may be bytecode of this LuaJIT", function()
    local right = (os.getenv("HOLDFAST_SOURCE") or ".") .. "/tests/conformance/right/memory.lua"
    local code = string.dump(assert(loadfile(right)), true)
    assert.equal("\27LJ", code:sub(1, 3))
    temp.writeFile(folder .. "/x.lua", code)
    local store = holdfast.PersistBase("signal", "lua:" .. folder .. "/x.lua?base=bytecode")
    store:writeValue("a", 1)
    assert.equal(1, store:readValue("a"))
    assert.equal(0, conformance.run({ path = folder .. "/x.lua", only = "template" }).failed)
  end)

  it("that is put right works in the same process", function()
    write(CASES["a module with a syntax error"])
    local url = "lua:" .. folder .. "/x.lua"
    raises.error("script", nil, holdfast.PersistBase, "signal", url)
    temp.writeFile(folder .. "/inner.lua", 'return require("support.ScriptPersist"):extend("Mended")')
    local store = holdfast.PersistBase("signal", url)
    assert.equal('Mended("signal", "mended")', tostring(require("inner")("signal", "mended")))
    assert.equal("lua:Mended", store.url)
  end)
end)

describe("an adapter module", function()
  local function module(text)
    temp.writeFile(folder .. "/inner.lua", text)
    package.path = folder .. "/?.lua;" .. package.path
  end

  it("is refused like a file", function()
    local function refused(code, message, text)
      package.loaded.inner = nil
      module(text)
      for _ = 1, 2 do
        local err = raises.error(code, message:gsub("@", folder .. "/"), holdfast.PersistBase, "signal", "lua:inner")
        assert.is_nil(err.cause)
      end
    end
    refused("script", "@inner.lua:2: unexpected symbol near '='", "\nlocal x = = 1")
    refused("script", "@inner.lua:2: attempt to index global 'x' (a nil value)", "\nlocal y = x.y")
    refused("invalid_argument", "'inner' returned nothing" .. RETURNS, CLASS)
    refused("invalid_argument", "'inner' returned a table" .. RETURNS, "return {}")
    refused("invalid_argument", "'inner' returned a boolean" .. RETURNS, "return false")
    refused("invalid_argument", "'inner': My lacks methods that every backend has: waitForInit, readValue, hasValue, "
      .. "writeValue, removeValue, removeAll, values, keys.  Define them with function My:waitForInit(...), or extend "
      .. "a concrete store", CLASS .. "return My")
  end)

  it("that is missing is one sentence", function()
    local err = raises.error("script", "module 'no.such.module' not found where Lua looks for modules; an adapter's "
      .. "file ends in .lua: lua:./adapter.lua", holdfast.PersistBase, "signal", "lua:no.such.module")
    assert.is_nil(err.cause)
  end)
end)

describe("a method that is wrong", function()
  it("is told without the frames of ours", function()
    temp.writeFile(folder .. "/x.lua", CLASS .. [[
      for _, name in ipairs { "waitForInit", "hasValue", "removeValue", "removeAll", "values" } do
        My[name] = function() end
      end
      function My:keys() return { "b", "a" } end
      function My:writeValue(id) local x = nil; x.y = id end
      function My:readValue() return nil end
      return My]])
    local store = holdfast.PersistBase("signal", "lua:" .. folder .. "/x.lua")
    local raised = raises.error("script", nil, store.writeValue, store, "a", 1)
    assert.matches("\nstack traceback:\n\t[^\n]*x.lua:7: in function <[^\n]*>$", raised.cause)
    assert.is_nil(raises.error("script", nil, function() for _ in store:keys() do end end).cause)
    assert.is_nil(raises.error("script", nil, store.readValue, store, "a").cause)
  end)
end)
