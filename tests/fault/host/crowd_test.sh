#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A host of 200 symbols, which open in one minute as far as a risk profile has room and close in the next, is killed at
# random moments, most of them in the middle of a commit of many.  What was told and what is stored agree afterwards: no
# position is lost or doubled, each event is told once by its id, the slots are those of what is open.
#
# HOLDFAST_FAULT_ROUNDS (12) kills for each store, HOLDFAST_FAULT_SEED.
#
# Promise host-crowd-kill: strategy host of 200 symbols; lmdb, file, a class of eight methods | kill -9 at any moment of a
#   minute in which all of them open or close | no position is lost or doubled, each event is told once by its id, and no
#   profile has more positions than it allows
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-12}
crowd() { "$HOLDFAST_BIN" run "$here/crowd.lua" "$@"; }

kills=0
for scheme in lmdb file lua; do
  folder=$work/$scheme
  mkdir "$folder"
  for ((i = 0; i < rounds; i++)); do
    "$HOLDFAST_BIN" run "$here/crowd.lua" live "$scheme:$folder/store" "$folder" 1000 2>"$work/errors" &
    pid=$!
    sleep "$(random_delay 200 1200)"
    kill -0 "$pid" 2>/dev/null || fail "seed $seed, $scheme: a host ended by itself: $(cat "$work/errors")"
    kill_now "$pid"
    kills=$((kills + 1))
  done
  crowd live "$scheme:$folder/store" "$folder" 2 || fail "seed $seed, $scheme: a host ended by itself"
  heard=$(crowd check "$scheme:$folder/store" "$folder") || fail "seed $seed, $scheme: see above"
  [ "${heard%%[[:space:]]*}" -gt 150 ] || fail "seed $seed, $scheme: only ${heard%%[[:space:]]*} events"
  echo "$scheme: $rounds kills in $(wc -l <"$folder/minutes") minutes, events and those told again: $heard"
done
result host-crowd-kill "$kills" 0
