# SPDX-License-Identifier: MIT
#
# Runs the programs of a folder, several at a time, since most of what it does is waiting: for servers, and between
# tries.  socket_of and proxy_of give the sockets of a worker, by its number.
# A program that HOLDFAST_FAULT_SECONDS ends says what it has seen until then.
# shellcheck shell=bash
: "${work:?lib.sh comes first}" "${programs:?}"
workers=4
limits="timeout=3s&connecttimeout=2s"

# run_program PROGRAM WORKER ARGUMENTS...
run_program() {
  local program=$1 worker=$2
  shift 2
  timeout -k 10 --preserve-status "${HOLDFAST_FAULT_SECONDS:-200}" "$programs/$program" "$(socket_of "$worker")" "$(proxy_of "$worker")" \
    worker="$worker" workers="$workers" "$@"
}

# control NAME ARGUMENTS...: a client that is wrong on purpose, of which the program has to complain.
control() {
  local name=$1 tried lost rival_tried rival_lost
  shift
  read -r tried lost rival_tried rival_lost < <(run_program cuts 0 workers=1 parts=64 part=0 control="$name" query="$limits" "$@" 2>/dev/null)
  [ $((lost + rival_lost)) -gt 0 ] || fail "a client that is wrong ($name) was not found out in $tried tries"
  [ "$name" != resend ] || [ "$rival_lost" -gt 0 ] || fail "of a write that was sent again, $rival_tried rivals saw nothing"
}

# cut_everywhere PROMISE PROMISE_WITH_RIVAL PARTS QUERY...: by clients with each of these settings.
cut_everywhere() {
  local promise=$1 rival_promise=$2 parts=${HOLDFAST_FAULT_PARTS:-$3} i query tried=0 lost=0 rival_tried=0 rival_lost=0
  shift 3
  local seed=${HOLDFAST_FAULT_SEED:-$((RANDOM * 32768 + RANDOM))} a b c d pids=()
  for ((i = 0; i < workers; i++)); do
    for query in "$@"; do
      run_program cuts "$i" parts="$parts" part="$((seed % parts))" query="$query" || echo "- - - -"
    done >"$work/results.$i" &
    pids+=($!)
  done
  wait "${pids[@]}"
  while read -r a b c d; do
    [ "$a" != - ] || fail "the program did not come to its end, with seed $seed"
    tried=$((tried + a)) lost=$((lost + b)) rival_tried=$((rival_tried + c)) rival_lost=$((rival_lost + d))
  done < <(cat "$work"/results.*)
  result "$promise" "$tried" "$lost"
  result "$rival_promise" "$rival_tried" "$rival_lost"
  [ $((lost + rival_lost)) = 0 ] || fail "a promise was not kept, with seed $seed"
  if [ "$tried" -lt 100 ] || [ "$rival_tried" -lt 5 ]; then fail "only $tried and $rival_tried were tried"; fi
}

# lie_everywhere PROMISE PARTS QUERY: by a client with these settings.
lie_everywhere() {
  local promise=$1 parts=${HOLDFAST_FAULT_PARTS:-$2} query=$3 i tried=0 lost=0 a b pids=()
  local seed=${HOLDFAST_FAULT_SEED:-$((RANDOM * 32768 + RANDOM))}
  for ((i = 0; i < workers; i++)); do
    { run_program lies "$i" parts="$parts" part="$((seed % parts))" query="$query" || echo "- -"; } >"$work/results.$i" &
    pids+=($!)
  done
  wait "${pids[@]}"
  while read -r a b; do
    [ "$a" != - ] || fail "the program did not come to its end, with seed $seed"
    tried=$((tried + a)) lost=$((lost + b))
  done < <(cat "$work"/results.*)
  result "$promise" "$tried" "$lost"
  [ "$lost" = 0 ] || fail "a promise was not kept, with seed $seed"
  [ "$tried" -ge 20 ] || fail "only $tried were tried"
}
