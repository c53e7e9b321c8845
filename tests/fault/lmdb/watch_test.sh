#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Three writers and three watchers of one store, killed and stopped at random moments and begun again (watch.c).  What a
# commit changes follows from its number, so that a watcher knows what has to come next.  Every second store keeps so
# short a log that watchers are told that it does not reach back to where they were.
#
# Promise lmdb-watch: lmdb, those who watch a store | kill -9 and stops of writers and watchers, again and again | every
#   change is handed out once and in order, none of a commit without the others, and who comes too late is told
#
# HOLDFAST_FAULT_ROUNDS (70) and HOLDFAST_FAULT_SEED choose how often and when.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-70}
storm() {
  mkdir "$work/$3"
  timeout 1800 "$programs/watch" "$work/$3" "$seed" "$1" "$2"
}

# Watchers that lie must be found, or nothing is shown.
for plant in skip twice; do
  if storm 60 $plant $plant >"$work/said" 2>&1; then fail "watchers that $plant a commit were not found"; fi
  grep -q '^watcher' "$work/said" || fail "$plant: $(cat "$work/said")"
done
echo "watchers that go on too late, or too early, were found"

said=$(storm "$rounds" "" true 2>&1) || fail "$said"
read -r kills stops commits changes compacted <<<"$said"
[ "$commits" -gt "$rounds" ] || fail "only $commits commits in $rounds rounds"
echo "$kills kills and $stops stops during $commits commits: $changes changes handed out once and in order; $compacted times it was too late"
result lmdb-watch $((kills + stops)) 0
