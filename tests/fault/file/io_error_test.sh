#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The operating system refuses a file store: each call of each operation fails in turn, and what the error says about
# the state is compared with the state.  io_errors.c does the work.
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"

mkdir "$work/inject"
IORECORD_ROOT=$work/inject recorded timeout 200 "$programs/io_errors" "$work/inject"
