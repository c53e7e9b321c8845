#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Loops that ask by a predicate, over a store of several thousand entities, while another process changes, moves, makes
# and removes entities, and damages some.  The predicate is evaluated in the pages of the store, which the other process
# is writing: whatever of an old and of a new value came together would be seen, since each value says everything twice.
#
# Promise lmdb-asked: lmdb | another process changes, removes and damages entities while a loop asks by a predicate | an
#   entity that is there throughout is judged by one of its values, whole: it is given exactly once, or never, where all
#   its values say so; what is damaged is told once, and the others come
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

base="lmdb:$work/store?durability=nosync" rounds=${HOLDFAST_FAULT_ROUNDS:-25}

asked() { timeout 200 "$HOLDFAST_BIN" run "$here/asked.lua" "$@"; }

asked make "$base" "$seed" || fail "the store was not made"

# A judge that finds nothing would find nothing here either.
for lie in leaves doubles tears; do
  if HOLDFAST_PLANT=$lie asked look "$base" "$seed" 1 "$work/stop" >"$work/said" 2>&1; then
    fail "a loop that $lie was not found: $(cat "$work/said")"
  fi
done

asked write "$base" "$seed" "$work/stop" >"$work/written" 2>&1 &
writer=$!
pids=()
for reader in 1 2; do
  asked look "$base" "$((seed * 10 + reader))" "$rounds" "$work/stop" >"$work/looked$reader" 2>&1 &
  pids+=($!)
done
for reader in 1 2; do
  wait "${pids[reader - 1]}" || fail "$(cat "$work/looked$reader")"
done
touch "$work/stop"
wait "$writer" || fail "the writer: $(cat "$work/written")"

read -r changes damaged <"$work/written"
read -r -a first <"$work/looked1"
read -r -a second <"$work/looked2"
scans=$((first[0] + second[0])) during=$((first[1] + second[1])) told=$((first[2] + second[2]))
[ "$during" -gt "$rounds" ] || fail "only $during of $scans scans saw a change: nothing was shown"
[ $((damaged * told)) -gt 0 ] || fail "$damaged entities were damaged, $told were told: nothing was shown"
timeout 60 "$HOLDFAST_BIN" verify "$work/store" >"$work/verify" 2>&1 || true
grep -q "entities checked" "$work/verify" || fail "$(cat "$work/verify")"
! grep -vE $'^(corrupt|quarantined)\tasked\tbad-' "$work/verify" | grep -E $'\t' || fail "$(cat "$work/verify")"
echo "$scans scans, $during of them while something changed; $changes changes, $damaged entities damaged, $told told"

result lmdb-asked "$during" 0
