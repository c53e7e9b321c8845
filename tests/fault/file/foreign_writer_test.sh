#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Another program and a process of ours on the documents of a file store.  What it finishes is there, whatever we read
# meanwhile; what is corrupt ends in quarantine, and never without its report.
#
# HOLDFAST_FAULT_SECONDS (4) is how long the writers write.
#
# Promise file-foreign-writer: file | another program writes documents in place while they are read | none is taken
#   from it, and what it finishes is there
# Promise file-foreign-moment: file | another program replaces or removes a corrupt document before any operation of
#   moving it to quarantine | what it wrote has its name, and a corrupt one never goes without its report
# Promise file-quarantine-kill: file | kill -9 before each operation of moving a corrupt document to quarantine | it
#   is corrupt before and after, and its bytes are kept
# Promise file-quarantine-race: file | two processes find the same corrupt document | both say so, and so does whoever
#   comes later
# Promise file-clock: file | the clock is an hour ahead, or set back by one | no fresh document is moved, and no
#   corrupt one stays busy
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

seconds=${HOLDFAST_FAULT_SECONDS:-4}
store=$work/store
document=$store/signal/BTC.json
kept=$store/.quarantine/signal/BTC.json
whole='{"position":"long"}'

get() { "$HOLDFAST_BIN" get "file:$store" signal BTC 2>&1; }

# ---- a program writes documents in place: it opens them, which empties them, writes, pauses, writes and closes

cat >"$work/writer.lua" <<'LUA'
local folder, seconds = arg[1], tonumber(arg[2])
local text = '{"position":"long","note":"' .. ("x"):rep(20000) .. '"}'
local ends, n = os.time() + seconds, 0
while os.time() <= ends do
  n = n + 1
  local path = ("%s/%d.json"):format(folder, n % 7)
  local file = assert(io.open(path, "w"))
  if n % 3 > 0 then file:write(text:sub(1, n % 9000)) end
  file:flush()
  for _ = 1, n % 20 * 3000 do math.sin(n) end
  file:write(text:sub(n % 3 > 0 and n % 9000 + 1 or 1))
  file:close()
  file = assert(io.open(path), "what was finished is gone")
  assert(file:read("*a") == text)
  file:close()
end
print(n)
LUA
cat >"$work/reader.lua" <<'LUA'
local holdfast = require "holdfast"
local store = holdfast.FilePersist("signal", arg[1])
local ends, seen, busy = os.time() + tonumber(arg[2]), 0, 0
local function try(fn, ...)
  local ok, err = pcall(fn, ...)
  if ok then
    seen = seen + 1
  elseif err.code == "busy" then
    busy = busy + 1
  else
    assert(err.code == "not_found", tostring(err))
  end
end
local function loop() for _ in store:values() do end end
while os.time() <= ends do
  for id = 0, 6 do try(store.readValue, store, id) end
  try(loop)
  try(store.readMany, store, { 1, 2, 3 })
end
assert(store:stat().quarantined == 0, "something is in quarantine")
print(seen, busy)
LUA
mkdir -p "$store/signal"
"$HOLDFAST_BIN" run "$work/reader.lua" "file:$store" "$seconds" >"$work/read" &
readers=($!)
"$HOLDFAST_BIN" run "$work/reader.lua" "file:$store" "$seconds" >"$work/read2" &
readers+=($!)
written=$("$HOLDFAST_BIN" run "$work/writer.lua" "$store/signal" "$seconds") || fail "a document was taken from its writer"
for pid in "${readers[@]}"; do wait "$pid" || fail "a reader: $(cat "$work/read" "$work/read2")"; done
[ "$written" -gt 50 ] || fail "only $written documents were written"
[ -z "$(find "$store/.quarantine" -type f 2>/dev/null)" ] || fail "in quarantine: $(find "$store/.quarantine" -type f)"
read -r seen busy <"$work/read"
[ "$seen" -gt 50 ] || fail "only $seen reads"
echo "$written documents written in place, read $seen times and $busy times busy: none was moved"
result file-foreign-writer "$written" 0

# ---- what another program does at any moment while a corrupt document is moved

spoil() {
  rm -rf "$store" && mkdir -p "$store/signal"
  printf '{oops' >"$document"
  touch -d '1 hour ago' "$document"
}

moments=0

# Does COMMAND before each operation of a read that finds a corrupt document, calling `check` after each.
meanwhile() {
  local n
  for ((n = 1; n < 200; n++)); do
    spoil
    printf '%s' "$whole" >"$work/good"
    rm -f "$work/did"
    said=$(IORECORD_ROOT=$store IORECORD_KILL=$n IORECORD_RUN="touch '$work/did'; $1" recorded get) || true
    [ -e "$work/did" ] || break
    when="'$1' before operation $n"
    moments=$((moments + 1))
    "$2"
  done
  ((n > 5 && n < 200)) || fail "$1: $n operations were seen"
}

# The document is the good one, and none is in quarantine but old ones.
is_good() {
  [ "$(get)" = "$whole" ] || fail "$when: $(get), in the store $(find "$store" -type f)"
  [ "$(cat "$document")" = "$whole" ] || fail "$when: it has not got its name"
}
meanwhile "mv '$work/good' '$document'" is_good
meanwhile "cat '$work/good' >'$document'" is_good
meanwhile "touch -d '1 year ago' '$work/good'; mv '$work/good' '$document'" is_good

# Half a document is there and left alone, and what was said was not that it is corrupt and moved.
is_half() {
  [ "$(cat "$document")" = '{"position' ] || fail "$when: $said; in the store $(find "$store" -type f)"
  printf '%s' "$whole" >"$document"
  is_good
}
meanwhile "printf '{\"position' >'$document'" is_half
meanwhile "printf '{\"position' >'$work/half'; mv '$work/half' '$document'" is_half
is_empty() {
  if [ ! -e "$document" ] || [ -s "$document" ]; then fail "$when: $said; in the store $(find "$store" -type f)"; fi
}
meanwhile ": >'$document'" is_empty

# It is not there, and what we say of it is one of the two.
is_gone() {
  [ ! -e "$document" ] || fail "$when: it is back"
  case $(get) in
    *"not found"* | *"is in quarantine"*) ;;
    *) fail "$when: $(get)" ;;
  esac
}
meanwhile "rm -f '$document'" is_gone

# Killed at any moment: it is corrupt before and after, and its bytes are kept.
for ((n = 1; n < 200; n++)); do
  spoil
  status=0
  { IORECORD_ROOT=$store IORECORD_KILL=$n recorded get >"$work/out"; } 2>/dev/null || status=$?
  said=$(get) && fail "killed before operation $n: $said"
  [[ $said = *" is corrupt: "* ]] || fail "killed before operation $n: $said"
  [ "$(cat "$kept")" = '{oops' ] || fail "killed before operation $n: $(find "$store" -type f)"
  [ -e "$kept.report" ] || fail "killed before operation $n: no report"
  [ "$status" = 137 ] || break
done
((n > 5 && n < 200)) || fail "killed $n times"
result file-quarantine-kill $((n - 1)) 0
result file-foreign-moment "$moments" 0
echo "another program at work before each operation of moving a document: what it wrote has its name"

# Two processes that find the same one: both say corrupt, and so does whoever comes later.
for ((n = 0; n < 20; n++)); do
  spoil
  get >"$work/one" &
  first=$!
  get >"$work/two" || true
  wait "$first" || true
  grep -q "is corrupt" "$work/one" || fail "one of two: $(cat "$work/one")"
  grep -q "is corrupt" "$work/two" || fail "two of two: $(cat "$work/two")"
  [[ $(get) = *"is in quarantine"* ]] || fail "after both: $(get)"
done

result file-quarantine-race 20 0

# ---- clocks that are wrong

wrong_clock() {
  CLOCK_SHIFT=$1 LD_PRELOAD=$programs/clock_preload.so \
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0" \
    "$HOLDFAST_BIN" get "file:$store" signal BTC 2>&1
}

# Ours is ahead of that of the files: all documents look old.
rm -rf "$store" && mkdir -p "$store/signal"
printf '{"position' >"$document"
said=$(wrong_clock 3600) && fail "a half document was read: $said"
[[ $said = *"another program is writing"* ]] || fail "ahead: $said"
[ -e "$document" ] || fail "ahead: it was moved"
[ -z "$(find "$store/.quarantine" -type f)" ] || fail "ahead: $(find "$store/.quarantine" -type f) remains"
sleep 2.1
said=$(wrong_clock 3600) && fail "a half document was read: $said"
[[ $said = *"its bytes were moved to quarantine"* ]] || fail "ahead, later: $said"

# Ours has been set back: all documents come from the future, and are watched.
rm -rf "$store" && mkdir -p "$store/signal"
printf '{"position' >"$document"
{ sleep 1 && printf '%s' "$whole" >"$document"; } &
said=$(wrong_clock -3600) || fail "set back: $said"
[ "$said" = "$whole" ] || fail "set back: $said"
wait
printf '{"position' >"$document"
said=$(wrong_clock -3600) && fail "a half document was read: $said"
[[ $said = *"its bytes were moved to quarantine"* ]] || fail "set back, later: $said"
echo "clocks that are wrong: nothing fresh was moved, and nothing corrupt stays busy"
result file-clock 4 0
