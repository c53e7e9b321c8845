#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# kill -9 at random moments of the commands that move or change a whole store, run again and again until they come to
# their end: `import`, `copy` between all kinds of stores, `export -o`, `verify` of damaged entities, `rescue`, `set`.
# After each kill the store, or the file, has nothing that is in neither what was there nor what is being written; who
# runs the command to its end has what one run would have made.
#
# Promise import-kill: import into lmdb | kill -9 at any moment, and run again | only what is in the file is there, whole; in the end all of it
# Promise copy-kill: copy, lmdb and file in each direction | kill -9 at any moment, and run again | only what the source has is there; in the end both are equal
# Promise export-kill: export -o | kill -9 at any moment | the file is the old one or the new one, whole
# Promise verify-kill: verify of a store with unreadable entities | kill -9 at any moment, and run again | each of them is corrupt all the time, its bytes are kept once, and nothing else is touched
# Promise rescue-kill: rescue | kill -9 at any moment | the damaged store is untouched; a new store that was begun is refused until it is removed, and the next rescue is whole
# Promise set-kill: set | kill -9 at any moment | of several settings all are set, or none
#
# HOLDFAST_FAULT_ROUNDS (1) and HOLDFAST_FAULT_SEED choose how often and when.
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

rounds=${HOLDFAST_FAULT_ROUNDS:-1}
seed=${HOLDFAST_FAULT_SEED:-$$}
RANDOM=$seed
export XDG_STATE_HOME=$work/state
export LC_ALL=C
declare -A kills

wrong() { fail "seed $seed: $*"; }
# Without the marks by which an export says that it is whole.
plain() { sed '/^{"export/d; /,"damaged":"/d; s/,"exportEnd":{[^}]*}}$/}/; s/,"exportBegin":1}$/}/'; }

# The unreadable ones: id and bytes.
damaged() { grep ',"damaged":"' "$work/exported" | sed 's/,"damaged":"[^"]*"//; s/,"export.*//; s/}$//' | sort; }

# Its entities as lines; sorted, those that are sound.
entities() { "$HOLDFAST_BIN" export "$@" >"$work/exported" 2>"$work/errors"; }
sorted() { plain <"$work/exported" | sort; }

# Lines for import: numbers from $1 to $2, some of them long, with the value $3.
lines() {
  awk -v from="$1" -v to="$2" -v value="$3" 'BEGIN {
    long = sprintf("%6000s", ""); gsub(" ", "x", long)
    for (i = from; i <= to; i++)
      printf "{\"entity\":\"%s\",\"id\":\"BTC:%d\",\"value\":[%d,\"%s\"]}\n", i % 2 ? "signal" : "risk", i, value, i % 40 ? "" : long
  }'
}

# Runs a command once, and kills it after a while: that long it took at least.  Sets $status.
run_and_kill() {
  local pid
  "$HOLDFAST_BIN" "${@:2}" >"$work/out" 2>"$work/errors" &
  pid=$!
  sleep "$(random_delay 1 "$1")"
  kill -9 "$pid" 2>/dev/null || true
  status=0
  wait "$pid" 2>/dev/null || status=$?
}

# The same until it ends by itself; after each kill `check` looks.
until_done() {
  local promise=$1 check=$2 attempt=0 longest=8
  while :; do
    attempt=$((attempt + 1)) longest=$((longest * 5 / 4 + 1))
    run_and_kill "$longest" "${@:3}"
    [ "$status" = 137 ] || break
    kills[$promise]=$((${kills[$promise]:-0} + 1))
    "$check"
    [ "$attempt" -lt 40 ] || wrong "${*:3} never ended"
  done
  [ "$status" = 0 ] || wrong "${*:3}: status $status: $(cat "$work/errors")"
}

# Runs it again and again: `prepare` comes before each run, `check` after it.  Where the commands end before they are
# killed, the kills come earlier and earlier, and it goes on until some came in time.
some_kills() {
  local promise=$1 longest=$2 prepare=$3 check=$4 attempt
  for ((attempt = 0; attempt < 6 || (attempt < 60 && ${kills[$promise]:-0} < 2); attempt++)); do
    "$prepare"
    run_and_kill "$longest" "${@:5}"
    if [ "$status" = 137 ]; then
      kills[$promise]=$((${kills[$promise]:-0} + 1))
    elif [ "$longest" -gt 2 ]; then
      longest=$((longest * 2 / 3))
    fi
    "$check"
  done
}

# The target has no line that the source has not.
is_part() {
  [ -e "${target#*:}" ] || return 0
  entities "$target" || {
    grep -q "there is no store" "$work/errors" && return 0
    wrong "$target: $(cat "$work/errors")"
  }
  comm -13 "$work/source" <(sorted) >"$work/strange"
  [ ! -s "$work/strange" ] || wrong "$target has $(head -c 300 "$work/strange")"
}

is_equal() {
  entities "$target" || wrong "$target: $(cat "$work/errors")"
  cmp -s "$work/source" <(sorted) || wrong "$target is not what was moved there"
}

for ((round = 0; round < rounds; round++)); do
  at=$work/round-$round
  mkdir "$at"
  lines 1 2500 "$round" >"$at/lines"
  sort "$at/lines" >"$work/source"

  # ---- import

  target=lmdb:$at/imported
  until_done import-kill is_part import "$target" "$at/lines"
  is_equal

  # ---- copy

  lines 1 500 "$round" | sort >"$work/source"
  "$HOLDFAST_BIN" import "lmdb:$at/source" "$work/source" >/dev/null 2>&1
  from=lmdb:$at/source
  for target in "file:$at/copy-1" "lmdb:$at/copy-2" "lmdb:$at/copy-3"; do
    resume=()
    [ $((RANDOM % 2)) = 0 ] || resume=(--resume)
    until_done copy-kill is_part copy "$from" "$target" "${resume[@]}"
    is_equal
    from=$target
  done

  # ---- export

  "$HOLDFAST_BIN" export "$at/imported" -o "$at/backup" >/dev/null
  cp "$at/backup" "$at/old"
  lines 1 2500 $((round + 1)) | "$HOLDFAST_BIN" import "$at/imported" >/dev/null
  "$HOLDFAST_BIN" export "$at/imported" >"$at/new"
  old_or_new() {
    cmp -s "$at/backup" "$at/old" || cmp -s "$at/backup" "$at/new" || wrong "the backup is neither the old nor the new one"
    rm -f "$at/backup".*
  }
  for ((n = 0; n < 2; n++)); do
    cp "$at/old" "$at/backup"
    until_done export-kill old_or_new export "$at/imported" -o "$at/backup"
    cmp -s "$at/backup" "$at/new" || wrong "the backup is not the new one"
  done

  # ---- verify

  for id in $(seq 300); do echo "{\"entity\":\"bad\",\"id\":\"$id\",\"value\":\"sound-$id-here\"}"; done |
    "$HOLDFAST_BIN" import "$at/imported" >/dev/null
  sed -i 's/sound-\([0-9]*\)-here/wrong-\1-here/g' "$at/imported/data.mdb"
  cp "$at/imported/data.mdb" "$at/damaged.mdb"
  plain <"$at/new" | sort >"$work/source"
  mkdir "$at/reference" # what verify finds, in one run
  cp "$at/damaged.mdb" "$at/reference/data.mdb"
  entities "$at/reference" || true
  damaged >"$at/unreadable"
  [ "$(grep -c bytes "$at/unreadable")" = 300 ] || wrong "$(wc -l <"$at/unreadable") are unreadable, not 300"
  are_corrupt() { # without moving any
    entities "$at/imported" --readonly || true
    cmp -s <(cut -d, -f2 "$at/unreadable") <(damaged | cut -d, -f2) || wrong "others are unreadable now"
    [ -z "$(damaged | grep bytes | comm -23 - "$at/unreadable" | head -n 2)" ] || wrong "their bytes have changed"
    cmp -s "$work/source" <(sorted) || wrong "verify has touched what is sound: $(diff "$work/source" <(sorted) | cut -c1-200 | head -n 5)"
  }
  damage_again() { # where the last one came to its end
    if [ "${status:-0}" != 137 ]; then cp "$at/damaged.mdb" "$at/imported/data.mdb"; fi
  }
  some_kills verify-kill 60 damage_again are_corrupt verify "$at/imported"
  code=0
  "$HOLDFAST_BIN" verify "$at/imported" >"$work/out" 2>&1 || code=$?
  [ "$code" = 1 ] || wrong "verify in the end: $code: $(tail -n 3 "$work/out")"
  grep -Eq '[ ,:] 300 in quarantine$' "$work/out" || wrong "verify in the end: $(tail -n 3 "$work/out")"
  are_corrupt
  cmp -s "$at/unreadable" <(damaged) || wrong "the bytes are not those that were found"

  # ---- rescue

  mkdir "$at/torn"
  cp "$at/damaged.mdb" "$at/torn/data.mdb"
  away_with_it() { rm -rf "$at/rescued"; }
  rescue_is_whole() {
    cmp -s "$at/damaged.mdb" "$at/torn/data.mdb" || wrong "rescue has written to the damaged store"
    [ "$status" = 137 ] || return 0
    code=0
    "$HOLDFAST_BIN" rescue "$at/torn" "$at/rescued" >"$work/out" 2>&1 || code=$?
    if [ "$code" != 3 ]; then
      grep -q "has entities: give a place where there is no store" "$work/out" ||
        wrong "rescue, after one that was killed: $code: $(tail -n 3 "$work/out")"
      rm -rf "$at/rescued"
      "$HOLDFAST_BIN" rescue "$at/torn" "$at/rescued" >"$work/out" 2>&1 || code=$?
      [ "$code" = 3 ] || wrong "rescue: $code: $(tail -n 3 "$work/out")"
    fi
    entities "$at/rescued" || true
    cmp -s "$at/unreadable" <(damaged) || wrong "what is unreadable was not rescued as such"
    cmp -s "$work/source" <(sorted) || wrong "what was rescued is not what is sound"
  }
  some_kills rescue-kill 60 away_with_it rescue_is_whole rescue "$at/torn" "$at/rescued"

  # ---- set

  "$HOLDFAST_BIN" set "$at/source" note=0 maxsize=100m >/dev/null
  longest=25
  for ((n = 1; n <= 6 || (n <= 60 && ${kills[set-kill]:-0} < 2); n++)); do
    run_and_kill "$longest" set "$at/source" "note=$n" "maxsize=$((100 + n))m"
    if [ "$status" = 137 ]; then
      kills[set-kill]=$((${kills[set-kill]:-0} + 1))
    elif [ "$longest" -gt 2 ]; then
      longest=$((longest * 2 / 3))
    fi
    settings=$("$HOLDFAST_BIN" set "$at/source" --json) || wrong "set: $settings"
    [[ $settings =~ \"note\":\"([0-9]+)\" ]] || wrong "set: $settings"
    note=${BASH_REMATCH[1]}
    [[ $settings = *"\"maxsize\":$(((100 + note) << 20))"* ]] || wrong "half of the settings: $settings"
  done
done

for promise in import-kill copy-kill export-kill verify-kill rescue-kill set-kill; do
  [ "${kills[$promise]:-0}" -gt 0 ] || wrong "$promise: nothing was killed"
  result "$promise" "${kills[$promise]}" 0
done
