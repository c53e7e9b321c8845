#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A power cut of the machine on which a PostgreSQL server runs: its folder is on an ext4 on a loop device, which is shut
# down in the midst of writes and mounted again.  Nothing that was acknowledged may be missing.  Control: with
# synchronous_commit off something is, and the same check says so.
#
# Runs only when HOLDFAST_TEST_POWER=1 asks for it.  HOLDFAST_FAULT_ROUNDS (6) cuts.
#
# Promise postgres-power-cut: postgres, as it comes | power cut of the server's machine, a real ext4 | what was
#   acknowledged is there once it runs again, transactions and batches are whole or absent
# Needs HOLDFAST_TEST_POWER=1: it mounts loop devices, as root
# shellcheck source=tests/fault/disk.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/disk.sh"
# shellcheck source=tests/fault/ledger.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/ledger.sh"
data=$disk
# shellcheck source=tests/fault/postgres/durable_server.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/postgres/durable_server.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-6}
make_disk 400M

# One cut, in the midst of writes, and the server again.  Sets $acknowledged.
cut_power() {
  begin_writing
  cut_disk
  kill_server
  wait "$writer" || true
  read_acknowledged
  unmount_disk
  mount_disk
  start_server
}

new_disk
make_server
for ((round = 0; round < rounds; round++)); do
  cut_power
  expect_acknowledged "round $round"
done
expect_commits "$rounds"
echo "$rounds power cuts during $commits commits: nothing acknowledged was lost"
result postgres-power-cut "$rounds" 0

kill -INT "$server"
wait "$server" || true
start_server -c synchronous_commit=off
cut_power
if judge "$acknowledged" $((acknowledged + 1)) >/dev/null; then
  fail "control: a server that does not flush has lost nothing"
fi
echo "control: a server that answers before it flushes has lost something, which is noticed"
