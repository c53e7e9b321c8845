#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Processes that write all the time, and one that waits for LMDB's writer lock beside them, which they would keep it out
# of for as long as they like.  How long it waits is counted in commits: a wait in ms says how busy the machine is.  Then
# the one that waits is killed, or stopped, and the lock file says that somebody waits who never was.
#
# Promise lmdb-turns: lmdb | another process writes all the time, with many threads | whoever waits has its turn after at
#   most 64 more commits of each, and one more where that takes half a millisecond
# Promise lmdb-turn-left: lmdb | a process that waits is killed or stopped | others go on, once after 0.2 s
# Promise lmdb-turn-lost: lmdb | the lock is let go by one that does not know of a process that sleeps until it is | that process goes on at the end of the next transaction, committed, undone or killed
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-20}
turns() { timeout 240 "$programs/turns" "$@"; }

# beside OVERTAKES KIND PROCESSES THREADS: each of the processes goes before the one that waits OVERTAKES times at most,
# and may have been about to begin when that came.  The first has held the lock.
tried=0
beside() {
  local said most middle bound=$((($1 + 1) * $3 - 1))
  said=$(turns "lmdb:$work/$*?durability=$durability" beside "$2" "$3" "$4" "$rounds" 2>&1) || fail "$*: $said"
  read -r most middle <<<"$said"
  echo "$durability, $*: $most commits came before it at most, $middle in the middle, $bound may"
  [ "$most" -le "$bound" ] || fail "$durability, $*: it was kept out for $most commits"
  tried=$((tried + rounds))
}
for durability in sync nosync; do
  beside 64 single 1 1
  beside 64 single 1 64
  beside 64 single 3 4
  beside 64 explicit 1 1
  beside 1 slow 1 1
  beside 1 slow 1 4
  beside 1 slow 3 2
done
result lmdb-turns "$tried" 0

tried=0
for how in kill stop kill stop; do
  said=$(turns "lmdb:$work/left-$tried?durability=nosync" left "$how" 2>&1) || fail "$how: $said"
  echo "$how: the longest write of the others took $said ms"
  tried=$((tried + 1))
done

# What a power cut may leave in the lock file, and a process of that number that does not wait: 1 is always there.
at=$((64 * 254 + 24))
for bytes in '\377\377\377\377' '\001\000\000\000' '\000\000\000\200'; do
  store=$work/odd-$tried
  "$HOLDFAST_BIN" put "$store" signal a 1 >/dev/null
  for place in 0 1 2 3 4 5 6 7 8 9; do
    printf '%b' "$bytes" | dd of="$store/lock.mdb" bs=1 seek=$((at + 4 * place)) conv=notrunc status=none
  done
  cat >"$work/write.lua" <<'LUA'
local store = require("holdfast").PersistBase("signal", arg[1])
for i = 1, 300 do store:writeValue("b" .. i, i) end
print(store:count())
LUA
  said=$(timeout 60 "$HOLDFAST_BIN" run "$work/write.lua" "$store" 2>&1)
  [ "$said" = 301 ] || fail "with odd bytes in the lock file: $said"
  left=$(od -v -An -tu4 -j $at -N 40 "$store/lock.mdb" | tr -d ' 0\n')
  [ -z "$left" ] || fail "the lock file still has odd bytes: $left"
  tried=$((tried + 1))
done
result lmdb-turn-left "$tried" 0

# At kill -9 of a process that was just woken for the lock.  Nobody else comes and wakes the one that sleeps.
tried=0
for durability in sync nosync; do
  for how in commit abort kill; do
    said=$(turns "lmdb:$work/lost-$tried?durability=$durability" lost "$how" 2>&1) || fail "$durability, $how: $said"
    tried=$((tried + 1))
  done
done
result lmdb-turn-lost "$tried" 0
