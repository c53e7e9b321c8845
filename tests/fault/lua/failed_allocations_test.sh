#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# There is no memory for single allocations while scripts work: each of Lua's, and each of C's below it, in turn; once,
# and from then on.  failed_allocations.c does the work, and operations.lua has what scripts do.  Of all allocations
# each run tries a part, which the seed chooses; HOLDFAST_FAULT_PARTS=1 tries all.
#
# Promise lua-failed-allocation: scripts, on lmdb and memory stores | each allocation of Lua, and each of C, fails in turn | the call raises no_memory, entities are the old or the new ones, nothing of C leaks, the runtime works on
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

parts=${HOLDFAST_FAULT_PARTS:-40}
seed=${HOLDFAST_FAULT_SEED:-$RANDOM}

# failed_allocations BASE PARTS [ONLY]: its last line, into $line.
failed_allocations() {
  line=$(LD_PRELOAD=$HOLDFAST_BUILD/tests/fault/callfail_preload.so \
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
    timeout 1500 "$programs/failed_allocations" "$1" "$work" "$here/operations.lua" "$2" $((seed % $2)) "${@:3}")
}

if failed_allocations memory:control 1 forget 2>"$work/found"; then fail "what was lost on purpose was not found"; fi
grep -q "blocks of C's memory are lost" "$work/found" || fail "the control: $(cat "$work/found")"

tried=0 lost=0
for base in "lmdb:$work/store" memory:scripts; do
  if ! failed_allocations "$base" "$parts"; then broken=1; fi
  read -r more more_lost <<<"$line"
  tried=$((tried + more)) lost=$((lost + more_lost))
done
result lua-failed-allocation "$tried" "$lost"
[ -z "${broken:-}" ] || fail "seed $seed, in $parts parts: allocations failed, and what is said above was not right"
