# SPDX-License-Identifier: MIT
#
# A Redis server that keeps what it stores in the folder $data, on a socket in $work, for tests that source this after
# lib.sh.  $base is its URL.
# shellcheck shell=bash disable=SC2034,SC2154 # the test uses it, or sets it, or lib.sh
command -v redis-server >/dev/null || skip "there is no redis-server"
base="redis+unix://$work/socket?retries=0&timeout=5s"

# Starts it, with these words more, and waits until it has read what it has.  Sets $server.
start_server() {
  rm -f "$work/log"
  redis-server --port 0 --unixsocket "$work/socket" --dir "$data" --save '' "$@" >"$work/log" 2>&1 </dev/null &
  server=$!
  for _ in $(seq 500); do
    ! grep -qi 'ready to accept connections' "$work/log" || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.02
  done
  fail "the server does not start: $(tail -n 3 "$work/log")"
}
