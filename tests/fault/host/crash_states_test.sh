#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Power cuts of a strategy host, enumerated: one lives through a quarter of an hour in which everything happens
# (life.lua), and after each of its operations the states are built that a power cut may have left.  On each a real host
# goes on.  Events that were heard before and after are, together, those of a life in which nothing happens: each once by
# its id, with one content, in their order; slots of the risk profile are those of the open positions.
#
# Promise host-power-cut-lmdb: host, lmdb | power cut after any operation | no position is lost, doubled or revived
# Promise host-power-cut-file: host, file | power cut after any operation | no position is lost, doubled or revived
#
# A control leaves the flushes of files out of account: then the same check must find damage.
#
# HOLDFAST_FAULT_SEED chooses the moments and the random states; HOLDFAST_FAULT_PARTS (160) into how many runs the moments
# are divided, HOLDFAST_FAULT_STATES (64) up to how many combinations of a moment are all looked at.  In lmdb, where what
# happens in one minute is one commit, there are fewer moments: a quarter as many parts.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

seed=${HOLDFAST_FAULT_SEED:-0} parts=${HOLDFAST_FAULT_PARTS:-160} most=${HOLDFAST_FAULT_STATES:-64}
mkdir "$work/root" "$work/states"

# judge STORE PARTS MOST SAMPLES [ignore=...]
judge() {
  timeout 200 "$programs/crash_states" "$here/life.lua" "$work/log-${1%%:*}" "$work/root" "$1" "$work/states" "$seed" "${@:2}"
}

# look SCHEME PARTS
look() {
  local states
  IORECORD_ROOT=$work/root IORECORD_LOG=$work/log-$1 recorded "$HOLDFAST_BIN" run "$here/life.lua" live \
    "$1:$work/root/$1" || fail "the recorded host failed"
  rm -rf "${work:?}/root/$1"
  judge "$1:$1" "$2" "$most" 6 >"$work/result" || fail "seed $seed, $1: $(cat "$work/result")"
  states=$(sed -nE 's/.*states ([0-9]+), bad 0$/\1/p' "$work/result")
  [ "${states:-0}" -gt 20 ] || fail "only ${states:-no} states: $(cat "$work/result")"
  echo "$1: $(tail -n 1 "$work/result")"
  result "host-power-cut-$1" "$states" 0
}

look lmdb $(((parts + 3) / 4))
look file "$parts"

if judge file:file 500 8 1 ignore=files >"$work/control"; then
  fail "control: without flushes of files nothing is found: $(tail -n 1 "$work/control")"
fi
grep -q ', bad [1-9]' "$work/control" || fail "control: $(cat "$work/control")"
echo "control, as if files were not flushed: $(tail -n 1 "$work/control")"
