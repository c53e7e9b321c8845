#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Kill storms: several writers in C and Lua, a reader of snapshots, a process that opens and closes the store all the
# time, and one that changes its settings, all killed or stopped at random moments and begun again (storm.h says what
# they do and how it is judged).  The stores grow from the smallest map; some have a size limit that is raised while
# they work.
#
# Promise lmdb-kill-storm: lmdb, several writers at once | kill -9 and stops at any moment, again and again | what was acknowledged is there, nothing halved or not begun, and those who live go on
#
# HOLDFAST_FAULT_ROUNDS (36) and HOLDFAST_FAULT_SEED choose how often and when.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-36}
seed=${HOLDFAST_FAULT_SEED:-$$}
storm() { timeout 1800 "$programs/storm" "$work/storm" "$seed" "$1" "$here/storm.lua" "${@:2}"; }

# Writers that lie must be found, or the judge sees nothing.
for plant in early split; do
  if storm 60 "$plant" >"$work/said" 2>&1; then fail "seed $seed: writers that lie ($plant) were not found"; fi
  grep -Eq 'acknowledged|counter' "$work/said" || fail "seed $seed, $plant: $(cat "$work/said")"
done
echo "writers that acknowledge too early, and transactions that are none, were found"

said=$(storm "$rounds" 2>&1) || fail "seed $seed: $said"
read -r kills stops acknowledged stores slowest <<<"$said"
[ "$acknowledged" -gt "$rounds" ] || fail "seed $seed: only $acknowledged steps in $rounds rounds"
echo "$kills kills and $stops stops during $acknowledged commits in $stores stores: none lost, none halved; the slowest opening took $slowest ms"
result lmdb-kill-storm $((kills + stops)) 0
