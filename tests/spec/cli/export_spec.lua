-- SPDX-License-Identifier: MIT
--
-- Backups by `holdfast export`: one that fails leaves the last one as it was, the store's own files are safe from it,
-- and import knows a whole one from a cut one.

local core = require "holdfast.core"
local marks = require "holdfast.cli.lines.marks"
local command = require "support.command"
local process = require "support.process"
local temp = require "support.temp"

local json = require "cjson"

local BIN = assert(os.getenv("HOLDFAST_BIN"), "HOLDFAST_BIN must name the command to test")

local quote = temp.quote

describe("holdfast export", function()
  local dir, store, file

  before_each(function()
    dir = temp.quickDirectory()
    store, file = dir .. "/store", dir .. "/backups/backup.jsonl"
    os.execute("mkdir " .. quote(dir .. "/backups"))
  end)

  after_each(function()
    temp.removeAll()
  end)

  local holdfast, ok, fails = command.run, command.ok, command.fails

  local function fill(count, url)
    local lines = {}
    for i = 1, count do lines[i] = string.format('{"entity":"s","id":"i%d","value":{"n":%d,"t":"}"}}', i, i) end
    ok({ "import", url or store }, table.concat(lines, "\n"))
  end

  local function backups() return process.shell("ls -A " .. quote(dir .. "/backups")).stdout end

  local function shell(line)
    local words = { BIN = quote(BIN), STORE = quote(store), FILE = quote(file), DIR = quote(dir) }
    return process.shell((line:gsub("%$(%u+)", words)))
  end

  describe("to a file", function()
    it("makes it, with nothing beside it", function()
      fill(3)
      assert.equal("3 entities exported to " .. file .. "\n", ok { "export", store, "-o", file })
      assert.equal("backup.jsonl\n", backups())
      assert.equal(ok { "export", store }, temp.readFile(file))
    end)

    it("says how a file is named where it stands in the place of an entity name or of the store", function()
      fill(3)
      fails(1, "; a file is given with -o: holdfast export " .. store .. " -o backup.jsonl\n",
        { "export", store, "backup.jsonl" })
      ok { "export", store, "-o", file }
      fails(2, file .. " is a file: the store stands before it: holdfast import ./new " .. file .. "\n",
        { "import", file, "./new" })
    end)

    it("replaces one and keeps its mode", function()
      fill(3)
      temp.writeFile(file, "the last good one")
      os.execute("chmod 640 " .. quote(file))
      local held = assert(io.open(file, "rb")) -- whoever reads it sees it whole
      ok { "export", store, "-o", file }
      assert.equal("the last good one", held:read("*a"))
      held:close()
      assert.equal("640\n", shell("stat -c %a $FILE").stdout)
      assert.equal(ok { "export", store }, temp.readFile(file))
    end)

    it("leaves the last good one as it was where it cannot be written", function()
      fill(3000)
      temp.writeFile(file, "the last good one")
      local result = shell("ulimit -f 32; exec $BIN export $STORE --readonly -o $FILE")
      assert.matches("backup.jsonl, which is as it was: File too large", result.stderr, 1, true)
      assert.same({ "", 3 }, { result.stdout, result.code })
      assert.equal("the last good one", temp.readFile(file))
      assert.equal("backup.jsonl\n", backups())
      -- Also with the last block of it, which is written when it is closed.
      ok({ "import", dir .. "/two" }, '{"entity":"s","id":"a","value":"' .. ("x"):rep(20000) .. '"}')
      result = shell("ulimit -f 32; exec $BIN export $DIR/two --readonly -o $FILE")
      assert.same({ "the last good one", "backup.jsonl\n", 3 }, { temp.readFile(file), backups(), result.code })
    end)

    it("leaves it where the store fails in the middle", function()
      temp.writeFile(dir .. "/failing.lua", [[
        local holdfast = require "holdfast"
        local Failing = holdfast.LmdbPersist:extend("Failing")
        function Failing:readValue(id)
          if id == "i9" then error(holdfast.error("unavailable", "the sky is falling"), 0) end
          return holdfast.LmdbPersist.readValue(self, id)
        end
        return Failing]])
      fill(20)
      temp.writeFile(file, "the last good one")
      local url = ("lua:%s/failing.lua?base=%s"):format(dir, store)
      fails(3, "the sky is falling", { "export", url, "-o", file })
      assert.equal("the last good one", temp.readFile(file))
      assert.equal("backup.jsonl\n", backups())
      -- What went to the standard output is no whole export, and import knows.
      local piped = shell("$BIN export " .. quote(url) .. " 2>/dev/null | $BIN import $DIR/copy")
      assert.matches("the standard input is not a whole export: it ends after line 7", piped.stderr, 1, true)
      assert.equal(2, piped.code)
    end)

    it("says so where it cannot take the place of what has come there meanwhile", function()
      temp.writeFile(dir .. "/meddling.lua", ([[
        local holdfast = require "holdfast"
        local Meddling = holdfast.LmdbPersist:extend("Meddling")
        function Meddling:readValue(id)
          os.execute("mkdir -p %s")
          return holdfast.LmdbPersist.readValue(self, id)
        end
        return Meddling]]):format(file))
      fill(3)
      fails(3, "Is a directory", { "export", ("lua:%s/meddling.lua?base=%s"):format(dir, store), "-o", file })
      assert.equal("backup.jsonl\n", backups())
    end)

    it("leaves it when a signal ends the work", function()
      temp.writeFile(dir .. "/slow.lua", [[
        local holdfast = require "holdfast"
        local Slow = holdfast.LmdbPersist:extend("Slow")
        function Slow:readValue(id)
          if id == "i200" then
            io.open(DIR .. "/begun", "w"):close()
            while not io.open(DIR .. "/go") do end
          end
          return holdfast.LmdbPersist.readValue(self, id)
        end
        return Slow]])
      local text = temp.readFile(dir .. "/slow.lua"):gsub("DIR", string.format("%q", dir))
      temp.writeFile(dir .. "/slow.lua", text)
      fill(1000)
      temp.writeFile(file, "the last good one")
      local url = quote(("lua:%s/slow.lua?base=%s"):format(dir, store))
      for signal, code in pairs { INT = 130, TERM = 143 } do
        os.remove(dir .. "/begun")
        os.remove(dir .. "/go")
        local result = shell("exec env --default-signal $BIN export " .. url .. [[ -o $FILE &
          pid=$!; while ! test -e $DIR/begun; do sleep 0.01; done
          kill -]] .. signal .. " $pid; touch $DIR/go; wait $pid")
        assert.equal("holdfast: interrupted\n  " .. file .. " is as it was\n", result.stderr)
        assert.equal(code, result.code)
        assert.equal("the last good one", temp.readFile(file))
        assert.equal("backup.jsonl\n", backups())
      end
    end)

    it("refuses folders, and links to nothing", function()
      fill(3)
      fails(2, "it is a folder", { "export", store, "-o", dir .. "/backups" })
      fails(2, "No such file or directory", { "export", store, "-o", dir .. "/no/where" })
      os.execute("ln -s nowhere " .. quote(file))
      fails(2, "it is a link to nothing", { "export", store, "-o", file })
    end)

    it("says what to do where nothing can be made beside it", function()
      fill(3)
      fails(2, "holdfast export ... > FILE", { "export", store, "-o", "/proc/self/comm" })
    end)

    it("follows a link", function()
      fill(3)
      temp.writeFile(dir .. "/real", "the last good one")
      os.execute("ln -s ../real " .. quote(file))
      ok { "export", store, "-o", file }
      assert.equal(ok { "export", store }, temp.readFile(dir .. "/real"))
      assert.equal("backup.jsonl\n", backups())
      assert.equal(dir .. "/real\n", shell("readlink -f $FILE").stdout)
    end)

    it("of a name in the working folder", function()
      fill(3)
      local result = shell("cd $DIR/backups && $BIN export ../store -o here && exec ls -A")
      assert.equal("3 entities exported to here\nhere\n", result.stdout)
    end)
  end)

  describe("does not destroy the store", function()
    local function contents() return ok { "export", store } end

    it("when it is told one of its files, by whatever name", function()
      fill(3)
      fill(1, dir .. "/empty")
      local before = contents()
      shell "ln -s store/data.mdb $DIR/link; ln -s store $DIR/folder"
      for _, name in ipairs { "store/data.mdb", "store/../store/data.mdb", "link", "folder/data.mdb",
        "store/lock.mdb" } do
        for _, url in ipairs { store, dir .. "/folder", "lmdb:" .. store } do
          local words = { "export", url, "-o", dir .. "/" .. name }
          assert.equal("", fails(2, "is a file of the store that is exported", words).stdout)
        end
      end
      shell "ln $STORE/data.mdb $DIR/hard"
      fails(3, "has 2 names", { "export", store, "-o", dir .. "/hard" }) -- says the store, which opens in no way then
      os.remove(dir .. "/hard")
      ok { "rm", dir .. "/empty", "s", "--all" }
      fails(2, "is a file of the store", { "export", dir .. "/empty", "-o", dir .. "/empty/data.mdb" })
      assert.equal(before, contents())
      assert.equal("data.mdb\nlock.mdb\n", process.shell("ls -A " .. quote(store)).stdout)
      ok { "export", store, "-o", store .. "/backup.jsonl" } -- that is none of its files
    end)

    it("or one of another store's", function()
      fill(3)
      fill(2, dir .. "/other")
      local before = ok { "export", dir .. "/other" }
      shell "ln -s other/data.mdb $DIR/link"
      for _, name in ipairs { "other/data.mdb", "other/lock.mdb", "link" } do
        for _, url in ipairs { store, "memory:" } do
          fails(2, "is a file of another store", { "export", url, "-o", dir .. "/" .. name })
        end
      end
      assert.equal(before, ok { "export", dir .. "/other" })
    end)

    it("that a class extends", function()
      temp.writeFile(dir .. "/around.lua", 'local holdfast = require "holdfast"\n'
        .. 'return holdfast.LmdbPersist:extend("Around", { hasValue = function() return false end })')
      fill(3)
      local before = contents()
      fails(2, "is a file of the store that is exported",
        { "export", ("lua:%s/around.lua?base=%s"):format(dir, store), "-o", store .. "/data.mdb" })
      assert.equal(before, contents())
    end)

    it("of files, when it is told a place for entities", function()
      local url = "file:" .. store
      fill(3, url)
      ok { "put", url, "s", "a/b", "1" }
      local before = ok { "export", url }
      os.execute(string.format("ln -s store/s %s/folder; ln -s store/s/i1.json %s/link", dir, dir))
      for _, name in ipairs { "store/s/i1.json", "store/s/new.json", "store/s/a/new", "folder/new.json", "link",
        "store/.tmp/x", "store/s/../s/i1.json" } do
        fails(2, "keeps its entities: give another", { "export", url, "-o", dir .. "/" .. name })
      end
      assert.equal(before, ok { "export", url })
      ok { "export", url, "-o", store .. "/backup.jsonl" }
      assert.equal(before, ok { "export", url })
    end)
  end)

  describe("to what is not a regular file", function()
    it("writes the lines as they come", function()
      fill(3)
      local lines = ok { "export", store }
      assert.equal(lines, shell("$BIN export $STORE -o /dev/stdout").stdout)
      assert.equal(lines, shell("$BIN export $STORE -o /dev/stdout | cat").stdout)
      assert.equal("head\n" .. lines,
        shell("(echo head; exec $BIN export $STORE -o /dev/stdout) >$DIR/out; exec cat $DIR/out").stdout)
      assert.equal("head\n" .. lines, shell("exec 3>$DIR/out; echo head >&3; "
        .. "$BIN export $STORE -o /dev/fd/3 >/dev/null; exec cat $DIR/out").stdout)
      local result = shell("mkfifo $DIR/fifo; cat $DIR/fifo >$DIR/out & "
        .. "$BIN export $STORE -o $DIR/fifo; wait; exec cat $DIR/out")
      assert.equal("3 entities exported to " .. dir .. "/fifo\n" .. lines, result.stdout)
      assert.equal("", shell("$BIN export $STORE -o /dev/null >/dev/null").stderr)
      fails(3, "/dev/full, which is incomplete now", { "export", store, "-o", "/dev/full" })
    end)
  end)

  describe("says that it is whole, so that import", function()
    -- The lines of an export, as a list.
    local function exported(count)
      fill(count)
      local list = {}
      for line in ok({ "export", store }):gmatch("[^\n]+") do list[#list + 1] = line end
      assert.equal(count, #list)
      return list
    end

    local function exists(path) return os.execute("test -e " .. quote(path)) == 0 end

    it("takes it", function()
      for _, count in ipairs { 1, 2, 1000 } do
        local lines = table.concat(exported(count), "\n")
        for i, text in ipairs { lines, lines .. "\n", "\n" .. lines:gsub("\n", "\r\n\n"), lines .. "\n" .. lines } do
          temp.writeFile(file, text)
          local times = i == 4 and 2 or 1
          local told = string.format("%s %s imported\n", times * count == 2000 and "2,000" or times * count == 1000
            and "1,000" or times * count, times * count == 1 and "entity" or "entities")
          assert.equal(told, ok { "import", dir .. "/copy", file })
          assert.equal(told, shell("cat $FILE | $BIN import $DIR/copy").stdout)
        end
      end
    end)

    it("takes an export of nothing", function()
      ok { "export", "memory:", "-o", file }
      assert.equal("0 entities imported\n", ok { "import", store, file })
      fill(1)
      ok { "export", store, "s", "--limit", "0", "-o", file }
      assert.equal("0 entities imported\n", ok { "import", store, file })
    end)

    for name, case in pairs {
      ["a cut one"] = { function(list) list[#list] = nil end, "it ends after line 1999, in the middle of an export" },
      ["one cut in its last line"] = { function(list) list[#list] = list[#list]:sub(1, 20) end,
        "it ends after line 2000, in the middle of an export" },
      ["one cut to its first line"] = { function(list) for i = 2, 2000 do list[i] = nil end end,
        "it ends after line 1, in the middle of an export" },
      ["one without its first line"] = { function(list) table.remove(list, 1) end,
        "line 1999 ends an export whose beginning is missing" },
      ["one that lacks a line"] = { function(list) table.remove(list, 1000) end,
        "line 1999 ends an export of 2000 lines, of which 1999 are here" },
      ["one with another value"] = { function(list) list[7] = list[7]:gsub('"n":7', '"n":8') end,
        "the export that ends in line 2000 was changed since" },
      ["one in another order"] = { function(list) list[7], list[8] = list[8], list[7] end,
        "the export that ends in line 2000 was changed since" },
      ["one that another begins in"] = { function(list) list[1001] = list[1] end,
        "line 1001 begins another export, but the one before it has no end" },
    } do
      it("refuses " .. name .. " before it imports anything", function()
        local list = exported(2000)
        case[1](list)
        temp.writeFile(file, table.concat(list, "\n"))
        local copy = dir .. "/copy"
        local result = fails(2, "backup.jsonl is not a whole export: " .. case[2], { "import", copy, file })
        assert.matches("nothing was imported; --partial imports what is there", result.stderr, 1, true)
        -- The standard input can be looked at as well, if it is a file.
        assert.equal(2, shell("exec $BIN import $DIR/copy <$FILE").code)
        assert.is_false(exists(copy))
        -- A pipe tells at its end.
        local err = json.decode(shell("cat $FILE | $BIN import $DIR/copy --json").stderr).error
        assert.equal("invalid_value", err.code)
        assert.is_true(exists(copy))
        if name:find("last line", 1, true) then return end -- that is not JSON
        assert.matches("that came were imported; --partial", shell("cat $FILE | $BIN import $DIR/copy").stderr, 1, true)
        assert.matches(" imported\n$", ok { "import", dir .. "/another", file, "--partial" })
        assert.same({ "", 0 }, { shell("cat $FILE | $BIN import $DIR/another --partial").stderr,
          shell("cat $FILE | $BIN import $DIR/another --partial").code })
      end)
    end

    it("looks at the standard input from where it is", function()
      temp.writeFile(file, table.concat(exported(3), "\n"))
      local result = shell("exec <$FILE; read first; exec $BIN import $DIR/copy")
      assert.matches("line 2 ends an export whose beginning is missing", result.stderr, 1, true)
      temp.writeFile(file, '{"entity":"s","id":1,"value":1}\n{"entity":"s","id":2,"value":2}\n')
      assert.equal("1 entity imported\n", shell("exec <$FILE; read first; exec $BIN import $DIR/copy").stdout)
    end)

    it("says of a file without marks that it cannot tell, and imports it", function()
      temp.writeFile(file, '{"entity":"s","id":"a","value":{"exportBegin":1}}\n'
        .. '{"entity":"s","id":"b","value":{"a":1,"exportEnd":{"lines":2,"crc64":"00"}}}\n')
      local result = holdfast { "import", store, file }
      assert.matches("backup.jsonl has no mark of a whole export", result.stderr, 1, true)
      assert.same({ "2 entities imported\n", 0 }, { result.stdout, result.code })
      assert.equal("", holdfast({ "import", store, file, "--json" }).stderr)
      assert.equal("", shell("$BIN import $STORE <$FILE").stderr)
    end)

    it("takes lines about entities that have the marks, as Holdfast 0.1 does", function()
      local list = exported(2)
      for i, line in ipairs(list) do
        local object = json.decode(line)
        assert.same({ "s", "i" .. i, i }, { object.entity, object.id, object.value.n })
      end
      assert.equal(1, json.decode(list[1]).exportBegin)
      assert.equal(2, json.decode(list[2]).exportEnd.lines)
    end)
  end)
end)

describe("the marks of an export", function()
  it("hold whatever the lines are", function()
    math.randomseed(1)
    local pieces = { "}", "{", '"', ",", ":", "1", '"exportEnd"', '"exportBegin"', ',"exportBegin":1}', "x" }
    for _ = 1, 300 do
      local list, written = {}, {}
      for i = 1, math.random(0, 6) do
        local text = {}
        for k = 1, math.random(0, 9) do text[k] = pieces[math.random(#pieces)] end
        list[i] = json.encode { value = { table.concat(text), { [table.concat(text)] = 1 } } }
      end
      local writer = marks.writer(function(line) written[#written + 1] = line end)
      for _, line in ipairs(list) do writer:line(line) end
      writer:finish()
      assert.equal(math.max(#list, 1), #written)
      local function problemOf(lines)
        local reader = marks.reader()
        for i, line in ipairs(lines) do reader:add(line, i) end
        return reader:finish()
      end
      assert.same({ nil, true }, { problemOf(written) })
      local last = table.remove(written)
      if #written > 0 then assert.is_string(problemOf(written)) end
      written[#written + 1] = last:gsub('"crc64":"(%x)', function(c)
        return '"crc64":"' .. (c == "0" and "1" or "0")
      end)
      assert.is_string(problemOf(written))
      assert.same({ nil, false }, { problemOf(list) })
    end
  end)

  it("have the checksum that others call CRC-64/XZ", function()
    local sum = core.checksum()
    assert.equal("0000000000000000", sum:text())
    for piece in ("123456789"):gmatch("..?.?.?") do sum:add(piece) end
    assert.equal("995dc9bbdf1939fa", sum:text())
  end)
end)
