#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The system refuses single calls, or there is no memory for single allocations: each of each operation on a store in
# turn, in eighteen ways.  failed_calls.c does the work.  Of all calls each run tries a part, which the seed chooses;
# HOLDFAST_FAULT_PARTS=1 tries all.
#
# Promise lmdb-failed-call: lmdb | each call to the system of each operation fails in turn | it says why; success was done, an error tells the truth about the store, the handles work on, nothing leaks
# Promise lmdb-failed-allocation: lmdb | each allocation of each operation fails in turn | the same, and the error is no_memory
# Promise file-failed-call: file | each call to the system of each operation fails in turn | it says why; success was done, an error tells the truth about the store, the handles work on, nothing leaks
# Promise file-failed-allocation: file | each allocation of each operation fails in turn | the same, and the error is no_memory
# Promise memory-failed-allocation: memory | each allocation of each operation fails in turn | the same, and the error is no_memory
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

parts=${HOLDFAST_FAULT_PARTS:-12}
seed=${HOLDFAST_FAULT_SEED:-$RANDOM}

# failed_calls BACKEND PARTS [CONTROL]: its last line, into $line.
failed_calls() {
  line=$(LD_PRELOAD=$HOLDFAST_BUILD/tests/fault/callfail_preload.so \
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
    timeout 1500 "$programs/failed_calls" "$1" "$work/store" "$2" $((seed % $2)) "${@:3}")
}

for control in lie leak; do
  if failed_calls lmdb 12 "$control" 2>"$work/found"; then fail "$control: what was wrong on purpose was not found"; fi
  grep -q LOST "$work/found" || fail "$control: it failed for another reason: $(cat "$work/found")"
done
for backend in lmdb file memory; do
  if ! failed_calls "$backend" "$parts"; then broken=1; fi
  read -r calls lost_calls allocations lost_allocations <<<"$line"
  if [ "$backend" != memory ]; then result "$backend-failed-call" "$calls" "$lost_calls"; fi
  result "$backend-failed-allocation" "$allocations" "$lost_allocations"
done
[ -z "${broken:-}" ] || fail "seed $seed, in $parts parts: calls failed, and what is said above was not right"
