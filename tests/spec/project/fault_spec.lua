-- SPDX-License-Identifier: MIT
--
-- The promises and their runner: that each test in tests/fault states what it promises and says how often it was tried,
-- that the record of large runs is of promises that there are, that docs/reliability.md names no others; and
-- `./dev fault` itself, on a tree of small tests with a build folder, a git checkout and ctest of their own.

local process = require "support.process"
local temp = require "support.temp"

local source, build = os.getenv "HOLDFAST_SOURCE", os.getenv "HOLDFAST_BUILD"
local command = os.getenv "HOLDFAST_BIN"
package.path = source .. "/tests/fault/?.lua;" .. package.path

local parts = require "parts"
local promises = require "promises"
local record = require "record"

local function readFile(path) return temp.readFile(source .. "/" .. path) end

describe("the promises", function()
  local tree = promises.read(source)

  it("are stated by each test in tests/fault, with a result for each, and a name of their own", function()
    assert.equal("", table.concat(tree.problems, "\n"))
    assert(#tree.promises > 30, #tree.promises .. " promises")
  end)

  it("have all that is in the record of large runs", function()
    local known = {}
    for _, promise in ipairs(tree.promises) do known[promise.name] = true end
    for name in pairs(record.read(source .. "/tests/fault/record.tsv")) do
      assert(known[name], "tests/fault/record.tsv has a row for " .. name .. ", whose test is gone: remove the row")
    end
  end)

  it("have all that docs/reliability.md links", function()
    local text, known, linked = readFile "docs/reliability.md", {}, 0
    for anchor in text:gmatch '<a id="([%w-]+)">' do known[anchor] = true end
    for heading in text:gmatch "\n#+ ([^\n]+)" do known[heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-")] = true end
    for name in text:gmatch "%]%(#([^)]+)%)" do
      linked = linked + 1
      assert(known[name], "docs/reliability.md links " .. name .. ", which is no promise")
    end
    assert(linked > 30, linked .. " links")
  end)

  it("are each linked in one of the tables of docs/reliability.md", function()
    local text, missing = readFile "docs/reliability.md", {}
    for _, promise in ipairs(tree.promises) do
      if not text:find("](#" .. promise.name .. ")", 1, true) then missing[#missing + 1] = promise.name end
    end
    assert.equal("", table.concat(missing, "\n"))
  end)

  it("are those of tests that the build knows", function()
    local listed = process.run({ "ctest", "--test-dir", build, "-N" }).stdout
    for _, test in ipairs(promises.testsOf(tree.promises)) do
      assert(listed:find(": " .. test.name .. "\n", 1, true), test.name)
    end
  end)
end)

-- A script that is a test, with this head and body.  That it ran, and with which seed, is in a file.
local function script(head, body)
  return "#!/usr/bin/env bash\n# SPDX-License-Identifier: MIT\n#\n# Small.\n" .. head
    .. '. "$HOLDFAST_SOURCE/tests/fault/lib.sh"\n' .. 'echo "$0 $seed" >>"$HOLDFAST_BUILD/ran"\n' .. body .. "\n"
end

describe("dev fault", function()
  local root

  local function put(path, text)
    process.shell(("mkdir -p '%s/%s'"):format(root, path:match "^(.*)/" or "."))
    temp.writeFile(root .. "/" .. path, text)
  end

  local function ran()
    local file = io.open(root .. "/build/ran")
    local text = file and file:read "*a" or ""
    if file then file:close() end
    os.remove(root .. "/build/ran")
    local list = {}
    for name, seed in text:gmatch "([%w_]+)_test%.sh (%d+)" do list[#list + 1] = name .. " " .. seed end
    return table.concat(list, ", ")
  end

  local function git(words)
    local done = process.shell(("cd '%s' && git -c user.name=x -c user.email=x@y %s"):format(root, words))
    assert.equal(0, done.code, done.stderr)
    return done.stdout
  end

  -- What ctest has to know of the tests that are there.
  local function configure()
    local text = ""
    for path in process.shell(("cd '%s' && ls tests/fault/*/*_test.sh"):format(root)).stdout:gmatch "[^\n]+" do
      local name = path:match "^tests/(.*)_test%.sh$"
      text = text .. ('add_test(%s "bash" "%s/%s")\nset_tests_properties(%s PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 30 '
        .. 'ENVIRONMENT "HOLDFAST_SOURCE=%s;HOLDFAST_BUILD=%s/build;HOLDFAST_BIN=%s")\n'):format(name, root, path, name,
        root, root, command)
    end
    put("build/CTestTestfile.cmake", text)
  end

  before_each(function()
    root = temp.directory()
    for _, path in ipairs { "tests/fault/lib.sh", "tests/support/fail.sh" } do put(path, readFile(path)) end
    put(".gitignore", "/build/\n")
    put("tests/fault/a/kill_test.sh", script("# Promise a-kill: a | kill -9 | it is there,\n#   and whole\n",
      'result a-kill "$((seed * 10))" 0'))
    put("tests/fault/a/once_test.sh", script("# Promise a-once: a | each call | holds\n# Once: nothing is drawn\n",
      "result a-once 7 0"))
    put("tests/fault/b/two_test.sh", script("# Promise b-one: b | x | y\n# Promise b-two: b | x | y\n",
      "for n in one two; do result b-$n 5 0; done"))
    configure()
    git "init -q && git -c user.name=x -c user.email=x@y add -A && git -c user.name=x -c user.email=x@y commit -qm a"
  end)
  after_each(function() temp.removeAll() end)

  local function fault(words, environment)
    return process.shell(("cd '%s' && env -u HOLDFAST_FAULT_SEED -u HOLDFAST_FAULT_ROUNDS HOLDFAST_SOURCE='%s' "
      .. "HOLDFAST_BUILD='%s/build' %s '%s' run '%s/tests/fault/fault.lua' %s"):format(root, root, root,
      environment or "", command, source, words or ""))
  end

  -- The lines of promises, with single blanks.
  local function lines(result) return (result.stdout:gsub(" +", " ")) end

  it("runs each test once, and prints a line for each promise", function()
    local result = fault "--seed 3"
    assert.equal(0, result.code, result.stderr)
    assert.equal([[
a-kill tried 30 survived 30 lost 0 seed 3
a-once tried 7 survived 7 lost 0 seed 1
b-one tried 5 survived 5 lost 0 seed 3
b-two tried 5 survived 5 lost 0 seed 3
]], lines(result))
    assert.equal("kill 3, once 1, two 3", ran())
    assert.matches("parts: 3 passed, 0 failed, 0 skipped; 0 done before", result.stderr, 1, true)
  end)

  it("goes on where it stopped, and adds up all seeds of a commit", function()
    fault "a-kill --seed 4"
    fault "--seed 4"
    assert.equal("kill 4, once 1, two 4", ran())
    fault "'a-*' --seed 5"
    local result = fault "--seed 5"
    assert.equal("kill 5, two 5", ran())
    assert.matches("parts: 1 passed, 0 failed, 0 skipped; 2 done before", result.stderr, 1, true)
    assert.matches("a-kill tried 90 survived 90 lost 0 seeds 4-5\n", lines(result), 1, true)
    fault "a-kill --seed 5 --again"
    assert.equal("kill 5", ran())
    assert.matches("a-kill tried 90 ", lines(fault "a-kill --hours 0"), 1, true)

    -- Other settings are other parts.
    result = fault("a-kill --seed 5", "HOLDFAST_FAULT_ROUNDS=9")
    assert.equal("kill 5", ran())
    assert.matches("a-kill tried 140 survived 140 lost 0 seeds 4-5\n", lines(result), 1, true)
  end)

  it("takes no line that was cut short for a part", function()
    fault "a-kill --seed 1"
    local path = root .. "/build/fault/parts.tsv"
    temp.writeFile(path, temp.readFile(path):sub(1, -4))
    fault "a-kill --seed 1"
    assert.equal("kill 1, kill 1", ran())
    fault "a-kill --seed 2"
    assert.matches("a-kill tried 30 ", lines(fault "a-kill --hours 0"), 1, true)
  end)

  it("begins again with other sources, and says that they are not committed", function()
    fault "a-kill"
    put("README.md", "a document is not tested")
    assert.matches("1 done before", fault("a-kill").stderr, 1, true)
    put("tests/fault/a/more.lua", "x")
    local result = fault "a-kill"
    assert.matches(", with changes that are not committed\n", result.stderr, 1, true)
    assert.matches("0 done before", result.stderr, 1, true)
    assert.matches("1 done before", fault("a-kill").stderr, 1, true)
    put("tests/fault/a/more.lua", "y")
    assert.matches("0 done before", fault("a-kill").stderr, 1, true)
    git "add -A && git -c user.name=x -c user.email=x@y commit -qm b"
    result = fault "a-kill"
    assert.matches("0 done before", result.stderr, 1, true)
    assert.not_matches("not committed", result.stderr, 1, true)
  end)

  it("goes from seed to seed while there is time, and runs once what no seed changes", function()
    -- The third seed ends the run, whose process is that above ctest's; the part that is under way is the last.
    put("tests/fault/a/last_test.sh", script("# Promise a-last: a | x | y\n",
      '[ "$seed" != 9 ] || kill -TERM "$(ps -o ppid= -p "$PPID" | tr -d " ")"\nresult a-last 1 0'))
    configure()
    local result = fault "a --hours 1 --seed 7"
    assert.equal(130, result.code, result.stderr)
    assert.equal("kill 7, last 7, once 1, kill 8, last 8, kill 9, last 9", ran())
    assert.matches("a-once tried 7 survived 7 lost 0 seed 1\n", lines(result), 1, true)
    assert.matches("a-last tried 3 survived 3 lost 0 seeds 7-9\n", lines(result), 1, true)

    assert.equal(0, fault("a-kill --hours 0.0003").code) -- a second
    assert.matches("^kill 1", ran())
    assert.equal(0, fault("a-once --hours 5 --again").code) -- which is over when there is nothing left to run
    assert.equal("once 1", ran())
  end)

  it("runs nothing in no time, and says what there is", function()
    local result = fault "--hours 0"
    assert.equal(0, result.code)
    assert.equal("", ran())
    assert.matches("b-two tried 0 survived 0 lost 0 not run\n", lines(result), 1, true)
  end)

  it("says of a part that fails how to repeat it and what it said, goes on, and exits with 1", function()
    put("tests/fault/a/bad_test.sh", script("# Promise a-bad: a | x | y\n",
      'result a-bad 8 "$((seed == 2 ? 3 : 0))"\n[ "$seed" != 2 ] || fail "it is lost"'))
    configure()
    local result = fault("a b --seed 2", "HOLDFAST_FAULT_ROUNDS=6")
    assert.equal(1, result.code)
    assert.equal("bad 2, kill 2, once 1, two 2", ran())
    assert.matches("fault/a/bad, seed 2: FAILED: ", result.stderr, 1, true)
    assert.matches("it is lost", result.stderr, 1, true)
    assert.matches("again:  HOLDFAST_FAULT_ROUNDS=6 ./dev fault fault/a/bad --seed 2\n", result.stderr, 1, true)
    local kept = result.stderr:match "output: ([^\n]+)"
    assert.matches("HOLDFAST_FAULT_SEED=2 draws the same again", temp.readFile(kept), 1, true)
    assert.matches("a-bad tried 8 survived 5 lost 3 FAILED with seed 2\n", lines(result), 1, true)
    assert.equal(0, fault("a-bad --seed 1").code)
    ran()
    -- It is no part that is done.
    result = fault("a-bad --seed 2", "HOLDFAST_FAULT_ROUNDS=6")
    assert.equal(1, result.code)
    assert.equal("bad 2", ran())
    assert.matches("a-bad tried 16 survived 13 lost 3 seed 1; FAILED with seed 2\n", lines(result), 1, true)
  end)

  it("takes a test that passes and says nothing, or of others, for one that fails", function()
    put("tests/fault/a/mute_test.sh", script("# Promise a-mute: a | x | y\n", "false && result a-mute 1 0 || true"))
    put("tests/fault/a/other_test.sh", script("# Promise a-other: a | x | y\n",
      "result a-other 1 0; other=a-kill; result $other 1 0"))
    configure()
    local result = fault "a-mute a-other"
    assert.equal(1, result.code)
    assert.matches("it passed, and said no result of a-mute", result.stderr, 1, true)
    assert.matches("it said a result of a-kill, which its head does not state", result.stderr, 1, true)
  end)

  it("says of a test that is skipped why, and runs it no more", function()
    put("tests/fault/a/root_test.sh", script("# Promise a-root: a | x | y\n# Needs HOLDFAST_TEST_ROOT=1: root\n",
      '[ "${HOLDFAST_TEST_ROOT:-}" = 1 ] || skip "no root here"; result a-root 2 0'))
    configure()
    local result = fault "a-root --hours 1"
    assert.equal(0, result.code)
    assert.equal("root 1", ran())
    assert.matches("fault/a/root: skipped: no root here\n", result.stderr, 1, true)
    assert.matches("a-root tried 0 survived 0 lost 0 skipped\n", lines(result), 1, true)
    result = fault("a-root", "HOLDFAST_TEST_ROOT=1")
    assert.matches("a-root tried 2 survived 2 lost 0 seed 1\n", lines(result), 1, true)
    assert.matches("HOLDFAST_TEST_ROOT=1 ./dev fault a-root", fault("--list").stdout, 1, true)
  end)

  it("selects promises, tests and folders, and lists them where a name is none", function()
    fault "b-one"
    assert.equal("two 1", ran())
    fault "fault/a/kill b --again"
    assert.equal("kill 1, two 1", ran())
    fault "'*-once' --again"
    assert.equal("once 1", ran())
    local result = fault "a-kill a-nothing"
    assert.equal(2, result.code)
    assert.equal("", ran())
    assert.matches("no promise and no test 'a-nothing'", result.stderr, 1, true)
    for _, name in ipairs { "a-kill", "a-once", "b-one", "b-two" } do
      assert.matches("  " .. name, result.stderr, 1, true)
    end
    result = fault "--list a-kill"
    assert.equal("a-kill: a | kill -9 | it is there, and whole\n  ./dev fault a-kill  (fault/a/kill)\n", result.stdout)
    assert.equal("", ran())
  end)

  it("refuses what is no option, no number and no seed", function()
    for _, words in ipairs {
      "--nothing", "--seed", "--seed x", "--seed 1.5", "--hours", "--hours -1", "--hours nan",
    } do
      local result = fault(words)
      assert.equal(2, result.code, words)
      assert.matches("usage: ./dev fault", result.stderr, 1, true)
    end
    assert.equal("", ran())
  end)

  it("refuses heads that are wrong, and names the file", function()
    local function says(what, head, body)
      put("tests/fault/a/wrong_test.sh", script(head, body or ""))
      local result = fault ""
      assert.equal(1, result.code)
      assert.matches("tests/fault/a/wrong_test.sh: ", result.stderr, 1, true)
      assert.matches(what, result.stderr, 1, true)
      assert.equal("", ran())
    end
    says("makes no promise", "")
    says("is also that of tests/fault/a/kill_test.sh", "# Promise a-kill: a | x | y\n", "result a-kill 1 0")
    says("says no result of a-new", "# Promise a-new: a | x | y\n", "# result a-new 1 0")
    says("a-new has not three parts", "# Promise a-new: a | x\n", "result a-new 1 0")
    says("write '# Promise NAME: ", "# Promise A new: a | x | y\n")
    says("makes promises, and says that it makes none", "# Promise a-new: a | x | y\n# No promise: why\n",
      "result a-new 1 0")
    put("tests/fault/a/wrong_test.sh", script("# No promise: it measures\n", ""))
    assert.equal(0, fault("a-kill").code)
  end)

  it("ends by ^C with what it has, and the same command goes on from there", function()
    put("tests/fault/a/long_test.sh", script("# Promise a-long: a | x | y\n",
      '[ -e "$HOLDFAST_BUILD/go" ] || sleep 30\nresult a-long 1 0'))
    configure()
    -- A terminal gives it to all processes of the group; `setsid` makes one.
    local result = process.shell(([[
      cd '%s'
      HOLDFAST_SOURCE='%s' HOLDFAST_BUILD='%s/build' setsid python3 -c 'import os, signal, sys
      signal.signal(signal.SIGINT, signal.SIG_DFL)
      os.execvp(sys.argv[1], sys.argv[1:])' '%s' run '%s/tests/fault/fault.lua' a b &
      for i in $(seq 200); do grep -q long_test build/ran 2>/dev/null && break; sleep 0.1; done
      kill -s INT -- "-$!"
      wait $!]]):gsub("\n      ", "\n"):format(root, root, root, command, source))
    assert.equal(130, result.code, result.stderr)
    assert.matches("interrupted: the same command goes on from here", result.stderr, 1, true)
    assert.matches("a-kill tried 10 survived 10 lost 0 seed 1\n", lines(result), 1, true)
    assert.matches("a-long tried 0 survived 0 lost 0 not run\n", lines(result), 1, true)
    assert.equal("kill 1, long 1", ran())
    put("build/go", "")
    result = fault "a b"
    assert.equal(0, result.code, result.stderr)
    assert.equal("long 1, once 1, two 1", ran())
  end)

  it("records what it saw, adds other seeds of the commit, and begins again with another", function()
    local path = root .. "/tests/fault/record.tsv"
    local result = fault "a-kill --seed 1 --record"
    assert.equal(0, result.code, result.stderr)
    local commit = git("log -1 --abbrev=10 --format=%h"):sub(1, 10)
    local today = os.date "!%Y-%m-%d"
    local row = { tried = 10, lost = 0, seeds = "1", commit = commit, date = today }
    assert.same({ ["a-kill"] = row }, record.read(path))
    git "add -A && git -c user.name=x -c user.email=x@y commit -qm record"
    fault "a-kill b-one --seed 2 --record"
    local rows = record.read(path)
    assert.same({ 30, "1-2", commit }, { rows["a-kill"].tried, rows["a-kill"].seeds, rows["a-kill"].commit })
    assert.equal(5, rows["b-one"].tried)
    assert.is_nil(rows["b-two"])

    -- In another build folder, so that nothing is known of the parts before.
    os.remove(root .. "/build/fault/parts.tsv")
    fault "a-kill --seed 3 --record"
    assert.same({ 60, "1-3" }, { record.read(path)["a-kill"].tried, record.read(path)["a-kill"].seeds })

    put("tests/fault/a/more.lua", "x")
    result = fault "a-kill --record"
    assert.equal(2, result.code)
    assert.matches("--record: there are changes that are not committed", result.stderr, 1, true)
    git "add -A && git -c user.name=x -c user.email=x@y commit -qm more"
    result = fault "a-kill --record"
    assert.matches("a-kill: in place of tried 60, lost 0 of " .. commit, result.stderr, 1, true)
    assert.equal(10, record.read(path)["a-kill"].tried)
  end)

  it("records nothing of a promise whose test failed", function()
    put("tests/fault/a/bad_test.sh", script("# Promise a-bad: a | x | y\n", "result a-bad 8 1; fail lost"))
    configure()
    git "add -A && git -c user.name=x -c user.email=x@y commit -qm bad"
    local result = fault "a-bad a-kill --record"
    assert.equal(1, result.code)
    assert.matches("a-bad is not recorded: its test failed", result.stderr, 1, true)
    local rows = record.read(root .. "/tests/fault/record.tsv")
    assert.is_nil(rows["a-bad"])
    assert.equal(10, rows["a-kill"].tried)
  end)
end)

describe("the seed", function()
  it("draws the same delays again, another one others, and in subshells too", function()
    local function draw(seed)
      return process.shell(("cd '%s' && HOLDFAST_FAULT_SEED=%s bash -c '. tests/fault/lib.sh\n"
        .. "for i in 1 2 3 4 5 6; do echo $RANDOM $(random_delay 3 2000); done'"):format(source, seed)).stdout
    end
    assert.equal(draw(5), draw(5))
    assert.not_equal(draw(5), draw(6))
    local seen, count = {}, 0
    for delay in (draw(5) .. draw(6)):gmatch " (%d+%.%d%d%d)\n" do
      assert(tonumber(delay) >= 0.003 and tonumber(delay) <= 2, delay)
      if not seen[delay] then count = count + 1 end
      seen[delay] = true
    end
    assert(count > 8, count)
  end)
end)

describe("ranges of seeds", function()
  it("are read as they are written", function()
    for _, text in ipairs { "", "1", "1-2", "1-40, 55", "3, 5, 7-9" } do
      assert.equal(text, parts.ranges(parts.numbers(text)))
    end
  end)
end)

describe("a record", function()
  after_each(function() temp.removeAll() end)

  it("is refused where a row is none, or is there twice", function()
    local path = temp.directory() .. "/record.tsv"
    local row = "a-kill\t5\t0\t1-2\tabcdef0123\t2026-11-28\n"
    temp.writeFile(path, "# head\n" .. row)
    assert.equal(5, record.read(path)["a-kill"].tried)
    temp.writeFile(path, "# head\n" .. row .. row)
    assert.equal(path .. ":3: a second row of a-kill", select(2, pcall(record.read, path)))
    temp.writeFile(path, (row:gsub("\t", " ")))
    assert.equal(path .. ":1: is no row of a record", select(2, pcall(record.read, path)))
  end)
end)
