#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A live host that stops (SIGSTOP, a debugger, a machine that swaps): its positions are still its own.  A second host
# does not start before the first is killed, and the first goes on where it was when it is let.
#
# Promise host-stopped: a live host | it stops, and a second one is started | the second is refused and told who runs it, until the first is killed
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

start() { coproc HOST { exec timeout 120 "$HOLDFAST_BIN" run "$here/stopped.lua" "$1" 2>"$work/errors"; }; }
hear() { read -r -t 60 heard <&"${HOST[0]}" || fail "$store: the host is silent: $(cat "$work/errors")"; }
second() { timeout 60 "$HOLDFAST_BIN" run "$here/stopped.lua" "$store" </dev/null 2>&1; }

# `timeout` runs the host as its child: the host itself is to stop.
host_of() { ps -o pid= --ppid "$1" | tr -d ' '; }

tried=0
for store in "lmdb:$work/lmdb" "file:$work/file"; do
  start "$store"
  hear
  outer=$HOST_PID # bash forgets it when the process has ended
  pid=$(host_of "$outer")
  for round in 1 2; do
    echo >&"${HOST[1]}"
    hear
    [[ $heard = "minute $round,"* ]] || fail "$store: $heard"
    kill -STOP "$pid"
    ! said=$(second) || fail "$store: a second host has started beside a stopped one"
    [[ $said = *"is run by process $pid on host"* ]] || fail "$store: the second was told: $said"
    kill -CONT "$pid"
    tried=$((tried + 1))
  done
  [[ $heard != *"opened 0" ]] || fail "$store: nothing was opened: $heard"
  kill -STOP "$pid"
  kill -9 "$pid"
  said=$(second) || fail "$store: after the kill: $said"
  [ "$said" = running ] || fail "$store: after the kill: $said"
  tried=$((tried + 1))
  wait "$outer" 2>/dev/null || true
done

# The same without the lock: were it not there, the second one would start.
rm -rf "$work"/lmdb/.lease
start "lmdb:$work/lmdb"
store=lmdb:$work/lmdb
hear
outer=$HOST_PID
pid=$(host_of "$outer")
kill -STOP "$pid"
rm -rf "$work/lmdb/.lease"
said=$(second) || fail "control: without the lock file the second one was to start: $said"
kill -9 "$pid"
wait "$outer" 2>/dev/null || true
result host-stopped "$tried" 0
