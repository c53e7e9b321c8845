#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# An event that a loop over Live.run was given is delivered again where the process is killed in the loop's body, and not
# where the loop has asked for the next one before.
#
# Promise host-loop-kill: strategy host, lmdb and file | kill -9 in the body of a loop over its events | the event is
#   told again, and none is for which the loop had asked for the next
# Once: the same five kills in each store
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

iterate() {
  local code=0
  timeout 60 "$HOLDFAST_BIN" run "$here/iterator.lua" "$@" >"$work/told" 2>"$work/errors" ||
    code=$?
  sed -i 's/:[0-9a-f]\{16\}$//' "$work/told" # what its id has of the content
  cat "$work/told"
  [ "$code" = 137 ] || fail "it ended with $code instead of being killed: $(cat "$work/errors")"
}

kills=0
for scheme in lmdb file; do
  store=$scheme:$work/$scheme
  first=main/BTCUSDT/1707343380000
  second=main/BTCUSDT/1707343620000
  [ "$(iterate "$store" 0 1)" = "$first:opened" ] || fail "$scheme: the first event"
  [ "$(iterate "$store" 0 1)" = "$first:opened" ] || fail "$scheme: it was not told again"
  [ "$(iterate "$store" 0 2 | tr '\n' ' ')" = "$first:opened $first:closed " ] || fail "$scheme: the first two"
  [ "$(iterate "$store" 3 1)" = "$first:closed" ] || fail "$scheme: the second was not told again, or the first was"
  [ "$(iterate "$store" 3 2 | tr '\n' ' ')" = "$first:closed $second:opened " ] || fail "$scheme: the next two"
  echo "$scheme: each event until the loop had asked for the next"
  kills=$((kills + 5))
done
result host-loop-kill "$kills" 0
