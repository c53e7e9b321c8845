#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A file store on a disk that is full: as lmdb/full_disk_test.sh, a small filesystem of its own.
#
# Promise file-full-disk: file | the disk is full, or a file may not grow any more | the write is refused as "full",
#   the old document stays whole, and room that is made can be used
# Once: the disk is filled in the same way each time
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

isolate=(unshare --mount)
[ "$(id -u)" = 0 ] || isolate=(unshare --user --map-root-user --mount)
mkdir "$work/disk"
# shellcheck disable=SC2016 # the inner shell expands these
mounted() { "${isolate[@]}" sh -c 'mount -t tmpfs -o size=1m holdfast-test "$1" && shift && exec "$@"' sh "$work/disk" "$@"; }
mounted true 2>/dev/null || skip "a filesystem of its own cannot be mounted here"
n=$(mounted timeout 60 "$HOLDFAST_BIN" run "$here/ledger.lua" full "$work/disk/store")
echo "full after $n documents: the old values stayed, and room that was made could be used"

# A limit on the size of files, for a host that ignores SIGXFSZ.
cat >"$work/limit.lua" <<'LUA'
local holdfast = require "holdfast"
local store = holdfast.FilePersist("signal", arg[1])
store:writeValue("a", "small")
local ok, err = pcall(store.writeValue, store, "a", ("x"):rep(100000))
assert(not ok and err.code == "full", tostring(err))
assert(store:readValue("a") == "small")
LUA
(trap '' XFSZ && ulimit -f 16 && timeout 60 "$HOLDFAST_BIN" run "$work/limit.lua" "$work/limited")
result file-full-disk 3 0
