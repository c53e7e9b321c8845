-- SPDX-License-Identifier: MIT
--
-- Damaged entities and the command: whatever reads a store tells of what is in quarantine, and what moves entities
-- brings it to the target as damaged, or says that it could not.

local command = require "support.command"
local process = require "support.process"
local redis = require "support.redis"
local temp = require "support.temp"

local json = require "cjson"

local NOT_THERE = "damaged\tposition\tp2\tnot in the target, which cannot keep it as damaged\n"
local IN_QUARANTINE = "Entity position:p2 is corrupt: it is in quarantine (its checksum does not match)"

describe("a damaged entity", function()
  local dir, a, b, state

  before_each(function()
    dir = temp.quickDirectory()
    a, b, state = dir .. "/a", dir .. "/b", dir .. "/state"
  end)

  after_each(function()
    temp.removeAll()
  end)

  local function holdfast(words, stdin) return command.run(words, stdin, state) end

  local function ok(words, stdin) return command.ok(words, stdin, state) end

  -- Runs it and expects this exit code and this text on stderr, once.
  local function tells(code, complaint, words, stdin)
    local result = holdfast(words, stdin)
    local at, stop = result.stderr:find(complaint, 1, true)
    assert.truthy(at, result.stderr)
    assert.is_nil(result.stderr:find(complaint, stop, true), result.stderr)
    assert.equal(code, result.code)
    return result
  end

  -- Three positions, of which the second is damaged, and is in quarantine unless it is left to be found.
  local function damaged(options)
    for i = 1, 3 do ok { "put", a, "position", "p" .. i, '{"n":"number' .. i .. '"}' } end
    assert.is_true(temp.patchFile(a .. "/data.mdb", "number2", "numbeR2") > 0)
    if options ~= "fresh" then tells(3, "moved to quarantine", { "get", a, "position", "p2" }) end
  end

  local function isDamaged(url)
    tells(3, "Entity position:p2 is corrupt: it is in quarantine (its checksum does not match)",
      { "get", url, "position", "p2" })
  end

  describe("in quarantine", function()
    before_each(function() damaged() end)

    for name, case in pairs {
      ["ls"] = { { "ls", "A", "position" }, "p1\np3\n" },
      ["ls -l"] = { { "ls", "A", "position", "-l", "--from", "p2", "--to", "p2" }, "" },
      ["filter"] = { { "filter", "A", "position", "true", "--ids" }, "p1\np3\n" },
      ["take"] = { { "take", "A", "position", "2" }, '{"n":"number1"}\n{"n":"number3"}\n' },
      ["take --reverse"] = { { "take", "A", "position", "9", "--reverse" }, '{"n":"number3"}\n{"n":"number1"}\n' },
    } do
      it("is told by " .. name .. ", by exit code 3, and the others come", function()
        for i, word in ipairs(case[1]) do case[1][i] = word == "A" and a or word end
        assert.equal(case[2], tells(3, IN_QUARANTINE, case[1]).stdout)
        table.insert(case[1], "--readonly")
        assert.equal(case[2], tells(3, IN_QUARANTINE, case[1]).stdout)
        table.insert(case[1], "--json")
        local err = json.decode(holdfast(case[1]).stderr).error
        assert.same({ "corrupt", "position", "p2" }, { err.code, err.entityName, err.entityId })
      end)
    end

    it("is not told where it is not asked for", function()
      assert.equal("p3\n", ok { "ls", a, "position", "--prefix", "p3" })
      assert.equal("p1\n", ok { "ls", a, "position", "--to", "p1" })
      assert.equal("p3\n", ok { "filter", a, "position", "true", "--ids", "--from", "p2.5" })
      assert.equal('{"n":"number1"}\n', ok { "take", a, "position", "1" })
      assert.equal('{"n":"number3"}\n', ok { "take", a, "position", "1", "--reverse" })
      assert.equal("p1\n", ok { "filter", a, "position", "true", "--ids", "--limit", "1" })
      ok { "export", a, "position", "--limit", "0" }
    end)

    it("is missing in counts, which is told", function()
      local complaint = "1 entity of position is in quarantine and not counted: verify lists them"
      assert.equal("2\n", tells(3, complaint, { "count", a, "position" }).stdout)
      assert.equal("2\n", tells(3, complaint, { "count", a }).stdout)
      assert.equal("position\t2\n", tells(3, complaint, { "ls", a }).stdout)
    end)

    it("is listed by verify", function()
      local result = holdfast { "verify", a }
      assert.matches("quarantined\tposition\tp2\tits checksum does not match\n", result.stdout, 1, true)
      assert.equal(1, result.code)
      local report = json.decode(holdfast({ "verify", a, "--json" }).stdout)
      assert.same({ { entity = "position", id = "p2", problem = "its checksum does not match" } }, report.inQuarantine)
      assert.same({}, report.problems)
    end)

    it("that is all there is of a name does not make the name unknown", function()
      ok { "rm", a, "position", "p1", "p3" }
      assert.equal("", tells(3, IN_QUARANTINE, { "ls", a, "position" }).stdout)
      assert.equal("", tells(3, IN_QUARANTINE, { "take", a, "position", "5" }).stdout)
      tells(3, IN_QUARANTINE, { "copy", a, b })
      isDamaged(b)
    end)

    it("is settled by writing it, and told no more", function()
      ok { "put", a, "position", "p2", "2" }
      assert.equal("p1\np2\np3\n", ok { "ls", a, "position" })
      assert.equal("3\n", ok { "count", a })
    end)
  end)

  describe("is copied as damaged", function()
    for name, scheme in pairs { lmdb = "", file = "file:", ["a class around a store"] = "lua:DIR/around.lua?base=" } do
      it("into " .. name .. ", found then or before", function()
        temp.writeFile(dir .. "/around.lua", [[
          local holdfast = require "holdfast"
          local Around = holdfast.LmdbPersist:extend("Around")
          function Around:readValue(id) return holdfast.LmdbPersist.readValue(self, id) end
          return Around]])
        damaged "fresh"
        local to = scheme:gsub("DIR", dir) .. b
        local result = tells(3, "Entity position:p2 is corrupt: its checksum does not match", { "copy", a, to })
        assert.equal("damaged\tposition\tp2\tin quarantine in the target too\nposition\t2\n"
          .. "2 entities copied, 1 damaged in the source\n", result.stdout)
        isDamaged(to)
        assert.equal(result.stdout, tells(3, IN_QUARANTINE, { "copy", a, to }).stdout)
        -- From there as well, with the same bytes.
        tells(3, IN_QUARANTINE, { "copy", to, dir .. "/c" })
        local function lines(url) return holdfast({ "export", url }).stdout end
        assert.matches('{"entity":"position","id":"p2","damaged":"its checksum does not match","bytes":"[%w+/]+=*"}\n',
          lines(a))
        assert.equal(lines(a), lines(to))
        assert.equal(lines(a), lines(dir .. "/c"))
        ok { "put", to, "position", "p2", "2" }
        assert.equal("2\n", ok { "get", to, "position", "p2" })
      end)
    end

    it("into memory", function()
      damaged()
      local result = tells(3, IN_QUARANTINE, { "copy", a, "memory:x" })
      assert.matches("in quarantine in the target too", result.stdout, 1, true)
    end)

    it("but never over a sound entity of the target", function()
      damaged()
      ok { "put", b, "position", "p2", "7" }
      local result = tells(3, IN_QUARANTINE, { "copy", a, b, "--json" })
      assert.same({ { entity = "position", id = "p2", problem = "its checksum does not match", outcome = "kept" } },
        json.decode(result.stdout).damaged)
      assert.equal("7\n", ok { "get", b, "position", "p2" })
      assert.matches("the target keeps the sound one that it has", holdfast({ "copy", a, b }).stdout, 1, true)
    end)

    it("not where the target cannot keep it so, which is told", function()
      damaged()
      local targets = { "null:" }
      local server = redis.isInstalled and redis.start()
      finally(function()
        if server then server:stop() end
      end)
      if server then targets[2] = string.format("redis://127.0.0.1:%d/0", server.port) end
      for _, to in ipairs(targets) do
        local result = tells(3, IN_QUARANTINE, { "copy", a, to })
        assert.matches(NOT_THERE, result.stdout, 1, true)
      end
    end)

    it("not into a class that has other ids of its own, which is told", function()
      damaged()
      temp.writeFile(dir .. "/prefixed.lua", [[
        local holdfast = require "holdfast"
        local Lmdb = holdfast.LmdbPersist
        local Prefixed = Lmdb:extend("Prefixed")
        function Prefixed:readValue(id) return Lmdb.readValue(self, "x-" .. id) end
        function Prefixed:hasValue(id) return Lmdb.hasValue(self, "x-" .. id) end
        function Prefixed:writeValue(id, value) Lmdb.writeValue(self, "x-" .. id, value) end
        function Prefixed:keys()
          local ids = {}
          for id in Lmdb.keys(self) do ids[#ids + 1] = id:sub(3) end
          return ids
        end
        return Prefixed]])
      local result = tells(3, IN_QUARANTINE, { "copy", a, ("lua:%s/prefixed.lua?base=%s"):format(dir, b) })
      assert.matches(NOT_THERE, result.stdout, 1, true)
    end)

    it("and never taken for equal", function()
      damaged()
      local result = holdfast { "copy", a, b, "--verify" }
      assert.equal(3, result.code)
      assert.matches("damaged\tposition\tp2\tboth\ndiffers\tposition\t2\t%x+\t2\t%x+\n"
        .. "2 entities compared: 1 damaged\n$", result.stdout)
      ok { "put", b, "position", "p2", "2" }
      result = holdfast { "copy", a, b, "--verify-only" }
      assert.matches("damaged\tposition\tp2\tsource\n", result.stdout, 1, true)
      assert.equal(3, result.code)
      result = json.decode(holdfast({ "copy", b, a, "--verify-only", "--json" }).stdout)
      assert.same({ false, 1, 0, 0, { { problem = "damaged", id = "p2", where = "target" } } },
        { result.equal, result.compared[1].damaged, result.compared[1].missing, result.compared[1].extra,
          result.compared[1].first })
    end)

    it("also by a copy that goes on after it", function()
      local list = {}
      for i = 1, 3000 do
        list[i] = string.format('{"entity":"position","id":"p%d","value":"%s"}', i, ("x"):rep(1000) .. i .. "!")
      end
      ok({ "import", a }, table.concat(list, "\n"))
      assert.is_true(temp.patchFile(a .. "/data.mdb", "x2!", "X2!") > 0)
      local result = holdfast { "copy", a, "lmdb:" .. b .. "?mapsize=64k&maxsize=2m" }
      assert.matches("the same command with --resume goes on there", result.stderr, 1, true)
      result = holdfast { "copy", a, b, "--resume" }
      assert.matches("going on after", result.stderr, 1, true)
      assert.matches(IN_QUARANTINE, result.stderr, 1, true)
      assert.equal(3, result.code)
      assert.matches("damaged\tposition\tp2\tin quarantine in the target too\n", result.stdout, 1, true)
      isDamaged(b)
      assert.matches("3000\n$", (holdfast({ "ls", b, "position" }).stdout))
    end)

    it("also by a copy that goes on after it has become sound again", function()
      local list = {}
      for i = 1, 3000 do
        list[i] = string.format('{"entity":"position","id":"p%d","value":"%s"}', i, ("x"):rep(1000) .. i .. "!")
      end
      ok({ "import", a }, table.concat(list, "\n"))
      assert.is_true(temp.patchFile(a .. "/data.mdb", "x2!", "X2!") > 0)
      tells(3, "moved to quarantine", { "get", a, "position", "p2" })
      holdfast { "copy", a, "lmdb:" .. b .. "?mapsize=64k&maxsize=2m" }
      ok { "put", a, "position", "p2", "2" }
      tells(3, "1 entity could not be read before this copy went on", { "copy", a, b, "--resume" })
    end)
  end)

  describe("is exported", function()
    it("with its bytes, also where the export itself finds it in a snapshot", function()
      damaged "fresh"
      local result = tells(3, "Entity position:p2 is corrupt: its checksum does not match", { "export", a })
      local line = result.stdout:match('%b{}\n{"entity":"position","id":"p3".-\n(.*)$')
      local bytes = line:match('^{"entity":"position","id":"p2","damaged":"its checksum does not match",'
        .. '"bytes":"([^"]*)"')
      assert.matches('{"n":"numbeR2"}', process.shell("printf %s " .. bytes .. " | base64 -d").stdout, 1, true)
      assert.equal("2 entities and 1 damaged exported to " .. dir .. "/f\n",
        tells(3, IN_QUARANTINE, { "export", a, "-o", dir .. "/f" }).stdout)
    end)

    it("without them where a store that is only read keeps them", function()
      damaged "fresh"
      assert.matches('{"entity":"position","id":"p2","damaged":"its checksum does not match","exportEnd":{',
        holdfast({ "export", a, "--readonly" }).stdout, 1, true)
    end)
  end)

  describe("is imported", function()
    local function lines()
      return '{"entity":"position","id":"p1","value":1}\n'
        .. '{"entity":"position","id":"p2","damaged":"its checksum does not match","bytes":"AAEC/w=="}\n'
    end

    it("into quarantine", function()
      for _, url in ipairs { a, "file:" .. b } do
        assert.equal("1 entity imported, 1 damaged put into quarantine\n", ok({ "import", url }, lines()))
        isDamaged(url)
        assert.same({ imported = 1, quarantined = 1 }, json.decode(ok({ "import", url, "--json" }, lines())))
        local exported = holdfast({ "export", url }).stdout
        assert.matches('"damaged":"its checksum does not match","bytes":"AAEC/w=="', exported, 1, true)
      end
    end)

    it("not over what is sound, nor where it cannot be kept, which is told", function()
      ok { "put", a, "position", "p2", "7" }
      tells(3, "the store has a sound one, which stays", { "import", a }, lines())
      assert.equal("7\n", ok { "get", a, "position", "p2" })
      tells(3, "this store cannot keep it as damaged: it is left out", { "import", "null:" }, lines())
    end)

    it("but for one whose key was damaged, which is told and ends nothing", function()
      for i = 1, 3 do ok { "put", a, "position", "p" .. i, tostring(i) } end
      assert.is_true(temp.patchFile(a .. "/data.mdb", "\0p2", "\0\19" .. "2") > 0) -- the id in the key
      tells(3, "is corrupt", { "export", a, "-o", dir .. "/f" })
      local url = "file:" .. b
      local result = tells(3, "this store cannot keep it as damaged: it is left out", { "import", url, dir .. "/f" })
      assert.equal("2 entities imported\n", result.stdout)
      assert.equal("p1\np3\n", ok { "ls", url, "position" })
    end)

    it("only from a line that says what it means", function()
      for line, complaint in pairs {
        ['{"entity":"e","id":"x","damaged":7}'] = '"damaged" must be a string',
        ['{"entity":"e","id":"x","damaged":"why","bytes":7}'] = '"bytes" must be text in Base64',
        ['{"entity":"e","id":"x","damaged":"why","bytes":"AAE"}'] = '"bytes" must be text in Base64',
        ['{"entity":"e","id":"x","damaged":"why","bytes":"A*=="}'] = '"bytes" must be text in Base64',
        ['{"entity":"e","id":"","damaged":"why"}'] = "id is empty",
      } do
        tells(2, "line 1: ", { "import", a }, line)
        tells(2, complaint, { "import", a }, line)
      end
      assert.equal("1 entity imported\n", ok({ "import", a }, '{"entity":"e","id":"x","value":1,"damaged":7}'))
    end)
  end)
end)

describe("Base64", function()
  local base64 = require "holdfast.cli.lines.base64"

  it("is the system's", function()
    for size = 0, 40 do
      local bytes = {}
      for i = 1, size do bytes[i] = string.char((i * 37 + size * 11) % 256) end
      local text = table.concat(bytes)
      local escaped = text:gsub(".", function(c) return ("\\%03o"):format(c:byte()) end)
      assert.equal(process.shell("printf '" .. escaped .. "' | base64 -w 0").stdout, base64.encode(text))
      assert.equal(text, base64.decode(base64.encode(text)))
    end
    for _, wrong in ipairs { "A", "AA", "AAA", "A===", "AA=A", "====", "AA\n=", "AA==AAAA" } do
      assert.is_nil(base64.decode(wrong), wrong)
    end
    temp.removeAll()
  end)
end)
