#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# removeWhere by two processes at once, of entities that two others change meanwhile: in transactions; and, by a class
# that takes part in none, at the revision of each.  A writer knows each value that was there when its entity went.
#
# HOLDFAST_FAULT_ROUNDS (2) times two seconds.
#
# Promise lmdb-removed: lmdb | processes remove by a predicate while others change what they remove | what is removed
#   was wanted at that moment, and is counted once
# Promise class-removed: a class with revisions and without transactions | the same | the same
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/stores/removed.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/stores/removed.sh"

apart="lua:$HOLDFAST_SOURCE/tests/fault/stores/apart.lua?base=$work"

expect_found_out "lmdb:$work/planted-store?durability=nosync"
expect_exact "lmdb:$work/store?durability=nosync"
result lmdb-removed "$gone" 0
expect_found_out "$apart/planted"
expect_exact "$apart/apart"
result class-removed "$gone" 0
