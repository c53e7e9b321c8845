#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A power cut of the machine on which a Redis server runs: its folder is on an ext4 on a loop device, which is shut down
# in the midst of writes and mounted again.  With appendfsync always nothing that was acknowledged may be missing; with
# everysec it is measured.
#
# Runs only when HOLDFAST_TEST_POWER=1 asks for it.  HOLDFAST_FAULT_ROUNDS (8) cuts of each kind.
#
# Promise redis-power-cut: redis with appendfsync always | power cut of the server's machine, a real ext4 | what was
#   acknowledged is there once it runs again, transactions and batches are whole or absent
# Promise redis-power-cut-everysec: redis with appendfsync everysec | power cut of the server's machine, a real ext4 |
#   what is there is whole; lost counts the cuts that took what was acknowledged
# Needs HOLDFAST_TEST_POWER=1: it mounts loop devices, as root
# shellcheck source=tests/fault/disk.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/disk.sh"
# shellcheck source=tests/fault/ledger.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/ledger.sh"
data=$disk
# shellcheck source=tests/fault/redis/durable_server.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/redis/durable_server.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-8}
make_disk 64M

# Cuts the power $rounds times; what follows are the server's words.  Sets $lost.
cut_power() {
  lost=0 commits=0 step=0
  new_disk
  start_server "$@"
  for ((round = 0; round < rounds; round++)); do
    begin_writing
    cut_disk
    kill_now "$server"
    wait "$writer" || true
    read_acknowledged
    unmount_disk
    mount_disk
    start_server "$@"
    if ! step=$(judge "$acknowledged" $((acknowledged + 1))); then
      lost=$((lost + 1))
      step=$(judge 0 $((acknowledged + 1))) || fail "round $round: no state that ever was: $(cat "$work/errors")"
    fi
  done
  kill_now "$server"
  unmount_disk
  expect_commits "$rounds"
}

cut_power --appendonly yes --appendfsync always
[ "$lost" = 0 ] || fail "$lost of $rounds power cuts of a server that flushes took what was acknowledged"
echo "$rounds power cuts during $commits commits: nothing acknowledged was lost"
result redis-power-cut "$rounds" 0

cut_power --appendonly yes --appendfsync everysec
echo "$rounds power cuts of a server that flushes once a second during $commits commits: $lost took acknowledged ones"
result redis-power-cut-everysec "$rounds" "$lost"
[ "$lost" -gt 0 ] || fail "control: without a flush nothing was lost, so nothing was cut"
