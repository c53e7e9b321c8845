-- SPDX-License-Identifier: MIT
--
-- The command `holdfast` as a user meets it: the real program on real stores, by its
-- output, its complaints and its exit codes.

local command = require "support.command"
local process = require "support.process"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

-- Each command is a file.
local COMMANDS = {}
local listing = assert(io.popen("ls '" .. (os.getenv("HOLDFAST_SOURCE") or ".") .. "/lua/holdfast/cli/commands'"))
for name in listing:lines() do COMMANDS[#COMMANDS + 1] = name ~= "list.lua" and name:match("^(.*)%.lua$") or nil end
listing:close()

describe("the command", function()
  local dir, store

  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
  end)

  after_each(function()
    temp.removeAll()
  end)

  local holdfast, ok, fails = command.run, command.ok, command.fails

  -- An export's lines without its marks.
  local function unmarked(text)
    return (text:gsub(',"exportBegin":1', ""):gsub(',"exportEnd":%b{}', ""))
  end

  local function exists(path)
    local file = io.open(path, "rb")
    if file then file:close() end
    return file ~= nil
  end

  -- A script file of its own for `run`.
  local function script(code, name)
    local path = dir .. "/" .. (name or "script.lua")
    temp.writeFile(path, code)
    return path
  end

  local function putSome()
    ok { "put", store, "signal", "BTC-10", '{"side":"long","price":42000.5}' }
    ok { "put", store, "signal", "BTC-2", '{"side":"short","price":1}' }
    ok { "put", store, "signal", "ETH", '{"price":7,"tags":[]}' }
    ok { "put", store, "risk", "a/positions", "[[1,2]]" }
  end

  -- Changes one byte of a stored text in the data file.
  local function flip(from, to)
    assert.is_true(temp.patchFile(store .. "/data.mdb", from, to) > 0, "the value is not in the file")
  end

  describe("help", function()
    it("lists every command and the exit codes", function()
      local help = ok { "--help" }
      assert.is_true(#COMMANDS > 10)
      for _, name in ipairs(COMMANDS) do assert.matches("\n   " .. name .. " +%S", help) end
      assert.matches("Exit codes:", help, 1, true)
    end)

    for _, name in ipairs(COMMANDS) do
      it("of " .. name .. " has an example", function()
        local help = ok { name, "--help" }
        assert.matches("^Usage: holdfast " .. name .. " ", help)
        assert.matches("\nExamples:\n   .*holdfast " .. name, help)
        assert.matches("--json", help, 1, true)
        for line in help:gmatch("[^\n]+") do assert.is_true(#line <= 100, line) end
      end)
    end

    it("has no line of a description that is too long to stay whole", function()
      assert.equal("", ok({ "run", "-" }, [[
        for _, name in ipairs(require("holdfast.cli.commands.list").names) do
          for line in require("holdfast.cli.commands." .. name).description:gmatch("[^\n]+") do
            if #line > 100 and not line:find "^ " then print(name, line) end
          end
        end]]))
    end)

    it("says the version of the library", function()
      assert.equal("holdfast " .. require("holdfast").version .. "\n", ok { "--version" })
    end)
  end)

  describe("called wrongly", function()
    it("asks for a command", function()
      fails(2, "holdfast: a command is required", {})
    end)

    it("names the command that may have been meant", function()
      fails(2, "unknown command 'exprot'. Did you mean 'export'?", { "exprot" })
    end)

    it("names an unknown option and where to read on", function()
      local result = fails(2, "unknown option '--bogus'", { "ls", store, "--bogus" })
      assert.matches("'holdfast ls --help'", result.stderr, 1, true)
      assert.equal("", result.stdout)
    end)

    it("names a missing argument", function()
      fails(2, "missing argument 'ID'", { "get", store, "signal" })
    end)

    it("refuses a count that is none", function()
      fails(2, "'1.5' is no whole number", { "take", store, "signal", "1.5" })
      fails(2, "'x' is no whole number", { "ls", store, "signal", "--limit", "x" })
    end)

    it("tells the stores it knows for a URL it does not", function()
      fails(2, "there is no 'gopher' store", { "ls", "gopher:x" })
    end)

    it("says it in JSON too", function()
      local result = fails(2, "", { "ls", store, "--json", "--bogus" })
      local err = json.decode(result.stderr).error
      assert.equal("invalid_argument", err.code)
      assert.equal("unknown option '--bogus'", err.message)
    end)
  end)

  describe("put and get", function()
    it("keep the text as it was given", function()
      ok { "put", store, "signal", "BTC/USDT:USDT", '{ "b": 1.50,"a":[] }' }
      assert.equal('{ "b": 1.50,"a":[] }\n', ok { "get", store, "signal", "BTC/USDT:USDT" })
    end)

    it("take the value from the standard input", function()
      ok({ "put", store, "signal", "a" }, '{"x":1}\n')
      ok({ "put", store, "signal", "b", "-" }, "\n [2]\n\n")
      assert.equal('{"x":1}\n[2]\n', ok { "get", store, "signal", "a", "b" })
    end)

    it("print one line per id, whatever the text looks like", function()
      ok { "put", store, "signal", "a", "{\n\"x\":\r\n1}" }
      ok { "put", store, "signal", "b", "2" }
      assert.equal('{ "x": 1}\n2\n', ok { "get", store, "signal", "a", "b" })
    end)

    it("tell the revision with --json", function()
      local first = json.decode(ok { "put", store, "signal", "a", "[1]", "--json" })
      local second = json.decode(ok { "put", store, "signal", "a", "[2]", "--json" })
      assert.equal("a", first.id)
      assert.is_true(second.revision > first.revision)
      local entry = json.decode(ok { "get", store, "signal", "a", "--json" })
      assert.same({ "a", { 2 }, second.revision }, { entry.id, entry.value, entry.revision })
      assert.is_true(math.abs(entry.updatedAt / 1000 - os.time()) < 60)
    end)

    it("refuse what is not JSON and leave no store", function()
      fails(2, "not JSON at byte", { "put", store, "signal", "a", '{"x":' })
      assert.is_false(exists(store .. "/data.mdb"))
    end)

    it("refuse an id that is none", function()
      fails(2, "id is empty", { "put", store, "signal", "", "1" })
    end)

    it("say no by exit code 1 and still print the others", function()
      putSome()
      local result = fails(1, "holdfast: Entity signal:nope not found", { "get", store, "signal", "nope", "ETH" })
      assert.equal('{"price":7,"tags":[]}\n', result.stdout)
      assert.not_matches("the store has", result.stderr)
    end)

    it("tell the entity names when the name is the mistake", function()
      putSome()
      fails(1, "the store has: risk, signal", { "get", store, "signals", "ETH" })
    end)

    it("give errors as JSON with --json", function()
      putSome()
      local result = holdfast { "get", store, "signal", "nope", "--json" }
      local err = json.decode(result.stderr).error
      assert.same({ "not_found", "Entity signal:nope not found", "signal", "nope" },
        { err.code, err.message, err.entityName, err.entityId })
      assert.equal(1, result.code)
    end)

    it("take an id that looks like an option after --", function()
      ok { "put", store, "signal", "--", "-1", "7" }
      assert.equal("7\n", ok { "get", store, "signal", "--", "-1" })
    end)
  end)

  describe("a store that does not exist", function()
    for _, words in ipairs { { "get", "signal", "a" }, { "ls" }, { "ls", "signal" }, { "filter", "signal", "true" },
      { "take", "signal", "1" }, { "count" }, { "stat" }, { "verify" }, { "export" }, { "rm", "signal", "a" } } do
      it("is not created by " .. words[1] .. " and is exit code 3", function()
        table.insert(words, 2, store)
        fails(3, "there is no store at", words)
        assert.is_false(exists(store .. "/data.mdb"))
      end)
    end

    it("is not_found with --json", function()
      local result = holdfast { "ls", store, "--json" }
      assert.equal("not_found", json.decode(result.stderr).error.code)
    end)
  end)

  describe("ls", function()
    before_each(putSome)

    it("lists entity names with their counts", function()
      assert.equal("risk\t1\nsignal\t3\n", ok { "ls", store })
      assert.equal('{"entity":"risk","count":1}\n{"entity":"signal","count":3}\n', ok { "ls", store, "--json" })
    end)

    it("lists ids in natural order", function()
      assert.equal("BTC-2\nBTC-10\nETH\n", ok { "ls", store, "signal" })
      assert.equal('{"id":"BTC-2"}\n{"id":"BTC-10"}\n{"id":"ETH"}\n', ok { "ls", store, "signal", "--json" })
    end)

    it("keeps to the range", function()
      assert.equal("BTC-10\nBTC-2\n", ok { "ls", store, "signal", "--prefix", "BTC", "--reverse" })
      assert.equal("BTC-10\n", ok { "ls", store, "signal", "--from", "BTC-3", "--limit", "1" })
      assert.equal("BTC-2\n", ok { "ls", store, "signal", "--to", "BTC-9" })
      assert.equal("", ok { "ls", store, "signal", "-n", "0" })
    end)

    it("shows bytes, revision and time with -l", function()
      local id, bytes, revision, time = ok({ "ls", store, "signal", "-l", "--prefix", "ETH" })
        :match("^(%S+)\t(%d+)\t(%d+)\t(%S+)\n$")
      local entry = json.decode(ok { "get", store, "signal", "ETH", "--json" })
      assert.same({ "ETH", #'{"price":7,"tags":[]}', entry.revision }, { id, tonumber(bytes), tonumber(revision) })
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", time)
      local long = json.decode(ok { "ls", store, "signal", "-l", "--prefix", "ETH", "--json" })
      assert.same({ id = "ETH", bytes = 21, revision = entry.revision, updatedAt = entry.updatedAt }, long)
    end)

    it("tells the entity names for one that there is not", function()
      fails(1, "there are no entities named 'sig'\n  the store has: risk, signal", { "ls", store, "sig" })
    end)

    it("ends quietly when its reader has left", function()
      ok { "put", store, "many", "0", "0" }
      local lines = {}
      for i = 1, 20000 do lines[i] = string.format('{"id":"a-long-enough-id-%d","value":%d}', i, i) end
      ok({ "import", store, "--entity", "many" }, table.concat(lines, "\n"))
      local result = process.shell(string.format("%s ls %s many | head -1", BIN, store))
      assert.same({ "0\n", "", 0 }, { result.stdout, result.stderr, result.code })
      -- Also where the signal is ignored, as some parents do.
      result = process.shell(string.format("trap '' PIPE; %s ls %s many | head -1", BIN, store))
      assert.same({ "0\n", "", 0 }, { result.stdout, result.stderr, result.code })
    end)

    it("fails when its output cannot be written", function()
      local result = process.shell(string.format("%s ls %s >/dev/full", BIN, store))
      assert.matches("cannot write the output: No space left on device", result.stderr, 1, true)
      assert.equal(3, result.code)
    end)
  end)

  describe("filter", function()
    before_each(putSome)

    it("prints the values for which the expression is true", function()
      assert.equal('{"side":"short","price":1}\n{"side":"long","price":42000.5}\n',
        ok { "filter", store, "signal", "v.side" })
      assert.equal('{"side":"long","price":42000.5}\n', ok { "filter", store, "signal", 'v.price > 10' })
    end)

    it("knows the id, null and statements", function()
      ok { "put", store, "signal", "none", "null" }
      assert.equal("null\n", ok { "filter", store, "signal", "v == null" })
      assert.equal('{"price":7,"tags":[]}\n', ok { "filter", store, "signal", 'id == "ETH"' })
      assert.equal("ETH\n", ok { "filter", store, "signal", "--ids", 'if id ~= "none" then return v.price == 7 end' })
    end)

    it("prints ids for pipes, and objects with --json", function()
      assert.equal("BTC-2\nETH\n", ok { "filter", store, "signal", "v.price < 10", "--ids" })
      assert.equal('{"id":"BTC-2","value":{"side":"short","price":1}}\n',
        ok { "filter", store, "signal", "v.price < 10", "--json", "--limit", "1" })
    end)

    it("finding nothing is no failure", function()
      assert.equal("", ok { "filter", store, "signal", "false" })
    end)

    it("says where the expression raised, and for which entity", function()
      local result = fails(1, "the expression raised at signal:BTC-2: EXPR:1: attempt to index field 'price'",
        { "filter", store, "signal", "v.price.deep" })
      assert.not_matches("traceback", result.stderr)
      local err = json.decode(holdfast({ "filter", store, "signal", "v.price.deep", "--json" }).stderr).error
      assert.same({ "script", "signal", "BTC-2" }, { err.code, err.entityName, err.entityId })
    end)

    for name, code in pairs {
      ["an assignment"] = "v.price = 7",
      ["nothing"] = "",
      ["a comment"] = "v.x = 1 -- return v.price",
      ["a return of nothing"] = "if v.price then return end",
      ["a return in a string"] = "local s = 'return true'",
      ["a return in a long comment"] = "local x --[[ return true ]]",
      ["a return of another function"] = "local function f() return v.price end f()",
    } do
      it("refuses " .. name .. ", which gives no value", function()
        local result = fails(2, "gives no value", { "filter", store, "signal", code })
        assert.equal("", result.stdout)
        assert.matches("'v.x == 1'", result.stderr, 1, true)
      end)
    end

    it("takes every way of giving one", function()
      for _, code in ipairs { "if v.side then return true end", "if v.side then return 1, 2 end",
        "local function f(...) return ... end return f(v.side)", "local t = { v.side } return unpack(t)",
        "do local x = v.side; local f = function() return x end; return f() end", "return (v.side)",
        "for _, x in ipairs { v.side or null } do return x ~= null end" } do
        assert.equal("BTC-2\nBTC-10\n", ok { "filter", store, "signal", code, "--ids" }, code)
      end
    end)

    it("refuses what is not Lua", function()
      fails(2, "the expression is not Lua: EXPR:1:", { "filter", store, "signal", "v.price =>" })
      local function hints(expression, hint)
        fails(2, hint, { "filter", store, "signal", expression })
      end
      hints("v.price != 1", "near '!'; Lua writes '~=' for '!='\n")
      hints("v.a and v.b = 1", "near '='; == compares, = assigns\n")
      hints("v.a && !v.b || v.c == '!='", "; Lua writes 'and' for '&&', 'or' for '||', 'not' for '!'\n")
      hints("v.a === '&& ! \\' ||' end", "; Lua writes '==' for '==='\n")
      hints("v.a == '!=' end", "near 'end'\n")
    end)

    it("tells the entity names for one that there is not", function()
      fails(1, "the store has: risk, signal", { "filter", store, "sig", "true" })
    end)
  end)

  describe("take and count", function()
    before_each(putSome)

    it("give the first entities and their number", function()
      assert.equal('{"side":"short","price":1}\n', ok { "take", store, "signal", "1" })
      assert.equal('{"id":"ETH","value":{"price":7,"tags":[]}}\n', ok { "take", store, "signal", "1", "-r", "--json" })
      assert.equal("", ok { "take", store, "signal", "0" })
      assert.equal("3\n", ok { "count", store, "signal" })
      assert.equal("4\n", ok { "count", store })
      assert.equal('{"entity":"signal","count":3}\n', ok { "count", store, "signal", "--json" })
      assert.equal('{"count":4}\n', ok { "count", store, "--json" })
    end)

    it("tell the entity names for one that there is not", function()
      fails(1, "the store has: risk, signal", { "take", store, "sig", "1" })
      fails(1, "the store has: risk, signal", { "count", store, "sig" })
    end)
  end)

  describe("rm", function()
    before_each(putSome)

    it("removes by id", function()
      ok { "rm", store, "signal", "ETH" }
      assert.equal("BTC-2\nBTC-10\n", ok { "ls", store, "signal" })
    end)

    it("removes those that exist and says which did not", function()
      local result = fails(1, "Entity signal:nope not found for deletion",
        { "rm", store, "signal", "ETH", "nope", "BTC-2", "--json" })
      assert.equal('{"removed":2}\n', result.stdout)
      assert.equal("BTC-10\n", ok { "ls", store, "signal" })
    end)

    it("removes all only when told so, and nothing else", function()
      fails(2, "--all", { "rm", store, "signal" })
      fails(2, "not both", { "rm", store, "signal", "ETH", "--all" })
      assert.equal("3\n", ok { "count", store, "signal" })
      assert.equal('{"removed":3}\n', ok { "rm", store, "signal", "--all", "--json" })
      assert.equal("1\n", ok { "count", store })
    end)
  end)

  describe("stat", function()
    before_each(putSome)

    it("shows the store to a person and to a program", function()
      assert.matches("^backend +lmdb\n", ok { "stat", store })
      assert.equal("lmdb", json.decode(ok { "stat", store, "--json" }).backend)
    end)

    it("shows one entity name", function()
      assert.matches("\nentities +3\n", ok { "stat", store, "signal" })
      assert.equal(3, json.decode(ok { "stat", store, "signal", "--json" }).entities)
      fails(1, "the store has: risk, signal", { "stat", store, "sig" })
    end)
  end)

  describe("store options", function()
    it("reach the store", function()
      ok { "put", store, "signal", "a", "1", "--durability", "nosync" }
      assert.equal(true, json.decode(ok { "stat", store, "--readonly", "--json" }).readOnly)
      fails(2, "--durability", { "put", store, "signal", "a", "1", "--durability", "maybe" })
    end)

    it("stand in the URL as well", function()
      ok { "put", store, "signal", "a", "1" }
      fails(3, "read", { "put", "lmdb:" .. store .. "?readonly=1", "signal", "b", "1" })
      fails(2, "no option 'bogus'", { "ls", "lmdb:" .. store .. "?bogus=1" })
    end)

    it("fit stores that keep nothing", function()
      ok { "put", "memory:", "signal", "a", "1" }
      assert.equal("", ok { "ls", "memory:" })
      fails(1, "the store has no entity names yet", { "ls", "null:", "signal" })
    end)
  end)

  describe("verify", function()
    before_each(putSome)

    it("is content with a good store", function()
      assert.matches("^4 entities checked, .*: all are readable\n$", ok { "verify", store })
      local report = json.decode(ok { "verify", store, "signal", "--json" })
      assert.same({ 3, 0, 0, false, {} },
        { report.entities, report.corrupt, report.quarantined, report.dryRun, report.problems })
    end)

    it("finds a flipped byte, keeps it apart, and is content once it is settled", function()
      flip("42000.5", "42000.4")
      local dry = holdfast { "verify", store, "--dry-run" }
      assert.matches("^corrupt\tsignal\tBTC%-10\tits checksum", dry.stdout)
      assert.matches("1 corrupt (dry run: nothing was moved)", dry.stdout, 1, true)
      assert.equal(1, dry.code)

      local result = holdfast { "verify", store, "--json" }
      assert.equal(1, result.code)
      local report = json.decode(result.stdout)
      assert.same({ 4, 1, 1, false }, { report.entities, report.corrupt, report.quarantined, report.dryRun })
      assert.same({ "signal", "BTC-10" }, { report.problems[1].entity, report.problems[1].id })

      fails(3, "signal:BTC-10 is corrupt", { "get", store, "signal", "BTC-10" })
      assert.equal(1, holdfast({ "verify", store }).code)
      ok { "put", store, "signal", "BTC-10", "1" }
      ok { "verify", store }
    end)

    it("lets the rest of a listing through", function()
      flip("42000.5", "42000.4")
      local result = fails(3, "signal:BTC-10 is corrupt", { "export", store })
      local others, damaged = unmarked(result.stdout):match("^(.*\n)([^\n]*)\n$")
      assert.equal([==[
{"entity":"risk","id":"a/positions","value":[[1,2]]}
{"entity":"signal","id":"BTC-2","value":{"side":"short","price":1}}
{"entity":"signal","id":"ETH","value":{"price":7,"tags":[]}}
]==], others)
      assert.matches('^{"entity":"signal","id":"BTC%-10","damaged":"its checksum does not match","bytes":"', damaged)
      result = fails(3, "signal:BTC-10 is corrupt", { "filter", store, "signal", "true", "--ids" })
      assert.equal("BTC-2\nETH\n", result.stdout)
    end)

    it("settles what is in quarantine by rm", function()
      flip("42000.5", "42000.4")
      assert.equal(1, holdfast({ "verify", store }).code)
      ok { "rm", store, "signal", "BTC-10" }
      ok { "verify", store }
    end)

    it("tells the entity names for one that there is not", function()
      fails(1, "the store has: risk, signal", { "verify", store, "sig" })
    end)
  end)

  describe("export and import", function()
    local SOME = '{"entity":"signal","id":"a","value":{"b": 1, "a":[ ]}}\n'
      .. '{"value":{"value":"}\\"{"},"id":"b\\"c","entity":"signal"}\n'
      .. "\n"
      .. '{ "entity" : "risk" , "id" : 7 , "extra" : [{"value":0}] , "v\\u0061lue" : "\\\\" }'

    it("carry values as they were written", function()
      assert.equal("3 entities imported\n", ok({ "import", store }, SOME))
      assert.equal('{"entity":"risk","id":"7","value":"\\\\"}\n'
        .. '{"entity":"signal","id":"a","value":{"b": 1, "a":[ ]}}\n'
        .. '{"entity":"signal","id":"b\\"c","value":{"value":"}\\"{"}}\n', unmarked(ok { "export", store }))
    end)

    it("carry part of a store, and between names", function()
      ok({ "import", store }, SOME)
      assert.equal('{"entity":"signal","id":"b\\"c","value":{"value":"}\\"{"}}\n',
        unmarked(ok { "export", store, "signal", "--from", "b" }))
      local other = dir .. "/other"
      ok({ "import", other, "-", "--entity", "copy" }, ok { "filter", store, "signal", "true", "--json" })
      assert.equal("copy\t2\n", ok { "ls", other })
    end)

    it("write and read files", function()
      ok({ "import", store }, SOME)
      local file = dir .. "/out.jsonl"
      assert.equal("3 entities exported to " .. file .. "\n", ok { "export", store, "-o", file })
      assert.equal(ok { "export", store }, temp.readFile(file))
      assert.equal('{"imported":3}\n', ok { "import", dir .. "/other", file, "--json" })
      local written = json.decode(ok { "export", store, "-o", file, "--json" })
      assert.same({ exported = 3, file = file }, written)
    end)

    it("say what is wrong with a file", function()
      fails(2, "No such file or directory", { "import", store, dir .. "/nope" })
      fails(3, "Is a directory", { "import", store, dir })
      ok({ "import", store }, SOME)
      fails(2, "No such file or directory", { "export", store, "-o", dir .. "/no/where" })
      fails(3, "/dev/full, which is incomplete now: No space left", { "export", store, "-o", "/dev/full" })
    end)

    for name, case in pairs {
      ["that is not JSON"] = { '{"entity":"s","id":"b","value":}', "line 2: not JSON at byte" },
      ["that is cut off"] = { '{"entity":"s","id":"b","val', "line 2: not JSON" },
      ["that is not an object"] = { "[1]", "line 2: each line must be an object" },
      ["without an entity name"] = { '{"id":"b","value":1}', 'line 2: "entity" is missing' },
      ["without an id"] = { '{"entity":"s","value":1}', 'line 2: "id" is missing' },
      ["without a value"] = { '{"entity":"s","id":"b"}', 'line 2: "value" is missing' },
      ["with a wrong id"] = { '{"entity":"s","id":[],"value":1}', 'line 2: "id" must be a string or a number' },
      ["with an empty id"] = { '{"entity":"s","id":"","value":1}', "line 2: s id is empty" },
      ["with an empty entity name"] = { '{"entity":"","id":"b","value":1}', "line 2: the entity name is empty" },
    } do
      it("stop at a line " .. name .. " and write nothing of its batch", function()
        fails(2, case[2], { "import", store }, '{"entity":"s","id":"a","value":1}\n' .. case[1] .. "\n")
        assert.equal("0\n", ok { "count", store })
      end)
    end

    it("say how far they came, and can be run again", function()
      local lines = {}
      for i = 1, 2500 do lines[i] = string.format('{"entity":"s","id":"%d","value":%d}', i, i) end
      lines[2100] = '{"entity":"s","id":"2100"}'
      local result = fails(2, "", { "import", store, "--json" }, table.concat(lines, "\n"))
      local err = json.decode(result.stderr).error
      assert.same({ "invalid_value", 2100, 2000 }, { err.code, err.line, err.imported })
      assert.matches("imported so far: 2,000 entities, up to line 2000", err.hint, 1, true)
      assert.equal("2000\n", ok { "count", store, "s" })
      lines[2100] = '{"entity":"s","id":"2100","value":0}'
      ok({ "import", store }, table.concat(lines, "\n"))
      assert.equal("2500\n", ok { "count", store, "s" })
    end)

    it("make the store grow where it must, and stop where it may not", function()
      local lines = {}
      for i = 1, 3000 do lines[i] = string.format('{"entity":"s","id":"%d","value":"%s"}', i, ("x"):rep(1000)) end
      local all = table.concat(lines, "\n")
      ok({ "import", "lmdb:" .. store .. "?mapsize=64k" }, all)
      assert.equal("3000\n", ok { "count", store, "s" })
      local small = "lmdb:" .. dir .. "/small?mapsize=64k&maxsize=2m"
      fails(3, "imported so far: 1,000 entities", { "import", small }, all)
      assert.equal("1000\n", ok { "count", small, "s" })
      ok { "verify", small }
    end)

    it("bring 20,000 entities back byte for byte", function()
      local lines = {}
      for i = 1, 20000 do
        lines[i] = string.format(
          '{"entity":"%s","id":"BTC/USDT:%05d","value":{"z":%d,"a":[],"p":%.17g,"s":"\\u00e9}\\"","n":null}}',
          i <= 9000 and "candle" or "signal", i, i, i / 7)
      end
      local all = table.concat(lines, "\n") .. "\n"
      assert.equal("20,000 entities imported\n", ok({ "import", store }, all))
      ok { "export", store, "-o", dir .. "/out.jsonl" }
      assert.is_true(unmarked(temp.readFile(dir .. "/out.jsonl")) == all)
      local other = dir .. "/other"
      local piped = process.shell(string.format("%s export %s | %s import %s", BIN, store, BIN, other))
      assert.same({ "20,000 entities imported\n", "", 0 }, { piped.stdout, piped.stderr, piped.code })
      assert.is_true(unmarked(ok { "export", other }) == all)
    end)

    it("show no progress where nobody looks", function()
      assert.equal("", holdfast({ "import", store }, SOME).stderr)
      assert.equal("", holdfast({ "export", store }).stderr)
    end)

    it("work where the store has no transactions", function()
      assert.equal("3 entities imported\n", ok({ "import", "null:" }, SOME))
    end)
  end)

  describe("run", function()
    it("gives the script its arguments, options too", function()
      local path = script "print(arg[0], #arg, ...)"
      assert.equal(path .. "\t3\t--json\t-x\ty z\n", ok { "run", path, "--json", "-x", "y z" })
    end)

    it("has the library inside", function()
      local path = script [[
        local holdfast = require "holdfast"
        local s = holdfast.PersistBase("signal", ...)
        s:writeValue("a", { n = 1 })
        print(s:readValue("a").n, holdfast.version)]]
      assert.equal("1\t" .. require("holdfast").version .. "\n", ok { "run", path, store })
      assert.equal('{"n":1}\n', ok { "get", store, "signal", "a" })
    end)

    it("prints the line of an error and the way there", function()
      local path = script("local function inner()\n  local x\n  return x.y + 1\nend\nlocal n = inner()\nprint(n)\n")
      local result = fails(1, path .. ":3: attempt to index local 'x' (a nil value)", { "run", path })
      assert.matches("stack traceback:\n\t" .. path:gsub("%p", "%%%0") .. ":3: in function 'inner'\n\t"
        .. path:gsub("%p", "%%%0") .. ":5: in main chunk\n$", result.stderr)
    end)

    it("prints code and line for an error of the library", function()
      local path = script("local s = require('holdfast').PersistBase('signal', ...)\ns:readValue('nope')\n")
      fails(1, path .. ":2: Entity signal:nope not found [not_found]\nstack traceback:", { "run", path, store })
      local err = json.decode(holdfast({ "--json", "run", path, store }).stderr).error
      assert.same({ "not_found", "signal", "nope" }, { err.code, err.entityName, err.entityId })
      assert.matches(":2: in main chunk", err.traceback, 1, true)
      assert.matches("^holdfast: ", holdfast({ "run", path, store, "--json" }).stderr) -- that --json is the script's
    end)

    it("reads a script from the standard input", function()
      assert.equal("7\ta b\n", ok({ "run", "-", "a b" }, "#!/usr/bin/env holdfast\nprint(3 + 4, ...)"))
      fails(1, "stdin:2: boo", { "run", "-" }, "\nerror('boo')")
    end)

    it("tells a script that is not Lua from one that is not there", function()
      fails(1, "script.lua:2: unexpected symbol near", { "run", script("x = 1\ny = = 2") })
      fails(2, "cannot read the script nope.lua: No such file", { "run", "nope.lua" })
      fails(2, "directory", { "run", dir })
    end)

    it("leaves the exit code to the script", function()
      assert.equal(7, holdfast({ "run", script "os.exit(7)" }).code)
    end)
  end)

  describe("repl", function()
    it("prints values as JSON where they are JSON", function()
      assert.equal('3\n[1,{"a":2}]\n"s"\tnil\tnull\nok\n', ok({ "repl" },
        '1 + 2\n{1, {a = 2}}\n"s", nil, holdfast.null\nprint("ok")\nlocal unseen = 1\n'))
    end)

    it("prints other values as Lua calls them", function()
      local output = ok({ "repl" }, "print\nholdfast.PersistBase\n{f = print}\nholdfast.PersistBase('a', 'b')\n")
      assert.matches("^function: [^\n]+\nclass PersistBase\n{ f = function: [^\n]+ }\nPersistBase%(\"a\", \"b\"%)\n$",
        output)
    end)

    it("goes on in the next line while input is not finished", function()
      assert.equal("1\n2\n[3,4]\n5\n", ok({ "repl" }, "for i = 1, 2 do\n  print(i)\nend\n{3,\n4}\n=5\n"))
    end)

    it("goes on after errors", function()
      local result = holdfast({ "repl" },
        "local s = 'boo'; error(s)\nx y\nend\nholdfast.PersistBase('a', 'memory:'):readValue('b')\n6\n")
      assert.equal("6\n", result.stdout)
      assert.matches("holdfast: repl:1: boo\n", result.stderr, 1, true)
      assert.matches("holdfast: repl:1: '=' expected near 'y'\n", result.stderr, 1, true)
      assert.matches("holdfast: repl:1: '<eof>' expected near 'end'\n", result.stderr, 1, true)
      assert.matches("Entity a:b not found [not_found]", result.stderr, 1, true)
      assert.equal(1, result.code)
    end)

    it("complains of input that is never finished", function()
      fails(1, "near '<eof>'", { "repl" }, "for i = 1, 2 do\n")
    end)
  end)
end)
