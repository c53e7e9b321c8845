#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A data file with one flipped bit, or one damaged page, at a time: page_flips.c.  HOLDFAST_FLIP_STEP=1 flips every bit.
#
# Promise lmdb-flips: lmdb | one bit of the data file is flipped, or one page damaged | no wrong value is read, and no
#   process dies or hangs
# Once: the same bits in the same file
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"

"$programs/page_flips" "$work" "${HOLDFAST_FLIP_STEP:-1601}" | tee "$work/said"
result lmdb-flips "$(sed -nE 's/^[0-9]+ pages, tried ([0-9]+):.*/\1/p' "$work/said")" 0
