#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Another Lua in the process, in each way that it can get there: Holdfast refuses with a sentence where it would call
# that one, before it crashes, and refuses no program in which it would not.  Uses HOLDFAST_BUILD and HOLDFAST_SOURCE.
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
library=$HOLDFAST_BUILD/lib
failures=0
bad() { echo "FAIL ${BASH_SOURCE[1]}:${BASH_LINENO[0]}: $*"; failures=$((failures + 1)); }

# Under sanitizers a program that was not built with them cannot load what was.
instrumented=
if readelf -d "$HOLDFAST_BUILD/holdfast.so" | grep -q 'lib.*san'; then instrumented=yes; fi

# build NAME OPTION...: the program, with these libraries in this order.
build() {
  local name=$1
  shift
  # shellcheck disable=SC2046,SC2086 # several options in each
  "${CC:-cc}" ${CFLAGS:-} -Wall -Wextra $(pkg-config --cflags luajit) -I"$HOLDFAST_SOURCE/src/include" -L"$library" \
    -Wl,-rpath,"$library" -Wl,--no-as-needed "$HOLDFAST_SOURCE/tests/embed/foreign_lua.c" ${LDFLAGS:-} \
    -o "$scratch/$name" "$@"
}

# runs COMMAND..., refused WHAT COMMAND...: with the sentence, which names WHAT
runs() { "$@" >"$scratch/output" 2>&1 || bad "status $? of $*: $(cat "$scratch/output")"; }
refused() {
  local what=$1 status=0
  shift
  "$@" >"$scratch/output" 2>&1 || status=$?
  if [ "$status" -ne 3 ]; then bad "status $status in place of a refusal of $*: $(cat "$scratch/output")"; fi
  if ! grep -q "^unsupported: .*comes from .*$what.*-lluajit-5.1" "$scratch/output"; then
    bad "what $* says is: $(cat "$scratch/output")"
  fi
}

dependencies=$(sed -n 's/^Requires.private: //p' "$HOLDFAST_BUILD/cmake/holdfast.pc")
# shellcheck disable=SC2086 # several packages
dependencies=$(pkg-config --libs $dependencies)

echo "== a shared Lua 5.4 beside the library"
build after -lholdfast -llua5.4
refused liblua5.4 "$scratch/after"
build before -llua5.4 -lholdfast
refused liblua5.4 "$scratch/before"
build first -lluajit-5.1 -llua5.4 -lholdfast
runs "$scratch/first"
# shellcheck disable=SC2086 # several options
build archive_before -llua5.4 "$library/libholdfast.a" $dependencies -lm -pthread
refused liblua5.4 "$scratch/archive_before"

echo "== a Lua 5.4 inside the program, which the linker exports for the library"
build inside -Wl,--whole-archive -l:liblua5.4.a -Wl,--no-whole-archive -lholdfast -lm
refused inside "$scratch/inside"
build inside_exported -rdynamic -Wl,--whole-archive -l:liblua5.4.a -Wl,--no-whole-archive -lholdfast -lm
refused inside_exported "$scratch/inside_exported"

echo "== a preloaded one, in programs that are right without"
build right -lholdfast
# shellcheck disable=SC2086 # several options
build right_archive "$library/libholdfast.a" $dependencies -lm -pthread
# shellcheck disable=SC2086 # several options
build right_exporting -rdynamic "$library/libholdfast.a" $dependencies -lm -pthread
# shellcheck disable=SC2086 # several options
build right_luajit_inside -rdynamic "$library/libholdfast.a" -Wl,--whole-archive -l:libluajit-5.1.a \
  -Wl,--no-whole-archive ${dependencies/-lluajit-5.1/} -lm -ldl -pthread
build right_luajit_exported -Wl,--whole-archive -l:libluajit-5.1.a -Wl,--no-whole-archive -rdynamic -lholdfast -lm
for program in right right_archive right_exporting right_luajit_inside right_luajit_exported; do
  runs "$scratch/$program"
done
# The address of a function, taken in a program at a fixed address, is that of the program's own entry for it.
build right_addresses -DTAKE_ADDRESS -fno-pie -no-pie -lholdfast -lluajit-5.1
runs "$scratch/right_addresses"
if [ -z "$instrumented" ]; then
  refused liblua5.4 env LD_PRELOAD=liblua5.4.so.0 "$scratch/right"
  refused liblua5.4 env LD_PRELOAD=liblua5.4.so.0 "$scratch/right_archive"
  runs env LD_PRELOAD=liblua5.4.so.0 "$scratch/right_luajit_inside"
  status=0
  LD_PRELOAD=liblua5.4.so.0 "$HOLDFAST_BUILD/holdfast" --help >"$scratch/output" 2>&1 || status=$?
  if [ "$status" -ne 70 ] || ! grep -q '^holdfast: this process has another Lua' "$scratch/output"; then
    bad "the command with a preloaded Lua: status $status, $(cat "$scratch/output")"
  fi
fi

echo "== the library as a plugin"
if [ -z "$instrumented" ]; then
  build host -DLOADS
  runs "$scratch/host" "$library/libholdfast.so"
  refused liblua5.4 "$scratch/host" "$library/libholdfast.so" later liblua5.4.so.0
  build lua_host -DLOADS -llua5.4
  refused liblua5.4 "$scratch/lua_host" "$library/libholdfast.so"
  runs "$scratch/lua_host" "$library/libholdfast.so" deepbind
fi

echo "== the module in Lua interpreters"
if [ -z "$instrumented" ]; then
  for lua in lua5.1 lua5.4; do
    for module in holdfast holdfast.core holdfast.conformance; do
      for path in /nowhere "$HOLDFAST_SOURCE/lua"; do
        status=0
        LUA_INIT='' LUA_PATH="$path/?.lua;$path/?/init.lua" LUA_CPATH="$HOLDFAST_BUILD/?.so" "$lua" \
          -e "require '$module'" >"$scratch/output" 2>&1 || status=$?
        if [ "$status" -ne 1 ] || ! grep -q 'Holdfast needs LuaJIT, and this is another Lua' "$scratch/output"; then
          bad "$module in $lua, files in $path: status $status, $(cat "$scratch/output")"
        fi
      done
    done
  done
fi
LUA_CPATH="$HOLDFAST_BUILD/?.so" LUA_PATH='' runs luajit -e 'require "holdfast"'

[ "$failures" -eq 0 ]
