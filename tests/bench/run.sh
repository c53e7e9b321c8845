#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Whether the benchmark runs, and gives every row that there should be.  How fast anything was is not looked at.
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

# The measuring programs end with their data in memory, which is not a leak to look for.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cp docs/performance.md "$dir/document"
"$HOLDFAST_BIN" run tests/bench/bench.lua --quick --dir "$dir/data" --json "$dir/rows.json" --record "$dir/document" \
  >"$dir/table" 2>"$dir/log" || {
  cat "$dir/log" >&2
  fail "the benchmark ended with an error"
}

[ ! -e "$dir/data" ] || fail "the benchmark left its data"

cat >"$dir/check.lua" <<'LUA'
local holdfast = require "holdfast"
local file = assert(io.open(arg[1]))
local rows = holdfast.json.decode(file:read("*a"))
local seen, aims = {}, 0
for _, row in ipairs(rows) do
  assert(type(row.name) == "string" and not seen[row.name], "a row without a name of its own")
  seen[row.name] = true
  for _, field in ipairs { "us", "baseline_us", "ratio" } do
    assert(type(row[field]) == "number" and row[field] > 0 and row[field] < 1e9, row.name .. ": " .. field)
  end
  assert(math.abs(row.ratio - row.us / row.baseline_us) < 0.02 * row.ratio + 0.01, row.name .. ": ratio")
  if row.aim ~= holdfast.null then
    assert(type(row.aim) == "number", row.name .. ": aim")
    aims = aims + 1
  end
end
for _, name in ipairs {
  "C read", "C write, commit unsynced", "C write, commit synced", "C iterate", "Lua readValue, full decode",
  "Lua writeValue, commit unsynced", "Lua writeValue, commit synced", "Lua keys()", "Lua take(5)", "Lua count()",
  "Lua filter on one field", 'filter v.metadata.symbol == "BTCUSDT", 1 % hits, 1,000 entities; baseline W',
  "filter over five entities; baseline decoding and asking", "C iterate, 3,000 entities; baseline W and a copy of each",
  "C write, 64 threads, synced; baseline a leader in bare C", "C write, 8 threads, synced; baseline 1 thread",
  "C write to neighbouring ids, 64 threads, synced; baseline a leader in bare C; aim: 15 µs",
  "Lua transactions{} in a commit of 200, of one with three writes, synced; baseline nested in bare C",
  "C hf_transactions() in a commit of 200, of one with three writes, unsynced; baseline nested in bare C",
  "host: 1 symbol opens, synced; baseline a transaction with its three writes",
  "C write, 4 processes, synced; baseline bare LMDB in as many",
  "C iterate, 1 % of 1,000 by an index; baseline read_many of the same ids",
  "Lua first(), one of 3,000 by an index; baseline readValue of its id",
  "Lua filter, 6 %, of 1,000 with indexes; baseline without",
  "C write, two indexes whose values stay, synced; baseline without",
  "postgres: Lua filter on a nested field, by an index, 1 % of 1,000; baseline the statement without an index",
  "C write beside a process with 64 threads, synced, 99 of 100 within; baseline a commit",
} do
  assert(seen[name], "no row " .. name)
end
assert(#rows == 202, "rows: " .. #rows)
assert(aims == 94, "rows with an aim: " .. aims)
LUA
luajit "$dir/check.lua" "$dir/rows.json"

# The document has its tables, each once and in its place, and nothing else has changed.
sed 's/^|.*/|/' "$dir/document" | uniq | diff - <(sed 's/^|.*/|/' docs/performance.md | uniq) ||
  fail "the document has changed beside its tables"
[ "$(grep -A 5 -F 'bench --only ask --markdown' "$dir/document" | grep -c 'symbol == "BTCUSDT", 1 % hits, 1,000')" = 1 ] ||
  fail "the document has no table of asking"
[ "$(grep -A 5 -F 'bench --only find --markdown' "$dir/document" | grep -c '1 % of 1,000 by an index')" = 2 ] ||
  fail "the document has no table of indexes"
[ "$(grep -cF '| C read | ' "$dir/document")" = 2 ] || fail "the document has not the table of all parts"

# Two builds in turn: here twice the same one.  Its verdict is noise.
"$HOLDFAST_BIN" run tests/bench/against.lua "$HOLDFAST_BUILD" "$HOLDFAST_BUILD" --quick --rounds 2 --only codec,read \
  >"$dir/against" 2>"$dir/log" || [ $? = 1 ]
for row in "C read " "signal of 430 bytes: encode" "measurement 1"; do
  grep -qF "$row" "$dir/against" || {
    cat "$dir/against" "$dir/log" >&2
    fail "the comparison of two builds has no row $row"
  }
done
