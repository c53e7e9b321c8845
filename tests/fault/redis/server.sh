# SPDX-License-Identifier: MIT
#
# Redis servers for the tests in this folder, which source it after lib.sh.  Each is a child of the test, which ends it.
# shellcheck shell=bash
: "${work:?lib.sh comes first}"
command -v redis-server >/dev/null || skip "needs redis-server"

# start_redis NAME ARGUMENTS...: a server in $work/NAME that listens on the unix socket there, and answers.  $! is it.
start_redis() {
  local dir=$work/$1 server
  shift
  mkdir -p "$dir"
  rm -f "$dir/socket"
  redis-server --port 0 --unixsocket "$dir/socket" --dir "$dir" --save '' --appendonly no "$@" >>"$dir/log" 2>&1 &
  server=$!
  await_redis "$dir" "$server"
}

await_redis() {
  for _ in $(seq 500); do
    if [ -S "$1/socket" ] && redis-cli -s "$1/socket" ping >/dev/null 2>&1; then return 0; fi
    kill -0 "$2" 2>/dev/null || fail "redis-server does not start: $(tail -n 3 "$1/log")"
    sleep 0.02
  done
  fail "redis-server does not answer"
}
