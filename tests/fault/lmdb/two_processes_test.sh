#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Processes that use one store at the same time: two in C and two in Lua add to the same counters by compare and swap and
# write entities of their own, while another one iterates; every success must be in the sums.  The store begins with a map
# so small that it has to grow under them.  Then: several processes make the same fresh store at the same moment.
#
# Promise lmdb-two-processes: lmdb | four processes change the same entities at once, and a fifth reads | no change is
#   lost, and each scan sees whole entities
# Promise lmdb-two-makers: lmdb | several processes make the same store at once | there is one store, and nothing is
#   lost
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

base="lmdb:$work/store?mapsize=1m" n=${HOLDFAST_FAULT_INCREMENTS:-1500}

coproc WATCH { exec "$programs/race" watch "$base" "$work/stop"; }
# shellcheck disable=SC2153 # bash sets it
watcher=$WATCH_PID
exec {watched}<&"${WATCH[0]}"
read -r -t 30 _ <&"$watched" || fail "the watching process did not begin"

pids=()
for name in c1 c2; do
  "$programs/race" count "$base" "$name" "$n" >"$work/$name" &
  pids+=($!)
done
for name in lua1 lua2; do
  timeout 120 "$HOLDFAST_BIN" run "$here/race.lua" "$base" "$name" "$n" >"$work/$name" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a writer failed"; done
touch "$work/stop"
read -r -t 30 scans <&"$watched" || fail "the watching process failed"
wait "$watcher" || fail "the watching process failed"

"$programs/race" check "$base" "c1=$n" "c2=$n" "lua1=$n" "lua2=$n"
conflicts=$(($(cat "$work/c1") + $(cat "$work/c2") + $(cat "$work/lua1") + $(cat "$work/lua2")))
[ "$conflicts" -gt 0 ] || fail "no two writers ever met: nothing was shown"
[ "$scans" -gt 3 ] || fail "only $scans scans meanwhile"
timeout 30 "$HOLDFAST_BIN" verify "$work/store" >"$work/verify" 2>&1 || fail "$(cat "$work/verify")"
echo "4 writers (C and Lua), $((n * 12)) increments with $conflicts conflicts: none lost; $scans whole scans meanwhile"

result lmdb-two-processes "$conflicts" 0

rounds=${HOLDFAST_FAULT_ROUNDS:-20}
"$programs/race" create "$work/fresh" "$rounds"
result lmdb-two-makers "$rounds" 0
