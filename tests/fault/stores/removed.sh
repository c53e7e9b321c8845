# SPDX-License-Identifier: MIT
#
# What the tests named removed_test.sh share; they source it after lib.sh.
# shellcheck shell=bash
: "${work:?lib.sh comes first}" "${seed:?}"

seconds=$((2 * ${HOLDFAST_FAULT_ROUNDS:-2}))

removed() { timeout $((seconds + 120)) "$HOLDFAST_BIN" run "$HOLDFAST_SOURCE/tests/fault/stores/removed.lua" "$@"; }

# race_removals BASE SECONDS: two processes remove what two others write.  False: something was removed that was not to
# be, or not as often as was said.  Sets $gone, and says what happened.
race_removals() {
  local base=$1 removers=() writers=() i changes=0 taken=0 a b good=0
  rm -f "$work/stop"
  for i in 0 1; do
    removed write "$base" "$seed" "$i" 2 "$work/stop" >"$work/written$i" 2>"$work/errors-w$i" &
    writers+=($!)
  done
  for i in 0 1; do
    removed remove "$base" "$2" >"$work/removed$i" 2>"$work/errors-r$i" &
    removers+=($!)
  done
  for i in 0 1; do wait "${removers[i]}" || good=1; done
  touch "$work/stop"
  for i in 0 1; do wait "${writers[i]}" || good=1; done
  if [ "$good" != 0 ]; then
    cat "$work"/errors-??
    return 1
  fi
  gone=0
  for i in 0 1; do
    read -r a b <"$work/written$i"
    changes=$((changes + a)) gone=$((gone + b))
    read -r a <"$work/removed$i"
    taken=$((taken + a))
  done
  echo "${base%%:*}: $changes changes, $taken removed, $gone gone"
  [ "$gone" = "$taken" ]
}

# expect_exact BASE: the promise, and that a remover which only looks and removes is found out.
expect_exact() {
  race_removals "$1" "$seconds" || fail "removeWhere on $1 removed something else"
  [ "$gone" -gt 50 ] || fail "only $gone entities were removed: nothing was shown"
}

expect_found_out() {
  local try
  for try in 1 2 3; do
    HOLDFAST_PLANT=race race_removals "$1" $((try * 2)) >"$work/said" 2>&1 && continue
    grep -qE 'when it was not wanted|is there, and nobody| changes, ' "$work/said" && return 0
    break # it has failed for another reason
  done
  fail "a remover that looks and removes was not found out: $(cat "$work/said")"
}
