#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Another program comes in between, at each moment of what a file store does: it makes the folder of the collection again,
# removes the temporary files, or puts another document in the place of the one that is about to go to quarantine.
#
# Promise file-replaced-folder: file, durability sync | its folder is made again by another program | a write is flushed
# Promise file-swept: file | temporary files are removed by another program | a write is done
# Promise file-replaced-document: file | another program replaces a corrupt document | the new one stays in its place
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

# between N VERB COMMAND: does it, and before its operation N the command.  False: it has no such operation.
between() {
  : >"$work/log"
  rm -f "$work/interrupted"
  IORECORD_ROOT=$store IORECORD_LOG=$work/log IORECORD_KILL=$1 IORECORD_RUN="touch $work/interrupted; $3; true" \
    recorded "$HOLDFAST_BIN" run "$here/other_program.lua" "$2" "$store" >"$work/said" 2>"$work/errors" ||
    fail "operation $1: $2 failed: $(cat "$work/errors")"
  [ -e "$work/interrupted" ]
}

# all PROMISE VERB COMMAND: at each operation; `check N` looks at the outcome.
all() {
  local n=1
  while store=$work/$1-$n && mkdir -p "$store/signal" && prepare && between "$n" "$2" "$(eval "echo \"$3\"")"; do
    check "$n"
    n=$((n + 1))
  done
  [ "$n" -gt 5 ] || fail "$1: only $n operations were seen: the recorder does not see what the store does"
  echo "at each of $((n - 1)) moments of a $2"
  result "$1" $((n - 1)) 0
}

prepare() { :; }

check() {
  [ -f "$store/signal/a.json" ] || fail "operation $1: the document is not there"
  flushed=$("$HOLDFAST_BIN" run "$here/other_program.lua" flushed "$work/log")
  [ "$flushed" = "$(stat -c %i "$store/signal")" ] || fail "operation $1: the folder that is there now was not flushed"
}
# shellcheck disable=SC2016 # for each store
all file-replaced-folder put 'rmdir $store/signal && mkdir $store/other $store/signal'

check() { [ "$(cat "$store/signal/a.json")" = 1 ] || fail "operation $1: the document is not there"; }
# shellcheck disable=SC2016
all file-swept put 'rm -f $store/.tmp/*-*'

# Corrupt, and not written for long.
prepare() {
  printf '{oops' >"$store/signal/a.json"
  touch -d '1 hour ago' "$store/signal/a.json"
}
check() {
  [ "$(cat "$store/signal/a.json" 2>&1)" = "$new" ] || fail "operation $1: the new document was moved away"
}
for new in '{"n":2}' '{oops, too'; do
  printf '%s' "$new" >"$work/new"
  # shellcheck disable=SC2016
  all file-replaced-document read 'cp $work/new $store/new && mv -f $store/new $store/signal/a.json'
  rm -rf "$work"/file-replaced-document-*
done
