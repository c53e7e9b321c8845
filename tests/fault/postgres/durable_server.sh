# SPDX-License-Identifier: MIT
#
# A PostgreSQL server that keeps what it stores below the folder $data, on a socket in $work, for tests that source this
# after lib.sh and ledger.sh.  $base is the URL of its database `game`.  As root it runs as the user postgres, since
# PostgreSQL refuses root.
# shellcheck shell=bash disable=SC2034,SC2154,SC2119,SC2120 # the test uses it, or sets it, or lib.sh
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || skip "there is no PostgreSQL server"
as_postgres=()
if [ "$(id -u)" = 0 ]; then as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups); fi
base="postgres://app@/game?host=$work/socket&retries=0&timeout=10s"
mkdir "$work/socket"
chmod 711 "$work"
if [ ${#as_postgres[@]} -gt 0 ]; then chown postgres:postgres "$work/socket"; fi

# Becomes one of PostgreSQL's programs; for a subshell.
become() {
  cd "$work/socket" || exit
  LC_ALL=C.UTF-8 exec "${as_postgres[@]}" "$bin/$1" "${@:2}"
}

# Makes a server, starts it, and makes its database.
make_server() {
  mkdir "$data/pg"
  if [ ${#as_postgres[@]} -gt 0 ]; then chown postgres:postgres "$data/pg"; fi
  (become initdb -D "$data/pg" -U app -A trust -E UTF8 --locale=C.UTF-8) >"$work/initdb" 2>&1 ||
    fail "initdb: $(tail -n 3 "$work/initdb")"
  printf '%s\n' "listen_addresses=''" "unix_socket_directories='$work/socket'" shared_buffers=32MB \
    max_wal_size=64MB wal_writer_delay=10s >>"$data/pg/postgresql.conf"
  start_server
  (become createdb -h "$work/socket" -U app game)
  sync -f "$data/pg" # its settings, which we have written
}

# Starts it, with these words more, once nothing is left of the one before.  Sets $server.
start_server() {
  local try
  for try in $(seq 20); do
    (become postgres -D "$data/pg" "$@") >"$work/log" 2>&1 </dev/null &
    server=$!
    for _ in $(seq 500); do
      ! (become pg_isready -q -h "$work/socket") || return 0
      kill -0 "$server" 2>/dev/null || break
      sleep 0.02
    done
    sleep "0.$try"
  done
  fail "the server does not start: $(tail -n 3 "$work/log")"
}

# All its processes at once.
kill_server() {
  local children
  children=$(pgrep -P "$server" || true)
  # shellcheck disable=SC2086 # one argument each
  kill -9 "$server" $children 2>/dev/null || true
  kill_now "$server"
}

# Waits until the server has noticed that nobody uses it any more, and has ended what the dead had sent.
await_alone() {
  local sessions
  for _ in $(seq 200); do
    sessions=$(become psql -h "$work/socket" -U app -XAtc \
      "SELECT count(*) FROM pg_stat_activity WHERE datname = 'game'" postgres)
    [ "$sessions" != 0 ] || return 0
    sleep 0.02
  done
  fail "the session of a dead program goes on"
}
