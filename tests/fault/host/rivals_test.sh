#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Two processes run a strategy each, on one symbol, and share a risk profile with one slot: never do both have it, and
# neither loses what the other has told.  In LMDB, where that is a transaction, and in files, where it is a lock.
#
# Promise host-two-processes: strategy host, lmdb and file | two processes share a risk profile with one slot | never
#   do both have it, and neither loses what the other has told
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rival() { "$HOLDFAST_BIN" run "$here/rivals.lua" "$@"; }

opened=0
for scheme in lmdb file; do
  store=$scheme:$work/$scheme
  pids=()
  for name in one other; do
    timeout 60 "$HOLDFAST_BIN" run "$here/rivals.lua" "$store" "$name" 3000 \
      >"$work/$name" 2>"$work/$name.errors" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || fail "$scheme: $(cat "$work"/*.errors)"; done
  one=$(cat "$work/one") other=$(cat "$work/other")
  if [ "$one" -le 20 ] || [ "$other" -le 20 ]; then fail "$scheme: they were no rivals: $one and $other"; fi
  rival check "$store" one other || fail "$scheme: see above"
  echo "$scheme: opened $one and $other times, never both at once"
  opened=$((opened + one + other))
done
result host-two-processes "$opened" 0
