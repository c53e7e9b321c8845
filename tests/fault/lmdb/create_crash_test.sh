#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Crashes while a store is made and gets its first commits.
#
#  - Power cuts: the operations of a process that makes a store and commits 50 times are recorded, and every state that a
#    power cut may leave after each of them is built and looked at (replay.c): a store with all that was acknowledged,
#    or nothing, in whose place one can be made; never one that cannot be opened.
#    Two controls leave the flushes of files, or of directories, out of account: then the same check must find damage.
#  - kill -9 before each single operation of the making: the next process makes or opens the store, finds what was
#    acknowledged, and sweeps what the dead one left.
#
# HOLDFAST_FAULT_STATES (300) is the number of random states after each operation of the making.
#
# Promise lmdb-create-power-cut: lmdb | power cut after any operation of making a store and of its first commits | all
#   that was acknowledged is there, or there is nothing yet and a store can be made
# Promise lmdb-create-kill: lmdb | kill -9 before each operation of making a store | the next process makes or opens
#   it, finds what was acknowledged, and sweeps what the dead one left
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"

mkdir "$work/root" "$work/states"
export IORECORD_ROOT=$work/root

IORECORD_LOG=$work/log recorded "$programs/ledger" write "lmdb:$work/root/new/store" 1 50 >/dev/null ||
  fail "the recorded process failed"
"$programs/replay" "$work/log" "$work/root" new/store "$work/states" "${HOLDFAST_FAULT_STATES:-300}" 3 >"$work/result" ||
  fail "power cuts leave bad states: $(cat "$work/result")"
echo "power cuts: $(cat "$work/result")"
result lmdb-create-power-cut "$(sed -nE 's/^operations .*, states ([0-9]+) .*/\1/p' "$work/result")" 0

rm -rf "$work/root/new"
IORECORD_LOG=$work/short-log recorded "$programs/ledger" write "lmdb:$work/root/new/store" 1 5 >/dev/null
for flushes in files directories; do
  if "$programs/replay" "$work/short-log" "$work/root" new/store "$work/states" 20 2 "ignore=$flushes" >"$work/control"; then
    fail "control: without flushes of $flushes nothing is found: $(tail -n 1 "$work/control")"
  fi
  grep -q ', bad [1-9]' "$work/control" || fail "control: $(cat "$work/control")"
  echo "control, as if $flushes were not flushed: $(tail -n 1 "$work/control")"
done

kills=0 made=0
while :; do
  store=$work/root/kill-$kills/store
  code=0
  { IORECORD_KILL=$((kills + 1)) recorded "$programs/ledger" write "lmdb:$store" 1 2 >"$work/acknowledged"; } \
    2>"$work/errors" || code=$?
  [ "$code" != 0 ] || break
  [ "$code" = 137 ] || fail "kill $kills: the process ended with $code: $(cat "$work/errors")"
  [ -e "$store/data.mdb" ] && made=$((made + 1))
  acknowledged=$(last_line "$work/acknowledged")
  "$programs/ledger" check "lmdb:$store" "${acknowledged:-0}" $((${acknowledged:-0} + 1)) >/dev/null ||
    fail "killed before operation $((kills + 1)): the next process is not served"
  left=$(find "$store" -mindepth 1 ! -name data.mdb ! -name lock.mdb)
  [ -z "$left" ] || fail "killed before operation $((kills + 1)): left over: $left"
  kills=$((kills + 1))
done
if [ "$kills" -lt 20 ] || [ "$made" -lt 5 ] || [ "$made" = "$kills" ]; then
  fail "$kills kills, $made with a store: the recorder does not see what it should"
fi
echo "kill -9 before each of $kills operations ($((kills - made)) before the store was in place): each made good and swept"
result lmdb-create-kill "$kills" 0
