#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs a program over cmocka and says nothing of what passes, and of what fails one line first: FAIL, the place, what
# was expected and what came.  So the first lines of a failed test say what broke.  What else the tests print is kept.
#
#   unit.sh PROGRAM
set -uo pipefail

quiet=60 # seconds without a line after which the test at work is named, since ctest may be about to end it

# What a test that did not pass has said, in $block.
tell() {
  local line place="" said=() first="${1-}"
  for line in "${block[@]}"; do
    if [[ $line == *'[   LINE   ] --- '* ]]; then
      place=${line#*'[   LINE   ] --- '} place=${place%%: error:*}
      line=${line%%'[   LINE   ] --- '*}
    fi
    line=${line#'[  ERROR   ] --- '} line=${line#'ERROR: '}
    [ -z "$line" ] || said+=("$line")
  done
  if [ -z "$first" ]; then first=${said[0]-"without a word"} said=("${said[@]:1}"); fi
  echo "FAIL ${place:+$place: }$first  [$name]"
  [ ${#said[@]} -eq 0 ] || printf '    %s\n' "${said[@]}"
}

report() {
  local line name="" block=() got
  while true; do
    IFS= read -r -t "$quiet" line && got=0 || got=$?
    if [ "$got" -gt 128 ]; then
      [ -z "$name" ] || echo "for $quiet s nothing from the test $name"
      continue
    fi
    case $line in
    '[ RUN      ] '*) name=${line#'[ RUN      ] '} block=() ;;
    '[       OK ] '*)
      [ ${#block[@]} -eq 0 ] || printf '%s\n' "${block[@]}"
      name="" block=()
      ;;
    "[  FAILED  ] $name" | "[  ERROR   ] $name")
      [ -z "$name" ] || tell
      name="" block=()
      ;;
    '[  FAILED  ] '* | '[==========] Running '* | ' '*' FAILED TEST(S)') ;;
    *) if [ -n "$name" ]; then block+=("$line"); elif [ -n "$line" ]; then echo "$line"; fi ;;
    esac
    [ "$got" -eq 0 ] || break
  done
  [ -z "$name" ] || tell "the program ended here"
}

"$@" 2>&1 | report
exit "${PIPESTATUS[0]}"
