-- SPDX-License-Identifier: MIT
--
-- `holdfast repl` as somebody meets it who types: on a real terminal, with GNU readline, with libedit and with neither;
-- and in a pipe.

local command = require "support.command"
local process = require "support.process"
local temp = require "support.temp"
local terminal = require "support.terminal"

local PROMPT = "holdfast> "

local ok, holdfast = command.ok, command.run

describe("the prompt", function()
  local dir, store

  before_each(function()
    dir = temp.directory()
    store = dir .. "/store"
  end)

  after_each(function() temp.removeAll() end)

  local function putSignals(count)
    local lines = {}
    for i = 1, count do
      lines[i] = ('{"entity":"signal","id":"s%d","value":{"n":%d}}\n'):format(i, i)
    end
    command.run({ "import", store, "-" }, table.concat(lines))
  end

  local LIBRARIES = { readline = "libreadline.so.8", libedit = "libedit.so.2" }

  for _, editor in ipairs { "readline", "libedit", "none" } do
    describe("on a terminal with " .. editor, function()
      local edits = editor ~= "none"

      -- Types the steps between the first prompt and the end.
      local function talk(steps, words, environment)
        local all = { { "", PROMPT } }
        for _, step in ipairs(steps) do all[#all + 1] = step end
        all[#all + 1] = { "\4" }
        environment = environment or {}
        environment.HOLDFAST_EDITOR = editor
        local answers, code = terminal.talk(words or { "repl", store }, all, { environment = environment })
        table.remove(answers, 1)
        return answers, code
      end

      setup(function()
        local library = LIBRARIES[editor]
        assert(not library or pcall(require("ffi").load, library), tostring(library) .. " is missing")
      end)

      before_each(function() putSignals(2) end)

      it("prints results, goes on with what is not finished, and ends with Ctrl-D", function()
        local answers, code = talk { { "1 + 1\n", "2\r\n" .. PROMPT }, { "for i = 7, 8 do\n", "       .. " },
          { "print(i * 11) end\n", "77\r\n88\r\n" .. PROMPT }, { "db.signal:count()\n", "\r\n2\r\n" .. PROMPT } }
        assert.equal(0, code)
        assert.equal(5, #answers)
      end)

      it("ends what runs with Ctrl-C, and not itself", function()
        local _, code = talk {
          { 'print("it " .. "runs") while true do end\n', "it runs\r\n" }, { "\3", "interrupted\r\n" .. PROMPT },
          { 'print("it " .. "runs") while true do pcall(function() while true do end end) end\n', "it runs\r\n" },
          { "\3", "interrupted\r\n" .. PROMPT },
          { 'print("it " .. "runs") coroutine.wrap(function() while true do end end)()\n', "it runs\r\n" },
          { "\3", "interrupted\r\n" .. PROMPT },
          { 'print("it " .. "runs") require("holdfast.util.clock").sleep(300)\n', "it runs\r\n" },
          { "\3", "interrupted\r\n" .. PROMPT },
          { 'db.signal:filter(function() print("it " .. "runs") while true do end end)\n', "it runs\r\n" },
          { "\3", "interrupted\r\n" .. PROMPT },
          { ".filter signal 'print(\"it \" .. \"runs\") while true do end return 1'\n", "it runs\r\n" },
          { "\3", "holdfast: interrupted\r\n" .. PROMPT },
          { "db.signal:count()\n", "\r\n2\r\n" .. PROMPT } }
        assert.equal(0, code)
      end)

      it("undoes the transaction that Ctrl-C ends", function()
        talk {
          { 'holdfast.transaction(function() db.signal:removeAll() print("it " .. "runs") while true do end end)\n',
            "it runs\r\n" },
          { "\3", "interrupted\r\n" .. PROMPT }, { "db.signal:count()\n", "\r\n2\r\n" .. PROMPT } }
      end)

      it("ends with a second Ctrl-C where the first one does not reach", function()
        local _, code = terminal.talk({ "repl" }, { { "", PROMPT },
          { 'print("it " .. "runs") io.read()\n', "it runs\r\n" }, { "\3", "^C" }, { "\3", pause = 1.3 } },
          { environment = { HOLDFAST_EDITOR = editor } })
        assert.equal(-2, code)
      end)

      it("forgets the line with Ctrl-C, and what went before it", function()
        talk { { "boo(\3", "^C\r\n" .. PROMPT }, { "for i = 1, 2 do\n", "       .. " }, { "\3", "^C\r\n" .. PROMPT },
          { "6 * 7\n", "42\r\n" .. PROMPT } }
      end)

      it("keeps the lines for the next time, and no password", function()
        local path = dir .. "/history"
        local before = { HOLDFAST_HISTORY = path }
        talk({ { "40 + 2\n", "42\r\n" .. PROMPT }, { "40 + 2\n", "42\r\n" .. PROMPT },
          { " 'apart'\n", '"apart"\r\n' .. PROMPT },
          { "#'redis://u:PASSWORD@h'\n", "20\r\n" .. PROMPT }, { "do\n", "       .. " }, { "  end\n", PROMPT },
          { "40 + 2\n", "42\r\n" .. PROMPT } }, nil, before)
        assert.equal("40 + 2\ndo\n  end\n40 + 2\n", temp.readFile(path))
        assert.equal("600", process.shell("stat -c %a " .. path).stdout:match("%d+"))
        if edits then talk({ { "\27[A\n", "42\r\n" .. PROMPT } }, nil, before) end
      end)

      it("keeps no more lines than it should", function()
        local path = dir .. "/history"
        local lines = {}
        for i = 1, 2001 do lines[i] = tostring(i) end
        temp.writeFile(path, table.concat(lines, "\n") .. "\n")
        talk({ { "40 + 2\n", "42\r\n" .. PROMPT } }, nil, { HOLDFAST_HISTORY = path })
        local kept = temp.readFile(path)
        assert.equal("1002\n", kept:match("^[^\n]*\n"))
        assert.equal("2000\n2001\n40 + 2\n", kept:match("2000\n.*$"))
      end)

      it("says when it cannot keep them, and changes nothing that is no file", function()
        talk({ { "1\n", "the history is not kept: cannot open" }, { "2\n", "2\r\n" .. PROMPT } }, nil,
          { HOLDFAST_HISTORY = dir .. "/none/history" })
        local before = process.shell("stat -c %a /dev/null").stdout
        talk({ { "1\n", "1\r\n" .. PROMPT } }, nil, { HOLDFAST_HISTORY = "/dev/null" })
        assert.equal(before, process.shell("stat -c %a /dev/null").stdout)
      end)

      it("goes on after whatever is typed", function()
        talk { { "string, table, pairs, error, pcall, io, type = nil\n", PROMPT },
          { "boo()\n", "(a nil value)\r\n" .. PROMPT },
          { "{1, {a = 2}}\n", '[1,{"a":2}]\r\n' .. PROMPT }, { "6 * 7\n", "42\r\n" .. PROMPT } }
      end)

      if not edits then return end

      it("completes globals, fields, methods, entity names and dot commands", function()
        talk { { "holdf\t", "ast" }, { ".Lmdb\t", "Persist" }, { ".className\n", '"LmdbPersist"\r\n' .. PROMPT },
          { "db.sig\t", "nal" }, { ":cou\t", "t(" }, { ")\n", "2\r\n" .. PROMPT },
          { 'holdfast.PersistBase("sig\t', "nal" }, { "\3", PROMPT },
          { ".cou\t", "nt" }, { " sig\t", "nal" }, { "\n", "2\r\n" .. PROMPT } }
      end)

      it("edits letters that are more than a byte", function()
        talk({ { "#'éé\127'\n", "2\r\n" .. PROMPT } }, nil, { LC_ALL = "", LANG = "" })
      end)
    end)
  end

  it("prints tables readably on a terminal", function()
    local steps = { { "", PROMPT },
      { "t = {} for i = 1, 99 do t[i] = i * 1e6 end\n", PROMPT },
      { "t\n", "  20000000,\r\n  ... 79 more\r\n]\r\n" .. PROMPT },
      { "{a = {b = {1, 2}}, c = ('x'):rep(90)}\n", PROMPT },
      { "'a\\27[31m' .. '\\226\\128\\174'\n", '"a\\u001b[31m\\u202e"\r\n' .. PROMPT }, { ".exit\n" } }
    local answers, code = terminal.talk({ "repl" }, steps)
    assert.equal(0, code)
    assert.matches('{\r\n  "a": {"b":%[1,2%]},\r\n  "c": "xxx+"\r\n}\r\n', answers[4])
  end)

  it("says that a local ends with its line, and that a name is new", function()
    putSignals(1)
    terminal.talk({ "repl", store }, { { "", PROMPT }, { "local x = 1\n", "without 'local' it stays" },
      { "db.sginal:count()\n", "no entities named 'sginal': it has signal\r\n0\r\n" .. PROMPT }, { "\4" } })
  end)

  it("says of a command without its dot that it is one", function()
    terminal.talk({ "repl" }, { { "", PROMPT }, { "help\n", "the command is .help, with the dot\r\n" .. PROMPT },
      { "exit\n", "the command is .exit, with the dot\r\n" .. PROMPT },
      { "count = 3\n", PROMPT }, { "count\n", "count\r\n3\r\n" .. PROMPT }, { ".exit\n" } })
  end)

  describe("in a pipe", function()
    it("ends with 1 after an error, and goes on until then", function()
      local result = holdfast({ "repl" }, "boo()\n7\n")
      assert.equal(1, result.code)
      assert.equal("7\n", result.stdout)
      assert.matches("^holdfast: repl:1: attempt to call global 'boo'[^\n]*\n$", result.stderr)
      assert.equal(1, holdfast({ "repl" }, "x y\n").code)
      assert.equal(1, holdfast({ "repl" }, ".nope\n").code)
      assert.equal(0, holdfast({ "repl" }, "7\n.exit\nboo()\n").code)
    end)

    it("shows the code of an error, and its traceback when it is asked for", function()
      local result = holdfast({ "repl" }, "function f() g() end function g() error('boo') end\nf()\n"
        .. ".traceback\nholdfast.PersistBase('a', 'memory:'):readValue('b')\n")
      assert.equal("holdfast: repl:1: boo\nholdfast: Entity a:b not found [not_found]\n", result.stderr)
      assert.matches("^repl:1: boo\nstack traceback:\n.*in function 'g'", result.stdout)
    end)

    it("refuses bytecode", function()
      local result = holdfast({ "repl" }, string.dump(loadstring "print('it ran')") .. "\n")
      assert.equal(1, result.code)
      assert.equal("", result.stdout)
      assert.matches("begins with ESC is bytecode", result.stderr, 1, true)
    end)

    it("prints the first twenty values of an iterator, and more when it is told to", function()
      putSignals(45)
      local function expected(from, to)
        local list = {}
        for i = from, to do list[#list + 1] = ('{"n":%d}\n'):format(i) end
        return table.concat(list)
      end
      local result = holdfast({ "repl", store }, "db.signal:values()\n")
      assert.equal(expected(1, 20), result.stdout)
      assert.equal("holdfast: there are more: .more goes on\n", result.stderr)
      assert.equal(0, result.code)
      for _, loop in ipairs { "filter(function() return true end)", "filter(function(v, id) return id end)", "take(45)",
        "values{where=function() return true end}" } do
        result = holdfast({ "repl", store }, "db.signal:" .. loop .. "\n.more\n.more\n.more\n")
        assert.equal(expected(1, 45), result.stdout)
        assert.matches("there is nothing more\n$", result.stderr)
      end
      assert.matches('^"s1"\t{"n":1}\t%d+\t%d+\n$', ok({ "repl", store }, "db.signal:entries{limit=1}\n"))
      assert.equal("1\n", ok({ "repl", store }, "n = 0 for _ in db.signal:take(1) do n = n + 1 end return n\n"))
    end)

    it("calls no function that is no iterator", function()
      putSignals(1)
      local out = ok({ "repl", store }, "function f() print 'called' end\nf\nprint\nos.exit\n"
        .. "holdfast.PersistBase.filter\nholdfast.transaction\nstring.gmatch('a', 'a')\n")
      assert.matches("^function: [^\n]+\nfunction: [^\n]+\nfunction: [^\n]+\nfunction: [^\n]+\nfunction: [^\n]+\n"
        .. "function: [^\n]+\n$", out)
    end)

    it("does what the commands do, on the open store", function()
      putSignals(12)
      assert.equal("signal\t12\n12\n" .. '{"n":7}\n{"n":8}\n' .. "s3\n",
        ok({ "repl", store }, ".ls\n.count signal\n.filter signal 'v.n > 6 and v.n < 9'\n"
          .. ".filter signal \"v.n == 3\" --ids\n"))
      local out = ok({ "repl", store }, ".put signal 'a b' '{\"x\":1}'\n.rm signal --where true\n.count signal\n")
      assert.equal("0\n", out:match("[^\n]*\n$"))
      local result = holdfast({ "repl" }, ".count signal\n.open " .. store .. "\n.count signal --nope\n.rescue\n")
      assert.matches("needs a store: .open URL opens one", result.stderr, 1, true)
      assert.matches("unknown option '--nope'", result.stderr, 1, true)
      assert.matches("there is no command '.rescue'", result.stderr, 1, true)
      assert.equal(1, result.code)
    end)

    it("has commands that only read, too, and does not let them pretend", function()
      putSignals(1)
      for _, words in ipairs { { "repl", store }, { "repl", "--readonly", store } } do
        local result = holdfast(words, "db.signal:count()\n.status --json\n")
        assert.matches('^1\n{"', result.stdout)
        assert.is_nil(result.stderr:find("use the same everywhere", 1, true))
      end
      assert.equal("1\n", ok({ "repl", "--readonly", store }, ".count --readonly\n"))
      assert.matches("^Usage: holdfast host ", ok({ "repl" }, ".host --help\n"))
      assert.equal("", ok({ "repl", store }, ".candles ls\n.host requests\n"))
      local result = holdfast({ "repl", store }, ".count --readonly\n")
      assert.matches("start the prompt with --readonly", result.stderr, 1, true)
      assert.equal(1, result.code)
    end)

    it("opens a store that is there, and no other", function()
      local result = holdfast({ "repl", store }, "1\n")
      assert.equal(3, result.code)
      assert.matches("there is no store at", result.stderr, 1, true)
      assert.equal("", result.stdout)
      result = holdfast({ "repl" }, ".open " .. store .. "\n.open\n2\n")
      assert.equal("2\n", result.stdout)
      assert.equal(1, result.code)
      assert.is_false(pcall(temp.readFile, store .. "/data.mdb"))
    end)

    it("writes nothing with --readonly", function()
      putSignals(1)
      local strange = dir .. "/a%20b?c"
      os.rename(store, strange)
      local result = holdfast({ "repl", "--readonly", strange },
        "db.signal:writeValue('a', 1)\n.put signal a 1\n.count signal\ndb.signal:count()\n")
      assert.equal("1\n1\n", result.stdout)
      assert.matches("%[readonly%].*readonly", result.stderr)
      assert.equal(1, result.code)
    end)

    it("says what Lua writes in another way", function()
      local result = holdfast({ "repl" }, "1 != 2\nx = true && false\n")
      assert.matches("; Lua writes '~=' for '!='\n.*; Lua writes 'and' for '&&'\n", result.stderr)
    end)
  end)
end)
