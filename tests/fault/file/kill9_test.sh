#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments of a process that writes to a file store: every acknowledged write is there, every document is
# whole, nothing comes back that was removed, and what the dead left in .tmp goes.
#
# At random moments with every durability in turn, since a kill takes nothing from any.
#
# HOLDFAST_FAULT_ROUNDS (40) and HOLDFAST_FAULT_SEED choose how often and when.
#
# Promise file-kill: file, every durability | kill -9 before each operation of a change, and at any moment of many |
#   every acknowledged change is there, every document is the old one or the new one, and nothing comes back that was
#   removed
# Promise file-kill-temporary: file | kill -9 of a process that writes | the temporary files that it left are swept
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-40}
script=$here/ledger.lua

# Before every single operation on the files: writing over a document, writing a new one in new folders, removing one.
for ((n = 1; ; n++)); do
  rm -rf "$work/kill" && mkdir "$work/kill"
  "$HOLDFAST_BIN" run - "$work/kill/store" <<'LUA'
local holdfast = require "holdfast"
local store = holdfast.FilePersist("signal", arg[1])
local document = { step = 1, text = ("%08d"):format(1):rep(600), last = 1 }
store:writeMany { a = document, ["n/c"] = document }
LUA
  status=0
  IORECORD_ROOT=$work/kill/store IORECORD_KILL=$n recorded "$HOLDFAST_BIN" run "$script" change "$work/kill/store" \
    >"$work/done" 2>"$work/errors" || status=$?
  [ "$status" = 0 ] || [ "$status" = 137 ] || fail "operation $n: status $status: $(cat "$work/errors")"
  finished=$(last_line "$work/done")
  "$HOLDFAST_BIN" run "$script" changed "$work/kill/store" "${finished:-0}" || fail "killed before operation $n"
  [ "$status" = 137 ] || break
done
[ "$n" -gt 10 ] || fail "only $n operations were seen: the recorder does not see what the store does"
echo "killed before each of $n operations: old or new, never half"

store=$work/store last=0 leftovers=0 durabilities=(sync nometasync nosync)

for ((round = 0; round < rounds; round++)); do
  "$HOLDFAST_BIN" run "$script" write "file:$store?durability=${durabilities[round % 3]}" $((last + 1)) >"$work/acknowledged" 2>"$work/errors" &
  pid=$!
  sleep "$(random_delay 10 60)"
  kill -0 "$pid" 2>/dev/null || fail "seed $seed: the writer ended by itself: $(cat "$work/errors")"
  kill_now "$pid"
  acknowledged=$(last_line "$work/acknowledged")
  last=${acknowledged:-$last}
  mkdir -p "$store/.tmp" # on a busy machine the writer may be killed before it has made them
  leftovers=$((leftovers + $(find "$store/.tmp" -name '*-*' | wc -l)))
  find "$store/.tmp" -type f -exec touch -d '1 minute ago' {} + 2>/dev/null || true
  "$HOLDFAST_BIN" run "$script" check "$store" "$last" || fail "seed $seed, round $round: after step $last"
  [ -z "$(find "$store/.tmp" -name '*-*')" ] || fail "round $round: files of the dead remain: $(ls "$store/.tmp")"
done
[ "$last" -gt "$rounds" ] || fail "only $last steps in $rounds rounds: the writers came to nothing"
[ "$leftovers" -gt 0 ] || fail "no killed writer left a temporary file: nothing was shown about sweeping"
echo "$rounds kills during $last steps: none lost, none torn; $leftovers temporary files of the dead swept"
result file-kill $((n - 1 + rounds)) 0
result file-kill-temporary "$leftovers" 0
