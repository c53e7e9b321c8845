#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The operating system refuses a file store: each call of each operation fails in turn, and what the error says about
# the state is compared with the state.  io_errors.c does the work.
#
# Promise file-io-error: file, durability sync | each call of each operation to the system fails in turn | what the
#   error says has changed is what has changed, and the next write works
# Once: each call fails in turn
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

mkdir "$work/inject"
IORECORD_ROOT=$work/inject recorded timeout 200 "$programs/io_errors" "$work/inject" | tee "$work/said"
result file-io-error "$(sed -nE 's/^([0-9]+) calls failed .*/\1/p' "$work/said")" 0
