-- SPDX-License-Identifier: MIT
--
-- What the MongoDB backend has the server find for a predicate: never less than what the predicate does not surely
-- refuse, whatever other programs stored.  Predicates and documents in all combinations of types and places, and at
-- random; and that each fault that is put into the making of queries is seen by that.
--
-- The server is that of stores/mongo.  HOLDFAST_SEED tries other random ones, HOLDFAST_ROUNDS more.

local cases = require "support.asked.cases"
local collections = require "support.asked.collections"

local core = require "holdfast.core"
local documents = require "support.asked.mongo_documents"
local draws = require "support.asked.draws"
local found = require "support.asked.found"
local holdfast = require "holdfast"
local condition = require "holdfast.backends.mongo.condition"
local judge = require "support.asked.judge"
local mongo = require "support.mongo"
local record = require "support.asked.record"
local temp = require "support.temp"

local source = os.getenv("HOLDFAST_SOURCE") or "."
local seed = tonumber(os.getenv "HOLDFAST_SEED") or 1
local rounds = tonumber(os.getenv "HOLDFAST_ROUNDS") or 1

local db = mongo.forSpec()
if not db then return end

local function newCounts() return { asked = 0, unasked = 0, refused = 0, left = 0 } end

-- All expressions over the documents of other programs.
local function grid(counts)
  local store = found.open(db:url("timeout=60s"), "grid")
  local texts, expressions, draw = found.texts(store), documents.expressions(), draws.fresh(seed)
  for _ = 1, 80 * rounds do expressions[#expressions + 1] = documents.combined(draw, expressions) end
  for _, expression in ipairs(expressions) do
    local problem = found.problem(store, texts, documents.chunk(expression), counts, condition.query)
    if problem then return problem end
  end
end

-- What is caught of the making of queries when a piece of it is another one.
local function planted(expression, text, instead)
  local path = source .. "/backends/mongo/condition.lua"
  local before, after = temp.readFile(path):match("^(.-)" .. text:gsub("%p", "%%%0") .. "(.*)$")
  assert(before and not after:find(text, 1, true), text .. " is not there once")
  local faulty = assert(loadstring(before .. instead .. after, "=faulty"))()
  local store = found.open(db:url("timeout=60s"), "grid")
  return found.problem(store, found.texts(store), documents.chunk(expression), newCounts(), faulty.query)
end

local FAULTS = {
  { "v.a < 5", 'any(isMissing(of.key), field(of.key, "$not", \'{"$gte":\' .. LOWEST .. "}")', "any(NONE" },
  { "v.a > 0", 'hasType(key, "array", "decimal")', 'hasType(key, "array")' },
  { "v.a > 0", 'hasType(key, "array", "decimal")', 'hasType(key, "decimal")' },
  { "v.a.b > 0", '.. "}"), hasArrays(of, of.count))', '.. "}"), M.isOdd(of.key))' },
  { "v.a <= 5", '["<="] = "$lte"', '["<="] = "$lt"' },
  { "not (v.a < 5)", '["<"] = ">="', '["<"] = ">"' },
  { "v.a < 'abc'", 'field(of.key, "$not", \'{"$gte":""}\'), hasArrays', "hasArrays" },
  { "v.a < ''", '{"$gte":""}\'), hasArrays(of, of.count))', '{"$gte":""}\'))' },
  { "v.a.b.c == 5", "isNoObject), hasArrays(of, of.count - 2))", "isNoObject))" },
  { "v.a == 5", "any(all(isMissing(of.key), isNoObject), ", "any(" },
  { "v.a == 'abc'", 'any(isNoObject, exists("data." .. writer.MARKER))', "isNoObject" },
  { "v.a == '2024-02-07T00:00:00.000Z'", 'then add "date"', 'then add "regex"' },
  { "v.a == 'abc'", '"javascript", "javascriptWithScope" }\n  local', '"regex", "minKey" }\n  local' },
  { "v.a == 2^53", "abs(number) >= LARGE", "abs(number) > 2 * LARGE" },
  { "v.a >= 2^53 + 4", 'if operator == ">=" then number = below end', "" },
  { "v.a ~= 5", "any(mayNot, hasArrays(of, of.count), R)", "any(mayNot, R)" },
  { "v.a ~= null", 'field(of.key, "$ne", "null"), isMissing(of.key)', 'field(of.key, "$ne", "null")' },
  { "v.a == null", 'hasType(of.key, "undefined"), isNaN)', 'hasType(of.key, "undefined"))' },
  { "v.a and true", "M.isOdd(of.key), R),", "R)," },
  { "v.a > 0 and v.c == 5", "all(a.N, any(a.R, b.N))", "all(a.N, b.N)" },
  { "v.a == 5 or v.a == 'abc'", "any(a.N, b.N), all(a.T", "a.N, all(a.T" },
  { "v.a:find('bc', 1, true)", 'finds "", finds "", finds "^"', 'finds "^", finds "", finds "^"' },
}

describe("what MongoDB finds for a predicate", function()
  setup(function() db:python(documents.PYTHON .. 'put("grid", documents)') end)

  it("has all that is not surely refused, of each type in each place", function()
    local counts = newCounts()
    local problem = grid(counts)
    assert(not problem, problem)
    assert(counts.left > counts.refused * 2 / 3, counts.left .. " of " .. counts.refused .. " are left out")
    assert(counts.asked > counts.unasked * 3, counts.unasked .. " are not asked")
  end)

  for number, fault in ipairs(FAULTS) do
    it(("would lack some with the fault %d, which is seen"):format(number), function()
      assert(planted(fault[1], fault[2], fault[3]), fault[1] .. ": the fault is not seen")
    end)
  end

  it("has all that is not surely refused, of documents and predicates at random", function()
    local counts, last = newCounts(), (seed - 1) * 1000
    repeat
      last = last + 1
      local name = "random" .. last
      local all, store = cases.documents(last), holdfast.PersistBase(name, db:url("timeout=60s"))
      local ids, texts = {}, {}
      for i = 1, math.min(#all.texts, 60) do
        ids[i], texts[i] = "e" .. i, all.texts[i]
      end
      core.writeTexts(store, ids, texts)
      db:python(("%s%s\nchange(%q, %d)"):format(documents.PYTHON, documents.CHANGED, name, last * 1000))
      local raw = found.open(db:url("timeout=60s"), name)
      texts = found.texts(raw)
      for number = 1, 30 do
        local case = cases.withPredicate(all, number)
        local problem = found.problem(raw, texts, case.text, counts, condition.query)
        assert(not problem, ("seed %d, predicate %d\n%s"):format(last, number, problem or ""))
      end
      store:close()
    until counts.asked >= 150 * rounds
    assert(counts.left > counts.refused / 2, counts.left .. " of " .. counts.refused .. " are left out")
  end)

  it("comes to the same answers, errors and order as decoding all", function()
    local ways, ranges = { "filter", "values", "keys", "entries", "count", "first" }, {
      {}, { reverse = true }, { prefix = "e" }, { from = "e20", to = "f30" }, { limit = 3 },
      { prefix = "f", limit = 2, reverse = true },
    }
    local store, trials, lines = holdfast.PersistBase("same", db:url("timeout=60s")), 0, 0
    local last, draw = (seed - 1) * 1000, draws.fresh(seed)
    repeat
      last = last + 1
      local all = cases.documents(last)
      for i = #all.texts, 251, -1 do all.texts[i] = nil end
      collections.fill(store, all.texts)
      db:python(("%s%s\nchange('same', %d)"):format(documents.PYTHON, documents.CHANGED, last * 1000))
      for number = 1, 12 do
        local case = cases.withPredicate(all, number)
        local trial = { way = draws.pick(draw, ways), range = draws.pick(draw, ranges), compiler = true }
        if not case.text:find "tamper%(%d" then -- the backend is in Lua too, and calls what is tampered with
          local old, new = judge.records(store, case.text, trial)
          local line, expected, got = record.difference(old, new)
          assert(not line, ("seed %d, predicate %d, %s, line %s\n%s\nexpected %s\ngot %s"):format(last, number,
            trial.way, line, case.text, expected, got))
          trials, lines = trials + 1, lines + #old
        end
      end
    until trials >= 100 * rounds
    store:close()
    assert(lines > trials * 10, lines .. " lines in " .. trials .. " records")
  end)
end)
