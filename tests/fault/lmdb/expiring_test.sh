#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A program that writes entities that expire, and whose commits remove what has, is killed at random moments.  Then
# counts, hashes, indexes, the log of changes and the history agree with what is there, and what does not expire is
# there.
#
# Promise lmdb-expiry: lmdb, with what expires | kill -9 of a process whose commits remove it | nothing else is gone;
#   records, counts, indexes, the log of changes and the history agree
#
# HOLDFAST_FAULT_ROUNDS (5) and HOLDFAST_FAULT_SEED choose how often it is killed, and when.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-5}
store=$work/store
url="lmdb:$store?durability=nosync"
removed=0

"$HOLDFAST_BIN" put "$store" expiring keep '{"n":1,"u":-1}'
"$HOLDFAST_BIN" set "$store" changes=2000 history=true
"$HOLDFAST_BIN" index "$store" expiring n >/dev/null
"$HOLDFAST_BIN" index "$store" expiring u --unique >/dev/null
for ((round = 0; round < rounds; round++)); do
  "$programs/expiring" "$url" $((seed + round)) 2>"$work/log" &
  pid=$!
  sleep "$(random_delay 100 800)"
  kill -0 "$pid" 2>/dev/null || fail "seed $seed, round $round: the program ended by itself: $(cat "$work/log")"
  kill_now "$pid"
  timeout 60 "$HOLDFAST_BIN" verify "$store" >"$work/verify" 2>&1 || fail "seed $seed, round $round: $(cat "$work/verify")"
  [ "$("$HOLDFAST_BIN" get "$store" expiring keep)" = '{"n":1,"u":-1}' ] ||
    fail "seed $seed, round $round: what does not expire is gone"
  before=$("$HOLDFAST_BIN" stat "$store" --json | sed -n 's/.*"revision":\([0-9]*\).*/\1/p')
  [ "$before" -gt 1000 ] || continue
  timeout 30 "$HOLDFAST_BIN" watch "$store" expiring --from $((before - 1000)) --timeout 0 --json >"$work/changes"
  ! grep -q '"expire"' "$work/changes" || removed=$((removed + 1))
done
[ "$rounds" -lt 5 ] || [ "$removed" -gt 0 ] || fail "seed $seed: nothing that had expired was removed"
echo "$rounds kills; after $removed of them the log told of removals"
result lmdb-expiry "$rounds" 0
