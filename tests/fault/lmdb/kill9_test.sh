#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments: what was acknowledged is there, and transactions are whole or absent (ledger.h says how that
# is judged).  A store is killed several times over; in half of the stores another process has it open all the time,
# so that LMDB's lock file lives on with what the dead left in it: their reader slots and the writer's lock.
#
# A kill takes nothing from any durability, so stores take turns with them.
#
# HOLDFAST_FAULT_ROUNDS (60) and HOLDFAST_FAULT_SEED choose how often and when.
#
# Promise lmdb-kill: lmdb, every durability | kill -9 of a writing process, in C or Lua, at any moment | what was
#   acknowledged is there, transactions are whole or absent, the store opens and verify finds nothing
# Promise lmdb-kill-readers: lmdb | kill -9 of a process while another has the store open | its reader slot is given
#   back
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-60}

durabilities=(sync nometasync nosync)
step=0 holder="" commits=0 dead_before=0
open_store() {
  store=$work/store-$1
  base="lmdb:$store?durability=${durabilities[$1 % 3]}"
  step=0
  if [ $(($1 % 2)) = 0 ]; then
    coproc HOLDER { exec "$programs/ledger" hold "$base"; }
    holder=$HOLDER_PID
    read -r -t 30 _ <&"${HOLDER[0]}" || fail "the holder of the store did not open it"
  fi
}
close_store() {
  [ -z "$holder" ] || kill_now "$holder"
  holder=""
}

# Runs a writer for a moment and kills it.  Sets $acknowledged.
kill_writer() {
  "$@" >"$work/acknowledged" 2>"$work/errors" &
  local pid=$!
  sleep "$(random_delay 3 90)"
  kill -0 "$pid" 2>/dev/null || fail "seed $seed: the writer ended by itself: $(cat "$work/errors")"
  kill_now "$pid"
  acknowledged=$(last_line "$work/acknowledged")
  acknowledged=${acknowledged:-$step}
  commits=$((commits + acknowledged - step))
}

for ((round = 0; round < rounds; round++)); do
  if [ $((round % 10)) = 0 ]; then
    close_store
    open_store $((round / 10))
  fi
  kill_writer "$programs/ledger" write "$base" $((step + 1))
  if [ -n "$holder" ]; then dead_before=$((dead_before + $("$programs/ledger" readers "$store"))); fi
  step=$("$programs/ledger" check "$base" "$acknowledged" $((acknowledged + 1))) ||
    fail "seed $seed, round $round: after step $acknowledged"
  if [ -n "$holder" ]; then
    [ "$("$programs/ledger" readers "$store")" = 0 ] || fail "round $round: reader slots of dead processes remain"
  fi
  timeout 30 "$HOLDFAST_BIN" verify "$store" >"$work/verify" 2>&1 || fail "round $round: $(cat "$work/verify")"
done
close_store
[ "$commits" -gt "$rounds" ] || fail "only $commits commits in $rounds rounds: the writers came to nothing"
[ "$dead_before" -gt 0 ] || fail "no killed writer left a reader slot: nothing was shown about clearing them"
echo "C: $rounds kills during $commits commits: none lost, none halved; $dead_before reader slots of the dead cleared"
result lmdb-kill-readers "$dead_before" 0

commits=0 lua_rounds=$((rounds / 4)) script=$here/ledger.lua
for ((round = 0; round < lua_rounds; round++)); do
  if [ $((round % 5)) = 0 ]; then
    store=$work/lua-$round
    base="lmdb:$store?durability=${durabilities[round / 5 % 3]}"
    step=0
  fi
  kill_writer "$HOLDFAST_BIN" run "$script" write "$base" $((step + 1))
  step=$("$HOLDFAST_BIN" run "$script" check "$base" "$acknowledged" $((acknowledged + 1))) ||
    fail "seed $seed, Lua round $round: after step $acknowledged"
  timeout 30 "$HOLDFAST_BIN" verify "$store" >"$work/verify" 2>&1 || fail "Lua round $round: $(cat "$work/verify")"
done
[ "$commits" -gt "$lua_rounds" ] || fail "only $commits Lua commits in $lua_rounds rounds"
echo "Lua: $lua_rounds kills during $commits commits: none lost, none halved"
result lmdb-kill $((rounds + lua_rounds)) 0
