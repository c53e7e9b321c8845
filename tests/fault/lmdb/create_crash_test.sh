#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Crashes while a store is made and gets its first commits.
#
#  - Power cuts: the operations of a process that makes a store and begins to write are recorded, and every state that a
#    power cut may leave after each of them is built and looked at (replay.c): a store with all that was acknowledged,
#    or nothing, in whose place one can be made; never one that cannot be opened.
#    Two controls leave the flushes of files, or of directories, out of account: then the same check must find damage.
#  - kill -9 before each single operation of the making: the next process makes or opens the store, finds what was
#    acknowledged, and sweeps what the dead one left.
#
# Promise lmdb-create-power-cut: lmdb, durability sync | a power cut at any moment of making a store, with any part of what is unflushed on the disk, of files and of directories | there is a store with all that was acknowledged, or one can be made
# Promise lmdb-create-kill: lmdb | kill -9 before any operation of making a store | the next process makes or opens it, finds what was acknowledged, and leaves nothing lying about
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/lmdb/states.sh
. "$here/states.sh"

fresh
writer "" small "$seed" 1 2 || fail "the recorded process failed"
judged lmdb-create-power-cut small "exhaustive=$((rounds < 4 ? 1024 : 4096))" "samples=$((rounds * 50))"
result lmdb-create-power-cut "$states" "$bad"
for flushes in files folders; do
  controlled small "ignore=$flushes" samples=2 exhaustive=8
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
