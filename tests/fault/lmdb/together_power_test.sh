#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Power cuts while many threads change the same few ids at once, so that their changes share commits: of what is not
# flushed any part may be on the disk (../crash_tree.h says what is supposed of it).  One order of the calls has to
# explain what was answered before the cut and what is there after it (../linear.h).
#
# Promise lmdb-together-power-states: lmdb, durability sync, many threads at once | a power cut at any moment, with any part of the unflushed pages and sectors on the disk | what was acknowledged, and what somebody has seen, is there; a call is whole or absent, and writing goes on
# Promise lmdb-together-failed-flush: the same | a flush of pages or of a header fails, then the power goes | the same
#
# HOLDFAST_FAULT_SEED chooses the calls and the moments, of which HOLDFAST_FAULT_PARTS (40) is how many parts they are
# divided in, HOLDFAST_FAULT_STATES (64) up to how many combinations of a moment are all looked at.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

parts=${HOLDFAST_FAULT_PARTS:-40} most=${HOLDFAST_FAULT_STATES:-64}
mkdir "$work/root" "$work/states"

# write THREADS CALLS [FAULT]
write() {
  rm -rf "${work:?}/root" "${work:?}/log" "${work:?}/ledger"
  mkdir "$work/root"
  IORECORD_ROOT=$work/root IORECORD_LOG=$work/log recorded timeout 120 "$programs/together_cut" write "$work/root/store" \
    "$seed" "$1" "$work/ledger" "${@:2}" || fail "the recorded threads failed"
  rm -rf "${work:?}/root/store"
}

# judge PARTS MOST [ignore=...]: its last line, into $said; how many states, into $states.
judge() {
  local code=0
  timeout 400 "$programs/together_cut" judge "$work/log" "$work/root" store "$work/states" "$work/ledger" "$seed" "$1" \
    "$2" 4 "${@:3}" >"$work/result" 2>&1 || code=$?
  [ "$code" -le 1 ] || fail "it ended with $code: $(cat "$work/result")"
  said=$(tail -n 1 "$work/result")
  states=$(sed -nE 's/.*states ([0-9]+), bad [0-9]+$/\1/p' <<<"$said")
  return "$code"
}

write 32 400
judge "$parts" "$most" || fail "$(cat "$work/result")"
[ "$states" -gt 20 ] || fail "only $states states: $said"
echo "32 threads: $said"
result lmdb-together-power-states "$states" 0
if judge $((20 * parts)) 8 ignore=files; then fail "control: without flushes of files nothing is found: $said"; fi
echo "control, as if files were not flushed: $said"

all=0
for kind in s m; do
  write 16 200 $kind:$((3 + seed % 9))
  judge "$parts" "$most" || fail "$kind: $(cat "$work/result")"
  echo "16 threads, a flush fails: $said"
  all=$((all + states))
done
result lmdb-together-failed-flush "$all" 0
