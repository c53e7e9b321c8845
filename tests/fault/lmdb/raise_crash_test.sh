#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 before each single operation of a process that raises a store to format 2 and gives it its first settings: the
# store has format 1 and no setting, or format 2 and all of them; what was in it is there, and the next process writes to
# it and takes no commit for a stranger's.
#
# Promise lmdb-raise-kill: lmdb | kill -9 before each operation of raising a store to format 2 and of its first
#   settings | it is as before or raised with all of them, and what was in it is there
# Once: each operation of the same raise
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

mkdir "$work/root" "$work/states"
export IORECORD_ROOT=$work/root
settings=(note="the live bot" maxsize=1g durability=nometasync)
raised='{"changes":"off","durability":"nometasync","format":2,"history":false,"maxsize":1073741824,'
raised+='"note":"the live bot"}'
untouched='{"changes":"off","durability":"sync","format":1,"history":false,"maxsize":0,"note":""}'

# Whether the store is as it was, or raised with everything: prints which.
look() {
  local now
  now=$("$HOLDFAST_BIN" set "$1" --json) || fail "$2: the store cannot be looked at"
  case $now in
  "$raised") echo raised ;;
  "$untouched") echo untouched ;;
  *) fail "$2: half of it: $now" ;;
  esac
  "$HOLDFAST_BIN" put "$1" signal after 1 2>"$work/errors" || fail "$2: cannot be written to"
  [ ! -s "$work/errors" ] || fail "$2: $(cat "$work/errors")"
  [ "$("$HOLDFAST_BIN" get "$1" signal a)" = 1 ] || fail "$2: what was in it is gone"
  ! "$HOLDFAST_BIN" stat "$1" --json | grep -q '"gaps"' || fail "$2: there is a gap"
}

kills=0 before=0 after=0
while :; do
  store=$work/root/kill-$kills
  "$HOLDFAST_BIN" put "$store" signal a 1
  code=0
  { IORECORD_KILL=$((kills + 1)) recorded "$HOLDFAST_BIN" set "$store" "${settings[@]}" >/dev/null; } \
    2>"$work/errors" || code=$?
  [ "$code" != 0 ] || break
  [ "$code" = 137 ] || fail "kill $kills: the process ended with $code: $(cat "$work/errors")"
  case $(look "$store" "killed before operation $((kills + 1))") in
  raised) after=$((after + 1)) ;;
  untouched) before=$((before + 1)) ;;
  *) exit 1 ;;
  esac
  kills=$((kills + 1))
done
[ "$(look "$store" "not killed")" = raised ] || fail "not killed, and not raised"
if [ "$before" = 0 ] || [ "$after" = 0 ]; then
  fail "$kills kills, $before before the raise and $after after it: the recorder does not see what it should"
fi
echo "kill -9 before each of $kills operations: $before left format 1, $after format 2 with all settings"
result lmdb-raise-kill "$kills" 0
