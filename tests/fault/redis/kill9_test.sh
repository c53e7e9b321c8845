#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments of a program that writes to a Redis server, and of the server, which is started again: what
# was acknowledged is there, batches and transactions are whole or absent.  The server keeps an append-only file, flushed
# for each write or once a second.  Control: a server without one forgets everything, and the same check says so.
#
# HOLDFAST_FAULT_ROUNDS (8) kills of each kind.
#
# Promise redis-client-kill: redis | kill -9 of the program at any moment | what was acknowledged is there,
#   transactions and batches are whole or absent
# Promise redis-server-kill: redis with appendfsync always | kill -9 of the server at any moment | what was
#   acknowledged is there once it runs again, transactions and batches are whole or absent
# Promise redis-server-kill-everysec: redis with appendfsync everysec | kill -9 of the server at any moment |
#   transactions and batches are whole or absent; lost counts the kills that took what was acknowledged
TMPDIR=${TMPDIR:-/tmp} # a disk: in memory a flush takes no time, and the server never waits for one
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/ledger.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/ledger.sh"
data=$work
# shellcheck source=tests/fault/redis/durable_server.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/redis/durable_server.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-8}

# Kills the server $rounds times; what follows are its words.  Sets $lost.
kill_servers() {
  lost=0 commits=0
  for ((round = 0; round < rounds; round++)); do
    begin_writing
    kill_now "$server"
    end_writing
    read_acknowledged
    start_server "$@"
    if ! step=$(judge "$acknowledged" $((acknowledged + 1))); then
      lost=$((lost + 1))
      step=$(judge 0 $((acknowledged + 1))) || fail "round $round: no state that ever was: $(cat "$work/errors")"
    fi
  done
  expect_commits "$rounds"
}

start_server --appendonly yes --appendfsync always
for ((round = 0; round < rounds; round++)); do
  begin_writing
  kill_now "$writer"
  read_acknowledged
  # What the dead one sent is carried out, or not, before another one is heard.
  expect_acknowledged "round $round"
done
expect_commits "$rounds"
echo "$rounds kills of the program during $commits commits: none lost, none halved"
result redis-client-kill "$rounds" 0

kill_servers --appendonly yes --appendfsync always
[ "$lost" = 0 ] || fail "$lost of $rounds kills of a server that flushes took what was acknowledged"
echo "$rounds kills of the server during $commits commits: none lost, none halved"
result redis-server-kill "$rounds" 0

kill_now "$server"
start_server --appendonly yes --appendfsync everysec
kill_servers --appendonly yes --appendfsync everysec
echo "$rounds kills of a server that flushes once a second during $commits commits: $lost took acknowledged ones"
result redis-server-kill-everysec "$rounds" "$lost"

kill_now "$server"
start_server --appendonly no
if judge "$step" "$step" >/dev/null; then fail "control: a server without a file has kept what was written"; fi
