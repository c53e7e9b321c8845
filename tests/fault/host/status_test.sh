#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What another process sees of a live host, by `holdfast status`: while it lives it is running, however fast it opens and
# closes; killed at any moment it is gone, and with it what is open, which is exactly what is stored; stopped it is
# silent once it should have been heard of; started again it is running.  Looking fails in no case, and changes nothing.
#
# HOLDFAST_FAULT_ROUNDS (15) kills for each store, HOLDFAST_FAULT_SEED.
#
# Promise host-status: what `holdfast status` says of a live host, lmdb and file | kill -9 at any moment, SIGSTOP, and a new start | it is true: running, silent, or gone with what is open; its exit status says so
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-15}

# The command's clock is five minutes ahead: as if it were asked five minutes later.
later() { LD_PRELOAD=$programs/../file/clock_preload.so CLOCK_SHIFT=300 "$@"; }

# look STATE CODES [later]: what is said is right, and the exit status is one of these.
look() {
  local code=0
  ${3:-} "$HOLDFAST_BIN" status --json "$store" >"$work/said" 2>"$work/complaint" || code=$?
  [[ " $2 " = *" $code "* ]] || fail "seed $seed, $store: exit status $code: $(cat "$work/said" "$work/complaint")"
  [ ! -s "$work/complaint" ] || fail "seed $seed, $store: it complains: $(cat "$work/complaint")"
  open=$("$HOLDFAST_BIN" run "$here/status.lua" check "$store" "$1" <"$work/said" 2>"$work/wrong") ||
    fail "seed $seed, $store: $(cat "$work/wrong" "$work/said")"
}

tried=0 held=0
for store in "lmdb:$work/lmdb" "file:$work/file"; do
  for ((round = 1; round <= rounds; round++)); do
    coproc HOST { exec "$HOLDFAST_BIN" run "$here/status.lua" play "$store" 2>"$work/errors"; }
    pid=$HOST_PID
    read -r -t 60 heard <&"${HOST[0]}" || fail "$store: the host is silent: $(cat "$work/errors")"
    [ "$heard" = running ]
    sleep "$(random_delay 0 300)"
    look alive 0
    if [ $((round % 5)) = 0 ]; then
      kill -STOP "$pid"
      look silent 1 later
      kill -CONT "$pid"
      tried=$((tried + 1))
    fi
    sleep "$(random_delay 0 50)"
    kill_now "$pid"
    look gone "0 1"
    tried=$((tried + 1)) held=$((held + open))
  done
done
echo "$held positions were open when their host was killed"
[ "$held" -gt 0 ] || [ "$rounds" -lt 10 ] || fail "seed $seed: nothing was ever open at a kill"
result host-status "$tried" 0
