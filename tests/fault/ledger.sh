# SPDX-License-Identifier: MIT
#
# The workload of lmdb/ledger.lua on the store $base, for tests that kill it or the server to which it writes; they source
# this after lib.sh.  $step is how far the store is, $commits how many were acknowledged.
# shellcheck shell=bash disable=SC2154 # the test sets it, or lib.sh
step=0 commits=0

ledger=$HOLDFAST_SOURCE/tests/fault/lmdb/ledger.lua

# Starts a writer, and returns at some moment after its first commit.  Sets $writer.
begin_writing() {
  : >"$work/acknowledged"
  # The program itself, which a function in the background would only wait for.
  "$HOLDFAST_BIN" run "$ledger" write "$base" $((step + 1)) >"$work/acknowledged" 2>"$work/errors" &
  writer=$!
  for _ in $(seq 1000); do
    [ ! -s "$work/acknowledged" ] || break
    sleep 0.01
  done
  sleep "$(random_delay 0 150)"
  kill -0 "$writer" 2>/dev/null || fail "the writer ended by itself: $(cat "$work/errors")"
}

# Waits for a writer whose server was killed.
end_writing() {
  if wait "$writer"; then fail "the writer did not notice that its server was killed"; fi
  grep -q unavailable "$work/errors" || fail "the writer says $(cat "$work/errors")"
}

# How far a writer had come that is dead.  Sets $acknowledged.
read_acknowledged() {
  acknowledged=$(last_line "$work/acknowledged")
  acknowledged=${acknowledged:-$step}
  commits=$((commits + acknowledged - step))
}

# Prints whose state the store has, one from step $1 to $2; false: that of none.
judge() { "$HOLDFAST_BIN" run "$ledger" check "$base" "$1" "$2" 2>"$work/errors"; }

# The store has what was acknowledged, and at most the step after it.
expect_acknowledged() {
  step=$(judge "$acknowledged" $((acknowledged + 1))) || fail "$1, after step $acknowledged: $(cat "$work/errors")"
}

# There were enough commits for $1 kills to mean something.
expect_commits() { [ "$commits" -gt "$1" ] || fail "only $commits commits in $1 rounds"; }
