#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A data file with one flipped bit, or one damaged page, at a time: page_flips.c.  HOLDFAST_FLIP_STEP=1 flips every bit.
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"

"$programs/page_flips" "$work" "${HOLDFAST_FLIP_STEP:-1601}"
