#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Up to 64 threads of each of three processes write, remove and read the same few ids of a store, with and without
# conditions, one by one, in batches and in transactions, and are killed at random moments.  Each call is noted before it
# is made and when it is answered (together.h); the notes are checked for an order that explains every answer
# (../linear.h): nothing that was acknowledged is missing, no condition held that did not, what is refused names what was
# there, and nobody saw what was not committed, or a part of what shares a commit.
#
# Promise lmdb-together: lmdb, up to 192 threads that change the same ids, with conditions and without | kill -9 at any moment, again and again | one order explains every answer, and what was acknowledged is in it
# Promise lmdb-together-limit: the same | kill -9, and a store that is full again and again | the same; what did not fit has not happened
# Promise lmdb-together-flush: lmdb, up to 64 threads of one process that do so | kill -9, and flushes of pages and headers that fail | the same; what was told that it may have happened has, or has not
# Promise lmdb-together-memory: lmdb, up to 192 threads that do so | kill -9, and allocations that fail for whichever call they are made | the same
#
# HOLDFAST_FAULT_ROUNDS (16) kills each, and HOLDFAST_FAULT_SEED.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-16}
export IORECORD_ROOT=$work/together

together() { timeout 600 "$programs/together" "$work/together" "$seed" "$@"; }

# together() with the library that lets things fail.
struck() {
  case $2 in
  flush) recorded together "$@" ;;
  memory)
    LD_PRELOAD=$HOLDFAST_BUILD/tests/fault/callfail_preload.so \
      ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" together "$@"
    ;;
  *) together "$@" ;;
  esac
}

# Threads that lie must be found, or the checker sees nothing.
for plant in early lost twice apart left halves parted forgotten; do
  if together 24 kill $plant >"$work/said" 2>&1; then fail "threads that lie ($plant) were not found"; fi
  grep -Eq 'no order|saw|wrote|changed' "$work/said" || fail "$plant: $(cat "$work/said")"
done
echo "threads that acknowledge too early, or what they did not do, or did apart, were found"

for fault in kill limit flush memory; do
  said=$(struck "$rounds" $fault 2>&1) || fail "$fault: $said"
  read -r kills calls writes shared largest unknown faults <<<"$said"
  [ "$writes" -gt $((rounds * 20)) ] || fail "$fault: only $writes writes in $rounds rounds"
  [ "$faults" -gt 0 ] || [ $fault = kill ] || [ $fault = limit ] || fail "$fault: nothing failed"
  echo "$fault: $kills kills and $faults failures during $calls calls of which $unknown have no answer: all are explained;" \
    "$shared commits had several writes in them, up to $largest"
  name=lmdb-together-$fault
  result "${name%-kill}" $((kills + faults)) 0
done
