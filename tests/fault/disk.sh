# SPDX-License-Identifier: MIT
#
# What the tests that cut the power of a real filesystem share; they source it in place of lib.sh.  The filesystem is an
# ext4 on a loop device, $work/disk, which lmdb/power_cut.c shuts down.  It needs root and loop mounts, so such a test runs
# only where HOLDFAST_TEST_POWER=1 asks for it.
# shellcheck shell=bash
: "${HOLDFAST_BUILD:?is the build folder}" "${HOLDFAST_SOURCE:?is the source folder}"
if [ "${HOLDFAST_TEST_POWER:-}" != 1 ]; then
  echo "skipped: set HOLDFAST_TEST_POWER=1 to cut the power of a loop device (needs root)"
  exit 77
fi
# A mount namespace of its own: nothing stays mounted when the test ends, however that happens.
if [ -z "${HOLDFAST_POWER_INSIDE:-}" ]; then
  HOLDFAST_POWER_INSIDE=1 exec unshare --mount bash "$0"
fi
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
disk=$work/disk

mount_disk() { mount -o loop "$work/image" "$disk"; }

# Those who have files open have not noticed yet, maybe, that they are alone.
unmount_disk() {
  for _ in $(seq 200); do
    ! umount "$disk" 2>"$work/in-use" || return 0
    sleep 0.05
  done
  fail "the disk is in use: $(cat "$work/in-use")"
}

# Mounts one that is empty.
new_disk() { mkfs.ext4 -q -F "$work/image" && mount_disk; }

# make_disk SIZE: makes the image; skips the test where that cannot be mounted.
make_disk() {
  mkdir "$disk"
  truncate -s "$1" "$work/image"
  new_disk 2>"$work/errors" || skip "no loop mounts: $(head -n 1 "$work/errors")"
  unmount_disk
}

cut_disk() { "$HOLDFAST_BUILD/tests/fault/lmdb/power_cut" "$disk"; }
