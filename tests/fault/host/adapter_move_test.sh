#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Moving a signal from one adapter to another is one transaction: a host that does it in a loop is killed by SIGKILL, at
# random moments and right between the two writes, and a reader then finds the signal in exactly one of them, where the
# last acknowledged move, or the one after it, puts it.  The same host without the transaction shows that this
# can fail.
#
# HOLDFAST_FAULT_ROUNDS (30) and HOLDFAST_FAULT_SEED choose how often and when.
#
# Promise adapters-move-kill: adapters, lmdb | kill -9 at any moment, and between the two writes, of a signal that
#   moves from one adapter to another in a transaction | it is in exactly one of them
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-30}
script=$here/adapter_move.lua
store=$work/store number=0 moves=0

acknowledged() {
  local last
  last=$(last_line "$work/acknowledged")
  echo "${last:-$number}"
}
check() { timeout 60 "$HOLDFAST_BIN" run "$script" check "$1" "$2"; }

# Runs a host that dies between the two writes of a move.
die_between() {
  local code=0
  timeout 60 "$HOLDFAST_BIN" run "$script" move "$1" "$2" "$3" "$4" >"$work/acknowledged" 2>"$work/errors" || code=$?
  [ "$code" = 137 ] || fail "the host ended with $code instead of being killed: $(cat "$work/errors")"
}

for ((round = 0; round < rounds; round++)); do
  "$HOLDFAST_BIN" run "$script" move "$store" together $((number + 1)) >"$work/acknowledged" 2>"$work/errors" &
  pid=$!
  sleep "$(random_delay 5 60)"
  kill -0 "$pid" 2>/dev/null || fail "seed $seed: the host ended by itself: $(cat "$work/errors")"
  kill_now "$pid"
  done=$(acknowledged)
  moves=$((moves + done - number))
  number=$(check "$store" "$done") || fail "seed $seed, round $round: after move $done"
done
[ "$moves" -gt "$rounds" ] || fail "only $moves moves in $rounds rounds: the hosts came to nothing"
echo "$rounds kills at random moments of $moves moves: the signal was always in exactly one adapter"

for ((round = 0; round < 6; round++)); do
  die=$((number + 1 + round % 3))
  die_between "$store" together $((number + 1)) "$die"
  [ "$(acknowledged)" = $((die - 1)) ] || fail "move $((die - 1)) was not acknowledged before the kill in move $die"
  number=$(check "$store" $((die - 1))) || fail "killed between the writes of move $die"
  [ "$number" = $((die - 1)) ] || fail "half of move $die is there"
done
echo "6 kills between the two writes: the move had not happened"
result adapters-move-kill $((rounds + 6)) 0

number=0
die_between "$work/apart" apart 1 4
if check "$work/apart" 3 >"$work/out" 2>&1; then fail "the check does not notice a signal in both adapters"; fi
grep -q "both adapters have the signal" "$work/out" || fail "the check fails otherwise: $(cat "$work/out")"
echo "without the transaction the same kill leaves the signal in both adapters, and the check says so"
