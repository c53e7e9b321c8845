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
# Promise postgres-server-kill: postgres | kill -9 of the server at any moment | what was acknowledged is there once it
#   runs again, transactions and batches are whole or absent
TMPDIR=${TMPDIR:-/tmp} # a disk
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"
# shellcheck source=tests/fault/ledger.sh
. "$HOLDFAST_SOURCE/tests/fault/ledger.sh"
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || skip "there is no PostgreSQL server"

rounds=${HOLDFAST_FAULT_ROUNDS:-4}
base="postgres://app@/game?host=$work/pg&retries=0&timeout=10s"
as_postgres=()
if [ "$(id -u)" = 0 ]; then as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups); fi

# Becomes one of PostgreSQL's programs; for a subshell.
become() {
  cd "$work/pg"
  LC_ALL=C.UTF-8 exec "${as_postgres[@]}" "$bin/$1" "${@:2}"
}

make_server() {
  mkdir "$work/pg"
  chmod 711 "$work"
  if [ ${#as_postgres[@]} -gt 0 ]; then chown postgres:postgres "$work/pg"; fi
  (become initdb -D data -U app -A trust -E UTF8 --locale=C.UTF-8 --no-sync) >"$work/initdb" 2>&1 ||
    fail "initdb: $(tail -n 3 "$work/initdb")"
  printf '%s\n' "listen_addresses=''" "unix_socket_directories='$work/pg'" shared_buffers=32MB \
    wal_writer_delay=10s >>"$work/pg/data/postgresql.conf"
}

# Starts it, with these words more, once nothing is left of the one before.
start_server() {
  local try
  for try in $(seq 20); do
    (become postgres -D data "$@") >"$work/log" 2>&1 </dev/null &
    server=$!
    for _ in $(seq 500); do
      ! (become pg_isready -q -h "$work/pg") || return 0
      kill -0 "$server" 2>/dev/null || break
      sleep 0.02
    done
    sleep "0.$try"
  done
  fail "the server does not start: $(tail -n 3 "$work/log")"
}

# All processes of the server at once.
kill_server() {
  local children
  children=$(pgrep -P "$server" || true)
  # shellcheck disable=SC2086 # one argument each
  kill -9 "$server" $children 2>/dev/null || true
  kill_now "$server"
  end_writing
}

make_server
start_server
(become createdb -h "$work/pg" -U app game)

for ((round = 0; round < rounds; round++)); do
  begin_writing
  kill_now "$writer"
  read_acknowledged
  # What the dead one sent ends before the server looks who is there.
  for _ in $(seq 200); do
    sessions=$(become psql -h "$work/pg" -U app -XAtc "SELECT count(*) FROM pg_stat_activity WHERE datname = 'game'" postgres)
    [ "$sessions" != 0 ] || break
    sleep 0.02
  done
  expect_acknowledged "round $round"
done
expect_commits "$rounds"
echo "$rounds kills of the program during $commits commits: none lost, none halved"
result postgres-client-kill "$rounds" 0

commits=0
for ((round = 0; round < rounds; round++)); do
  begin_writing
  kill_server
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
read_acknowledged
start_server
if judge "$acknowledged" $((acknowledged + 1)) >/dev/null; then
  fail "control: a server that does not wait has lost nothing"
fi
echo "control: a server that answers before it writes has lost something, which is noticed"
