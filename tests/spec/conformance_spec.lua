-- SPDX-License-Identifier: MIT
--
-- The conformance kit: right adapters and the stores in C pass, and each adapter under tests/conformance/broken fails
-- with
-- the complaint that its head announces.  Then the reports, the command, and the suite inside busted.

local conformance = require("holdfast.conformance")
local holdfast = require("holdfast")
local process = require("support.process")
local raises = require("support.raises")
local temp = require("support.temp")
local vectors = require("holdfast.conformance.vectors")

local source = os.getenv("HOLDFAST_SOURCE") or "."
local folder = source .. "/tests/conformance/"
local command = os.getenv("HOLDFAST_BIN") or "build/holdfast"

local function files(name)
  local found = {}
  for line in process.shell("ls " .. temp.quote(folder .. name)).stdout:gmatch("[^\n]+") do found[#found + 1] = line end
  return found
end

after_each(temp.removeAll)

local function failures(report)
  local found = {}
  for _, result in ipairs(report.results) do
    if result.status == "failed" then found[#found + 1] = result end
  end
  return found
end

local function describeFailure(result)
  return table.concat({ result.name, result.message or "", result.expected or "", result.got or "" }, " | ")
end

describe("right adapters", function()
  for _, name in ipairs(files("right")) do
    it(name .. " conforms", function()
      local report = conformance.run({ path = folder .. "right/" .. name, entities = 300 })
      local said = {}
      for i, result in ipairs(failures(report)) do said[i] = describeFailure(result) end
      assert.same({}, said)
      assert.is_true(report.passed > 70)
    end)
  end

  for _, url in ipairs({ "lmdb", "memory", "file" }) do
    it("and the " .. url .. " store conform", function()
      local base = url == "memory" and "memory:conformance" or url .. ":" .. temp.quickDirectory() .. "/store"
      local report = conformance.run({ url = base, entities = 300 })
      local said = {}
      for i, result in ipairs(failures(report)) do said[i] = describeFailure(result) end
      assert.same({}, said)
    end)
  end

  it("leave nothing behind", function()
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

describe("a broken adapter", function()
  for _, name in ipairs(files("broken")) do
    it(name .. " is found out", function()
      local path = folder .. "broken/" .. name
      local text, wanted = temp.readFile(path), {}
      for pattern in text:gmatch("%-%- fails: ([^\n]+)") do wanted[#wanted + 1] = pattern end
      local says = assert(text:match("%-%- says: ([^\n]+)"))
      assert.is_true(#wanted > 0)
      local hangs = name == "hangs.lua" or name == "never_ends.lua"
      local report = conformance.run({ path = path, entities = 60, timeout = hangs and 0.2 or 5 })
      local found = failures(report)
      local said = false
      for _, pattern in ipairs(wanted) do
        local hit = false
        for _, result in ipairs(found) do
          if result.name:find(pattern, 1, true) then
            hit = true
            said = said or describeFailure(result):find(says, 1, true) ~= nil
            assert.truthy(result.where and result.where:find("/tests/conformance/", 1, true),
              "no line to look at: " .. describeFailure(result))
          end
        end
        assert.is_true(hit, "no failure of a check like: " .. pattern)
      end
      local all = {}
      for i, result in ipairs(found) do all[i] = describeFailure(result) end
      assert.is_true(said, ("nobody says %q:\n%s"):format(says, table.concat(all, "\n")))
      assert.is_true(#found < #report.results * 0.8, "nearly everything fails: the fault is not the one announced")
    end)
  end
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
    assert.equal(13, #report.results)
    assert.equal(9, #report.capabilities)
    local xml = temp.readFile(path)
    assert.truthy(xml:find('<testsuite name="Broken" tests="13" failures="1"', 1, true))
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
