#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every state that a power cut may leave in the midst of small commits: single writes, batches, removals, transactions
# over several names, nested ones, clearing, values larger than a page, a map that grows, quarantine, settings.  Of what
# is not flushed any part may be on the disk (../crash_tree.h says what is supposed of it): where that is little, every
# combination of pages, and of sectors, is looked at.
#
# Promise lmdb-power-states: lmdb, durability sync | a power cut at any moment, with any part of the unflushed pages and sectors on the disk | what was acknowledged is there, a commit is whole or absent, nothing else is there, and writing goes on
# Promise lmdb-power-states-nometasync: lmdb, durability nometasync | the same | the store opens, whole, as it was after some commit; the last ones may be undone
# Promise lmdb-power-states-nosync: lmdb, durability nosync | the same | measured: a store that can be opened, as it was after some commit; lost counts those that are refused as damaged, or that are, unnoticed, a mixture of several commits
# Promise lmdb-torn-header: lmdb, durability sync | the disk tears the header within its sector, in any combination of words of 8 bytes | measured: nothing wrong is ever read; lost counts stores that are refused as damaged, or are as they were before the last commit
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/lmdb/states.sh
. "$here/states.sh"

for scenario in small large settings quarantine; do
  fresh
  writer "?mapsize=64k" $scenario "$seed" 1 9 || fail "$scenario: the recorded process failed"
  judged lmdb-power-states $scenario from=opened
done
result lmdb-power-states "$states" "$bad"

# The last commits of a log: two header pages' worth.
count_again
fresh
seed=1 writer "" small 1 1 3
seed=1 controlled small ignore=files samples=2 exhaustive=8
fresh
writer "" small "$seed" 1 7
judged lmdb-torn-header small only=headers sector=8 measure=1 "part=$((seed % 7))/7" "exhaustive=1024"
result lmdb-torn-header "$states" $((older + refused))
echo "of $states torn headers $refused are refused as damaged, $older are as before the last commit"

for durability in nometasync nosync; do
  count_again
  fresh
  writer "?durability=$durability&mapsize=64k" small "$seed" 1 9
  judged "lmdb-power-states-$durability" small from=opened "durability=$durability" "part=$((seed % 4))/4"
  echo "$durability: $older of $states states are older than the last acknowledged commit, $mixed a mixture of several"
  if [ $durability = nometasync ]; then
    [ "$refused" = 0 ] || fail "nometasync: $refused stores are damaged"
  fi
  result "lmdb-power-states-$durability" "$states" $((refused + mixed))
done
