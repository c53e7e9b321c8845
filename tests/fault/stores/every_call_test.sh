#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every function of the C library that Holdfast, LMDB and LuaJIT ask for is one that callfail_preload.c can make fail, or
# stands here as one that need not: so a new call cannot be forgotten.
#
# No promise: it looks at the tests of failed calls themselves
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"

shopt -s extglob
command -v nm >/dev/null || skip "there is no nm"

# Those that cannot fail, or do not ask the system.
plain='__ctype_*|__cxa_*|__errno_location|__*_chk|__isoc*_*scanf|__libc_start_main|__stack_chk_fail|__tls_get_addr|abort'
plain+='|exit|*printf|str*|mem*|setlocale|stderr|stdin|stdout|qsort*|getenv|time|clock|gmtime_r|localtime_r|mktime|difftime'
plain+='|sched_yield|get*id|getrlimit64|setrlimit64|sysconf|uname|kill|sig*|dl*|inet_pton'
plain+='|acos|asin|atan*|cos*|exp|floor|fmod|frexp|ldexp|log*|modf|pow|sin*|sqrt|tan*'
plain+='|pthread_mutex*|pthread_once|pthread_self|pthread_cond*|pthread_join|pthread_key_delete|pthread_*specific|pthread_sigmask'
# Those that are called when a library is loaded, before a test can arm anything.
load='__register_atfork'
# Of streams and folders that are open, without a call to the system that matters.
streams='clearerr|feof|ferror|ftello64|setvbuf|ungetc|dirfd|closedir|rewinddir|fput*|putc|getc'
# What only servers need: fault/wire has their faults.
network='connect|freeaddrinfo|gai_*|getaddrinfo*|getsockopt|setsockopt|poll|recv|send|socket'
# Of signals at the prompt, which has nothing to lose: what fails there is a Ctrl-C that does nothing.
prompt='ppoll|pthread_kill|raise'
# Of the thread that tells watches: what fails there leaves a watch of the system that goes with its descriptor, or makes
# it look a little later.
hub='inotify_rm_watch|prctl'
# LuaJIT's, for functions of Lua that the command does not call, and for its code, in which no failure could be said.
lua='mkstemp64|tmpfile64|popen|pclose|system|setitimer|mprotect'

asked() { nm -D --undefined-only "$1" | awk '$2 ~ /@GLIBC/ { sub(/@.*/, "", $2); print $2 }'; }
preload=$HOLDFAST_BUILD/tests/fault/callfail_preload.so

# unknown PRELOAD: the functions that neither that has nor the lists.
unknown() {
  local name
  nm -D --defined-only "$1" | awk '{ print $3 }' >"$work/has"
  while read -r name; do
    case $name in @($plain|$load|$streams|$network|$prompt|$hub|$lua)) continue ;; esac
    grep -qx -- "$name" "$work/has" || echo "$name"
  done < <(for file in "${files[@]}"; do asked "$file"; done | sort -u)
}

files=("$HOLDFAST_BIN" "$HOLDFAST_BUILD/holdfast.so")
while read -r file; do files+=("$file"); done < <(ldd "$HOLDFAST_BIN" | awk '/liblmdb|libluajit/ { print $3 }')
[ -n "$(unknown "$HOLDFAST_BUILD/tests/fault/iorecord_preload.so")" ] || fail "the control: nothing is missed in another library"
missing=$(unknown "$preload")
[ -z "$missing" ] || fail "make these fail in callfail_preload.c, or say here why not: $missing"
