#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 of two writers of a store with a log of changes, at random moments: by the log all that was written can be told
# again, in order and with its values, and what the store was at random revisions is what the log tells.  Stores take
# turns in durability, and in how much of the log is kept; in half of them old changes go all the time.
#
# HOLDFAST_FAULT_ROUNDS (40) and HOLDFAST_FAULT_SEED choose how often and when.
#
# Promise lmdb-logged: lmdb, with a log of changes and history | kill -9 of a writing process at any moment | the log has
#   each change that is in the store, once and in order, with its value, and no other; looking back agrees with it
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-40}
durabilities=(sync nometasync nosync) kept=(7d 50 7d 400)
changes=0

for ((round = 0; round < rounds; round++)); do
  if [ $((round % 5)) = 0 ]; then
    store=$work/store-$round
    base="lmdb:$store?durability=${durabilities[round / 5 % 3]}"
    "$programs/logged" settings "$base" "${kept[round / 5 % 4]}" true || fail "the store was not made"
  fi
  pids=()
  for writer in 1 2; do
    "$programs/logged" write "$base" $((seed + 10 * round + writer)) >"$work/said-$writer" 2>"$work/errors-$writer" &
    pids+=($!)
  done
  sleep "$(random_delay 3 120)"
  for pid in "${pids[@]}"; do
    kill -0 "$pid" 2>/dev/null || fail "seed $seed, round $round: a writer ended by itself: $(cat "$work"/errors-*)"
    kill_now "$pid"
  done
  timeout 30 "$HOLDFAST_BIN" verify "$store" >"$work/verify" 2>&1 || fail "seed $seed, round $round: $(cat "$work/verify")"
  told=$("$programs/logged" check "$base" $((seed + round)) 2>&1) || fail "seed $seed, round $round: $told"
  changes=$((changes + told))
done
[ "$changes" -gt "$rounds" ] || fail "only $changes changes in $rounds rounds: the writers came to nothing"
echo "$rounds kills; $changes changes were told again"
result lmdb-logged "$rounds" 0
