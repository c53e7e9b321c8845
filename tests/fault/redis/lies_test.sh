#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A Redis that drips, stalls, floods and lies: wire/lies.c does the work.  One run takes part `seed mod
# HOLDFAST_FAULT_PARTS` of all that can be tried; with HOLDFAST_FAULT_PARTS=1 it takes all.
#
# Promise redis-lies: Redis | the server drips, stalls, floods, or says what it should not | each call ends by its deadline, no value is given that the server did not state soundly, memory has a bound, and the next call works
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/redis/server.sh
. "$here/server.sh"
# shellcheck source=tests/fault/wire/workers.sh
. "$here/../wire/workers.sh"

for i in 0 1 2 3; do start_redis "$i"; done
socket_of() { echo "$work/$1/socket"; }
proxy_of() { echo "$work/$1/proxy"; }

lie_everywhere redis-lies 1500 "timeout=200ms&connecttimeout=200ms&retries=1"
