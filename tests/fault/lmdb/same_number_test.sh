#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A process is killed in a snapshot, while another one has the store open, and the next process has the same number, as a
# program in a container always has.  LMDB takes the slot of the dead reader for the new one's own: were it not cleared,
# nothing that is replaced from then on would make room, and a store with a limit would be full.
#
# Promise lmdb-same-number: lmdb | a process is killed in a snapshot, and the next one has its number | its reader slot is cleared, and room is used again
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

cat >"$work/holder.lua" <<'LUA'
local store = require("holdfast").PersistBase("signal", arg[1])
store:writeValue("a", 1)
io.stdout:setvbuf "line"
print "open"
io.read()
LUA
cat >"$work/reader.lua" <<'LUA'
local ffi = require "ffi"
ffi.cdef "int kill(int, int); int getpid(void);"
local store = require("holdfast").PersistBase("signal", arg[1])
store:snapshot(function()
  store:readValue "a"
  assert(ffi.C.getpid() == tonumber(arg[2]), "the number is another one")
  ffi.C.kill(ffi.C.getpid(), 9)
end)
LUA
cat >"$work/writer.lua" <<'LUA'
local ffi = require "ffi"
ffi.cdef "int getpid(void);"
assert(ffi.C.getpid() == tonumber(arg[2]), "the number is another one")
local store = require("holdfast").PersistBase("signal", arg[1])
for i = 1, 1000 do store:writeValue("x" .. i % 10, ("y"):rep(3000)) end
LUA
cat >"$work/inside.sh" <<'SH'
set -e
cd "$1"
store="lmdb:$1/store?maxsize=1m&durability=nosync"
mkfifo go
"$HOLDFAST_BIN" run holder.lua "$store" <go >said &
exec 9>go
while ! grep -q open said; do sleep 0.01; done
for number in 5000 6000 7000; do
  echo $((number - 1)) >/proc/sys/kernel/ns_last_pid
  "$HOLDFAST_BIN" run reader.lua "$store" $number 2>reader.errors || true
  [ "$("$2/ledger" readers "$1/store")" -ge 1 ] || { echo "no dead reader: $(cat reader.errors)"; exit 1; }
  echo $((number - 1)) >/proc/sys/kernel/ns_last_pid
  "$HOLDFAST_BIN" run writer.lua "$store" $number
done
SH
isolate=(unshare --pid --fork --mount-proc --kill-child)
[ "$(id -u)" = 0 ] || isolate+=(--user --map-root-user)
"${isolate[@]}" sh -c 'echo 4000 >/proc/sys/kernel/ns_last_pid' 2>/dev/null || skip "process numbers cannot be chosen here"
timeout 100 "${isolate[@]}" bash "$work/inside.sh" "$work" "$programs" >"$work/said" 2>&1 || fail "$(cat "$work/said")"
result lmdb-same-number 3 0
