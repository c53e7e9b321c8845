#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Power cuts of a file store, enumerated: a store is made and changed in every way (also by batches, removal of all, and
# what goes to quarantine), and after each of its operations the states are built that a power cut may have left: all
# combinations of what was not flushed, up to a bound, and random ones beyond it.
#
# Promise file-power-cut: file, durability sync | power cut after any operation | each id has what was acknowledged last
# Promise file-power-cut-nometasync: file, durability nometasync | power cut after any operation | no document is torn
#
# Two controls leave the flushes of files, or of folders, out of account: then the same check must find damage.
#
# With durability sync every combination at every moment is looked at in each run.  With nometasync there are many more:
# HOLDFAST_FAULT_SEED chooses which moments and which random states; HOLDFAST_FAULT_STATES (256) up to how many
# combinations of a moment are all looked at, HOLDFAST_FAULT_PARTS (8) into how many runs the moments are divided.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

seed=${HOLDFAST_FAULT_SEED:-0} parts=${HOLDFAST_FAULT_PARTS:-8} most=${HOLDFAST_FAULT_STATES:-256}
mkdir "$work/root" "$work/states"

# life DURABILITY: records one.
life() {
  rm -rf "$work/root/new"
  IORECORD_ROOT=$work/root IORECORD_LOG=$work/log-$1 recorded "$programs/crash_states" live \
    "file:$work/root/new/store?durability=$1" || fail "the recorded process failed"
  rm -rf "$work/root/new"
}

# judge DURABILITY PARTS MOST SAMPLES [ignore=...]
judge() {
  "$programs/crash_states" judge "$work/log-$1" "$work/root" new/store "$work/states" "$1" "$seed" "${@:2}"
}

# look PROMISE DURABILITY PARTS MOST
look() {
  life "$2"
  judge "$2" "$3" "$4" 8 >"$work/result" || fail "seed $seed, $2: $(cat "$work/result")"
  states=$(sed -nE 's/.*states ([0-9]+), bad 0$/\1/p' "$work/result")
  [ "${states:-0}" -gt 200 ] || fail "only ${states:-no} states: $(cat "$work/result")"
  echo "$2: $(tail -n 1 "$work/result")"
  result "$1" "$states" 0
}

look file-power-cut sync 1 4096
grep -qE '^moments ([0-9]+) \(\1 whole\)' "$work/result" || fail "not all of it was looked at: $(cat "$work/result")"
look file-power-cut-nometasync nometasync "$parts" "$most"

for flushes in files folders; do
  if judge sync 16 16 2 "ignore=$flushes" >"$work/control"; then
    fail "control: without flushes of $flushes nothing is found: $(tail -n 1 "$work/control")"
  fi
  grep -q ', bad [1-9]' "$work/control" || fail "control: $(cat "$work/control")"
  echo "control, as if $flushes were not flushed: $(tail -n 1 "$work/control")"
done
