# SPDX-License-Identifier: MIT
#
# What the tests in the folders here share; they source it first.  Each gets a directory of its own in $work, on a
# memory filesystem where there is one, since most of them ask thousands of times for a flush.  It goes when the test
# ends, and so does every process that the test has started.
# shellcheck shell=bash
: "${HOLDFAST_BUILD:?is the build folder}" "${HOLDFAST_BIN:?is the command}" "${HOLDFAST_SOURCE:?is the source folder}"
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

# The test's own folder, and its programs.
here=$HOLDFAST_SOURCE/tests/fault/$(basename "$(dirname "$0")")
# shellcheck disable=SC2034 # the tests use it
programs=$HOLDFAST_BUILD/${here#"$HOLDFAST_SOURCE/"}

# What is drawn by chance begins with this number, so that it can be drawn again.
seed=${HOLDFAST_FAULT_SEED:-$$}
RANDOM=$seed

skip() {
  echo "skipped: $*"
  exit 77
}

# Ends this shell's own children only: `jobs` lists none that has been waited for.  TERM first, which `timeout` hands on.
finish() {
  local code=$? pid
  trap - EXIT
  for pid in $(jobs -p); do kill "$pid" 2>/dev/null || true; done
  for _ in 1 2 3 4 5; do
    [ -n "$(jobs -rp)" ] || break
    sleep 0.1
  done
  for pid in $(jobs -p); do kill -9 "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  ! mountpoint -q "$work/disk" 2>/dev/null || umount --lazy "$work/disk"
  rm -rf "$work"
  [ "$code" = 0 ] || [ "$code" = 77 ] || echo "HOLDFAST_FAULT_SEED=$seed draws the same again" >&2
  exit "$code"
}

place=${TMPDIR:-/tmp}
if [ -z "${TMPDIR:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then place=/dev/shm; fi
work=$(mktemp -d "$place/holdfast-fault-XXXXXX")
trap finish EXIT

# Runs a program with iorecord_preload.c in it.  The sanitizers want to be first in a process; here they need not be.
recorded() {
  LD_PRELOAD=$HOLDFAST_BUILD/tests/fault/iorecord_preload.so ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" "$@"
}

# A number of seconds between $1 and $2 milliseconds.  Bash draws numbers of its own in each subshell, such as $(...), so
# it begins here with how many were drawn before, which a file counts.
random_delay() {
  local drawn=0 milliseconds
  [ ! -e "$work/.drawn" ] || read -r drawn <"$work/.drawn"
  echo $((drawn + 1)) >"$work/.drawn"
  RANDOM=$((seed + 7919 * drawn))
  milliseconds=$((RANDOM))
  milliseconds=$(($1 + (milliseconds + RANDOM) % ($2 - $1 + 1)))
  printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000))
}

# Kills a child of this shell at once and waits until it is gone.
kill_now() { { kill -9 "$1" && wait "$1"; } 2>/dev/null || true; }

# The last whole line of a file: what a kill cut short at the end of a page acknowledges nothing.
last_line() {
  local line last=""
  while IFS= read -r line; do last=$line; done <"$1"
  printf '%s' "$last"
}

# result PROMISE TRIED LOST: what this run has seen of a promise, one that the head of the test states in a line
# "# Promise NAME: who | what happens | what holds".  TRIED counts the faults after each of which the promise was looked
# at, LOST those after which it did not hold.  `./dev fault` adds up such lines of many runs.
result() {
  echo "$1: tried $2, survived $(($2 - $3)), lost $3"
  [ -z "${HOLDFAST_FAULT_RESULTS:-}" ] ||
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${HOLDFAST_FAULT_SEED:-}" >>"$HOLDFAST_FAULT_RESULTS"
}
