#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Connections to PostgreSQL that are cut at each byte, in both directions, closed and reset: wire/cuts.c does the work,
# and says which ways there are.  One run takes part `seed mod HOLDFAST_FAULT_PARTS` of them; with
# HOLDFAST_FAULT_PARTS=1 it takes all.
#
# Promise postgres-cut: PostgreSQL | the connection is closed or reset after any byte, to the server or from it | success means done, nothing is half done or done twice, an error says whether it may have happened, and the next call works
# Promise postgres-cut-rival: PostgreSQL | the connection is cut, and another client writes before Holdfast hears of it | what the other has written stays: no write is sent again
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/postgres/server.sh
. "$here/server.sh"
# shellcheck source=tests/fault/wire/workers.sh
. "$here/../wire/workers.sh"

start_postgres
for i in 0 1 2 3; do mkdir "$work/$i"; done
socket_of() { echo "$postgres_socket"; }
proxy_of() { echo "$work/$1/.s.PGSQL.5432"; }

for control in resend forget believe; do control "$control" only="put over"; done
cut_everywhere postgres-cut postgres-cut-rival 5000 "$limits" "$limits&retries=0"
