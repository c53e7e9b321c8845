#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The operating system refuses: a limit on the size of files, and errors put into single operations of making a store
# and of commits (no space, quota, I/O error; of data, of LMDB's header page, of flushes).  io_errors.c does the work.
#
# Promise lmdb-file-limit: lmdb | a file may not grow any more (RLIMIT_FSIZE) | the write is refused as "full",
#   changes nothing, and writing goes on once the limit is raised
# Promise lmdb-io-error: lmdb, durability sync | the system refuses one write or flush of making a store or of a
#   commit, with an error | that is reported, changes nothing, and writing goes on without opening again
# Once: each operation fails in turn
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

mkdir "$work/limit" "$work/inject"
timeout 60 "$programs/io_errors" limit "$work/limit" | tee "$work/said"
result lmdb-file-limit "$(sed -nE 's/^limited file size: refused ([0-9]+) times.*/\1/p' "$work/said")" 0
IORECORD_ROOT=$work/inject recorded timeout 60 "$programs/io_errors" inject "$work/inject" | tee "$work/said"
tried=$(sed -nE 's/^injected errors: ([0-9]+) while making stores, ([0-9]+) while committing.*/\1 + \2/p' "$work/said")
result lmdb-io-error $((tried)) 0
