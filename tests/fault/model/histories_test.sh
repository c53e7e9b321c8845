#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The host in the model, in histories at random in which one fault after the other strikes, some together: what must hold
# is looked at after each change that becomes durable and each event that is told, and in the end all must be as if
# nothing had ever gone wrong.  A history that fails is shown as short as it can be.  Those that once failed (found/) are lived first.
#
# Promise host-mixed-crash: a strategy host on any store | killed at random, among the faults below | no position is lost, doubled or opened again; each event is told, in order, under one id; slots are those of what is open
# Promise host-store-refuses: the same | reads, writes, removals and commits fail, with their work done or not | the same
# Promise host-listener: the same | listeners, callbacks, getSignal, getCandles and validations raise before or after their work, or wait for minutes | the same
# Promise host-clock: the same | the clock is set ahead by up to a year, or back, and put right | the same, and what is open is watched again
# Promise host-operator: the same | an older copy is put back, entities are removed or damaged | what docs/reliability.md says of it, and no event id has two contents
# Promise host-rival: two strategy hosts on one store | each goes on in the middle of the other | no profile has more positions than it allows, and nobody runs what another runs
#
# HOLDFAST_FAULT_ROUNDS (25) histories from HOLDFAST_FAULT_SEED (1) on, times 1000.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-25}
seed=${HOLDFAST_FAULT_SEED:-1}
for found in "$here"/found/*.lua; do
  "$HOLDFAST_BIN" run "$here/model.lua" replay "$work" "$found" || fail "$found shows again what it once showed"
done
"$HOLDFAST_BIN" run "$here/model.lua" histories "$work" $((seed * 1000)) "$rounds" >"$work/out" ||
  fail "from seed $((seed * 1000)): $(cat "$work/out")"

tried() { awk -v name="$1" '$1 == "tried" && $2 == name { count = $3 } END { print count + 0 }' "$work/out"; }
for promise in mixed-crash:crash store-refuses:refuse listener:listener clock:clock operator:operator rival:rival; do
  count=$(tried "${promise#*:}")
  [ "$count" -gt 0 ] || [ "$rounds" -lt 20 ] || fail "seed $seed: no fault of ${promise%:*} has struck in $rounds histories"
  result "host-${promise%:*}" "$count" 0
done
echo "$rounds histories of $(tried minutes) minutes, $(tried moments) moments, $(tried tells) events handed to listeners"
