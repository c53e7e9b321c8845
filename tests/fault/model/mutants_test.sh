#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The model can fail: hosts with one mistake each (mutants.lua) are caught, every one of them.
#
# No promise: it is about the model, not about Holdfast
#
# HOLDFAST_FAULT_ROUNDS (3: all) thirds of them, from the one that HOLDFAST_FAULT_SEED (1) says.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

seed=${HOLDFAST_FAULT_SEED:-1}
rounds=${HOLDFAST_FAULT_ROUNDS:-3}
if [ "$rounds" -gt 3 ]; then rounds=3; fi
for ((part = seed; part < seed + rounds; part++)); do
  "$HOLDFAST_BIN" run "$here/model.lua" mutants "$work" "$part" 3 >>"$work/out" || fail "$(cat "$work/out")"
done
caught=$(grep -c '^caught: ' "$work/out")
[ "$caught" -gt 0 ] || fail "there are no mutants in part $seed"
echo "$caught of $(awk '$1 == "tried" { sum += $3 } END { print sum }' "$work/out") hosts with a mistake are caught"
