#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The same as tests/fault/lmdb/removed_test.sh, on a PostgreSQL server, by its transactions.
#
# HOLDFAST_FAULT_ROUNDS (2) times two seconds.
#
# Promise postgres-removed: postgres | processes remove by a predicate while others change what they remove | what is
#   removed was wanted at that moment, and is counted once
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/postgres/server.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/postgres/server.sh"
# shellcheck source=tests/fault/stores/removed.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/stores/removed.sh"

start_postgres
expect_found_out "postgresql://app@127.0.0.1:${postgres_socket##*.}/game0"
expect_exact "postgresql://app@127.0.0.1:${postgres_socket##*.}/game1"
result postgres-removed "$gone" 0
