#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A flush fails, as Linux has it: any part of it may have reached the disk, what did not never will, and programs go on to
# see it all.  The process that was told goes on writing, or is killed and another one does; then the power goes, and
# every state that this may leave is judged.  Of the write that failed nobody can say whether it happened, but for one
# thing: what a reader sees after the failure stays so.
#
# Promise lmdb-failed-flush: lmdb, durability sync | the flush of a commit's pages or of its header fails, the process goes on, then the power goes | what was acknowledged before and after is there, the failed commit is whole or absent as readers saw it
# Promise lmdb-failed-flush-again: lmdb, durability sync | the flush fails several times | what was acknowledged is there, the failed commits are whole or absent
# Promise lmdb-failed-flush-nometasync: lmdb, durability nometasync | the flush of a commit fails, the process goes on, then the power goes | the store opens, whole, as it was after some commit
# Promise lmdb-failed-flush-kill: lmdb, durability sync | the flush of a header fails, and the process is killed before it can do anything about it; another one, which has the store open or opens it, goes on, then the power goes | what was acknowledged before and after is there, the commit of the killed one is whole or absent
# Promise lmdb-failed-flush-create: lmdb, durability sync | a flush fails while a store is made, of a file or of a directory; it is made again, then the power goes | what was acknowledged is there
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/lmdb/states.sh
. "$here/states.sh"

# Records a run in which the fault $2 strikes, of scenario $1.  With $3 in the store's URL.
struck() {
  fresh
  writer "${3:-}" "$1" "$seed" 1 9 "$2" || fail "$1, $2: the process did not get on"
}

nth=$((1 + seed % 4))
for scenario in small settings; do
  for kind in s m; do
    struck $scenario $kind:$nth:1
    judged lmdb-failed-flush $scenario from=failed told=1 "part=$((seed % 3))/3"
  done
done
result lmdb-failed-flush "$states" "$bad"
seed=1 struck small m:3:1
seed=1 controlled small from=failed ignore=settling samples=2 exhaustive=16

count_again
for fault in sm:$nth:3 m:$nth:2; do
  struck small "$fault"
  judged lmdb-failed-flush-again small from=failed "part=$((seed % 4))/4"
done
result lmdb-failed-flush-again "$states" "$bad"

count_again
seed=1 struck small s:3:1 "?durability=nometasync"
seed=1 controlled small from=failed durability=nometasync ignore=settling samples=2 exhaustive=16
struck small s:$((nth + 1)):1 "?durability=nometasync"
judged lmdb-failed-flush-nometasync small from=failed durability=nometasync "part=$((seed % 4))/4"
[ "$refused" = 0 ] || fail "nometasync: $refused stores are damaged"
result lmdb-failed-flush-nometasync "$states" "$bad"

# The header's flush fails in the second step, and the process is killed after operation $1; $2 is who goes on: `next`
# opens the store then, `other` has it open already, with a folder and a store that were there before.
killed() {
  local code=0 other=""
  fresh
  writer "" small "$seed" 1 1 || fail "the first process failed"
  if [ "$2" = other ]; then
    coproc OTHER { writer "" small "$seed" 5 8 wait; }
    other=$OTHER_PID
    read -r -t 30 _ <&"${OTHER[0]}" || fail "the other process did not open the store"
  fi
  { IORECORD_KILL_AFTER=$1 writer "" small "$seed" 2 4 m:1:1; } 2>"$work/errors" || code=$?
  [ "$code" = 137 ] || [ "$code" = 0 ] || fail "killed after operation $1: it ended with $code: $(cat "$work/errors")"
  if [ -n "$other" ]; then
    echo >&"${OTHER[1]}"
    wait "$other" || fail "killed after operation $1: the other process does not get on"
  else
    writer "" small "$seed" 5 8 || fail "killed after operation $1: the next process does not get on"
  fi
  [ "$code" = 137 ]
}

count_again
looked=0
for who in next other; do
  for ((kill = 1 + seed % 2; kill < 40; kill += 2)); do
    killed $kill $who || break
    before=$states
    judged lmdb-failed-flush-kill small from=failed "part=$(((seed + kill) % 4))/4" \
      "samples=$((rounds * 2))" "exhaustive=$((rounds * 16))"
    if [ "$states" -gt "$before" ]; then looked=$((looked + 1)); fi
  done
done
[ "$looked" -ge 3 ] || fail "only $looked of the kills came after the failure"
result lmdb-failed-flush-kill "$states" "$bad"

count_again
for kind in d s m; do
  for ((n = 1; n < 10; n++)); do
    fresh
    writer "" small "$seed" 1 2 "$kind:-$n:1" || fail "the store is not made after flush $n of kind $kind failed"
    before=$states
    judged lmdb-failed-flush-create small from=failed "part=$(((seed + n) % 3))/3" \
      "samples=$((rounds * 2))" "exhaustive=$((rounds * 16))"
    [ "$states" -gt "$before" ] || break
  done
  [ "$n" -gt 1 ] || fail "no flush of kind $kind failed"
done
result lmdb-failed-flush-create "$states" "$bad"
