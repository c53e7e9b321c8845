-- SPDX-License-Identifier: MIT
--
-- The conformance kit: right adapters and the stores in C pass.  Then what other processes say of how they ended, the
-- reports, the command, and the suite inside busted.  broken_spec.lua has what the kit must find.

local adapters = require("support.conformance")
local conformance = require("holdfast.conformance")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local temp = require("support.temp")
local vectors = require("holdfast.conformance.vectors")

local folder = adapters.folder
local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

after_each(temp.removeAll)

describe("right adapters", function()
  for _, name in ipairs(adapters.files("right")) do
    it(name .. " conforms", function()
      local report = conformance.run({ path = folder .. "right/" .. name, base = temp.quickDirectory() })
      local said = {}
      for i, result in ipairs(adapters.failures(report)) do said[i] = adapters.describeFailure(result) end
      assert.same({}, said)
      assert.is_true(report.passed > 70)
    end)
  end

  for _, url in ipairs({ "lmdb", "memory", "file" }) do
    it("and the " .. url .. " store conform", function()
      local base = url == "memory" and "memory:conformance" or url .. ":" .. temp.quickDirectory() .. "/store"
      local report = conformance.run({ url = base })
      local said = {}
      for i, result in ipairs(adapters.failures(report)) do said[i] = adapters.describeFailure(result) end
      assert.same({}, said)
    end)
  end

  it("leave no entities", function()
    local base = temp.quickDirectory() .. "/store"
    conformance.run({ url = "lmdb:" .. base, entities = 50, only = "loops" })
    for _, name in ipairs(holdfast.openStore(base):entities()) do
      assert.equal(0, holdfast.PersistBase(name, base):count(), name)
    end
    collectgarbage()
    collectgarbage()
  end)
end)

describe("the store that keeps nothing", function()
  it("fails honestly", function()
    local report = conformance.run({ url = "null:", entities = 20 })
    assert.is_true(report.failed > 40)
    assert.is_true(report.passed > 5)
  end)
end)

describe("a build without the command", function()
  it("has the kit", function()
    local path = temp.directory() .. "/without.lua"
    temp.writeFile(path, [[
      table.insert(package.loaders, 1, function(name)
        if name:find("^holdfast%.cli") then error("no " .. name, 0) end
      end)
      local report = require("holdfast.conformance").run { url = "memory:x", only = "updatedAt" }
      print(#report.results, report.failed)]])
    local result = process.run({ "luajit", path })
    assert.equal("", result.stderr)
    assert.equal("1\t0\n", result.stdout)
  end)
end)

describe("another process", function()
  local processes = require("holdfast.conformance.processes")

  -- What a check would run it with.
  local function target(seconds)
    local path = temp.quickDirectory() .. "/store"
    local source = ("function(n, b) return require('holdfast').FilePersist(n, b) end")
    return { target = { source = source }, name = "x", base = path, options = { timeout = seconds or 10 } }
  end

  it("says what the body returns, and nothing when it killed itself", function()
    local t = target()
    assert.equal("7", processes.run(t, "store:writeValue('a', 7) return store:readValue('a')"))
    assert.is_nil(processes.run(t, "store:writeValue('a', 8) child:kill()"))
    assert.is_nil(processes.run(t, "store:writeValue('b', 9) child:killIn(0.01) while true do store:hasValue('b') end"))
    assert.equal(8, holdfast.FilePersist("x", t.base):readValue("a"))
    assert.equal(9, holdfast.FilePersist("x", t.base):readValue("b"))
  end)

  it("may print what it likes", function()
    local noise = "print('hello') io.stderr:write('2026/11/28 WARNING: something\\n') io.stdout:flush() "
    assert.equal("true", processes.run(target(), noise .. "return true"))
    assert.is_nil(processes.run(target(), noise .. "child:kill()"))
    local one, two = processes.race(target(), noise .. "return child.me")
    assert.same({ 1, 2 }, { one, two })
  end)

  it("that fails says why, and one that hangs is ended", function()
    local err = raises.error("script", nil, processes.run, target(), "store:readValue('missing')")
    assert.truthy(err.message:find("in another process: not_found: Entity x:missing not found", 1, true), err.message)
    err = raises.error("script", nil, processes.run, target(), "io.write('a last word') io.flush() os.exit(3)")
    assert.truthy(err.message:find("without a result; it printed: a last word", 1, true), err.message)
    err = raises.error("script", nil, processes.run, target(0.5), "while true do end")
    assert.truthy(err.message:find("ended within 0.5 seconds without a result", 1, true), err.message)
    err = raises.error("script", nil, processes.race, target(), "if child.me == 2 then error('mine') end child:meet(1) "
      .. "child:meet(2)")
    assert.truthy(err.message:find("mine", 1, true), err.message)
  end)

  it("meets the other one at each step", function()
    local one, two = processes.race(target(), [[
      local sum = 0
      for i = 1, 50 do
        child:meet(2 * i - 1)
        store:writeValue("at-" .. child.me, i)
        child:meet(2 * i)
        sum = sum + store:readValue("at-" .. 3 - child.me)
      end
      return sum
    ]])
    assert.same({ 1275, 1275 }, { one, two })
  end)

  it("has files that do not grow, and grow again", function()
    assert.equal("false true", processes.run(target(), [[
      child:limitFiles(1000)
      local small = pcall(store.writeValue, store, "a", ("x"):rep(5000))
      child:limitFiles(nil)
      return tostring(small) .. " " .. tostring((pcall(store.writeValue, store, "a", ("x"):rep(5000))))
    ]]))
  end)
end)

describe("the vectors", function()
  it("agree with the core", function()
    for _, order in ipairs(vectors.order) do
      for i = 2, #order do assert.is_true(holdfast.naturalOrder(order[i - 1], order[i])) end
    end
    for _, text in ipairs(vectors.numbers) do
      assert.equal(text, holdfast.json.encode(holdfast.json.decode(text)))
    end
  end)
end)

describe("conformance.run", function()
  it("says what it was given wrongly", function()
    local wrong = {
      { nil, "give a table" },
      { {}, "give one of class, path, url and factory, not none" },
      { { url = "memory:x", path = "y" }, "not path and url" },
      { { class = 5 }, "class must be a class" },
      { { url = "memory:x", what = 1 }, "there is no option 'what'" },
      { { class = holdfast.PersistBase:extend("Empty") }, "Empty lacks methods" },
    }
    for _, row in ipairs(wrong) do
      local err = raises.error("invalid_argument", nil, conformance.run, row[1])
      assert.truthy(err.message:find(row[2], 1, true), err.message)
    end
    raises.error("not_found", nil, conformance.run, { path = "./nowhere.lua" })
  end)

  it("takes a class and a factory, and only some checks", function()
    local Class = dofile(folder .. "right/memory.lua")
    local report = conformance.run({ class = Class, only = "take gives" })
    assert.equal(1, #report.results)
    assert.equal("MemoryScript", report.name)
    report = conformance.run({ factory = function(n, b) return Class(n, b) end, name = "made", only = "TEST 1" })
    assert.equal("made", report.name)
    assert.equal(1, report.passed)
  end)

  it("takes a function that makes the storage fail", function()
    local Class = dofile(folder .. "right/memory.lua")
    local function fail(instance)
      local texts = instance.texts
      instance.texts = nil -- so that every method raises
      return function() instance.texts = texts end
    end
    local report = conformance.run({ class = Class, only = "says that the storage fails" })
    assert.equal("skipped", report.results[1].status)
    report = conformance.run({ class = Class, only = "says that the storage fails", fail = fail })
    assert.equal("passed", report.results[1].status, report.results[1].message)
    report = conformance.run({ class = Class, only = "says that the storage fails", fail = function()
      return function() end
    end })
    assert.equal("readValue while the storage fails", report.results[1].message)
  end)

  it("ends a check that hangs, and goes on", function()
    local report = conformance.run({ path = folder .. "broken/hangs.lua", timeout = 0.2, only = "contract" })
    assert.is_true(report.failed >= 1)
    assert.is_true(report.passed > 5)
  end)
end)

conformance.suite({ name = "In busted, MemoryScript", class = dofile(folder .. "right/memory.lua"), entities = 50 })

describe("holdfast test", function()
  local function run(...) return process.run({ command, "test", ... }) end

  it("prints a report and a matrix, and exits with 0 for a right adapter", function()
    local result = run(folder .. "right/everything.lua", "--entities", "50")
    assert.equal(0, result.code, result.stdout .. result.stderr)
    assert.truthy(result.stdout:find("the reference's test template: 8 of 8", 1, true))
    assert.truthy(result.stdout:find("transaction +yes +kept"))
    assert.truthy(result.stdout:find("CONFORMS: ", 1, true))
    assert.is_nil(result.stdout:find("\27", 1, true))
  end)

  it("says what fails, why it matters and where to look, and exits with 1", function()
    local result = run(folder .. "broken/sorts_by_bytes.lua", "--entities", "50")
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("FAIL natural order, list 2", 1, true))
    assert.truthy(result.stdout:find("look at +[^\n]*sorts_by_bytes.lua:%d+"), result.stdout)
    assert.truthy(result.stdout:find("why +ids are ordered as people read them"))
    assert.truthy(result.stdout:find("DOES NOT CONFORM: ", 1, true))
    assert.truthy(result.stdout:find("\nbegin with contract: keys and values agree %([^\n]*/conformance/[^\n]*:%d+%); "
      .. "what comes after it may follow from it\n$"), result.stdout)
    result = run(folder .. "broken/infinity_is_null.lua", "--entities", "50")
    assert.is_nil(result.stdout:find("begin with", 1, true), "one failure needs no such line")
  end)

  it("exits with 2 for what it cannot test", function()
    local path = temp.directory() .. "/x.lua"
    temp.writeFile(path, "return 5")
    for _, words in ipairs({ { "./nowhere.lua" }, { path }, {}, { "nosuch:x" }, { "memory:x", "--only", "zzz" } }) do
      local result = run(unpack(words))
      assert.equal(2, result.code, result.stdout .. result.stderr)
      assert.is_true(#result.stderr > 20)
    end
    temp.writeFile(path, "return require('holdfast').PersistBase:extend('Half')")
    local result = run(path)
    assert.equal(2, result.code)
    assert.truthy(result.stderr:find("Half lacks methods that every backend has: waitForInit", 1, true))
    temp.writeFile(path, "return +")
    result = run(path)
    assert.equal(1, result.code)
    assert.truthy(result.stderr:find("unexpected symbol", 1, true))
  end)

  it("writes TAP", function()
    local result = run("memory:tap", "--tap", "--entities", "20")
    assert.equal(0, result.code)
    local planned = tonumber(result.stdout:match("^TAP version 13\n1%.%.(%d+)\n"))
    local n = 0
    for number in result.stdout:gmatch("\nok (%d+) %- ") do
      n = n + 1
      assert.equal(n, tonumber(number))
    end
    assert.equal(planned, n)
    assert.truthy(result.stdout:find("# SKIP ", 1, true))
    result = run(folder .. "broken/remove_is_silent.lua", "--tap", "--only", "contract")
    assert.equal(1, result.code)
    assert.truthy(result.stdout:find("\nnot ok %d+ %- contract: removeValue raises not_found"))
    assert.truthy(result.stdout:find("\n# message: ", 1, true))
  end)

  it("writes JUnit's XML, and JSON", function()
    local path = temp.directory() .. "/report.xml"
    local result = run(folder .. "broken/remove_is_silent.lua", "--junit", path, "--json", "--only", "contract")
    assert.equal(1, result.code)
    local report = holdfast.json.decode(result.stdout)
    assert.is_false(report.conforms)
    assert.equal(14, #report.results)
    assert.same({ group = "contract", name = report.results[4].name, method = "removeValue",
      where = report.results[4].where }, report.beginWith)
    assert.equal(16, #report.capabilities)
    local xml = temp.readFile(path)
    assert.truthy(xml:find('<testsuite name="Broken" tests="14" failures="1"', 1, true))
    assert.truthy(xml:find("<failure message=", 1, true))
    if process.shell("command -v xmllint").code == 0 then
      assert.equal(0, process.shell("xmllint --noout " .. temp.quote(path)).code)
    end
  end)

  it("lists its checks", function()
    local result = run("--list")
    assert.equal(0, result.code)
    assert.truthy(result.stdout:find("the reference's test template: Test 8: ", 1, true))
    local n = select(2, result.stdout:gsub("\n", ""))
    assert.equal(#conformance.checks(), n)
  end)
end)
