#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Whether the comparison with other stores runs with those that are here, which are at least the servers that the tests
# need anyway, and says what is missing of the others.  How fast anything was is not looked at.
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

# The measuring programs end with their data in memory, which is not a leak to look for.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# measure NAME OPTION...: runs it; the table goes to DIR/NAME, the rest to DIR/NAME.log.
measure() {
  "$HOLDFAST_BIN" run tests/bench/bench.lua --peers --quick --dir "$dir/data" "${@:2}" >"$dir/$1" 2>"$dir/$1.log"
}

measure table --markdown --json "$dir/rows.json" || {
  cat "$dir/table.log" >&2
  fail "the comparison ended with an error"
}
[ ! -e "$dir/data" ] || fail "the comparison left its data"

for name in SQLite better-sqlite3 node:sqlite "lmdb for Node" Tarantool PostgreSQL Redis; do
  grep -q "^bench: $name: .*: left out" "$dir/table.log" || head -n 1 "$dir/table" | grep -qE "${name/ for/ .*for}" ||
    fail "$name is neither in the table nor said to be left out"
done

cat >"$dir/check.lua" <<'LUA'
local holdfast = require "holdfast"
local rows = holdfast.json.decode(assert(io.open(arg[1])):read("*a"))
local seen, best = {}, 0
for _, row in ipairs(rows) do
  assert(not seen[row.name], "a row without a name of its own")
  seen[row.name] = true
  assert(row.us > 0 and row.us < 1e9 and row.baseline_us > 0, row.name)
  if row.name:find(": Holdfast; baseline the best of them", 1, true) then
    assert(type(row.aim) == "number", row.name .. ": aim")
    best = best + 1
  end
end
assert(best == 18, "works: " .. best)
for peer, rows in pairs { PostgreSQL = 18, Redis = 11 } do
  local n = 0
  for name in pairs(seen) do
    if name:find(": " .. peer, 1, true) then n = n + 1 end
  end
  assert(n == rows, peer .. ": " .. n .. " rows")
end
LUA
luajit "$dir/check.lua" "$dir/rows.json"
[ "$(grep -c '^|' "$dir/table")" = 20 ] || fail "the table has not a line for each work"
