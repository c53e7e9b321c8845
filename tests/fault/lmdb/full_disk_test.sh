#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A disk that is full: a small filesystem in memory, mounted in a mount namespace of its own, so that it is gone with the
# test.  io_errors.c does the work.  Where neither root nor a user namespace may mount, this test says so.
#
# Promise lmdb-full-disk: lmdb | the disk is full | making a store or a write is refused as "full" and changes
#   nothing; what was there is read, and writing goes on once there is room
# Once: the disk is filled in the same way each time
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

isolate=(unshare --mount)
[ "$(id -u)" = 0 ] || isolate=(unshare --user --map-root-user --mount)
mkdir "$work/disk"
# shellcheck disable=SC2016 # the inner shell expands these
mounted() { "${isolate[@]}" sh -c 'mount -t tmpfs -o size=2m holdfast-test "$1" && shift && exec "$@"' sh "$work/disk" "$@"; }
mounted true 2>/dev/null || skip "a filesystem of its own cannot be mounted here"
mounted timeout 60 "$programs/io_errors" full "$work/disk" | tee "$work/said"
tried=$(sed -nE 's/^full disk: ([0-9]+) makings .*; ([0-9]+) writes refused.*/\1 + \2/p' "$work/said")
result lmdb-full-disk $((tried)) 0
