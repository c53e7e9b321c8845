#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Several processes write to a collection that has indexes, one of them unique; another makes and drops indexes over it
# again and again, and one compares indexes with entities, and answers with those of loops that decode everything.  All
# are killed, or only some of them, and begun again.  After each kill everything is compared once more, and what was
# being built is gone on with.
#
# Promise lmdb-index: lmdb, several writers, while indexes are built and dropped | kill -9 at any moment, again and again | each index agrees with the entities, conditions give what a loop over everything gives, a unique value is there once, and what was being built is gone on with
#
# HOLDFAST_FAULT_ROUNDS (12) and HOLDFAST_FAULT_SEED choose how often and when.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-12} base="lmdb:$work/store?durability=nosync&mapsize=1m"

index() { timeout 300 "$HOLDFAST_BIN" run "$here/index.lua" "$@"; }

# start NAME VERB: into the array of that name's process.
declare -A running=()
start() {
  launched=$((launched + 1))
  "$HOLDFAST_BIN" run "$here/index.lua" "$2" "$base" $((seed * 1000 + launched)) "$work/stop" >"$work/out-$1" 2>&1 &
  running[$1]=$!
}

# Those who end by themselves have found something.
alive() {
  local name
  for name in "${!running[@]}"; do
    kill -0 "${running[$name]}" 2>/dev/null || fail "$name ended: $(cat "$work/out-$name")"
  done
}

launched=0 kills=0 unfinished=0 seen=0
index make "$base" "$seed" || fail "the store was not made"
HOLDFAST_PLANT=leaves index judge "$base" "$seed" >"$work/said" 2>&1 && fail "a loop that leaves one out was not found"
grep -q 'the answer' "$work/said" || fail "$(cat "$work/said")"

for round in $(seq "$rounds"); do
  for name in writer1 writer2 writer3; do [ -n "${running[$name]:-}" ] || start $name write; done
  [ -n "${running[builder]:-}" ] || start builder build
  [ -n "${running[reader]:-}" ] || start reader look
  sleep "$(random_delay 60 900)"
  alive
  # All of them, or only the builder and a writer, while the others go on.
  if [ $((round % 3)) = 0 ]; then names="builder writer1"; else names="${!running[*]}"; fi
  for name in $names; do
    kill_now "${running[$name]}"
    unset "running[$name]"
    kills=$((kills + 1))
  done
  index judge "$base" "$seed" >"$work/said" 2>&1 || fail "round $round: $(cat "$work/said")"
  read -r count broken <"$work/said"
  seen=$((seen + count)) unfinished=$((unfinished + broken))
done

touch "$work/stop"
for name in "${!running[@]}"; do
  wait "${running[$name]}" || fail "$name: $(cat "$work/out-$name")"
done
timeout 120 "$HOLDFAST_BIN" verify "$work/store" >"$work/verify" 2>&1 || fail "$(cat "$work/verify")"
[ "$seen" -gt "$rounds" ] || fail "only $seen indexes were there in $rounds rounds: nothing was shown"
echo "$kills kills; $seen indexes compared, of which $unfinished were not built to the end"
result lmdb-index "$kills" 0
