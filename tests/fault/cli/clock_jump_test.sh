#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Clocks that jump: by seconds, days and years, to 1969, 1970, 2038 and 2106 and back, at every few looks at the clock,
# while a program writes, scans, waits for locks, and while the command works (clock_preload.c).  What is stored is
# right, revisions grow all the same, nobody waits for longer than was said, and whoever looks with a right clock finds
# everything.
#
# Promise clock-jump: lmdb, file, memory, locks, the command | the clock jumps at any moment, by up to 136 years | values, order, revisions, locks and deadlines are right; only the noted times are wrong
#
# HOLDFAST_FAULT_ROUNDS (2) and HOLDFAST_FAULT_SEED choose how often and how it jumps.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-2}
seed=${HOLDFAST_FAULT_SEED:-$$}
export XDG_STATE_HOME=$work/state
preload=$HOLDFAST_BUILD/tests/fault/file/clock_preload.so
jumps=0

# Runs the command with a clock that jumps, each time otherwise.
wrong() {
  jumps=$((jumps + 1))
  CLOCK_JUMPS=$((seed + jumps * 1000)) LD_PRELOAD=$preload \
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
    timeout 60 "$HOLDFAST_BIN" "$@" || fail "seed $seed, under a clock that jumps: $1: see above"
}

same() { cmp -s "$1" "$2" || fail "seed $seed: $3 is not the same"; }

for ((round = 0; round < rounds; round++)); do
  for scheme in lmdb file memory; do
    url=$scheme:$work/$scheme-$round
    [ "$scheme" != memory ] || url=memory:clock
    read -r checks years <<<"$(wrong run "$here/clock_jumps.lua" work "$url" "$work")"
    [ "${checks:-0}" -gt 300 ] || fail "seed $seed: $scheme: only ${checks:-no} checks"
    # The times of files are the system's.
    if [ "$scheme" = file ]; then continue; fi
    [ "$years" -ge 2 ] || fail "seed $seed: $scheme: the clock did not jump: $years years were noted"
  done
  lmdb=lmdb:$work/lmdb-$round file=file:$work/file-$round
  for url in "$lmdb" "$file"; do
    "$HOLDFAST_BIN" run "$here/clock_jumps.lua" look "$url" >/dev/null || fail "seed $seed: with a right clock: $url"
    "$HOLDFAST_BIN" verify "$url" >/dev/null || fail "seed $seed: verify of $url"
  done

  # The command: what it says and moves is what it does with a right clock.
  "$HOLDFAST_BIN" export "$lmdb" >"$work/right"
  wrong export "$lmdb" -o "$work/wrong" >/dev/null
  same "$work/right" "$work/wrong" "an export"
  new=$work/new-$round
  wrong import "lmdb:$new-import" "$work/wrong" >/dev/null
  wrong copy "$lmdb" "lmdb:$new-copy" >/dev/null
  wrong copy "$lmdb" "file:$new-file" >/dev/null
  wrong copy "file:$new-file" "lmdb:$new-back" >/dev/null
  wrong set "lmdb:$new-back" note=jump maxsize=64m >/dev/null
  wrong verify "lmdb:$new-back" >/dev/null
  wrong stat "lmdb:$new-back" >/dev/null
  for url in "lmdb:$new-import" "lmdb:$new-copy" "file:$new-file" "lmdb:$new-back"; do
    "$HOLDFAST_BIN" export "$url" >"$work/is" || fail "seed $seed: $url"
    same "$work/right" "$work/is" "$url"
  done
done
echo "$jumps programs whose clock jumped: all was as with a right one"
result clock-jump "$jumps" 0
