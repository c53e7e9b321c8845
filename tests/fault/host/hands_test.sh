#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A live host is taken in hand by `holdfast host` while both are killed by SIGKILL at random moments.  In LMDB, where
# what is asked for, its answer and the end of the signal are one transaction, and in files, where they are not.
#
# HOLDFAST_FAULT_ROUNDS (30) requests for each store, HOLDFAST_FAULT_SEED.
#
# Promise host-hands: strategy host, lmdb and file | host and command are killed by kill -9 around requests to close and
#   cancel | each request that was carried out is answered so, and no other; no signal ends twice
# Promise host-pause: strategy host, lmdb and file | the same, and the host starts again | from the moment on that a pause
#   is stored nothing opens
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-30}
pid=''

start() {
  [ -z "$pid" ] || kill -0 "$pid" 2>/dev/null || fail "seed $seed, $store: the host has ended: $(cat "$work/errors")"
  [ -z "$pid" ] || return 0
  "$HOLDFAST_BIN" run "$here/hands.lua" run "$store" "$folder" 2>"$work/errors" &
  pid=$!
}
stop() {
  [ -z "$pid" ] || kill_now "$pid"
  [ -z "$pid" ] || kills=$((kills + 1))
  pid=''
}
# The command, which may be killed, too.
hand() {
  local seconds
  seconds=$(random_delay 1 "$1")
  shift
  { timeout -s KILL "$seconds" "$HOLDFAST_BIN" host "$@" --json >>"$folder/answers" 2>>"$folder/said" || true; } 2>/dev/null
  echo >>"$folder/answers"
  if grep -v -e 'no host runs' -e 'nothing is open' -e 'nothing waits' "$folder/said"; then
    fail "seed $seed, $store: the command said so"
  fi
}
rows() { "$HOLDFAST_BIN" run "$here/hands.lua" rows "$store"; }

# Whether every word of $1 is in $2.
are_in() {
  local word
  for word in $1; do
    [[ " $2 " = *" $word "* ]] || return 1
  done
}

pause() {
  local before after
  "$HOLDFAST_BIN" host pause "$store" >/dev/null
  before=$(rows)
  [ $((RANDOM % 2)) = 0 ] || stop
  start
  sleep "$(random_delay 50 200)"
  after=$(rows)
  are_in "$after" "$before" || fail "seed $seed, $store: paused with '$before', and then there was '$after'"
  "$HOLDFAST_BIN" host resume "$store" >/dev/null
  pauses=$((pauses + 1))
}

tried=0 paused=0
for scheme in lmdb file; do
  folder=$work/$scheme store=$scheme:$work/$scheme/store kills=0 pauses=0
  mkdir "$folder"
  : >"$folder/said"
  : >"$folder/answers"
  start
  sleep 1
  for ((round = 0; round < rounds; round++)); do
    start
    sleep "$(random_delay 0 60)"
    case $((RANDOM % 8)) in
      0 | 1) hand 400 close "$store" now BTC --valid 9d ;;
      2) hand 400 close "$store" --all --valid 9d --price 99 ;;
      3 | 4) hand 400 cancel "$store" waits BTC --valid 9d ;;
      5)
        stop
        hand 60 close "$store" now BTC --valid 9d
        ;;
      6) hand 100 close "$store" now BTC --no-wait --valid 9d && hand 100 close "$store" now BTC --no-wait --valid 9d ;;
      7) pause ;;
    esac
    [ $((RANDOM % 2)) = 0 ] || stop
  done
  start
  sleep 2
  stop
  counts=$("$HOLDFAST_BIN" run "$here/hands.lua" check "$store" "$folder") || fail "seed $seed, $store: see above"
  read -r carried others <<<"$counts"
  echo "$scheme: $kills kills, $pauses pauses, $carried requests carried out, $others not"
  [ "$rounds" -lt 30 ] || [ "$carried" -gt 3 ] || fail "seed $seed, $store: too little was carried out"
  tried=$((tried + kills)) paused=$((paused + pauses))
done
result host-hands "$tried" 0
[ "$paused" -gt 0 ] && result host-pause "$paused" 0
exit 0
