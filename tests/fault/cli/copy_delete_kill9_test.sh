#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments of `copy --delete`, run again and again with and without --resume, between stores that change
# in between: a target never lacks what the source had before the copy and has after it once a copy has ended, however
# many were killed before; and whoever runs the command to its end has an equal store.
#
# HOLDFAST_FAULT_ROUNDS (2) and HOLDFAST_FAULT_SEED choose how often and when.
#
# Promise copy-delete-kill: holdfast copy --delete, lmdb and file | kill -9 at any moment, again and again | the
#   target never lacks what both had before, and a copy that ends has made them equal
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-2}
export XDG_STATE_HOME=$work/state

# Lines for import: numbers from $1 to $2 under each of three names, with the value $3.
lines() {
  awk -v from="$1" -v to="$2" -v value="$3" 'BEGIN {
    split("candle order signal", names, " ")
    for (n = 1; n <= 3; n++)
      for (i = from; i <= to; i++) printf "{\"entity\":\"%s\",\"id\":\"BTC/USDT:%d\",\"value\":%d}\n", names[n], i, value
  }'
}

ids() { "$HOLDFAST_BIN" export "$1" | sed 's/,"value".*//'; }

# Mirrors $1 to $2 until that ends by itself, being killed on the way; longer from attempt to attempt.
mirror() {
  local attempt=0 pid status kills=0 resume
  while :; do
    attempt=$((attempt + 1))
    resume=()
    [ $((RANDOM % 2)) = 0 ] || resume=(--resume)
    "$HOLDFAST_BIN" copy "$1" "$2" --delete --durability nosync "${resume[@]}" >"$work/out" 2>"$work/errors" &
    pid=$!
    sleep "$(random_delay 5 $((40 + attempt * 30)))"
    status=0
    if kill -9 "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
    wait "$pid" 2>/dev/null || status=$?
    [ "$status" = 137 ] || break
    # What both have had all the time is there, whatever was interrupted.
    ids "$2" >"$work/present"
    comm -23 "$work/both" <(sort "$work/present") >"$work/lost"
    [ ! -s "$work/lost" ] || fail "seed $seed: a killed copy took $(head -n 3 "$work/lost")"
    [ "$attempt" -lt 200 ] || fail "seed $seed: it never ended"
  done
  [ "$status" = 0 ] || fail "seed $seed: status $status: $(cat "$work/errors")"
  total_kills=$((total_kills + kills))
  "$HOLDFAST_BIN" copy "$1" "$2" --verify-only >"$work/out" 2>&1 || fail "seed $seed: not equal: $(cat "$work/out")"
  cmp -s <("$HOLDFAST_BIN" export "$1") <("$HOLDFAST_BIN" export "$2") || fail "seed $seed: the exports differ"
}

total_kills=0 at_deletion=0
for kind in lmdb file; do
  source=lmdb:$work/$kind-source target=$kind:$work/$kind-target
  size=$([ "$kind" = lmdb ] && echo 6000 || echo 600)
  for ((round = 0; round < rounds; round++)); do
    # The source drops a third, changes a third and gets a new one; the target has what the source no longer has.
    rm -rf "$work/$kind-source"
    lines $((round * size / 3)) $((round * size / 3 + size)) "$round" |
      "$HOLDFAST_BIN" import "$source" --durability nosync >/dev/null
    "$HOLDFAST_BIN" put "$target" ghosts "ghost $round" 1
    ids "$target" | sort >"$work/before"
    ids "$source" | sort | comm -12 - "$work/before" >"$work/both"
    mirror "$source" "$target"
    ! "$HOLDFAST_BIN" get "$target" ghosts "ghost $round" >/dev/null 2>&1 || fail "seed $seed: a ghost has stayed"
  done

  # Once all that is to be copied is there, every kill hits the deletion.
  for ((round = 0; round < rounds; round++)); do
    lines 1000000 $((1000000 + size)) 0 | "$HOLDFAST_BIN" import "$target" --durability nosync >/dev/null
    before=$(ids "$target" | wc -l)
    ids "$source" | sort >"$work/both"
    while :; do
      "$HOLDFAST_BIN" copy "$source" "$target" --delete --durability nosync >/dev/null 2>"$work/errors" &
      pid=$!
      for ((i = 0; i < 2000; i++)); do
        [ "$(ids "$target" | wc -l)" -lt "$before" ] && break
        kill -0 "$pid" 2>/dev/null || break
      done
      kill_now "$pid"
      after=$(ids "$target" | wc -l)
      comm -23 "$work/both" <(ids "$target" | sort) >"$work/lost"
      [ ! -s "$work/lost" ] || fail "seed $seed: a killed deletion took $(head -n 3 "$work/lost")"
      [ "$after" -gt "$(wc -l <"$work/both")" ] || break
      [ "$after" -lt "$before" ] && at_deletion=$((at_deletion + 1))
      before=$after
    done
    mirror "$source" "$target"
  done
done

[ "$total_kills" -gt 0 ] || fail "seed $seed: it was never killed"
echo "$total_kills kills, $at_deletion of others between two batches of a deletion: every mirror ended equal"
result copy-delete-kill $((total_kills + at_deletion)) 0
