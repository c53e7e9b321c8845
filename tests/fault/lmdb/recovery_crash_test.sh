#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A crash in the recovery of a crash.  What the next process does that finds the state of a power cut (it makes the store
# again, sweeps what a making has left, puts what is damaged into quarantine) is recorded, and the power goes in the midst
# of that as well.
#
# Promise lmdb-recovery-crash: lmdb, durability sync | the power goes while the process that comes after a power cut opens the store | what was acknowledged is there, and nothing else
# Promise lmdb-kill-then-power-cut: lmdb, durability sync | a process is killed at any operation of making a store; the next one makes or opens it and writes; then the power goes | what was acknowledged is there
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/lmdb/states.sh
. "$here/states.sh"

every=$((rounds < 20 ? 20 / rounds : 1))
for scenario in small quarantine; do
  fresh
  writer "" $scenario "$seed" 1 5 || fail "$scenario: the recorded process failed"
  judged lmdb-recovery-crash $scenario "recovery=$programs/commits:$every" "part=$((seed % 4))/4" \
    "samples=$((rounds * 2))" "exhaustive=$((rounds * 16))"
done
result lmdb-recovery-crash "$states" "$bad"
fresh
seed=1 writer "" small 1 1 1
seed=1 controlled small "recovery=$programs/commits:7" ignore=files samples=1 exhaustive=4

count_again
kills=0 code=137
while [ "$code" = 137 ]; do
  fresh
  code=0
  { IORECORD_KILL=$((kills + 1)) writer "" small "$seed" 1 0; } 2>"$work/errors" || code=$?
  [ "$code" = 0 ] || [ "$code" = 137 ] || fail "kill $kills: it ended with $code: $(cat "$work/errors")"
  writer "" small "$seed" 1 2 || fail "killed before operation $((kills + 1)): the next process does not get on"
  judged lmdb-kill-then-power-cut small from=opened "part=$(((seed + kills) % 3))/3" \
    "samples=$((rounds * 2))" "exhaustive=$((rounds * 16))"
  kills=$((kills + 1))
done
[ "$kills" -ge 15 ] || fail "only $kills kills: the recorder does not see what it should"
result lmdb-kill-then-power-cut "$states" "$bad"
