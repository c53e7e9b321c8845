#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A data file with two damages at once, drawn by the seed: two bits of one page or of two pages, or a bit and a page that
# is zeroed, filled with ones, or exchanged for another one: page_flips.c.  Each other seed takes a store of format 2.
#
# Promise lmdb-damage-pairs: lmdb | two places of the data file are damaged at once | no wrong value is read, and no
#   process dies or hangs
# Promise lmdb-rescue-pairs: lmdb | two places of the data file are damaged at once | `rescue` brings back 99 % of the
#   records of which no byte was touched, and nothing that had been removed
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

"$programs/page_flips" "$work" pairs "${HOLDFAST_FAULT_ROUNDS:-400}" "$seed" >"$work/said" || {
  cat "$work/said"
  fail "seed $seed: see above"
}
grep -v '^rescued' "$work/said"
tried=$(sed -nE 's/^[0-9]+ pages, tried ([0-9]+):.*/\1/p' "$work/said")
result lmdb-damage-pairs "$tried" 0
result lmdb-rescue-pairs "$tried" 0
