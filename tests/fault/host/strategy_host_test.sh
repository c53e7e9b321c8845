#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The strategy host in a C program, examples/strategy_host.c: killed by SIGKILL again and again while it goes through
# candles, its journal has the same events in the same order as that of a run that nobody disturbed, each once.  Half of
# the kills come at random times, the others at the moments where something could be lost or delivered twice (see
# strategy_host.lua).  In LMDB, where a change of state is one transaction, and in a store written in Lua, where it is
# several writes.
#
# HOLDFAST_FAULT_ROUNDS (80) is the number of kills with each store; HOLDFAST_FAULT_SEED chooses when, and the candles.
#
# Promise embedded-kill-lmdb: strategy host in a C program, lmdb | kill -9 at any moment, and where an event could be
#   lost or doubled | its journal has the same events in the same order as if nothing had happened, each once
# Promise embedded-kill-lua: strategy host in a C program, a store written in Lua | kill -9 at any moment, and where
#   an event could be lost or doubled | its journal has the same events in the same order as if nothing had happened,
#   each once
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-80}
program=$HOLDFAST_BUILD/tests/examples/strategy_host
script=$HOLDFAST_SOURCE/examples/strategy_host.lua
dying=$here/strategy_host.lua
candles=$work/candles.csv
kinds=(row before ledger after)

check() { timeout 60 "$HOLDFAST_BIN" run "$here/strategy_host_check.lua" "$@"; }

# What the program said on standard error must be nothing.
silent() { [ ! -s "$work/errors" ] || fail "seed $seed: $(cat "$work/errors")"; }

"$HOLDFAST_BIN" run "$HOLDFAST_SOURCE/tests/data/candles.lua" "{\"count\":2120,\"seed\":$seed}" >"$candles"
timeout 60 "$program" --speed 0 "$script" "$candles" "$work/wanted" >"$work/out" 2>"$work/errors" ||
  fail "seed $seed: the run that nobody disturbs fails: $(cat "$work/errors")"
silent
events=$(check "$work/wanted/journal.jsonl" "$work/wanted/journal.jsonl")
[ "$events" -gt 100 ] || fail "seed $seed: only $events events in the candles"

# A process that is killed after a random time; true if it had come to the end.
killed_from_outside() {
  local pid code=0 speed=0
  [ $((round % 4)) -ne 0 ] || speed=120000
  "$program" --speed "$speed" "$script" "$candles" "$@" >>"$work/out" 2>"$work/errors" &
  pid=$!
  sleep "$(random_delay 10 70)"
  if kill -0 "$pid" 2>/dev/null; then
    kill_now "$pid"
    return 1
  fi
  wait "$pid" || code=$?
  [ "$code" = 0 ] || fail "seed $seed, kill $kills: it ended by itself with $code: $(cat "$work/errors")"
}

# One that ends at a certain moment; true if it had come to the end before.
killed_inside() {
  local code=0
  { # whose standard error gets the shell's remark that it was killed
    timeout 60 "$program" --speed 0 "$dying" "$candles" "$1" "$script" "${2:-}" "${kinds[round / 2 % 4]}" \
      $((RANDOM % 12 + 1)) >>"$work/out" 2>"$work/errors" || code=$?
  } 2>/dev/null
  [ "$code" = 0 ] || [ "$code" = 137 ] ||
    fail "seed $seed, kill $kills: it ended with $code instead of being killed: $(cat "$work/errors")"
  [ "$code" = 0 ]
}

# Goes through the candles, from their beginning as often as it takes, until there were enough kills.
#   $1  how the store is called here; $2  its class
go_through() {
  local kills=0 replays=0 round=0 base missed known
  : >"$work/out"
  while [ "$kills" -lt "$rounds" ]; do
    replays=$((replays + 1))
    base=$work/$1-$replays
    while [ "$kills" -lt "$rounds" ]; do
      round=$((round + 1))
      if [ $((round % 2)) = 0 ]; then
        ! killed_from_outside "$base" ${2:+"$2"} || break
      else
        ! killed_inside "$base" ${2:+"$2"} || break
      fi
      silent
      kills=$((kills + 1))
    done
    timeout 60 "$program" --speed 0 "$script" "$candles" "$base" ${2:+"$2"} >>"$work/out" 2>"$work/errors" ||
      fail "seed $seed, kill $kills: the last start fails: $(cat "$work/errors")"
    silent
    check "$work/wanted/journal.jsonl" "$base/journal.jsonl" >/dev/null ||
      fail "seed $seed, $1, after $kills kills: the journal is another one"
  done
  missed=$(grep -c '^missed ' "$work/out" || true)
  known=$(grep -c '^known ' "$work/out" || true)
  if [ "$rounds" -ge 20 ] && { [ "$missed" = 0 ] || [ "$known" = 0 ]; }; then
    fail "seed $seed, $1: $missed events came late and $known twice: the kills hit nothing"
  fi
  echo "$1: $kills kills in $replays times $events events: each once; $missed came after a restart, $known came twice"
  result "embedded-kill-$1" "$kills" 0
}

go_through lmdb
go_through lua "$HOLDFAST_SOURCE/examples/journal_adapter.lua"
