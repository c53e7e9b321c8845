#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Makes mutants of the durability code, one at a time, beside a copy of the tree, and looks whether a test fails:
#
#   mutants.sh [-j N] [--again] [PART...]
#
#   PART     only mutants that have it in their name or in the path of their file
#   -j N     N copies of the tree at once; each is built for itself (1)
#   --again  also those that were caught, or need not be, and whose file is as it was then
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
# A mutant of C is one object: the programs that a test runs are linked with it again, in place of the sound object, and
# nothing else is built.  One of Lua is a file of the copy.  Where that does not do, the copy is changed and built.
#
# The outcomes are in build-mutants/results.tsv: ended and called again, it goes on.  results.tsv beside this script has
# those that were seen so far: `mutants.sh --keep` puts the new ones there, but for those that something is to be done
# about.
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

# The targets of a test, by its name: for a script, the programs that it names, or a script that it sources does; for a
# spec, the libraries to be loaded before others that it names.
targets_of() {
  local folder script scripts
  folder=$(dirname "$1")
  case $1 in
  unit/*) echo "${1//\//_}" ;;
  fault/*)
    echo holdfast_command fault_iorecord_preload fault_callfail_preload
    script=$tree/tests/$1_test.sh
    scripts=$(grep -oE '^\. "[$]here/[a-z_]+\.sh' "$script" | sed "s|.*/|$tree/tests/$folder/|" || true)
    # shellcheck disable=SC2086 # one argument each
    grep -hoE "programs/\w+" "$script" $scripts | sed "s|programs/|${folder//\//_}_|" || true
    ;;
  *)
    echo holdfast_command holdfast_module
    grep -ohE "fault/\w+_preload" "$tree/tests/$1_spec.lua" | tr / _ || true
    ;;
  esac
}

targets_of_all() { for test in "$@"; do targets_of "$test"; done | tr ' ' '\n' | sort -u; }

# build COPY TEST...: what the tests need.
build() {
  local copy=$1 targets
  shift
  targets=$(targets_of_all "$@")
  # shellcheck disable=SC2086 # one argument each
  ninja -C "$copy/build" $targets >"$copy/build.log" 2>&1
}

# How long a test may take: the first time, most_seconds; then 30 s and ten times as long as without a mutant.
limit_of() {
  local took limit
  took=$(sed -n "s|^$commit .*$2	||p" "$1/passed" 2>/dev/null | tail -n 1)
  limit=$((30 + 10 * ${took:-$most_seconds}))
  echo $((limit < most_seconds ? limit : most_seconds))
}

# run COPY TEST: as ctest does; what a hung one leaves is ended.
run() {
  local copy=$1 test=$2 status=0 pid
  setsid ctest --test-dir "$copy/build" -R "^$test\$" --no-tests=error --timeout "$(limit_of "$@")" --output-on-failure \
    >"$copy/test.log" 2>&1 &
  pid=$!
  wait "$pid" || status=$?
  kill -9 -- "-$pid" 2>/dev/null || true
  if grep -q '\*\*\*Skipped' "$copy/test.log"; then return 77; fi
  return "$status"
}

# Whether the test passes without a mutant.
passes() {
  local copy=$1 key="$commit ${HOLDFAST_LUA:+with HOLDFAST_LUA }$2" begin
  grep -qF "$key	" "$copy/passed" 2>/dev/null && return 0
  build "$copy" "$2" || return 1
  begin=$SECONDS
  run "$copy" "$2" || return 1
  printf '%s\t%s\n' "$key" $((SECONDS - begin)) >>"$copy/passed"
}

# ---- one mutant

# compile COPY FILE OBJECT: mutant.o of the copy's build folder, from the file of that name in the copy's folder `mutant`.
compile() {
  local copy=$1 file=$2 command
  command=$(ninja -C "$copy/build" -t commands -s "$3")
  command=$(sed -E "s| -M[TF] [^ ]+||g; s| -MD | |; s| -o [^ ]+| -o mutant.o|; s|[^ ]*/$file\$||" <<<"$command")
  (cd "$copy/build" && eval "$command -iquote '$copy/source/$(dirname "$file")' '$copy/mutant/$file'") \
    >"$copy/build.log" 2>&1
}

# relink COPY OBJECT TARGET: a program with mutant.o in place of the object, which may be one of the static library: what
# comes before that is not taken from it.  The sound program waits beside it.
relink() {
  local copy=$1 object=$2 command output
  command=$(ninja -C "$copy/build" -t commands "$3" | tail -n 1)
  output=$(sed -E 's/.* -o ([^ ]+) .*/\1/' <<<"$command")
  case $command in
  *" $object "*) command=${command/" $object "/ mutant.o } ;;
  *libholdfast.a*) command=${command/" -o $output "/ -o $output mutant.o } ;;
  *module_lua.o*) return 1 ;; # it has the objects of Lua in one that is linked before: the copy has to be built
  *) return 0 ;;              # it has nothing of the library
  esac
  mv "$copy/build/$output" "$copy/build/$output.sound"
  (cd "$copy/build" && eval "$command") >"$copy/build.log" 2>&1
}

restore_programs() {
  local copy=$1 sound
  find "$copy/build" -name '*.sound' | while IFS= read -r sound; do mv "$sound" "${sound%.sound}"; done
}

# make_beside COPY NAME FILE TEST...: makes a mutant of C without touching the copy's source.
make_beside() {
  local copy=$1 name=$2 file=$3 object target
  shift 3
  rm -rf "$copy/mutant"
  mkdir -p "$copy/mutant/$(dirname "$file")"
  list apply "$name" "$copy/mutant"
  object=$(cd "$copy/build" && find CMakeFiles -path "*_objects.dir/$file.o")
  [ -n "$object" ] && compile "$copy" "$file" "$object" || return 1
  for target in $(targets_of_all "$@"); do relink "$copy" "$object" "$target" || return 1; done
}

# run_until_one_fails COPY TEST...: says which; 1 if none does.
run_until_one_fails() {
  local copy=$1 test
  shift
  for test in "$@"; do
    if ! run "$copy" "$test"; then
      echo "$test"
      return 0
    fi
  done
  return 1
}

# catch_beside COPY NAME FILE TEST...: 1: none failed, 2: it cannot be made this way.
catch_beside() {
  local copy=$1 file=$3 status=2
  if make_beside "$@"; then
    shift 3
    status=0
    run_until_one_fails "$copy" "$@" || status=1
  fi
  restore_programs "$copy"
  return $status
}

# The same for Lua.  Nothing is built: specs read the source, and programs HOLDFAST_LUA.  Where none failed nothing is
# known, since a test may look at what is embedded in a program.
catch_lua_beside() {
  local copy=$1 name=$2 file=$3 status=0 test
  shift 3
  export HOLDFAST_LUA=$copy/source/lua
  for test in "$@"; do passes "$copy" "$test" || return 2; done
  mv "$copy/source/$file" "$copy/sound" # with its time, so that it is not built again
  list apply "$name" "$copy/source"
  run_until_one_fails "$copy" "$@" || status=2
  mv "$copy/sound" "$copy/source/$file"
  return $status
}

# catch_in_copy COPY NAME FILE TEST...: the same by building the copy with the mutant in it; 2: it cannot be built.
catch_in_copy() {
  local copy=$1 name=$2 file=$3 status=2
  shift 3
  list apply "$name" "$copy/source"
  if build "$copy" "$@"; then
    status=0
    run_until_one_fails "$copy" "$@" || status=1
  fi
  rm -f "$copy/source/$file"
  cp "$tree/$file" "$copy/source/$file"
  return $status
}

# say NAME OUTCOME TEST SECONDS
say() {
  printf '%-10s %-55s %s\n' "$2" "$1" "${3:+by $3, }$4 s"
  printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$commit" "$(list key "$1")" >>"$copy/results.tsv"
}

judge() {
  local name=$1 begin=$SECONDS file tests outcome by="" test status=0
  { read -r file && read -r tests && read -r outcome; } < <(list show "$name")
  for test in $tests; do
    if ! passes "$copy" "$test"; then
      say "$name" broken "$test" $((SECONDS - begin))
      sed 's/^/    /' "$copy/test.log" | tail -n 15 >&2
      return
    fi
  done
  if [ -n "$tests" ]; then
    # shellcheck disable=SC2086 # one argument each
    case $file in
    lua/*) by=$(catch_lua_beside "$copy" "$name" "$file" $tests) || status=$? ;;
    *) by=$(catch_beside "$copy" "$name" "$file" $tests) || status=$? ;;
    esac
    # shellcheck disable=SC2086 # one argument each
    if [ $status = 2 ]; then status=0 by=$(catch_in_copy "$copy" "$name" "$file" $tests) || status=$?; fi
    case $status$outcome in
    0same) outcome=wrong ;;
    0*) outcome=caught ;;
    2*)
      outcome=broken
      grep -m 3 'error:' "$copy/build.log" >&2 || true
      ;;
    esac
  fi
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
  restore_programs "$copy"
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
    [ -z "$again" ] && grep -qE "^$name	(caught|same|open)	.*	$(list key "$name")\$" "$known" 2>/dev/null && continue
    echo "$name"
  done
}

gather() {
  cat "$known" "$folder"/*/results.tsv 2>/dev/null >"$folder/all.tsv" || true
  list merge "$folder/all.tsv" /dev/null >"$folder/merged.tsv" # which fails where a mutant of the list cannot be made
  mv "$folder/merged.tsv" "$known"
  rm -f "$folder"/*/results.tsv
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
  list merge tests/mutants/results.tsv "$known" | grep -E $'^[^\t]*\t(caught|same|open)\t' >"$folder/kept.tsv"
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
