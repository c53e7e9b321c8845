#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments of a program that writes to a PostgreSQL server, and of the server, all its processes, which
# is started again: what was acknowledged is there, batches and transactions are whole or absent.  Control: a server that
# answers before it has written what it did (synchronous_commit off) does lose by that, and the same check says so.
#
# HOLDFAST_FAULT_ROUNDS (4) kills of each kind.
#
# Promise postgres-client-kill: postgres | kill -9 of the program at any moment | what was acknowledged is there,
#   transactions and batches are whole or absent
# Promise postgres-server-kill: postgres | kill -9 of the server at any moment | what was acknowledged is there once
#   it runs again, transactions and batches are whole or absent
TMPDIR=${TMPDIR:-/tmp} # a disk
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/ledger.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/ledger.sh"
data=$work
# shellcheck source=tests/fault/postgres/durable_server.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/postgres/durable_server.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-4}
make_server

for ((round = 0; round < rounds; round++)); do
  begin_writing
  kill_now "$writer"
  read_acknowledged
  await_alone
  expect_acknowledged "round $round"
done
expect_commits "$rounds"
echo "$rounds kills of the program during $commits commits: none lost, none halved"
result postgres-client-kill "$rounds" 0

commits=0
for ((round = 0; round < rounds; round++)); do
  begin_writing
  kill_server
  end_writing
  read_acknowledged
  start_server
  expect_acknowledged "round $round"
done
expect_commits "$rounds"
echo "$rounds kills of the server during $commits commits: none lost, none halved"
result postgres-server-kill "$rounds" 0

# Control: a process that is killed takes what it has not written.
kill -INT "$server"
wait "$server" || true
start_server -c synchronous_commit=off
begin_writing
kill_server
end_writing
read_acknowledged
start_server
if judge "$acknowledged" $((acknowledged + 1)) >/dev/null; then
  fail "control: a server that does not wait has lost nothing"
fi
echo "control: a server that answers before it writes has lost something, which is noticed"
