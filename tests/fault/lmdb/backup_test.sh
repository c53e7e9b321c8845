#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Backups, restoring and compacting of LMDB stores: killed before each of their operations, and at random moments while
# another process writes; on a disk that is full; and in what order a file is flushed and takes its place.
#
# Promise lmdb-backup-kill: holdfast backup, restore, compact | kill -9 before any operation, and at any moment while
#   another process writes | the backup is the old one or the new one, whole; there is a store or none; the store has
#   all that was acknowledged; it can be done again, and nothing is left lying about
# Promise lmdb-compact-open: holdfast compact | processes that open the store, write to it and close it while its file is
#   exchanged again and again | each write that was acknowledged is there, and in the log of changes once; nobody is
#   refused
# Promise lmdb-backup-full-disk: holdfast backup, restore, compact | the disk is full | the last good backup stays, no
#   store is made, the store is as it was, and a sentence says so; where a compact copy has no room pages are given back
# Promise lmdb-backup-flush: holdfast backup, restore, compact | power cut | what takes a name is flushed before, its
#   folder after that (the order of the calls is looked at)
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

hf() { "$HOLDFAST_BIN" "$@"; }
# A store with N entities, of which most were removed, so that much of its file is free.
cat >"$work/fill.lua" <<'LUA'
local store = require("holdfast").PersistBase("s", "lmdb:" .. arg[1] .. "?durability=nosync")
local values, ids = {}, {}
for i = 1, tonumber(arg[2]) do
  values["i" .. i] = ("x"):rep(300)
  if i % 10 > 0 then ids[#ids + 1] = "i" .. i end
end
store:writeMany(values)
store:removeMany(ids)
for i = 1, 3 do store:writeValue("last", { n = i, by = arg[3] }) end
LUA
fill() { hf run "$work/fill.lua" "$1" "$2" "$3"; }
is() { hf export "$1" 2>/dev/null | cmp -s - "$2"; }
# sound STORE: its pages are, and all that was written is there.
sound() { hf verify "$1" >"$work/said" 2>&1 || fail "$1 is not sound: $(cat "$work/said")"; }
# clean FOLDER NAMES: nothing but these is in it.
clean() {
  local left
  left=$(find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort | tr '\n' ' ')
  [ "$left" = "$2" ] || fail "in $1 there is: $left"
}

fill "$work/old" 200 old
fill "$work/new" 300 new
for name in old new; do
  hf export "$work/$name" >"$work/$name.jsonl"
  hf backup "$work/$name" "$work/$name.hfb" >/dev/null
  rm "$work/$name/lock.mdb"
done

# ---- kill -9 before each operation

kills=0
begin() {
  rm -rf "${work:?}/at"
  mkdir "$work/at" "$work/at/store"
  cp "$work/new/data.mdb" "$work/at/store"
  cp "$work/old.hfb" "$work/at/b"
}
judge_backup() {
  cmp -s "$work/at/b" "$work/old.hfb" || { hf restore "$work/at/b" "$work/at/r" >/dev/null && is "$work/at/r" "$work/new.jsonl"; } ||
    fail "killed before operation $((kill)) of backup: the file is neither the old nor the new one"
  rm -rf "$work/at/r"
  hf backup "$work/at/store" "$work/at/b" >/dev/null || fail "it cannot be done again"
  clean "$work/at" "b store "
}
judge_restore() {
  if [ -e "$work/at/r/data.mdb" ]; then is "$work/at/r" "$work/old.jsonl" || fail "killed before operation $kill: half a store"; fi
  [ -e "$work/at/r/data.mdb" ] || hf restore "$work/at/b" "$work/at/r" >/dev/null || fail "it cannot be done again"
  is "$work/at/r" "$work/old.jsonl" || fail "it was done again, and is not what it was"
  sound "$work/at/r"
  clean "$work/at/r" "data.mdb lock.mdb "
}
judge_compact() {
  is "$work/at/store" "$work/new.jsonl" || fail "killed before operation $kill of compact: the store is not what it was"
  sound "$work/at/store"
  clean "$work/at/store" "data.mdb lock.mdb "
  hf compact "$work/at/store" >/dev/null || fail "it cannot be done again"
  is "$work/at/store" "$work/new.jsonl" || fail "compacted again, the store is not what it was"
}
declare -A words=([backup]="$work/at/store $work/at/b" [restore]="$work/at/b $work/at/r" [compact]="$work/at/store")
for command in backup restore compact; do
  for ((kill = 1; ; kill++)); do
    begin
    code=0
    # shellcheck disable=SC2086 # two words
    { IORECORD_ROOT=$work/at IORECORD_KILL=$kill recorded "$HOLDFAST_BIN" "$command" ${words[$command]} >/dev/null; } 2>"$work/errors" || code=$?
    "judge_$command"
    [ "$code" != 0 ] || break
    [ "$code" = 137 ] || fail "$command, kill $kill: it ended with $code: $(cat "$work/errors")"
    kills=$((kills + 1))
  done
  [ "$kill" -gt 5 ] || fail "only $kill operations of $command were seen"
done
echo "kill -9 before each of $kills operations: the old or the new one each time"

# ---- kill -9 while another process writes

cat >"$work/write.lua" <<'LUA'
local store, n = require("holdfast").PersistBase("s", arg[1]), tonumber(arg[2])
while true do
  n = n + 1
  store:writeValue("w" .. n % 50, { n = n, text = ("y"):rep(n % 700) })
  io.write(n, "\n")
  io.flush()
end
LUA
rounds=${HOLDFAST_FAULT_ROUNDS:-8} written=0 random=0
rm -rf "${work:?}/at"
mkdir "$work/at"
fill "$work/at/store" 20000 both
for round in $(seq "$rounds"); do
  "$HOLDFAST_BIN" run "$work/write.lua" "$work/at/store" "$written" >>"$work/acknowledged" 2>"$work/errors" &
  writer=$!
  sleep 0.05
  "$HOLDFAST_BIN" backup "$work/at/store" "$work/at/b" >/dev/null 2>&1 &
  first=$!
  "$HOLDFAST_BIN" compact "$work/at/store" >/dev/null 2>&1 &
  second=$!
  sleep "$(random_delay 1 $((round % 3 ? 60 : 300)))"
  case $((round % 4)) in 0) victims=("$writer" "$first" "$second") ;; 1) victims=("$first") ;; 2) victims=("$second") ;; *) victims=("$writer") ;; esac
  for pid in "${victims[@]}"; do
    ! kill -0 "$pid" 2>/dev/null || random=$((random + 1))
    kill_now "$pid"
  done
  wait "$first" "$second" 2>/dev/null || true
  kill_now "$writer"
  last=$(last_line "$work/acknowledged")
  [ "${last:-0}" -ge "$written" ] || fail "round $round: the writer wrote nothing: $(cat "$work/errors")"
  written=${last:-0}
  sound "$work/at/store"
  if [ "$written" != 0 ]; then # the next one may be there, too: it was not acknowledged
    seen=$(hf get "$work/at/store" s "w$((written % 50))" | sed 's/.*"n":\([0-9]*\).*/\1/')
    [ "$seen" -ge "$written" ] || fail "round $round: $written was acknowledged, and $seen is there"
    written=$((seen > written ? seen : written))
  fi
  if [ -e "$work/at/b" ]; then
    rm -rf "$work/at/r"
    hf restore "$work/at/b" "$work/at/r" >/dev/null || fail "round $round left a broken backup"
    sound "$work/at/r"
  fi
done
[ "$random" -gt 0 ] || fail "nothing was ever killed"
hf compact "$work/at/store" >/dev/null
clean "$work/at/store" "data.mdb lock.mdb "
echo "$random kills in $rounds rounds, $written writes acknowledged"
result lmdb-backup-kill $((kills + random)) 0

# ---- who opens the store while its file is exchanged

cat >"$work/open.lua" <<'LUA'
local holdfast, who, n = require "holdfast", arg[2], 0
math.randomseed(tonumber(arg[3]))
for _ = 1, tonumber(arg[4]) do
  local store = holdfast.PersistBase("s", arg[1])
  for _ = 1, math.random(3) do
    n = n + 1
    store:writeValue(who, n)
  end
  store:close()
  local stop = os.clock() + math.random() * 0.004
  while os.clock() < stop do end
end
print(n)
LUA
hf put "$work/open" s a 1
hf set "$work/open" changes=7d >/dev/null
workers=()
for who in a b c; do
  "$HOLDFAST_BIN" run "$work/open.lua" "$work/open" $who $((seed + ${#workers[@]})) $((rounds * 10)) >"$work/open.$who" 2>"$work/open.$who.errors" &
  workers+=($!)
done
exchanged=0
while kill -0 "${workers[@]}" 2>/dev/null; do
  said=$(hf compact "$work/open" --json)
  case $said in *'"exchanged":true'*) exchanged=$((exchanged + 1)) ;; esac
done
all=0
for who in a b c; do
  [ ! -s "$work/open.$who.errors" ] || fail "who opened it while it was compacted: $(head -n 3 "$work/open.$who.errors")"
  n=$(cat "$work/open.$who")
  [ "$(hf get "$work/open" s $who)" = "$n" ] || fail "$n was acknowledged, and there is $(hf get "$work/open" s $who)"
  all=$((all + n))
done
wait "${workers[@]}"
logged=$(hf stat "$work/open" --json | sed 's/.*"changes":{[^}]*"entries":\([0-9]*\).*/\1/')
[ "$logged" = "$all" ] || fail "$all writes were acknowledged, and the log has $logged"
sound "$work/open"
[ "$exchanged" -gt 5 ] || fail "its file was exchanged $exchanged times only"
echo "$exchanged exchanges among $all writes"
result lmdb-compact-open "$exchanged" 0

# ---- a full disk

full=0
isolate=(unshare --mount)
[ "$(id -u)" = 0 ] || isolate=(unshare --user --map-root-user --mount)
mkdir "$work/disk"
cat >"$work/full.sh" <<'SH'
set -e
bin=$1 disk=$2 work=$3
mount -t tmpfs -o size=1200k holdfast-test "$disk"
mkdir "$disk/store"
cp "$work/new/data.mdb" "$disk/store"
cp "$work/old.hfb" "$disk/b"
"$bin" export "$disk/store" | cmp - "$work/new.jsonl"
dd if=/dev/zero of="$disk/rest" bs=4k 2>/dev/null || true
fails() {
  code=0
  "$@" >/dev/null 2>"$work/sentence" || code=$?
  [ "$code" = 3 ] || { echo "exit code $code of $*"; exit 1; }
  grep -q "No space left" "$work/sentence" || { cat "$work/sentence"; exit 1; }
}
fails "$bin" backup "$disk/store" "$disk/b"
cmp "$disk/b" "$work/old.hfb"
[ ! -e "$disk/b.holdfast-new" ] || { ls -A "$disk"; exit 1; }
fails "$bin" restore "$disk/b" "$disk/r"
[ ! -e "$disk/r/data.mdb" ] || { echo "a store was made"; exit 1; }
"$bin" compact "$disk/store" >"$work/compacted"
grep -q "the disk has no room for a compact copy" "$work/compacted" || { cat "$work/compacted"; exit 1; }
"$bin" export "$disk/store" | cmp - "$work/new.jsonl"
"$bin" verify "$disk/store" >/dev/null
# What was given back is room for others.
dd if=/dev/zero of="$disk/more" bs=4k count=4 2>/dev/null
SH
if "${isolate[@]}" mount -t tmpfs holdfast-test "$work/disk" 2>/dev/null; then
  "${isolate[@]}" sh "$work/full.sh" "$HOLDFAST_BIN" "$work/disk" "$work" >"$work/said" 2>&1 ||
    fail "on a full disk: $(cat "$work/said")"
  echo "on a full disk all stayed as it was"
  full=3
fi
result lmdb-backup-full-disk "$full" 0

# ---- the order of flushes

traced=0
# order FILE PATTERNS...: whether the calls begin so, in this order, among those that were traced.
order() {
  local at=0 line pattern
  for pattern in "${@:2}"; do
    line=$(tail -n +$((at + 1)) "$1" | grep -n -m 1 -- "$pattern" | cut -d: -f1) || true
    [ -n "$line" ] || fail "not in its place: $pattern in $(cat "$1")"
    at=$((at + line))
  done
}
if strace -o "$work/probe" true 2>/dev/null; then
  begin
  for command in backup restore compact; do
    # shellcheck disable=SC2086 # two words
    strace -f -y -e trace=fsync,fdatasync,rename,renameat,renameat2 -o "$work/calls" "$HOLDFAST_BIN" "$command" ${words[$command]} >/dev/null
    sed "s|$work/at||g" "$work/calls" >"$work/$command.order"
  done
  order "$work/backup.order" 'fsync(.*</b.holdfast-new>)' 'rename("/b.holdfast-new", "/b")' 'fsync(.*<>)'
  order "$work/restore.order" 'fsync(.*</r/.holdfast-new-.*/data.mdb>)' 'rename.*"/r/.holdfast-new-.*/data.mdb", .*"/r/data.mdb"' 'fsync(.*</r>)'
  order "$work/compact.order" 'fsync(.*</store/.holdfast-new-.*/data.mdb>)' 'rename("/store/.holdfast-new-.*/data.mdb", "/store/data.mdb")' 'fsync(.*</store>)'
  echo "flushed, renamed, and the folder flushed"
  traced=3
fi
result lmdb-backup-flush "$traced" 0
