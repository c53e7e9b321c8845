#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs the build into a prefix of its own, moves that elsewhere, and builds and runs the outside program against
# it by each way that embedders have.  Uses HOLDFAST_BUILD and HOLDFAST_SOURCE.
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/moved

cmake --install "$HOLDFAST_BUILD" --prefix "$scratch/prefix" >/dev/null
mv "$scratch/prefix" "$prefix"
cp -r "$HOLDFAST_SOURCE/tests/embed" "$scratch/embed"
pc=$(find "$prefix" -name holdfast.pc)
libdir=$(dirname "$(dirname "$pc")")

echo "== CMake package, shared and static"
cmake -S "$scratch/embed" -B "$scratch/cmake" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/cmake"
"$scratch/cmake/embed_shared" "$scratch/store-1"
"$scratch/cmake/embed_static" "$scratch/store-2"

echo "== pkg-config, shared"
export PKG_CONFIG_PATH=${pc%/*}
make -C "$scratch/embed"
LD_LIBRARY_PATH=$libdir "$scratch/embed/embed" "$scratch/store-3"

echo "== pkg-config, static archive"
rm "$scratch/embed/embed"
# The archive by name and the rest from the system: Debian has no static libcjson or libisal.
make -C "$scratch/embed" LIBS="$libdir/libholdfast.a $(pkg-config --static --libs holdfast | sed 's/-lholdfast//')"
"$scratch/embed/embed" "$scratch/store-4"

echo "== the installed module in a stock luajit, and the installed command"
cd "$scratch"
LUA_CPATH="$libdir/lua/5.1/?.so" luajit -e '
  local logs = require("holdfast").PersistBase("logs", "store-5")
  logs:writeValue("a", { n = 1 })
  assert(logs:readValue("a").n == 1)'
"$prefix/bin/holdfast" --help >/dev/null
[ "$("$prefix/bin/holdfast" count store-5 logs)" = 1 ]
test -d "$prefix/share/holdfast/meta"
if grep -rIl -e "$HOLDFAST_BUILD" -e "$HOLDFAST_SOURCE" "$prefix"; then
  fail "these installed files name the build or source folder"
fi
