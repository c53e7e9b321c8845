#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Processes that stop (SIGSTOP): a reader in a snapshot, a writer with the writer's lock, the holder of a process lock,
# and one in the middle of making a store.  Others work on meanwhile as far as can be; then the stopped one goes on, or
# is killed.
#
# Promise lmdb-stopped-reader: lmdb | a process stops in a snapshot | it finds its snapshot when it goes on; the file keeps maxsize, and `full` names the process; after its kill its room is given back
# Promise lmdb-stopped-writer: lmdb | a process stops in a transaction | others read at once; who writes waits until it goes on or is killed, and then goes on
# Promise lmdb-stopped-creator: lmdb | a process stops while it makes a store, at any operation | others make the store and use it, and so does the stopped one when it goes on
# Promise lmdb-stopped-opener: lmdb | the first process that opens a store stops before the lock file is made, and is killed | others wait, and then open it
# Promise lock-stopped-holder: process locks | the holder stops | nobody else gets the lock before the holder is killed
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

stopped() { timeout 120 "$programs/stopped" "$@"; }

# Runs a part, and once with what the stopped process holds left out, which must be found.
part() {
  local promise=$1 said total=0 what
  shift
  for what in "$@"; do
    read -ra what <<<"$what"
    if HOLDFAST_PLANT=1 stopped "${what[0]}" "$work/control-${what[*]}" "${what[@]:1}" >"$work/said" 2>&1; then
      fail "${what[*]}: nothing was held, and that was not found"
    fi
    said=$(stopped "${what[0]}" "$work/${what[*]}" "${what[@]:1}" 2>&1) || fail "${what[*]}: $said"
    total=$((total + said))
  done
  result "$promise" "$total" 0
}

part lmdb-stopped-reader "reader limit" "reader grow"
part lmdb-stopped-writer writer
part lock-stopped-holder lock
part lmdb-stopped-opener opener

# ---- while a store is made: before each operation of it the process stands still, and another one does all its work

export IORECORD_ROOT=$work/root
mkdir "$work/root"
cat >"$work/create.lua" <<'LUA'
local store = require("holdfast").PersistBase("signal", arg[1])
store:waitForInit()
local file = assert(io.open(arg[2], "w"))
file:write(store:count(), "\n")
file:close()
LUA
stops=0
while :; do
  store=$work/root/store-$stops
  rm -f "$work/did" "$work/count"
  { IORECORD_KILL=$((stops + 1)) recorded env \
    IORECORD_RUN="timeout 30 '$HOLDFAST_BIN' put '$store' signal other 2 >/dev/null && touch '$work/did'" \
    timeout 60 "$HOLDFAST_BIN" run "$work/create.lua" "$store" "$work/count"; } >"$work/said" 2>&1 ||
    fail "stopped before operation $((stops + 1)): $(cat "$work/said")"
  [ -e "$work/did" ] || break
  [ "$(cat "$work/count")" = 1 ] || fail "stopped before operation $((stops + 1)): it does not see what the other wrote"
  [ "$("$HOLDFAST_BIN" get "$store" signal other)" = 2 ] || fail "stopped before operation $((stops + 1)): it is gone"
  left=$(find "$store" -mindepth 1 ! -name data.mdb ! -name lock.mdb ! -path "*/.lease*")
  [ -z "$left" ] || fail "stopped before operation $((stops + 1)): left over: $left"
  stops=$((stops + 1))
done
[ "$stops" -ge 15 ] || fail "only $stops operations were seen"
result lmdb-stopped-creator "$stops" 0
