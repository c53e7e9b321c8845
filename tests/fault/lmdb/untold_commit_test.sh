#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A commit is in data.mdb before lock.mdb tells of it.  A writer that is killed in between leaves one that no reader
# sees until somebody next takes the writer's lock, as long as another process has the store open, so that lock.mdb
# lives on.  Whoever takes over after a kill must not begin with what was before it: the first thing that the next
# process reads is what it still reads after somebody has written something else.
#
#  - kill -9 after each single operation of a commit.
#  - Control: after one of these kills, a process that opens the store read-only, and can take no lock, sees the old state.
#
# Promise lmdb-kill-untold: lmdb | kill -9 after each operation of a commit, while another process has the store open
#   | the next process, transaction or host sees at once what a later writer would bring to light
# Once: each operation of the same commit
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

mkdir "$work/root"
export IORECORD_ROOT=$work/root

# What a process finds that opens the store now.
found() { timeout 60 "$HOLDFAST_BIN" get "lmdb:$store$1" signal a/b 2>&1 || true; }

# Who looks first: a process that opens the store, or one that had it open all the time and looks in a transaction, or as
# a host does that takes over a position.
look() {
  if [ "$1" = opening ]; then
    found ""
  else
    echo "$1" >&"${HOLDER[1]}"
    read -r -t 60 answer <&"${HOLDER[0]}" || fail "the holder of the store said nothing"
    printf '%s' "$answer"
  fi
}

kills=0 looks=0 untold=0 newer=0 code=137
while [ "$code" = 137 ]; do
  for who in opening transaction host; do
    store=$work/root/store-$kills-$who
    "$HOLDFAST_BIN" put "lmdb:$store" signal a/b '"old"' >/dev/null
    coproc HOLDER { exec timeout 60 "$HOLDFAST_BIN" run "$here/untold_commit.lua" "lmdb:$store"; }
    holder=$HOLDER_PID
    read -r -t 60 _ <&"${HOLDER[0]}" || fail "the holder of the store did not open it"
    code=0
    { IORECORD_KILL_AFTER=$((kills + 1)) recorded "$HOLDFAST_BIN" put "lmdb:$store" signal a/b '"new"' >"$work/said"; } \
      2>"$work/errors" || code=$?
    if [ "$code" != 137 ]; then
      [ "$code" = 0 ] || fail "kill $kills: the process ended with $code: $(cat "$work/errors")"
      kill_now "$holder"
      break
    fi
    blind=$(found "?readonly=1")
    first=$(look $who)
    looks=$((looks + 1))
    "$HOLDFAST_BIN" put "lmdb:$store" other b 1 >/dev/null
    later=$(found "")
    [ "$first" = "$later" ] ||
      fail "killed after operation $((kills + 1)): $who read $first, and when another had written it was $later"
    case $later in
    '"old"') ;;
    '"new"') newer=$((newer + 1)) ;;
    *) fail "killed after operation $((kills + 1)): read $later" ;;
    esac
    [ "$blind" = "$later" ] || untold=$((untold + 1))
    kill_now "$holder"
  done
  [ "$code" != 137 ] || kills=$((kills + 1))
done
[ "$kills" -ge 3 ] || fail "only $kills kills: the recorder does not see what it should"
[ "$newer" -gt 0 ] || fail "no commit was in the file when its process was killed"
[ "$untold" -gt 0 ] || fail "control: every commit was told, so nothing was shown"
echo "kill -9 after each of $kills operations of a commit: $newer commits that were in the file are seen at once," \
  "$untold of them untold"
result lmdb-kill-untold "$looks" 0
