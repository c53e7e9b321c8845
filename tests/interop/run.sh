#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The file store beside the real thing: the reference framework's own, from the npm package backtest-kit.  Each reads what
# the other wrote: the same ids in the same order, equal values, and byte for byte the same files.
#
# Opt-in: HOLDFAST_TEST_REFERENCE names a folder whose node_modules has the package, or is `install`; then it is fetched
# with npm (some of its dependencies are not in every registry, so nearest versions are taken, and a helper of three lines is
# stood in for).
# shellcheck source=tests/support/fail.sh
. "${HOLDFAST_SOURCE:?}/tests/support/fail.sh"

skip() {
  echo "skipped: $*"
  exit 77
}

reference=${HOLDFAST_TEST_REFERENCE:-}
[ -n "$reference" ] || skip "set HOLDFAST_TEST_REFERENCE to a folder with the npm package backtest-kit, or to install"
command -v node >/dev/null || skip "there is no node"
here=$HOLDFAST_SOURCE/tests/interop
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ "$reference" = install ]; then
  command -v npm >/dev/null || skip "there is no npm"
  reference=$work/reference
  mkdir -p "$reference/node_modules/backtest-kit" "$reference/node_modules/di-singleton"
  (
    cd "$reference"
    echo '{"name":"reference","private":true,"type":"module"}' >package.json
    npm install --no-audit --no-fund --silent di-kit@1.0.18 di-scoped@1.0.20 functools-kit@1.0.95 get-moment-stamp@1.1.1
    mkdir -p node_modules/backtest-kit node_modules/di-singleton
    tar xzf "$(npm pack --silent backtest-kit@19.5.0)" -C node_modules/backtest-kit --strip-components=1
    echo '{"name":"di-singleton","version":"0.0.0","type":"module","main":"index.mjs"}' >node_modules/di-singleton/package.json
    cat >node_modules/di-singleton/index.mjs <<'JS'
export const singleton = (C) => {
  let i;
  function A(...a) { return i || (i = new C(...a)); }
  A.clear = () => { i = undefined; };
  return A;
};
JS
  ) >"$work/npm.log" 2>&1 || skip "npm could not get the package: $(tail -n 3 "$work/npm.log")"
fi
[ -d "$reference/node_modules/backtest-kit" ] || skip "$reference has no node_modules/backtest-kit"

cp "$here/client.mjs" "$work/client.mjs"
ln -s "$reference/node_modules" "$work/node_modules"
theirs() { (cd "$work" && node client.mjs "$@" 2>"$work/node.log") || { cat "$work/node.log" >&2; fail "node client.mjs $*"; }; }
ours() { "$HOLDFAST_BIN" run "$here/interop.lua" "$@"; }

ours make >"$work/documents"

# Theirs, read by us.
theirs "$work/a" signal write <"$work/documents"
theirs "$work/a" signal read >"$work/a.theirs"
ours "$work/a" signal read >"$work/a.ours"
ours same "$work/a.theirs" "$work/a.ours"

# Ours, read by them.
ours "$work/b" signal write <"$work/documents"
theirs "$work/b" signal read >"$work/b.theirs"
ours "$work/b" signal read >"$work/b.ours"
ours same "$work/b.theirs" "$work/b.ours"

# The same files, byte for byte.
diff -r "$work/a/signal" "$work/b/signal"
echo "the folders are the same, byte for byte"

# Written over by the other one, both ways.
theirs "$work/b" signal write <"$work/documents"
ours "$work/a" signal write <"$work/documents"
diff -r "$work/a/signal" "$work/b/signal"

# What Lua writes is valid for them, infinity included; and nothing of ours is swept away as a leftover.
"$HOLDFAST_BIN" run - "$work/c" <<'LUA'
local holdfast = require "holdfast"
local store = holdfast.FilePersist("signal", arg[1])
store:writeValue("eternal", { minuteEstimatedTime = math.huge, list = holdfast.array() })
LUA
theirs "$work/c" signal read >"$work/c.theirs"
grep -qx '{"id":"eternal","value":{\("list":\[\],"minuteEstimatedTime":null\|"minuteEstimatedTime":null,"list":\[\]\)}}' "$work/c.theirs" ||
  { cat "$work/c.theirs" >&2; fail "the framework is not pleased, above"; }
[ "$(ours "$work/c" signal read | wc -l)" = 1 ]
