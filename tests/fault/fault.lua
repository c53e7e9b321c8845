-- SPDX-License-Identifier: MIT
--
-- `./dev fault`: runs the tests that make promises, and says of each promise how often it was tried and how often it
-- did not hold.  README.md says how to use it, promises.lua how a test states its promises.
--
--     holdfast run tests/fault/fault.lua [NAME...] [--seed S] [--hours N] [--again] [--record] [--list]
--
-- What was run is kept in the build folder (parts.lua), in `fault`, with the output of what failed.

local source = os.getenv("HOLDFAST_SOURCE") or "."
local build = os.getenv("HOLDFAST_BUILD") or "build"
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;" .. package.path

local interrupt = require "holdfast.cli.interrupt"
local partRun = require "part_run"
local parts = require "parts"
local process = require "holdfast.util.process"
local promises = require "promises"
local record = require "record"
local sources = require "sources"

local FOLDER = build .. "/fault"
local PARTS = FOLDER .. "/parts.tsv"
local RECORD = source .. "/tests/fault/record.tsv"
local ONLY_SEED = 1 -- of tests that none changes
local FAILED, MISUSED, INTERRUPTED = 1, 2, 130

local function say(...) io.stderr:write("fault: ", string.format(...), "\n") end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

-- ----------------------------------------------------------------- options

local function misused(...)
  say(...)
  io.stderr:write("usage: ./dev fault [NAME...] [--seed S] [--hours N] [--again] [--record] [--list]\n")
  os.exit(MISUSED)
end

local function number(name, text)
  local value = tonumber(text)
  if not value or value < 0 or value == math.huge or value ~= value then misused("--%s needs a number", name) end
  return value
end

-- What was typed: {names=, seed=, hours=, again=, record=, list=}.
local function readOptions(words)
  local options, i = { names = {}, seed = 1 }, 1
  while words[i] do
    local name = words[i]:match("^%-%-(%l+)$")
    if name == "seed" or name == "hours" then
      i = i + 1
      options[name] = number(name, words[i])
    elseif name == "again" or name == "record" or name == "list" then
      options[name] = true
    elseif words[i]:find("^%-") then
      misused("there is no option %s", words[i])
    else
      table.insert(options.names, words[i])
    end
    i = i + 1
  end
  if options.seed ~= math.floor(options.seed) or options.seed > 2 ^ 31 then misused("a seed is a whole number") end
  return options
end

-- What else the environment says to the tests, in one line.
local function settings()
  local pipe, list = assert(io.popen("env")), {}
  for line in pipe:lines() do
    local name, value = line:match("^HOLDFAST_(%u+_[%u_]+)=([^\t]*)$")
    local isOurs = name and (name:find("^FAULT_") or name:find("^TEST_") or name:find("^FLIP_"))
    if isOurs and name ~= "FAULT_SEED" and name ~= "FAULT_RESULTS" then
      list[#list + 1] = "HOLDFAST_" .. name .. "=" .. (value:find("[^%w_./:-]") and quoted(value) or value)
    end
  end
  pipe:close()
  table.sort(list)
  return table.concat(list, " ")
end

-- ----------------------------------------------------------------- promises

local function readTree()
  local tree = promises.read(source)
  for _, problem in ipairs(tree.problems) do say("%s", problem) end
  if #tree.problems > 0 then os.exit(FAILED) end
  return tree
end

local function choose(tree, names)
  local chosen, unknown = promises.select(tree, names)
  if chosen then return chosen end
  say("there is no promise and no test '%s'; there are, with * for anything:", unknown)
  for _, promise in ipairs(tree.promises) do
    io.stderr:write(("  %-32s of %s\n"):format(promise.name, promise.test.name))
  end
  os.exit(MISUSED)
end

-- By tests, as their heads have them: a promise may say "the same" of the one before.
local function list(chosen)
  local isChosen = {}
  for _, promise in ipairs(chosen) do isChosen[promise] = true end
  for _, test in ipairs(promises.testsOf(chosen)) do
    for _, promise in ipairs(test.promises) do
      if isChosen[promise] then
        print(("%s: %s | %s | %s\n  %s  (%s)"):format(promise.name, promise.who, promise.fault, promise.holds,
          promises.command(promise), test.name))
      end
    end
  end
end

-- ---------------------------------------------------------------- the parts

---@class FaultRun
---@field options table
---@field sources FaultSources
---@field settings string
---@field done table<string, boolean>  keys of parts that passed
---@field counts {done: integer, before: integer, failed: integer, skipped: integer}
---@field dropped table<FaultTest, boolean>  those that were skipped

-- How to run that part again.
local function repetition(run, test, seed)
  return (run.settings == "" and "" or run.settings .. " ") .. "./dev fault " .. test.name .. " --seed " .. seed
end

-- Says of a part that did not pass why, and keeps its output.
local function report(run, test, seed, ended, log)
  if ended.outcome == "skipped" then
    run.counts.skipped = run.counts.skipped + 1
    return say("%s: skipped: %s", test.name, ended.why)
  end
  run.counts.failed = run.counts.failed + 1
  local kept = ("%s/failed/%s-seed-%d.log"):format(FOLDER, test.name:gsub("/", "-"), seed)
  os.execute("mkdir -p " .. quoted(FOLDER .. "/failed") .. " && cp " .. quoted(log) .. " " .. quoted(kept))
  say("%s, seed %d: FAILED: %s\n  again:  %s\n  output: %s", test.name, seed, ended.why, repetition(run, test, seed),
    kept)
end

-- Runs one; false: it was interrupted.
local function runPart(run, test, seed)
  local log = ("%s/running-%d.log"):format(FOLDER, process.id())
  local ended = partRun.run(test, seed, build, log)
  if ended.outcome == "interrupted" then
    os.remove(log)
    return false
  end
  parts.append(PARTS, { state = run.sources.state, test = test.name, seed = seed, settings = run.settings,
    outcome = ended.outcome, seconds = ended.seconds, results = ended.results })
  if ended.outcome == "passed" then
    run.counts.done = run.counts.done + 1
    run.done[parts.key(test.name, seed, run.settings)] = true
    say("%s, seed %d: passed in %d s", test.name, seed, ended.seconds)
  else
    run.dropped[test] = ended.outcome == "skipped"
    report(run, test, seed, ended, log)
  end
  os.remove(log)
  return true
end

-- The tests once with this seed, but for parts that were run before.  Those that no seed changes have one part, so that
-- nothing counts twice.
--   ends    when no further part begins
--   gives   whether there was a test to run, or to pass over; nil: it is over
local function round(run, tests, seed, ends)
  local isAny = false
  for _, test in ipairs(tests) do
    local isFor = not run.dropped[test] and (not test.once or seed == run.options.seed)
    local own = test.once and ONLY_SEED or seed
    isAny = isAny or isFor
    if isFor and run.done[parts.key(test.name, own, run.settings)] then
      run.counts.before = run.counts.before + 1
    elseif isFor then
      if ends and os.time() >= ends then return nil end
      if interrupt.signal() or not runPart(run, test, own) or interrupt.signal() then
        run.isInterrupted = true
        return nil
      end
    end
  end
  return isAny
end

local function runAll(run, tests)
  local hours, seed = run.options.hours, run.options.seed
  if not hours then return round(run, tests, seed) end
  local ends = os.time() + hours * 3600
  while round(run, tests, seed, ends) do seed = seed + 1 end
end

-- ------------------------------------------------------------------- totals

local function grouped(n) return (tostring(n):reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")) end

-- What is said of a promise beside its numbers.
local function remark(total)
  local words, seeds = {}, total.seeds
  if #seeds > 0 then words[1] = (#seeds > 1 and "seeds " or "seed ") .. parts.ranges(seeds) end
  if total.skipped then words[#words + 1] = "skipped" end
  if #total.failed > 0 then words[#words + 1] = "FAILED with seed " .. parts.ranges(total.failed) end
  if #words == 0 then words[1] = "not run" end
  return table.concat(words, "; ")
end

-- A line for each promise; gives the totals by name.
local function printTotals(chosen, all)
  local totals, width = {}, 0
  for _, promise in ipairs(chosen) do width = math.max(width, #promise.name) end
  for _, promise in ipairs(chosen) do
    local total = parts.total(all, promise.name, promise.test.name)
    totals[promise.name] = total
    print(("%-" .. width .. "s  tried %11s  survived %11s  lost %5s  %s"):format(promise.name, grouped(total.tried),
      grouped(total.tried - total.lost), grouped(total.lost), remark(total)))
  end
  return totals
end

-- ------------------------------------------------------------------- record

-- Whether this state may be recorded; says why not.
local function checkRecordable(state)
  if not state.commit then misused("--record: this is no git checkout, so nobody could know of which sources it is") end
  if state.isChanged then misused("--record: there are changes that are not committed: commit them first") end
end

-- Puts what was seen into the record; gives whether all of it could be.
local function writeRecord(chosen, totals, commit)
  local rows, isWhole, count = record.read(RECORD), true, 0
  for _, promise in ipairs(chosen) do
    local total, old = totals[promise.name], rows[promise.name]
    if #total.failed > 0 then
      say("%s is not recorded: its test failed", promise.name)
      isWhole = false
    elseif total.tried > 0 then
      local row = record.merge(old, { tried = total.tried, lost = total.lost, seeds = parts.ranges(total.seeds),
        commit = commit, date = os.date("!%Y-%m-%d") })
      if old and old.commit ~= commit then
        say("%s: in place of tried %d, lost %d of %s", promise.name, old.tried, old.lost, old.commit)
      end
      rows[promise.name], count = row, count + 1
    end
  end
  record.write(RECORD, rows)
  say("%d promises in %s; HOLDFAST_UPDATE=1 ./dev test -R docs puts them into docs/reliability.md", count, RECORD)
  return isWhole
end

-- --------------------------------------------------------------------- main

local function begin(options, tests)
  local state = sources.look(source)
  if options.record then checkRecordable(state) end
  assert(os.execute("mkdir -p " .. quoted(FOLDER)) == 0, "cannot make the folder " .. FOLDER)
  local run = { options = options, sources = state, settings = settings(), dropped = {},
    counts = { done = 0, before = 0, failed = 0, skipped = 0 } }
  run.done = options.again and {} or parts.done(parts.read(PARTS, state.state))
  say("%d %s of commit %s%s%s", #tests, #tests == 1 and "test" or "tests", state.commit or "unknown",
    state.isChanged and ", with changes that are not committed" or "",
    run.settings == "" and "" or "; " .. run.settings)
  return run
end

local function finish(run, chosen)
  local counts = run.counts
  say("parts: %d passed, %d failed, %d skipped; %d done before%s", counts.done, counts.failed, counts.skipped,
    counts.before, run.isInterrupted and "; interrupted: the same command goes on from here" or "")
  local totals = printTotals(chosen, parts.read(PARTS, run.sources.state))
  local isWhole = not run.options.record or writeRecord(chosen, totals, run.sources.commit)
  if run.isInterrupted then return INTERRUPTED end
  return (counts.failed > 0 or not isWhole) and FAILED or 0
end

local options = readOptions(arg)
local chosen = choose(readTree(), options.names)
if options.list then
  list(chosen)
  os.exit(0)
end
local tests = promises.testsOf(chosen)
local run = begin(options, tests)
interrupt.watch()
runAll(run, tests)
os.exit(finish(run, chosen))
