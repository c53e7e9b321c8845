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
if [ "${HOLDFAST_TEST_POWER:-}" != 1 ]; then
  echo "skipped: set HOLDFAST_TEST_POWER=1 to cut the power of a loop device (needs root)"
  exit 77
fi
# A mount namespace of its own: nothing stays mounted when the test ends, however that happens.
if [ -z "${HOLDFAST_POWER_INSIDE:-}" ]; then
  HOLDFAST_POWER_INSIDE=1 exec unshare --mount bash "$0"
fi
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"
# shellcheck source=tests/fault/ledger.sh
. "$HOLDFAST_SOURCE/tests/fault/ledger.sh"
data=$work/disk
# shellcheck source=tests/fault/postgres/durable_server.sh
. "$HOLDFAST_SOURCE/tests/fault/postgres/durable_server.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-6}
mkdir "$data"
truncate -s 400M "$work/image"
{ mkfs.ext4 -q -F "$work/image" && mount -o loop "$work/image" "$data"; } 2>"$work/errors" ||
  skip "no loop mounts: $(head -n 1 "$work/errors")"

# One cut, in the midst of writes, and the server again.  Sets $acknowledged.
cut_power() {
  begin_writing
  "$HOLDFAST_BUILD/tests/fault/lmdb/power_cut" "$data"
  kill_server
  wait "$writer" || true
  read_acknowledged
  # Its processes have files open until they have noticed that they are alone.
  for _ in $(seq 200); do
    ! umount "$data" 2>/dev/null || break
    sleep 0.05
  done
  mount -o loop "$work/image" "$data"
  start_server
}

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
