#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The host in the model, killed at every moment of a short history: before and after each operation of its stores, in a
# transaction and between two, in listeners and in functions of the user; and in every recovery, and in the recovery from
# that, however many crashes follow one another.  README.md in this folder says how.
#
# Promise host-crash: a strategy host on memory, LMDB, files, a class without transactions, or two stores | killed at every moment, again at every moment of each recovery, and started at once | it tells the same events and stores the same as a host that nobody kills
# Promise host-crash-down: the same | killed at every moment, and started a minute later | no position is lost, doubled or opened again; each event is told; slots are those of what is open
#
# HOLDFAST_FAULT_SEED (1) chooses the market, HOLDFAST_FAULT_ROUNDS (10) is how many minutes the history has.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

seed=${HOLDFAST_FAULT_SEED:-1}
"$HOLDFAST_BIN" run "$here/model.lua" crashes "$work" "$seed" "${HOLDFAST_FAULT_ROUNDS:-10}" >"$work/out" || fail "seed $seed: $(cat "$work/out")"
grep -v '^tried ' "$work/out"
result host-crash "$(awk '$1 == "tried" && $2 == "crash" { print $3 }' "$work/out")" 0
result host-crash-down "$(awk '$1 == "tried" && $2 == "down" { print $3 }' "$work/out")" 0
