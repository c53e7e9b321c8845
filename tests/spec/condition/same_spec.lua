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

local SEEDS = 1000 -- from one seed to the next

-- Calls it with one seed after the other, until it has judged as many as it says.  Fails with the report that it gives.
local function untilThere(goal, judged)
  local last = (seed - 1) * SEEDS
  repeat
    last = last + 1
    local report, count = judged(last)
    assert(not report, report)
  until count >= rounds * goal
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
    untilThere(100000, function(of) return judge.collection(session, of, 40), session.pairs end)
    judge.close(session)
    assert(session.hits > session.pairs / 20, session.hits .. " hits")
    assert(session.raised > session.pairs / 20, session.raised .. " errors")
    for _, way in ipairs(ways) do assert(session.by[way], way .. " was not tried") end
    for _, kind in ipairs(collections.kinds) do assert(session.by[kind], kind .. " was not tried") end
  end)

  it("answers only what the function gives, and knows most of it", function()
    local counts = { no = 0, yes = 0, raises = 0, ask = 0 }
    local function all() return counts.no + counts.yes + counts.raises + counts.ask end
    untilThere(20000, function(of) return answers.collection(of, 20, counts), all() end)
    for answer, count in pairs(counts) do assert(count > all() / 50, answer .. ": " .. count) end
    assert(counts.ask < all() * 3 / 4, counts.ask .. " of " .. all() .. " are not known")
  end)
end)
