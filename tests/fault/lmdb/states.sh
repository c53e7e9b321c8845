# SPDX-License-Identifier: MIT
#
# What the tests of power cuts share; they source it after ../lib.sh.  Each records commits.c at work and has replay.c
# judge the states that a power cut may leave.
#
# HOLDFAST_FAULT_ROUNDS (1) is how thorough that is: up to 64 times as many combinations of what is unflushed at a moment
# are all looked at (at most 4096), else 8 times as many random ones.  HOLDFAST_FAULT_SEED chooses those, and the commits.
# shellcheck shell=bash
: "${work:?lib.sh comes first}" "${programs:?}"
rounds=${HOLDFAST_FAULT_ROUNDS:-1}
# shellcheck disable=SC2034 # the tests use it
seed=${HOLDFAST_FAULT_SEED:-1}
exhaustive=$((rounds * 64 < 4096 ? rounds * 64 : 4096))
samples=$((rounds * 8))
export IORECORD_ROOT=$work/root

# Begins a new log, and a root without a store.
fresh() {
  rm -rf "$work/root" "$work/states" "$work/log"
  mkdir "$work/root" "$work/states"
}

# Lets commits.c write to the store, recorded.
writer() { IORECORD_LOG=$work/log recorded timeout 60 "$programs/commits" write "$work/root/new/store" "$@"; }

# judged PROMISE SCENARIO OPTION...: judges the states of the log, and adds them up in $states and $bad, and in $older,
# $refused and $mixed where replay.c counts those.  Fails when some are bad, unless PROMISE is "control".
states=0 bad=0 older=0 refused=0 mixed=0
judged() {
  local promise=$1 scenario=$2 pattern line code=0
  shift 2
  timeout 900 "$programs/replay" "$work/log" "$work/root" new/store "$work/states" "$scenario" "$seed" \
    "samples=$samples" "exhaustive=$exhaustive" "$@" >"$work/result" 2>&1 || code=$?
  [ "$code" -le 1 ] || fail "$promise: replay ended with $code: $(cat "$work/result")"
  line=$(tail -n 1 "$work/result")
  pattern='([0-9]+) states, .* bad ([0-9]+)(, older ([0-9]+), refused ([0-9]+), mixed ([0-9]+))?$'
  [[ $line =~ $pattern ]] || fail "$promise: replay says: $(cat "$work/result")"
  states=$((states + BASH_REMATCH[1])) bad=$((bad + BASH_REMATCH[2]))
  older=$((older + ${BASH_REMATCH[4]:-0})) refused=$((refused + ${BASH_REMATCH[5]:-0}))
  mixed=$((mixed + ${BASH_REMATCH[6]:-0}))
  if [ "$promise" != control ] && [ "$code" != 0 ]; then
    fail "$promise, seed $seed, $scenario $*: $(cat "$work/result")"
  fi
}

# Counts from zero again.
count_again() { states=0 bad=0 older=0 refused=0 mixed=0; }

# controlled SCENARIO OPTION...: the same, with a part of the truth left out: it must find bad states.
controlled() {
  local before=$states,$bad,$older,$refused,$mixed found
  count_again
  judged control "$@"
  found=$((bad + refused))
  [ "$found" -gt 0 ] || fail "control: $*: nothing is found in $states states"
  echo "control, $*: $found of $states states are bad"
  IFS=, read -r states bad older refused mixed <<<"$before"
}
