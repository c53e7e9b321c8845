-- SPDX-License-Identifier: MIT
--
-- Asking in place changes nothing: predicates and documents at random (tests/support/asked).  Each way to ask stands
-- beside a loop that decodes everything and calls the function: results, their order, what is raised and when, and
-- every effect must be the same.  Then the answers of conditions, one by one.  A failure is made short, and says its
-- seed.
--
-- The seed is fixed; HOLDFAST_SEED tries others, and HOLDFAST_ROUNDS more: a round judges about 100,000 pairs of a
-- predicate and a document in loops, and 20,000 answers.

local answers = require "support.asked.answers"
local collections = require "support.asked.collections"
local judge = require "support.asked.judge"
local loops = require "support.asked.loops"
local temp = require "support.temp"

local seed = tonumber(os.getenv "HOLDFAST_SEED") or 1
local rounds = tonumber(os.getenv "HOLDFAST_ROUNDS") or 1

local PREDICATES = 20 -- for the documents of each seed

-- Calls it with as many seeds, in each round; fails with what it gives.
local function each(count, judged)
  for i = 1, rounds * count do
    local report = judged((seed - 1) * count + i)
    assert(not report, report)
  end
end

describe("asking in place", function()
  setup(function() jit.opt.start("hotloop=4", "hotexit=2") end) -- what is called a few times is compiled

  teardown(function() jit.opt.start("hotloop=56", "hotexit=10") end)

  after_each(function() temp.removeAll() end)

  it("gives, raises and does what decoding everything and calling the function does", function()
    local ways = {}
    for way in pairs(loops.ways) do ways[#ways + 1] = way end
    table.sort(ways)
    local session = judge.session(collections.kinds, ways)
    each(60, function(of) return judge.collection(session, of, PREDICATES) end)
    judge.close(session)
    assert(session.pairs > rounds * 80000, session.pairs .. " pairs")
    assert(session.hits > session.pairs / 10, session.hits .. " hits")
    assert(session.raised > session.pairs / 10, session.raised .. " errors")
    for _, way in ipairs(ways) do assert(session.by[way] > 50 * rounds, way .. " was hardly tried") end
    for _, kind in ipairs(collections.kinds) do assert(session.by[kind] > 10 * rounds, kind .. " was hardly tried") end
  end)

  it("answers only what the function gives, and knows most of it", function()
    local counts = { no = 0, yes = 0, raises = 0, ask = 0 }
    each(20, function(of) return answers.collection(of, PREDICATES, counts) end)
    local all = counts.no + counts.yes + counts.raises + counts.ask
    assert(all > rounds * 15000, all .. " answers")
    for answer, count in pairs(counts) do assert(count > all / 25, answer .. ": " .. count) end
    assert(counts.ask < all / 2, counts.ask .. " of " .. all .. " are not known")
  end)
end)
