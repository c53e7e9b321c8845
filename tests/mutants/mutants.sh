#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Makes mutants of the durability code, one at a time, each in a copy of the tree, and looks whether a test fails:
#
#   mutants.sh [-j N] [--again] [PART...]
#
#   PART     only mutants that have it in their name or in the path of their file
#   -j N     N copies of the tree at once; each is built for itself (1)
#   --again  also those whose outcome is known, and whose file is as it was then
#
# A line for each says what became of it:
#
#   caught    the test that failed is named
#   same      none failed, and the list says why it changes nothing
#   open      none failed, and the list says why there is no such test yet
#   survived  none failed, and one should have
#   wrong     the list says that it changes nothing, and a test failed
#   broken    it cannot be built; or a test fails without it, or cannot run here
#
# The outcomes are in build-mutants/results.tsv: ended and called again, it goes on.  results.tsv beside this script has
# those that were seen so far: `mutants.sh --keep` puts the new ones there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source=$PWD
folder=$source/build-mutants
tree=$folder/tree
known=$folder/results.tsv
most_seconds=${HOLDFAST_MUTANTS_SECONDS:-200} # of one test, before it counts as hung, which is one way to fail

list() { luajit "$tree/tests/mutants/mutant.lua" "$tree" "$@"; }

# ---- copies of the tree

# The tree as it is now: what is edited meanwhile is of no matter.
take_snapshot() {
  rm -rf "$tree"
  mkdir -p "$tree"
  git ls-files -coz --exclude-standard | tar -c --null --ignore-failed-read -T - 2>/dev/null | tar -x -C "$tree"
}

# Brings the copy $1 up to date without touching what is the same, so that little is built again.
update_copy() {
  local copy=$1 file
  mkdir -p "$copy"
  (cd "$tree" && find . -type f -print0) | while IFS= read -r -d '' file; do
    cmp -s "$tree/$file" "$copy/$file" && continue
    mkdir -p "$copy/$(dirname "$file")"
    rm -f "$copy/$file"
    cp "$tree/$file" "$copy/$file"
  done
  (cd "$copy" && find . -type f -print0) | while IFS= read -r -d '' file; do
    [ -f "$tree/$file" ] || rm -f "$copy/$file"
  done
}

# The targets of a test, by its name: for a script, the programs that it names.
targets_of() {
  local folder
  folder=$(dirname "$1")
  case $1 in
  unit/*) echo "${1//\//_}" ;;
  fault/*)
    echo holdfast_command fault_iorecord_preload
    grep -oE "programs/\w+" "$tree/tests/$1_test.sh" | sed "s|programs/|${folder//\//_}_|" || true
    ;;
  *) echo holdfast_command holdfast_module ;;
  esac
}

# build COPY TEST...: what the tests need.
build() {
  local copy=$1 targets
  shift
  targets=$(for test in "$@"; do targets_of "$test"; done | tr ' ' '\n' | sort -u)
  # shellcheck disable=SC2086 # one argument each
  ninja -C "$copy/build" $targets >"$copy/build.log" 2>&1
}

# run COPY TEST: as ctest does; what a hung one leaves is ended.
run() {
  local copy=$1 test=$2 status=0 pid
  setsid ctest --test-dir "$copy/build" -R "^$test\$" --no-tests=error --timeout "$most_seconds" --output-on-failure \
    >"$copy/test.log" 2>&1 &
  pid=$!
  wait "$pid" || status=$?
  kill -9 -- "-$pid" 2>/dev/null || true
  if grep -q '\*\*\*Skipped' "$copy/test.log"; then return 77; fi
  return "$status"
}

# ---- one mutant

# say NAME OUTCOME TEST SECONDS
say() {
  printf '%-10s %-55s %s\n' "$2" "$1" "${3:+by $3, }$4 s"
  printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$commit" "$(list key "$1")" >>"$copy/results.tsv"
}

# Whether the test passes without a mutant.
passes() {
  grep -qxF "$commit $1" "$copy/passed" 2>/dev/null && return 0
  build "$copy" "$1" || return 1
  run "$copy" "$1" || return 1
  echo "$commit $1" >>"$copy/passed"
}

judge() {
  local name=$1 begin=$SECONDS file tests outcome by="" test
  { read -r file && read -r tests && read -r outcome; } < <(list show "$name")
  for test in $tests; do
    if ! passes "$test"; then
      say "$name" broken "$test" $((SECONDS - begin))
      sed 's/^/    /' "$copy/test.log" | tail -n 15 >&2
      return
    fi
  done
  list apply "$name" "$copy/source"
  # shellcheck disable=SC2086 # one argument each
  if [ -n "$tests" ] && ! build "$copy" $tests; then
    outcome=broken
    grep -m 3 'error:' "$copy/build.log" >&2 || true
  else
    for test in $tests; do
      if ! run "$copy" "$test"; then
        by=$test
        if [ "$outcome" = same ]; then outcome=wrong; else outcome=caught; fi
        break
      fi
    done
  fi
  rm -f "$copy/source/$file"
  cp "$tree/$file" "$copy/source/$file"
  say "$name" "$outcome" "$by" $((SECONDS - begin))
}

# ---- all of them

# worker NUMBER: every `jobs`th of the mutants.
worker() {
  local name number=0
  copy=$folder/$1
  update_copy "$copy/source"
  cmake -S "$copy/source" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DHOLDFAST_TESTS=ON \
    >"$copy/build.log" 2>&1 || { cat "$copy/build.log" >&2; return 1; }
  while IFS= read -r name; do
    number=$((number + 1))
    [ $((number % jobs + 1)) = "$1" ] || continue
    judge "$name"
  done <"$folder/wanted"
}

# The names that are to be judged.
choose() {
  local name
  list names "$@" | while IFS= read -r name; do
    [ -z "$again" ] && grep -q "^$name	.*	$(list key "$name")\$" "$known" 2>/dev/null && continue
    echo "$name"
  done
}

gather() {
  cat "$known" "$folder"/*/results.tsv 2>/dev/null >"$folder/all.tsv" || true
  rm -f "$folder"/*/results.tsv
  list merge "$folder/all.tsv" /dev/null >"$folder/merged.tsv"
  mv "$folder/merged.tsv" "$known"
}

jobs=1 again="" keep=""
while [ $# -gt 0 ]; do
  case $1 in
  -j) jobs=$2 && shift ;;
  --again) again=1 ;;
  --keep) keep=1 ;;
  -*)
    echo "mutants: unknown option $1" >&2
    exit 2
    ;;
  *) break ;;
  esac
  shift
done

mkdir -p "$folder"
commit=$(git rev-parse --short=10 HEAD)
take_snapshot
gather
if [ -n "$keep" ]; then
  list merge tests/mutants/results.tsv "$known" >"$folder/kept.tsv"
  mv "$folder/kept.tsv" tests/mutants/results.tsv
  list sum tests/mutants/results.tsv
  exit
fi
choose "$@" >"$folder/wanted"
echo "$(wc -l <"$folder/wanted") mutants to judge; what is known of others is in ${known#"$source/"}"
for ((number = 1; number <= jobs; number++)); do worker "$number" & done
wait
gather
list sum "$known"
! grep -E $'^[^\t]*\t(survived|wrong|broken)\t' "$known" | cut -f 1-3 | column -t
