#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The command's transfers, while the system refuses one of their calls, or there is no memory for one of their
# allocations.  The calls of each command are counted first; of all of them a run tries a part, which the seed chooses,
# and HOLDFAST_FAULT_PARTS=1 tries all.  Half of the tries are with --json.  What is written to the standard error never
# fails: without it nobody could judge what is said there.
#
# Promise cli-failed-call: copy, export, import, put, rm, verify, rescue, set, backup, restore, compact | a call to the system fails
#   | the work is done and right, or exit status 3 and a sentence say that it is not; source and last good backup are
#   whole; it can be done again
# Promise cli-failed-allocation: copy, export, import, put, rm, verify, rescue, set, backup, restore, compact | an allocation fails | the same
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

parts=${HOLDFAST_FAULT_PARTS:-400}
part=$((seed % parts))
# Errors, by the kinds of calls (callfail.h) that they befall: KINDS:ERRNO:WAY.
system=(rwmMocktsnuxlpe:5:0 rwmMocktsnuxlpe:5:1 cwtsn:28:0 oc:24:0 rw:1:3 rwtslk:4:0 wtsnuk:5:2)
memory=(a:12:0 a:12:1)
kinds="" nth=0 errno=0 way=0 command="" class=system # of the try

# ---- what is transferred

lines() { for i in $(seq "$1" "$2"); do echo "{\"entity\":\"s\",\"id\":\"i$i\",\"value\":{\"n\":$i$3}}"; done; }
for name in old new; do
  if [ $name = old ]; then lines 1 40 ""; else lines 11 50 ",\"new\":true"; fi >"$work/lines"
  "$HOLDFAST_BIN" import --json "$work/$name" "$work/lines" >/dev/null
  "$HOLDFAST_BIN" export "$work/$name" -o "$work/$name.backup" >/dev/null
  "$HOLDFAST_BIN" backup "$work/$name" "$work/$name.hfb" >/dev/null
  rm "$work/$name/lock.mdb"
done
echo "\"$(head -c 300 /dev/zero | tr '\0' 7)\"" >"$work/value"

# The places of one try, as they are before it.
begin() {
  rm -rf "${work:?}/at"
  mkdir "$work/at" "$work/at/source" "$work/at/target"
  cp "$work/new/data.mdb" "$work/at/source"
  cp "$work/old/data.mdb" "$work/at/target"
  cp "$work/old.backup" "$work/at/backup"
  cp "$work/old.hfb" "$work/at/file.hfb"
}

# is PLACE NAME: whether a store holds what that one does; an export of the same entities is the same.
is() { "$HOLDFAST_BIN" export "$1" 2>/dev/null | cmp -s - "$work/$2.backup"; }

# What each does; whether it is done; and, where it says that it is not, whether what was there before still is.
words_copy() { words=(copy "$work/at/source" "$work/at/made"); }
done_copy() { is "$work/at/made" new; }
words_mirror() { words=(copy "$work/at/source" "$work/at/target" --delete); }
done_mirror() { is "$work/at/target" new; }
words_export() { words=(export "$work/at/source" -o "$work/at/backup"); }
done_export() { cmp -s "$work/at/backup" "$work/new.backup"; }
kept_export() { cmp -s "$work/at/backup" "$work/old.backup"; }
words_import() { words=(import "$work/at/made" "$work/at/backup"); }
done_import() { is "$work/at/made" old; }
always_import() { cmp -s "$work/at/backup" "$work/old.backup"; }
words_put() { words=(put "$work/at/target" s i1 -); }
done_put() { "$HOLDFAST_BIN" get "$work/at/target" s i1 | cmp -s - "$work/value"; }
kept_put() { is "$work/at/target" old; }
words_rm() { words=(rm "$work/at/target" s i1); }
done_rm() { [ "$("$HOLDFAST_BIN" count "$work/at/target" s)" = 39 ]; }
kept_rm() { is "$work/at/target" old; }
words_verify() { words=(verify "$work/at/source"); }
done_verify() { grep -q '40' "$work/out"; }
words_rescue() { words=(rescue "$work/at/source" "$work/at/made"); }
done_rescue() { is "$work/at/made" new; }
words_set() { words=(set "$work/at/target" maxsize=100m "note=a note"); }
done_set() { [[ $("$HOLDFAST_BIN" set --json "$work/at/target") = *'"maxsize":104857600,"note":"a note"'* ]]; }
kept_set() { ! "$HOLDFAST_BIN" set "$work/at/target" | grep -Eq '104857600|a note'; }
words_backup() { words=(backup "$work/at/source" "$work/at/file.hfb"); }
done_backup() {
  rm -rf "$work/at/check"
  "$HOLDFAST_BIN" restore "$work/at/file.hfb" "$work/at/check" >/dev/null && is "$work/at/check" new
}
kept_backup() { cmp -s "$work/at/file.hfb" "$work/old.hfb"; }
words_restore() { words=(restore "$work/at/file.hfb" "$work/at/made"); }
done_restore() { is "$work/at/made" old; }
kept_restore() { [ ! -e "$work/at/made/data.mdb" ] && cmp -s "$work/at/file.hfb" "$work/old.hfb"; }
words_compact() { words=(compact "$work/at/target"); }
done_compact() { is "$work/at/target" old; }
kept_compact() { is "$work/at/target" old; }
commands=(copy mirror export import put rm verify rescue set backup restore compact)

# ---- trying

# As it is run: with --json in every second try.
choose_words() {
  "words_$command"
  if ((nth % 2)); then words+=(--json); fi
}

# The command with its nth call failing: its exit status into $code, what it says into files, the calls into $work/calls.
failing() {
  rm -f "$work/calls"
  choose_words
  code=0
  LC_ALL=C ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
    timeout 60 env "LD_PRELOAD=$HOLDFAST_BUILD/tests/fault/callfail_preload.so" \
    "CALLFAIL=$kinds:$nth:$errno:$way" "CALLFAIL_REPORT=$work/calls" \
    "$HOLDFAST_BIN" "${words[@]}" <"$work/value" >"$work/out" 2>"$work/said" || code=$?
}

declare -A tried=([system]=0 [memory]=0) lost=([system]=0 [memory]=0)
lose() {
  is_lost=1
  echo "LOST $command, call $nth of $kinds, $(head -n 1 "$work/calls"), fails with $errno ($way): $*" >&2
}

# Whether there is a sentence, and in JSON only one.  Rescue goes on past what cannot be read, and counts it.
says_why() {
  [ "$command" != rescue ] || ! grep -q '[1-9][0-9]* unreadable\|"unreadable":[1-9]\|not be read' "$work/out" || return 0
  if ((nth % 2)); then
    grep -q '^{"error":{"code":"[a-z_]*","message":"..' "$work/said" && [ "$(wc -l <"$work/said")" = 1 ]
  else
    grep -q '^holdfast: ..' "$work/said" && ! grep -q 'stack traceback' "$work/said"
  fi
}

judge_failure() {
  [ "$code" = 3 ] || lose "exit status $code: $(cat "$work/said")"
  says_why || lose "exit status $code, and it says: $(cat "$work/said")"
  if declare -F "kept_$command" >/dev/null; then
    "kept_$command" || "done_$command" || lose "exit status $code, and what was there before is gone"
  fi
}

# The same once more, when nothing fails: what has been removed cannot be removed again, and rescue and restore want a
# new place.
do_again() {
  local again=0
  case $command in rescue | restore) rm -rf "$work/at/made" ;; esac
  choose_words
  "$HOLDFAST_BIN" "${words[@]}" <"$work/value" >"$work/out" 2>&1 || again=$?
  case $command:$again in *:0 | rm:1) ;; *) lose "again, exit status $again: $(cat "$work/out")" ;; esac
  "done_$command" || lose "again, it is not done"
}

judge() {
  if [ "$code" != 0 ]; then
    judge_failure
  elif ! "done_$command"; then
    lose "exit status 0, and it is not done"
  fi
  if declare -F "always_$command" >/dev/null; then "always_$command" || lose "what is read was changed"; fi
  is "$work/at/source" new || lose "the source is not as it was"
  do_again
}

# The nth call; nothing is counted where there are fewer.
try() {
  is_lost=0
  begin
  failing
  grep -qvs '^seen' "$work/calls" || return 0
  tried[$class]=$((tried[$class] + 1))
  judge
  lost[$class]=$((lost[$class] + is_lost))
}

# Of the calls of these kinds, those that belong to this part of all.
turn=0
try_part() {
  local seen
  nth=0
  begin
  failing
  [ "$code" = 0 ] || fail "$command, when nothing fails: $(cat "$work/said")"
  seen=$(sed -n 's/^seen //p' "$work/calls")
  for ((nth = 1 + (part - turn % parts + parts) % parts; nth <= seen; nth += parts)); do try; done
  turn=$((turn + seen))
}

# What is said to be written, and is not, must be found.
control() {
  command=put kinds=w errno=5 way=4 nth=1
  try 2>"$work/found"
  [ "$is_lost" = 1 ] || fail "a write that was left out on purpose was not found"
  tried[system]=0 lost[system]=0
}

# A line that is reported as not written, and is: LuaJIT's compiled code would write it once more, and say nothing.
try_lines_twice() {
  command=export kinds=w errno=5 way=2 class=system
  for nth in 35 40; do try; done
}

control
try_lines_twice
for command in ${HOLDFAST_FAULT_COMMANDS:-"${commands[@]}"}; do
  for class in system memory; do
    ways=("${system[@]}")
    [ $class = system ] || ways=("${memory[@]}")
    for fault in "${ways[@]}"; do
      IFS=: read -r kinds errno way <<<"$fault"
      try_part
    done
  done
done
result cli-failed-call "${tried[system]}" "${lost[system]}"
result cli-failed-allocation "${tried[memory]}" "${lost[memory]}"
[ $((lost[system] + lost[memory])) = 0 ] || fail "seed $seed, in $parts parts: what is said above was not right"
