# SPDX-License-Identifier: MIT
#
# A PostgreSQL server for the tests in this folder, which source it after lib.sh.  It is a child of the test, which ends
# it.  As root it runs as the user postgres, since PostgreSQL refuses root.
# shellcheck shell=bash
: "${work:?lib.sh comes first}"
bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || skip "needs a PostgreSQL server"
command -v setpriv >/dev/null || skip "needs setpriv"

# start_postgres: a server in $work/pg, on a unix socket there and, as Holdfast's own, on a port of
# 127.0.0.1, with the databases game0 to game3, one for each worker.  $postgres_socket is the socket, $postgres_pid the server.  What it stores need not
# survive its machine.
start_postgres() {
  local as=() dir=$work/pg port i
  mkdir "$dir"
  chmod 711 "$work"
  if [ "$(id -u)" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    chown postgres:postgres "$dir"
  fi
  (cd "$dir" && "${as[@]}" "$bin/initdb" -D data -U app -A trust -E UTF8 --locale=C.UTF-8 --no-sync >initdb.log 2>&1) ||
    fail "initdb: $(tail -n 3 "$dir/initdb.log")"
  for _ in 1 2 3 4 5; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    printf '%s\n' "listen_addresses='127.0.0.1'" "port=$port" "unix_socket_directories='$dir'" fsync=off \
      synchronous_commit=off autovacuum=off shared_buffers=32MB max_connections=80 >>"$dir/data/postgresql.conf"
    (cd "$dir" && exec "${as[@]}" "$bin/postgres" -D data >>log 2>&1) &
    postgres_pid=$!
    if await_postgres "$dir" "$port"; then
      # shellcheck disable=SC2034 # the tests use it
      postgres_socket=$dir/.s.PGSQL.$port
      for i in 0 1 2 3; do
        psql -q -X -h "$dir" -p "$port" -U app -d postgres -c "CREATE DATABASE game$i" || fail "no database"
      done
      return 0
    fi
  done
  fail "no PostgreSQL server could be started: $(tail -n 3 "$dir/log")"
}

await_postgres() {
  for _ in $(seq 500); do
    "$bin/pg_isready" -q -h "$1" -p "$2" && return 0
    kill -0 "$postgres_pid" 2>/dev/null || return 1
    sleep 0.02
  done
  return 1
}
