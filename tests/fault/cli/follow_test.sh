#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments of `holdfast follow`, and of who writes to its source, again and again.  After each, the
# store that follows is compared with its source as it was at the revision that is claimed.
#
# HOLDFAST_FAULT_ROUNDS (25) and HOLDFAST_FAULT_SEED choose how often and when.
#
# Promise follow-kill: holdfast follow, lmdb to lmdb and file | kill -9 of the follower and of the writer at any moment
#   | at each revision that it claims, the store that follows is what its source was then; no change is lost
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-25}
source=lmdb:$work/source target=$work/target plain=file:$work/plain
export XDG_STATE_HOME=$work/state

# Enough that the first kills meet the first copy.
awk 'BEGIN { for (i = 1; i <= 4000; i++) printf "{\"entity\":\"signal\",\"id\":\"old %d\",\"value\":%d}\n", i, i }' |
  "$HOLDFAST_BIN" import "$source" --durability nosync >/dev/null
"$HOLDFAST_BIN" set "$source" changes=30d history=true >/dev/null 2>&1

writer=0
start_writer() {
  "$HOLDFAST_BIN" run "$here/follow_writer.lua" "$source?durability=nosync" "$RANDOM" >/dev/null 2>"$work/writer" &
  writer=$!
}

check() {
  "$HOLDFAST_BIN" run "$here/follow_check.lua" "$source" "$1" 2>"$work/errors" || {
    cat "$work/errors"
    return 1
  }
}

# First copies beside a writer, compared as soon as they claim something.
for n in 1 2 3 4; do
  start_writer
  "$HOLDFAST_BIN" follow "$source?durability=nosync" "$work/fresh-$n" --durability nosync --until caught-up \
    >"$work/out" 2>&1 || fail "seed $seed: $(cat "$work/out")"
  kill_now "$writer"
  claim=$(check "$work/fresh-$n") || fail "seed $seed, first copy $n: $claim"
done

copying=0 claims=0 last=0 kills=0
for ((round = 0; round < rounds; round++)); do
  start_writer
  # What it has to bring first are groups of many commits, in the middle of which most kills come.
  sleep "$(random_delay 50 250)"
  "$HOLDFAST_BIN" follow "$source?durability=nosync" "$target" --durability nosync >"$work/out" 2>"$work/follower" &
  follower=$!
  sleep "$(random_delay 5 $((60 + round % 5 * 50)))"
  # At times its writer goes first, so that it sees a source that was left in the middle, too.
  if [ $((RANDOM % 4)) = 0 ]; then kill_now "$writer"; sleep "$(random_delay 0 20)"; fi
  kill -0 "$follower" 2>/dev/null || fail "seed $seed, round $round: it has ended: $(cat "$work/follower")"
  kill_now "$follower"
  kills=$((kills + 1))
  kill_now "$writer"
  claim=$(check "$target") || fail "seed $seed, round $round: $claim"
  case $claim in
  nothing | copying) copying=$((copying + 1)) ;;
  *)
    [ "$claim" -ge "$last" ] || fail "seed $seed, round $round: it went back from $last to $claim"
    last=$claim claims=$((claims + 1))
    ;;
  esac
done
writer=0

for to in "$target" "$plain"; do
  "$HOLDFAST_BIN" follow "$source" "$to" --durability nosync --until caught-up --verify >"$work/out" 2>&1 ||
    fail "seed $seed: $(cat "$work/out")"
  diff <("$HOLDFAST_BIN" export "$source") <("$HOLDFAST_BIN" export "$to") >"$work/out" ||
    fail "seed $seed: $to differs: $(head -n 9 "$work/out")"
done

# A store without transactions may have more than it claims, and never less.
for ((round = 0; round < (rounds + 4) / 5; round++)); do
  start_writer
  "$HOLDFAST_BIN" follow "$source?durability=nosync" "$plain" --durability nosync >"$work/out" 2>&1 &
  follower=$!
  sleep "$(random_delay 5 300)"
  kill_now "$follower"
  kill_now "$writer"
  kills=$((kills + 1))
done
writer=0
"$HOLDFAST_BIN" follow "$source" "$plain" --durability nosync --until caught-up >"$work/out" 2>&1 ||
  fail "seed $seed: $(cat "$work/out")"
cmp -s <("$HOLDFAST_BIN" export "$source") <("$HOLDFAST_BIN" export "$plain") || fail "seed $seed: $plain differs"

[ "$claims" -gt 0 ] || fail "seed $seed: no revision was ever claimed"
echo "$kills kills, $claims revisions claimed and compared, $copying copies broken off: all as the source was"
result follow-kill "$kills" 0
