#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds as others build it, by plain cmake: with the packages of the library alone, and without some backends and
# what those need.  What is not needed is hidden from pkg-config.  Uses HOLDFAST_BIN, HOLDFAST_BUILD and
# HOLDFAST_SOURCE.
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"
unset CFLAGS LDFLAGS

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# hides all packages from pkg-config but PACKAGE...
only() {
  local package path
  rm -rf "$scratch/pc"
  mkdir "$scratch/pc"
  for package in "$@"; do
    path=$(env -u PKG_CONFIG_LIBDIR pkg-config --variable=pcfiledir "$package")
    ln -s "$path/$package.pc" "$scratch/pc/"
  done
  export PKG_CONFIG_LIBDIR=$scratch/pc
}
# configure FOLDER OPTION...: what cmake says is in $scratch/output
configure() {
  local folder=$1
  shift
  cmake -S "$HOLDFAST_SOURCE" -B "$scratch/$folder" "$@" >"$scratch/output" 2>&1
}
configures() { configure "$@" || fail "cmake $*: $(cat "$scratch/output")"; }
# refuses TEXT FOLDER OPTION...
refuses() {
  local text=$1
  shift
  if configure "$@"; then fail "cmake $* went well"; fi
  tr -s ' \n' ' ' <"$scratch/output" | grep -qF -- "$text" || fail "cmake $* says: $(cat "$scratch/output")"
}

echo "== no tests unless asked for: nothing but the library's packages"
only lmdb luajit libcjson libisal hiredis openssl libssl libcrypto
configures whole
configures library -DHOLDFAST_COMMAND=OFF -DCMAKE_IGNORE_PATH=/usr/share/lua/5.1
refuses HOLDFAST_ARGPARSE library -DHOLDFAST_COMMAND=ON
refuses cmocka whole -DHOLDFAST_TESTS=ON

echo "== without Redis: neither hiredis nor OpenSSL"
only lmdb luajit libcjson libisal
refuses "the backend redis needs hiredis, which pkg-config does not find" small
refuses "there is no backend 'rediss'; there are: file, lmdb, memory, mongo, null, postgres, redis" small \
  '-DHOLDFAST_BACKENDS=lmdb;rediss'
refuses "must have lmdb" small '-DHOLDFAST_BACKENDS=file;memory'
refuses "HOLDFAST_TESTS needs HOLDFAST_BACKENDS=all" small -DHOLDFAST_TESTS=ON \
  '-DHOLDFAST_BACKENDS=lmdb;file;memory'
configures small -DHOLDFAST_TESTS=OFF '-DHOLDFAST_BACKENDS=lmdb;file;memory' -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_C_FLAGS_DEBUG=-O0 -DHOLDFAST_WERROR=ON
cmake --build "$scratch/small" -j 2 >"$scratch/output" 2>&1 || fail "the build: $(tail -n 30 "$scratch/output")"

echo "== the command of that build"
holdfast=$scratch/small/holdfast
cd "$scratch"
for base in ./data file:./files; do
  "$holdfast" put "$base" signal a '{"n":1}'
  [ "$("$holdfast" get "$base" signal a)" = '{"n":1}' ] || fail "$base does not give back what was put"
done
"$holdfast" put memory: signal a '{"n":1}'
# Every scheme that the whole build has and this one does not: known, and absent.
known() { { "$1" count nosuch:x y 2>&1 || true; } | sed -n 's/.*(there are: \([^)]*\)).*/\1/p' | tr -d ' ' | tr ',' '\n' | sort; }
known "$HOLDFAST_BIN" >all.txt
known "$holdfast" >part.txt
[ "$(tr '\n' ' ' <part.txt)" = "file lmdb lua memory " ] || fail "the small build has: $(tr '\n' ' ' <part.txt)"
for scheme in $(comm -23 all.txt part.txt); do
  if "$holdfast" count "$scheme://127.0.0.1/x" y >output 2>&1; then fail "count $scheme: went well"; fi
  grep -q "this build of Holdfast has no [a-z]* backend, which $scheme: URLs need (there are: .*lmdb.*HOLDFAST_BACKENDS" \
    output || fail "$scheme: says $(cat output)"
done
grep -q rediss all.txt || fail "the whole build has: $(tr '\n' ' ' <all.txt)"
cat >script.lua <<'LUA'
local holdfast = require "holdfast"
local ok, err = pcall(function() return holdfast.RedisPersist("signal", "redis://127.0.0.1") end)
assert(not ok and err.code == "unsupported" and tostring(err):find("no redis backend", 1, true), tostring(err))
LUA
"$holdfast" run script.lua || fail "a script"
if readelf -d "$holdfast" "$scratch/small/lib/libholdfast.so" | grep -E 'NEEDED.*(hiredis|ssl|crypto)'; then
  fail "it links what it does not need"
fi

echo "== what is installed asks for the packages in use only"
cmake --install "$scratch/small" --prefix "$scratch/prefix" >/dev/null
requires=$(sed -n 's/^Requires.private: //p' "$(find "$scratch/prefix" -name holdfast.pc)")
[ "$requires" = "lmdb luajit libcjson libisal" ] || fail "holdfast.pc requires: $requires"
if grep -rE 'hiredis|openssl' "$scratch/prefix" --include='*.cmake'; then fail "the CMake package asks for Redis's"; fi
