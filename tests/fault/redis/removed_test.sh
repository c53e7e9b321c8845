#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The same as tests/fault/lmdb/removed_test.sh, on a Redis server, by its transactions, and on a cluster of one, which has
# none: there each entity is removed at its revision.
#
# HOLDFAST_FAULT_ROUNDS (2) times two seconds.
#
# Promise redis-removed: redis | processes remove by a predicate while others change what they remove | what is removed
#   was wanted at that moment, and is counted once
# Promise redis-cluster-removed: redis+cluster | the same | the same
# shellcheck source=tests/fault/lib.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/lib.sh"
# shellcheck source=tests/fault/redis/server.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/redis/server.sh"
# shellcheck source=tests/fault/stores/removed.sh
. "${HOLDFAST_SOURCE:?}/tests/fault/stores/removed.sh"

start_redis alone
expect_found_out "redis+unix://$work/alone/socket"
redis-cli -s "$work/alone/socket" flushall >/dev/null
expect_exact "redis+unix://$work/alone/socket"
result redis-removed "$gone" 0

port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
start_redis cluster --port "$port" --bind 127.0.0.1 --cluster-enabled yes
redis-cli -s "$work/cluster/socket" cluster addslotsrange 0 16383 >/dev/null
for _ in $(seq 200); do
  redis-cli -s "$work/cluster/socket" cluster info | grep -q cluster_state:ok && break
  sleep 0.05
done
cluster="redis+cluster://127.0.0.1:$port"
expect_found_out "$cluster"
redis-cli -s "$work/cluster/socket" flushall >/dev/null
expect_exact "$cluster"
result redis-cluster-removed "$gone" 0
