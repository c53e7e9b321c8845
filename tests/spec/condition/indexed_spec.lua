-- SPDX-License-Identifier: MIT
--
-- Indexes change nothing but the time that it takes: predicates and documents at random (tests/support/asked), in
-- stores with indexes that are made and dropped, while entities are written, removed, batched, and put back by
-- transactions that are undone.  Each way to ask stands beside a loop that decodes everything and calls the function;
-- the indexes agree with the entities after each, and iterations in their order with what is sorted here.
--
-- The seed is fixed; HOLDFAST_SEED tries others, and HOLDFAST_ROUNDS more.

local indexed = require "support.asked.indexed"
local judge = require "support.asked.judge"
local loops = require "support.asked.loops"
local moving = require "support.asked.moving"
local temp = require "support.temp"

local seed = tonumber(os.getenv "HOLDFAST_SEED") or 1
local rounds = tonumber(os.getenv "HOLDFAST_ROUNDS") or 1

local SEEDS, TRIALS = 1000, 1200

describe("asking by indexes", function()
  setup(function() jit.opt.start("hotloop=4", "hotexit=2") end) -- what is called a few times is compiled

  teardown(function() jit.opt.start("hotloop=56", "hotexit=10") end)

  after_each(function() temp.removeAll() end)

  it("gives, raises and does what decoding everything and calling the function does", function()
    local ways = {}
    for way in pairs(loops.ways) do ways[#ways + 1] = way end
    table.sort(ways)
    local session, last = indexed.session(ways), (seed - 1) * SEEDS
    repeat
      last = last + 1
      local report = indexed.collection(session, last, 30)
      assert(not report, report)
    until session.trials >= rounds * TRIALS
    judge.close(session)
    for _, way in ipairs(ways) do assert(session.by[way], way .. " was not tried") end
    assert(session.used > session.trials / 5, session.used .. " of " .. session.trials .. " were answered by an index")
    assert(session.walked > 50, session.walked .. " iterations went in the order of an index")
    assert(session.made > 50 and session.dropped > 20 and session.undone > 50,
      ("%d indexes made, %d dropped, %d transactions undone"):format(session.made, session.dropped, session.undone))
  end)

  for _, kind in ipairs(indexed.kinds) do
    it("gives what is there throughout once, while the loop changes the store, in " .. kind, function()
      for i = 1, 4 * rounds do
        local problem = moving.problem((seed - 1) * SEEDS + i, kind, 60)
        assert(not problem, problem)
      end
    end)
  end
end)
