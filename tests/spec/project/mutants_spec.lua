-- SPDX-License-Identifier: MIT
--
-- The list of mutants: that each can still be made, and names tests that there are.  Running them is `./dev mutants`.

local source = os.getenv("HOLDFAST_SOURCE") or "."
package.path = source .. "/tests/mutants/?.lua;" .. package.path
local list = require "list"

local function exists(path)
  local file = io.open(source .. "/tests/" .. path)
  if file then file:close() end
  return file ~= nil
end

-- Fails with what was found, a line each.
local function none(found, what) assert(#found == 0, what .. ":\n  " .. table.concat(found, "\n  ")) end

describe("the list of mutants", function()
  local all = list.all(source)

  it("says of each what to change: text that is found exactly once", function()
    local found = {}
    for _, mutant in ipairs(all) do
      local _, problem = list.inTree(source, mutant)
      if problem then found[#found + 1] = ("%s: %s: %s"):format(mutant.place, mutant.name, problem) end
    end
    assert(#all > 300, "only " .. #all .. " mutants were found")
    none(found, "mutants that cannot be made")
  end)

  it("names each once, with tests that there are or why there can be none", function()
    local found, names = {}, {}
    for _, mutant in ipairs(all) do
      local where = mutant.place .. ": " .. mutant.name
      if names[mutant.name] then found[#found + 1] = where .. ": there are two of this name" end
      names[mutant.name] = true
      if #mutant.tests == 0 and not (mutant.same or mutant.open) then
        found[#found + 1] = where .. ": no test, and not said why"
      end
      for _, test in ipairs(mutant.tests) do
        local isThere = exists(test .. "_spec.lua") or exists(test .. "_test.sh")
          or exists((test:gsub("([^/]+)$", "test_%1.c")))
        if not isThere then found[#found + 1] = where .. ": there is no test " .. test end
      end
    end
    none(found, "mutants that are not told right")
  end)

  it("has results of its own mutants only, and none that nothing is said of", function()
    local found, names = {}, {}
    for _, mutant in ipairs(all) do names[mutant.name] = true end
    for line in io.lines(source .. "/tests/mutants/results.tsv") do
      local name, outcome = line:match("^([^\t]*)\t([^\t]*)")
      if not names[name] then found[#found + 1] = name .. " is no mutant" end
      if outcome ~= "caught" and outcome ~= "same" and outcome ~= "open" then
        found[#found + 1] = name .. " is " .. tostring(outcome)
      end
    end
    none(found, "results that are not right")
  end)

  it("would be told of what is missing, and of what is there twice", function()
    local function problem(old, new) return select(2, list.mutate("a b a\nc", { file = "f", old = old, new = new })) end
    assert.equal("what it changes is not in f", problem("d", ""))
    assert.equal("what it changes is in f twice", problem("a", ""))
    assert.equal("it changes nothing of the text", problem("b", "b"))
    assert.equal("it does not say what to change", problem(nil, ""))
    assert.equal("a b \nd", (list.mutate("a b a\nc", { file = "f", old = "a\nc", new = "\nd" })))
    local function raised(text) return select(2, pcall(list.parse, "f", text)) end
    assert.equal("f:3: begins with none of in, mutant, -, +, by, same, open, #: because",
      raised("in x\nmutant a\nbecause"))
    assert.equal("f:1: no file before it: say `in FILE`: mutant a", raised("mutant a"))
  end)
end)
