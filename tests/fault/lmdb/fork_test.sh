#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fork() in a program of several threads that write, read, open, close, lock and run Lua all the while (fork.c).
#
# Promise fork-child: lmdb, locks, Lua; a program of several threads | it forks at any moment, and the child uses what it inherited, works, and ends in any way | what was inherited is closed to the child, what it opens itself works, the parent keeps its locks and all its commits
#
# HOLDFAST_FAULT_ROUNDS (40) children and HOLDFAST_FAULT_SEED.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

children=${HOLDFAST_FAULT_ROUNDS:-40}
seed=${HOLDFAST_FAULT_SEED:-$$}
# What threads of the parent had allocated looks like a leak in a child, where they are not.
forks() { ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" timeout 1000 "$programs/fork" "$@"; }

if HOLDFAST_PLANT=1 forks "$work/control" "$seed" 20 >"$work/said" 2>&1; then
  fail "seed $seed: a parent that loses its locks was not found"
fi
grep -Eq "has lost its locks|MDB_|is at commit" "$work/said" || fail "seed $seed, control: $(cat "$work/said")"

# One in which a thread runs Lua, and one in which the children do.
tried=0 commits=0
for ((n = 0; n < 2; n++)); do
  said=$(forks "$work/fork-$n" $((seed + n)) $((children / 2)) 2>"$work/errors") || fail "seed $((seed + n)): $(cat "$work/errors")"
  read -r here_tried here_commits <<<"$said"
  tried=$((tried + here_tried)) commits=$((commits + here_commits))
done
[ "$commits" -gt "$tried" ] || fail "seed $seed: only $commits commits"
echo "$tried children beside $commits commits"
result fork-child "$tried" 0
