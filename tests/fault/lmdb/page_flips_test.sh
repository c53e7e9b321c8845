#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A data file of format 2 with one flipped bit, or one damaged page, at a time: page_flips.c.
#
# Promise lmdb-page-told: lmdb, format 2 | a flipped bit; a page zeroed, filled with ones, exchanged; a cut file | no read gives a wrong value, and what is missing or miscounted is told of, by `verify` at the latest
# Promise lmdb-page-alive: lmdb | a flipped bit; a page zeroed, filled with ones, exchanged; a cut file | no process that opens, checks, reads or writes the store is ended or goes on for ever
# Promise lmdb-rescue-revived: lmdb | a flipped bit; a page zeroed, filled with ones, exchanged; a cut file | `rescue` restores nothing that had been removed
# Promise lmdb-rescue-records: lmdb | a flipped bit; a page zeroed, filled with ones, exchanged; a cut file | `rescue` restores at least 99 of 100 records of which no byte was touched (counted are records)
#
# HOLDFAST_FLIP_STEP (1601; 1: every bit) is how many bits lie between two that are flipped, and into how many parts that
# divides all of them: HOLDFAST_FAULT_SEED (0) chooses the part, HOLDFAST_FAULT_ROUNDS (1) how many.  Part 0 has the pages
# and the cuts, too, which are the same each time.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

step=${HOLDFAST_FLIP_STEP:-1601}
seed=${HOLDFAST_FAULT_SEED:-0}
told=(0 0) alive=(0 0) revived=(0 0) records=(0 0) failed=""
for ((round = 0; round < ${HOLDFAST_FAULT_ROUNDS:-1}; round++)); do
  part=$(((seed + round) % step))
  [ "$part" = 0 ] && only=() || only=(bits)
  rm -rf "$work/store"
  "$programs/page_flips" "$work" "$step" "$part" "${only[@]}" >"$work/out" || failed="part $part"
  grep -v '^sums ' "$work/out" || true
  read -r _ tried untold ended held lost revivals <<<"$(grep '^sums ' "$work/out" || true)"
  [ -n "${revivals:-}" ] || fail "page_flips did not come to its end"
  told=($((told[0] + tried)) $((told[1] + untold)))
  alive=($((alive[0] + tried)) $((alive[1] + ended)))
  revived=($((revived[0] + tried)) $((revived[1] + revivals)))
  records=($((records[0] + held)) $((records[1] + lost)))
done
result lmdb-page-told "${told[@]}"
result lmdb-page-alive "${alive[@]}"
result lmdb-rescue-revived "${revived[@]}"
result lmdb-rescue-records "${records[@]}"
[ -z "$failed" ] || fail "$failed"
