#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A power cut on a real filesystem: ext4 on a loop device is shut down in the midst of commits, mounted again, and looked
# at.  With durability sync nothing that was acknowledged may be missing.  The other two modes are measured: how many
# commits were lost, and how many stores could not be read any more.
#
# Needs root and loop mounts, so it runs only when HOLDFAST_TEST_POWER=1 asks for it.  HOLDFAST_FAULT_ROUNDS (20) cuts.
#
# Promise lmdb-power-cut: lmdb, durability sync | power cut of a real ext4 at any moment | what was acknowledged is
#   there, and the store opens
# Promise lmdb-power-cut-nometasync: lmdb, durability nometasync | power cut of a real ext4 at any moment | the store
#   opens and is whole, the last commits may be undone
# Promise lmdb-power-cut-nosync: lmdb, durability nosync | power cut of a real ext4 at any moment | nothing; lost
#   counts the stores that could not be read any more, or were not whole
# Needs HOLDFAST_TEST_POWER=1: it mounts loop devices, as root
# shellcheck source=tests/fault/disk.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/disk.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-20}
make_disk 64M

# One cut, with durability $1.  Sets $acknowledged, and $found: the step whose state is there.  That is "" if the store
# cannot be read or is not whole; with sync also if the state is from before the last acknowledged step.
# With $2 the kernel writes back shortly before, as it does by itself every few seconds.
cut_power() {
  local least=0
  new_disk
  "$programs/ledger" write "lmdb:$disk/store?durability=$1" 1 >"$work/acknowledged" 2>"$work/errors" &
  local pid=$!
  # In most rounds after the first commit, however long that takes on a busy machine.
  for _ in $(seq $((round % 4 * 200))); do
    [ ! -s "$work/acknowledged" ] || break
    sleep 0.01
  done
  sleep "$(random_delay 20 400)"
  [ -z "${2:-}" ] || { sync -f "$disk" && sleep "$(random_delay 0 30)"; }
  cut_disk
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.02
  done
  kill_now "$pid"
  acknowledged=$(last_line "$work/acknowledged")
  acknowledged=${acknowledged:-0}
  [ "$1" != sync ] || least=$acknowledged
  unmount_disk
  mount_disk
  found=$("$programs/ledger" check "lmdb:$disk/store" "$least" $((acknowledged + 1)) 2>"$work/errors") || found=""
  unmount_disk
}

commits=0
for ((round = 0; round < rounds; round++)); do
  cut_power sync
  [ -n "$found" ] || fail "sync, round $round, after step $acknowledged: $(cat "$work/errors")"
  commits=$((commits + acknowledged))
done
[ "$commits" -gt "$rounds" ] || fail "only $commits commits in $rounds rounds"
echo "sync: $rounds power cuts during $commits commits: nothing acknowledged was lost"
result lmdb-power-cut "$rounds" 0

for durability in nometasync nosync; do
  commits=0 losses=0 lost=0 unreadable=0
  for ((round = 0; round < rounds; round++)); do
    cut_power "$durability" "$([ $((round % 2)) = 0 ] || echo write-back)"
    commits=$((commits + acknowledged))
    if [ -z "$found" ]; then
      unreadable=$((unreadable + 1))
    elif [ "$found" -lt "$acknowledged" ]; then
      losses=$((losses + 1))
      lost=$((lost + acknowledged - found))
    fi
  done
  echo "$durability: $rounds power cuts during $commits commits: $losses lost $lost commits," \
    "$unreadable left no store that can be read or that is whole"
  result "lmdb-power-cut-$durability" "$rounds" "$unreadable"
  [ "$durability" = nosync ] || [ "$unreadable" = 0 ] || fail "$durability: $unreadable stores are not whole"
done
