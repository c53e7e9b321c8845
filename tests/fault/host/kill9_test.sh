#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A host that is killed by SIGKILL at random moments, again and again, and started each time, tells of
# the same events as one that is left alone: each exactly once by its id, with the same content, in the same order.  In
# LMDB, in files, and in a class of eight methods, which have no transactions.  Half of them share no commits between
# positions, as on a machine that stands still again and again.
#
# HOLDFAST_FAULT_ROUNDS (24) kills for each store, HOLDFAST_FAULT_SEED; HOLDFAST_TEST_CANDLES is a CSV file with candles
# to play in place of made up ones.
#
# Promise host-kill-lmdb: strategy host, lmdb | kill -9 at any moment, and a new start | it tells of each event
#   exactly once by its id, with the same content, in the same order as a host that is left alone
# Promise host-kill-file: strategy host, file | kill -9 at any moment, and a new start | it tells of each event
#   exactly once by its id, with the same content, in the same order as a host that is left alone
# Promise host-kill-lua: strategy host, a class of eight methods without transactions | kill -9 at any moment, and a
#   new start | it tells of each event exactly once by its id, with the same content, in the same order as a host that
#   is left alone
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-24}
candles=${HOLDFAST_TEST_CANDLES:-}
world() { "$HOLDFAST_BIN" run "$here/world.lua" "$@"; }

# Plays to the end, killed again and again on the way.  It gets a little longer each time, so that it does come to an end.
play() {
  local store=$1 folder=$2 pid longest=40
  while :; do
    HOLDFAST_TEST_LONG_MS=$((kills % 2 * 50)) \
      "$HOLDFAST_BIN" run "$here/world.lua" run "$store" "$folder" ${candles:+"$candles"} \
      2>"$work/errors" &
    pid=$!
    sleep "$(random_delay 10 $longest)"
    if kill -0 "$pid" 2>/dev/null; then
      kill_now "$pid"
      kills=$((kills + 1)) longest=$((longest + 1))
    elif wait "$pid"; then
      return 0
    else
      fail "seed $seed: a host ended by itself: $(cat "$work/errors")"
    fi
  done
}

mkdir "$work/alone"
world run memory: "$work/alone" ${candles:+"$candles"} || fail "the host that is left alone ended by itself"

for scheme in lmdb file lua; do
  kills=0 again=0 events=0 number=0
  while [ "$kills" -lt "$rounds" ]; do
    number=$((number + 1))
    folder=$work/$scheme$number
    mkdir "$folder"
    play "$scheme:$folder/store" "$folder"
    heard=$(world compare "$work/alone" "$folder") || fail "seed $seed, $scheme: the events differ, as above"
    events=$((events + ${heard% *})) again=$((again + ${heard#* }))
    rm -rf "$folder"
  done
  echo "$scheme: $kills kills in $number replays, $events events, each once by its id; $again were told again"
  result "host-kill-$scheme" "$kills" 0
done
