-- SPDX-License-Identifier: MIT
--
-- Tests that fail: the first line that each kind says has the check, its place, what was expected and what came; and
-- `./dev test` finds that line.  Each fails here for once, by what ctest runs it with.

local process = require "support.process"
local temp = require "support.temp"

local source, build = os.getenv "HOLDFAST_SOURCE", os.getenv "HOLDFAST_BUILD"
local support = source .. "/tests/support/"

local function firstLine(text) return text:match "^[^\n]*" end

describe("the first line of a test that fails", function()
  local folder

  before_each(function() folder = temp.directory() end)
  after_each(function() temp.removeAll() end)

  -- What busted says of a spec.
  local function busted(text)
    temp.writeFile(folder .. "/planted_spec.lua", text)
    local result = process.shell(("cd '%s' && luajit \"$(command -v busted)\" --ignore-lua "
      .. "--config-file='%s/tests/busted.lua' planted_spec.lua"):format(folder, build))
    assert.equal("", result.stderr)
    return result
  end

  -- What a program over cmocka says of these tests.
  local function cmocka(body, tests)
    temp.writeFile(folder .. "/planted.c", ('#include "unit/support.h"\n%s\nint main(void) {\n'
      .. "const struct CMUnitTest tests[] = {%s};\nreturn cmocka_run_group_tests(tests, NULL, NULL);\n}\n"):format(body,
      tests))
    local compiled = process.shell(("cd '%s' && ${CC:-cc} -std=gnu11 -D_GNU_SOURCE ${CFLAGS:-} -I'%s/src' "
      .. "-I'%s/src/include' -I'%s/tests' planted.c -o planted -L'%s/lib' -lholdfast -Wl,-rpath,'%s/lib' -lcmocka "
      .. "${LDFLAGS:-}"):format(folder, source, source, source, build, build))
    assert.equal(0, compiled.code, compiled.stderr)
    return process.shell(("cd '%s' && ulimit -c 0 && bash '%sunit.sh' ./planted"):format(folder, support))
  end

  it("says of a spec what was expected, and what came", function()
    local result = busted 'it("adds", function()\n  assert.equal(3, 1 + 1)\nend)\nit("passes", function() end)'
    assert.equal(1, result.code)
    assert.equal("FAIL planted_spec.lua:2: expected (number) 3, got (number) 2  [adds]", firstLine(result.stdout))
    assert.matches("\n1 passed, 1 failed, 0 errors, 0 pending in [%d.]+ s\n$", result.stdout)
  end)

  it("says of a spec what was asserted, raised, or could not be read", function()
    local text = busted('it("asserts", function()\n  assert(1 == 2)\nend)').stdout
    assert.equal("FAIL planted_spec.lua:2: assertion failed!: assert(1 == 2)  [asserts]", firstLine(text))
    text = busted('it("raises", function()\n  error("that went wrong")\nend)').stdout
    assert.equal("FAIL planted_spec.lua:2: that went wrong  [raises]", firstLine(text))
    text = busted("\nlocal x = = 1").stdout
    assert.matches("^FAIL [%w_./]*planted_spec.lua:2: unexpected symbol near '='", firstLine(text))
  end)

  it("says of long values each, the expected one first", function()
    local text = busted('it("compares", function()\n  assert.equal("a\\nb", "a\\nc", "a note")\nend)').stdout
    assert.equal([[
FAIL planted_spec.lua:2: Expected objects to be equal.  [compares]
  expected:
    (string) 'a
    b'
  got:
    (string) 'a
    c'
    a note
]], text:match "^(.-\n)stack traceback")
  end)

  it("names the line of the spec where a helper failed", function()
    temp.writeFile(folder .. "/helper.lua", 'return function()\n  error("in the helper")\nend')
    local text = busted('local help = dofile "helper.lua"\nit("is helped", function()\n  help()\n  return\nend)').stdout
    assert.equal("FAIL planted_spec.lua:3: in the helper  [is helped]", firstLine(text))
  end)

  it("says of a C test what was expected, and what came", function()
    local result = cmocka([[
static void passes(void **state) { (void)state; }
static void adds(void **state) {
  (void)state;
  assert_int_equal(1 + 1, 3);
}
static void compares(void **state) {
  (void)state;
  assert_string_equal("a" "b", "c");
}
static void opens(void **state) {
  (void)state;
  hf_error err;
  hf_persist *p;
  FAILS(HF_BUSY, hf_persist_open(hf_text("signal"), "nowhere:x", NULL, &p, &err));
}]], "cmocka_unit_test(passes), cmocka_unit_test(adds), cmocka_unit_test(compares), cmocka_unit_test(opens)")
    assert.equal(3, result.code)
    local first, second, third = result.stdout:match "^([^\n]*)\n([^\n]*)\n([^\n]*)"
    assert.equal("FAIL planted.c:5: 1 + 1: expected 3, got 2  [adds]", first)
    assert.equal('FAIL planted.c:9: "a" "b": expected "c", got "ab"  [compares]', second)
    assert.matches("^FAIL planted.c:15: expected busy, got invalid_argument of hf_persist_open%(", third)
  end)

  it("says of a C test that ended its program where that was", function()
    local result = cmocka("static void ends(void **state) { (void)state; abort(); }", "cmocka_unit_test(ends)")
    assert.equal(134, result.code)
    assert.equal("FAIL the program ended here  [ends]", firstLine(result.stdout))
  end)

  it("says of a script what it says, or which command failed", function()
    local function script(text)
      temp.writeFile(folder .. "/planted_test.sh", '. "$HOLDFAST_SOURCE/tests/support/fail.sh"\n' .. text)
      return process.shell(("cd '%s' && bash planted_test.sh"):format(folder))
    end
    local result = script '[ 1 = 2 ] || fail "expected 2, got 1"'
    assert.same({ 1, "FAIL planted_test.sh:2: expected 2, got 1\n" }, { result.code, result.stderr })
    result = script "look() { grep -q nothing /dev/null; }\nif look; then :; fi\nlook || true\nlook"
    assert.equal(1, result.code)
    assert.equal("FAIL planted_test.sh:2: exit status 1 of: grep -q nothing /dev/null", firstLine(result.stderr))
  end)

  it("is at the end of ./dev test, for each that failed", function()
    temp.writeFile(folder .. "/log", [[
    Start 1: spec/a
1/5 Test #1: spec/a ...........................   Passed    0.45 sec
    Start 2: unit/b/c
2/5 Test #2: unit/b/c .........................***Failed    0.12 sec
something before
FAIL b.c:17: size: expected 2, got 1  [grows]
FAIL b.c:18: more  [grows]

    Start 3: fault/d
3/5 Test #3: fault/d ..........................***Timeout 240.05 sec
    Start 4: fault/e
4/5 Test #4: fault/e ..........................***Skipped   0.01 sec
skipped: no loop device
    Start 5: embed/f
5/5 Test #5: embed/f ..........................***Exception: SegFault  0.30 sec
its own words

60% tests passed, 3 tests failed out of 5
]])
    local result = process.run { "bash", support .. "failures.sh", folder .. "/log" }
    assert.equal([[
  unit/b/c Failed
    b.c:17: size: expected 2, got 1  [grows]
  fault/d Timeout
    said nothing
  embed/f Exception: SegFault
    its own words
]], result.stdout)
  end)
end)
