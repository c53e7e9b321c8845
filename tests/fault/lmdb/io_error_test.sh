#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The operating system refuses: a limit on the size of files, and errors put into single operations of making a store
# and of commits (no space, quota, I/O error; of data, of LMDB's header page, of flushes).  io_errors.c does the work.
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"

mkdir "$work/limit" "$work/inject"
timeout 60 "$programs/io_errors" limit "$work/limit"
IORECORD_ROOT=$work/inject recorded timeout 60 "$programs/io_errors" inject "$work/inject"
