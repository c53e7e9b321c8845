-- SPDX-License-Identifier: MIT
--
-- What conditions answer, against the predicates that they were read from: each predicate, over each document, decoded.
-- A `no` must be a false or nil, a `yes` something true, a `raises` an error; `ask` may be anything.  Each is tried
-- before the trace compiler has seen the function, after it has, and with the compiler turned off.

local core = require "holdfast.core"
local condition = require "holdfast.condition"
local corpus = require "support.predicates"

local condition_test, decode = core.condition.test, core.json.decode

local HOT = 120 -- calls after which a function is compiled
local ID = "BTC/USDT-7"

-- What the function gives for a document: "no", "yes" or "raises".
local function outcome(f, text, count)
  local value = decode(text)
  local ok, result
  if count > 1 then ok, result = pcall(f, value, ID) else ok, result = pcall(f, value) end
  if not ok then return "raises" end
  return result and "yes" or "no"
end

-- How often each answer came, and what was wrong.
local function compare(source, f, counts, wrong)
  local count = corpus.takesId(source) and 2 or 1
  local asked = condition.of(f, count)
  if not asked then
    counts.none = counts.none + 1
    return
  end
  for _, text in ipairs(corpus.documents) do
    local answer = condition_test(asked.condition, ID, text)
    local truth = outcome(f, text, count)
    counts[answer] = counts[answer] + 1
    if answer ~= "ask" and answer ~= truth then
      wrong[#wrong + 1] = ("%s of %s: %s, and the function: %s"):format(source, text, answer, truth)
    end
  end
end

local function heat(f, count)
  local values = {}
  for i, text in ipairs(corpus.documents) do values[i] = decode(text) end
  for i = 1, HOT do
    local value = values[i % #values + 1]
    if count > 1 then pcall(f, value, ID) else pcall(f, value) end
  end
  -- One that it does not raise for, in a loop, so that there is a trace.
  for _, value in ipairs(values) do
    if pcall(f, value, ID) then
      for _ = 1, HOT do f(value, ID) end
      return
    end
  end
end

local function none(wrong) assert(#wrong == 0, table.concat(wrong, "\n", 1, math.min(#wrong, 20))) end

-- All predicates, each made by `make` and then tried.
local function try(prepare)
  local counts, wrong = { no = 0, yes = 0, ask = 0, raises = 0, none = 0 }, {}
  for _, source in ipairs(corpus.predicates) do
    local f = corpus.compile(source)
    prepare(f, source)
    compare(source, f, counts, wrong)
  end
  none(wrong)
  return counts
end

describe("a condition", function()
  it("answers as its predicate does, before that has run", function()
    local counts = try(function() end)
    -- Conditions that never say anything would pass, too.
    local all = ("no %d, yes %d, ask %d, raises %d, none %d"):format(counts.no, counts.yes, counts.ask, counts.raises,
      counts.none)
    assert(counts.no > counts.ask and counts.yes > 100 and counts.raises > 1000, all)
  end)

  it("answers as its predicate does, after the trace compiler has patched it", function()
    local cold = try(function() end)
    assert.same(cold, try(function(f, source) heat(f, corpus.takesId(source) and 2 or 1) end))
  end)

  it("answers as its predicate does where nothing is compiled", function()
    local cold = try(function() end)
    jit.off()
    local ok, counts = pcall(try, function(f, source) heat(f, corpus.takesId(source) and 2 or 1) end)
    jit.on()
    assert(ok, counts)
    assert.same(cold, counts)
  end)
end)
