#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What the outputs show and need: the Lua module shows only what `require` looks for and brings no second LuaJIT; the
# library shows hf_ names and luaopen_ names only, none of the private hf__.  In the archive nothing is hidden: there
# every name has a prefix of ours, so that none meets one of the program's.  Uses HOLDFAST_BUILD.
set -euo pipefail
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

# What compilers add (for sanitizers and coverage) is not ours.
ours() { awk 'NF == 3 {print $3}' | grep -vE '^(__|_init|_fini|mangle_path)' | sort -u; }
shown() { nm -D --defined-only "$1" | ours; }
strange() { nm -g --defined-only "$@" | ours | grep -vE '^(hf_[a-z0-9]|hf__[a-z0-9]|hfL_[a-z0-9]|luaopen_holdfast)' || true; }
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

module=$HOLDFAST_BUILD/holdfast.so
library=$HOLDFAST_BUILD/lib/libholdfast.so
[ "$(shown "$module")" = "$(printf 'luaopen_holdfast\nluaopen_holdfast_conformance\nluaopen_holdfast_core')" ] ||
  fail "holdfast.so shows: $(shown "$module" | tr '\n' ' ')"
if needed "$module" | grep -q luajit; then fail "holdfast.so links libluajit"; fi
if undefined=$(nm -D -u "$module" | grep -E ' (hf_|hfL_|lhf_)'); then fail "holdfast.so lacks: $undefined"; fi
needed "$library" | grep -q luajit || fail "libholdfast.so does not link libluajit"
if strangers=$(shown "$library" | grep -vE '^(hf_[a-z0-9]|luaopen_holdfast)'); then
  fail "libholdfast.so shows: $strangers"
fi

archive=$HOLDFAST_BUILD/lib/libholdfast.a
if strangers=$(strange "$archive"); [ -n "$strangers" ]; then
  fail "libholdfast.a has names that could be a program's: $strangers"
fi
[ "$(nm -g --defined-only "$archive" | ours | grep -c '^hf_')" -gt 200 ] || fail "found no names in libholdfast.a"

# Every function that the public headers promise is there.
promised=$(sed -nE 's/^HF_API [^(]*[ *](hf_[a-z0-9_]+)\(.*/\1/p' "$HOLDFAST_SOURCE"/src/include/holdfast/*.h | sort)
[ -n "$promised" ] || fail "found no HF_API function in the headers"
if missing=$(comm -23 <(echo "$promised") <(shown "$library")); [ -n "$missing" ]; then
  fail "declared in the headers and not in libholdfast.so: $missing"
fi

# In a stock luajit with nothing but the module, the kit can be required by itself.
(cd / && env -u LUA_PATH LUA_CPATH="$HOLDFAST_BUILD/?.so" luajit -e 'assert(#require("holdfast.conformance").checks() > 50)')
