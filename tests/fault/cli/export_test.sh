#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Backups under fault: on a disk that runs full, under kill -9 at any moment, and in what order a new one is flushed
# and renamed.  The last good one must be there, whole, until the new one is.
#
# Promise backup-full-disk: holdfast export -o | the disk runs full | the last good backup stays as it was, and no
#   piece is left
# Promise backup-kill: holdfast export -o | kill -9 at any moment | the backup is whole, the old one or the new one
# Promise backup-flush: holdfast export -o | power cut | the new backup is flushed before it takes the name of the old
#   one, its folder after that (the order of the calls is looked at)
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

lines() { for i in $(seq "$1"); do echo "{\"entity\":\"s\",\"id\":\"i$i\",\"value\":{\"n\":$i}}"; done; }
lines 10000 | "$HOLDFAST_BIN" import "$work/store" --durability nosync >"$work/imported"

# ---- a full disk

full=0
isolate=(unshare --mount)
[ "$(id -u)" = 0 ] || isolate=(unshare --user --map-root-user --mount)
mkdir "$work/disk"
cat >"$work/full.sh" <<'SH'
set -e
mount -t tmpfs -o size=500k holdfast-test "$2"
"$1" export "$3" --limit 5000 -o "$2/backup.jsonl"
cp "$2/backup.jsonl" "$4"
code=0
"$1" export "$3" -o "$2/backup.jsonl" || code=$?
[ "$code" = 3 ] || { echo "exit code $code"; exit 1; }
cmp "$2/backup.jsonl" "$4"
[ "$(ls -A "$2")" = backup.jsonl ] || { ls -A "$2"; exit 1; }
SH
if "${isolate[@]}" mount -t tmpfs holdfast-test "$work/disk" 2>/dev/null; then
  "${isolate[@]}" sh "$work/full.sh" "$HOLDFAST_BIN" "$work/disk" "$work/store" "$work/good" 2>"$work/said" ||
    fail "on a full disk: $(cat "$work/said")"
  grep -q "which is as it was: No space left" "$work/said" || fail "it said: $(cat "$work/said")"
  echo "on a full disk the last good one stayed"
  full=1
fi
result backup-full-disk "$full" 0

# ---- kill -9

mkdir "$work/backups"
"$HOLDFAST_BIN" export "$work/store" -o "$work/backups/b" >/dev/null
killed=0
for round in $(seq "${HOLDFAST_FAULT_ROUNDS:-12}"); do
  rm -f "$work/backups/b".*
  "$HOLDFAST_BIN" export "$work/store" -o "$work/backups/b" >/dev/null &
  pid=$!
  sleep "$(random_delay 1 $((round % 3 ? 50 : 400)))"
  if kill -0 "$pid" 2>/dev/null; then killed=$((killed + 1)); fi
  kill_now "$pid"
  "$HOLDFAST_BIN" import null: "$work/backups/b" >/dev/null || fail "round $round left a broken backup"
done
[ "$killed" -gt 0 ] || fail "it was never killed"
echo "killed $killed times, the backup was whole each time"
result backup-kill "$killed" 0

# ---- the order: the file is flushed, then renamed, then its folder flushed

traced=0
if strace -o "$work/probe" true 2>/dev/null; then
  strace -f -y -e trace=fsync,rename,renameat,renameat2 -o "$work/calls" \
    "$HOLDFAST_BIN" export "$work/store" --readonly -o "$work/backups/b" >/dev/null
  grep -o 'fsync([0-9]*<[^>]*/backups[^>]*>\|rename.*/backups/b"' "$work/calls" | sed "s|$work||g" >"$work/order"
  sed -n 1p "$work/order" | grep -q '^fsync(.*/backups/b\.[0-9]*\.new>$' || fail "first: $(cat "$work/order")"
  sed -n 2p "$work/order" | grep -q '^rename.*/backups/b\.[0-9]*\.new".*/backups/b"$' || fail "second: $(cat "$work/order")"
  sed -n 3p "$work/order" | grep -q '^fsync(.*/backups>$' || fail "third: $(cat "$work/order")"
  [ "$(wc -l <"$work/order")" = 3 ] || fail "more: $(cat "$work/order")"
  echo "flushed, renamed, and the folder flushed"
  traced=1
fi
result backup-flush "$traced" 0
