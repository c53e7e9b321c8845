#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Another program removes the empty folder of a collection, and makes it again, at each moment of a write into it: when the
# write says that it is done, the document is in the folder that is there now, and that one was flushed.
#
# Promise file-replaced-folder: file, durability sync | its folder is made again by another program | a write is flushed
# shellcheck source=tests/fault/lib.sh
. "$HOLDFAST_SOURCE/tests/fault/lib.sh"

tried=0
for ((n = 1; ; n++)); do
  store=$work/store-$n
  mkdir -p "$store/signal"
  : >"$work/log"
  rm -f "$work/interrupted"
  IORECORD_ROOT=$store IORECORD_LOG=$work/log IORECORD_KILL=$n \
    IORECORD_RUN="touch $work/interrupted; rmdir $store/signal && mkdir $store/other && mkdir $store/signal; true" \
    recorded "$HOLDFAST_BIN" run "$here/replaced_folder.lua" put "$store" || fail "operation $n: the write failed"
  [ -e "$work/interrupted" ] || break
  tried=$((tried + 1))
  [ -f "$store/signal/a.json" ] || fail "operation $n: the document is not there"
  flushed=$("$HOLDFAST_BIN" run "$here/replaced_folder.lua" last "$work/log")
  [ "$flushed" = "$(stat -c %i "$store/signal")" ] || fail "operation $n: the folder that is there now was not flushed"
done
[ "$tried" -gt 4 ] || fail "only $tried operations were seen: the recorder does not see what the store does"
echo "the folder was replaced at each of $tried moments of a write: each time the one that is there was flushed"
result file-replaced-folder "$tried" 0
