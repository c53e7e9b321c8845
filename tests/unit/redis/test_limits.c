/* SPDX-License-Identifier: MIT
 *
 * How long operations on Redis may take, and what is accepted as a reply.
 */
#include "../backends/redis/redis.h"

#include "unit/support.h"

static const int64_t MS = 1000000;

static hf__redis_store *new_redis_store(int64_t timeout_ms) {
  hf__redis_store *s = calloc(1, sizeof *s);
  assert_non_null(s);
  s->config.timeout_ms = timeout_ms;
  return s;
}

/* ---- deadlines */

static void a_deadline_is_the_timeout_from_now(void **state) {
  (void)state;
  hf__redis_store *s = new_redis_store(5000);
  int64_t before = hf_clock_ns(), deadline = hf__redis_deadline(s), after = hf_clock_ns();
  assert_true(deadline >= before + 5000 * MS && deadline <= after + 5000 * MS);
  s->config.timeout_ms = 9999999999999; /* the longest that a URL can say is more than the clock counts */
  assert_true(hf__redis_deadline(s) == INT64_MAX);
  s->config.timeout_ms = INT64_MAX / MS; /* it counts that, but from its beginning on */
  assert_true(hf__redis_deadline(s) == INT64_MAX);
  free(s);
}

static void more_keys_have_more_time(void **state) {
  (void)state;
  hf__redis_store *s = new_redis_store(5000);
  hf__redis_time t = hf__redis_time_begin(s);
  int64_t begun = t.until;
  hf__redis_time_extend(&t, 9999);
  assert_true(t.until == begun);
  hf__redis_time_extend(&t, 10000);
  assert_true(t.until == begun + 5000 * MS);
  hf__redis_time_extend(&t, 29999);
  assert_true(t.until == begun + 3 * 5000 * MS);
  hf__redis_time claimed = {s, 0}, most = {s, 0};
  hf__redis_time_extend(&claimed, UINT64_MAX);
  hf__redis_time_extend(&most, UINT64_C(1) << 32);
  assert_true(claimed.until == most.until && most.until == (INT64_C(1) << 32) / 10000 * 5000 * MS);
  s->config.timeout_ms = 9999999999999;
  hf__redis_time_extend(&claimed, UINT64_MAX);
  assert_true(claimed.until == INT64_MAX);
  hf__redis_time_extend(&claimed, 0);
  hf__redis_time_extend(&claimed, UINT64_MAX);
  assert_true(claimed.until == INT64_MAX);
  free(s);
}

static void each_step_ends_by_the_timeout_and_by_the_end(void **state) {
  (void)state;
  hf__redis_store *s = new_redis_store(5000);
  hf__redis_time t = hf__redis_time_begin(s);
  hf__redis_time_extend(&t, 1000000);
  assert_true(hf__redis_time_step(&t) <= hf_clock_ns() + 5000 * MS);
  assert_false(hf__redis_time_is_over(&t));
  t.until = hf_clock_ns() + 1000 * MS;
  assert_true(hf__redis_time_step(&t) == t.until);
  t.until = hf_clock_ns();
  assert_true(hf__redis_time_is_over(&t));
  free(s);
}

/* ---- replies */

/* What is wrong with these bytes; NULL: nothing. */
static const char *problem_of(const char *bytes, size_t allowed) {
  static char out[200];
  hf__redis_bounds b;
  redisReader *reader = hf__redis_bounds_reader(&b);
  void *reply = NULL;
  assert_non_null(reader);
  if (allowed) hf__redis_bounds_allow(&b, allowed);
  assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
  while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) freeReplyObject(reply);
  const char *problem = hf__redis_bounds_check(&b, reader);
  snprintf(out, sizeof out, "%s", problem ? problem : "");
  bool any = problem != NULL;
  redisReaderFree(reader);
  return any ? out : NULL;
}

static void replies_have_limits(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t allowed;
    const char *says; /* NULL: nothing */
  } known[] = {
      {"", 0, NULL},
      {"*2\r\n$1\r\na\r\n", 0, NULL},
      {"*1048576\r\n", 0, NULL},
      {"*1048577\r\n", 0, "an answer of 1048577 elements"},
      {"*1000000000\r\n", 0, "an answer of 1000000000 elements"},
      {"*1048577\r\n", 1048577, NULL},
      {"*1048578\r\n", 1048577, "an answer of 1048578 elements"},
      {"*1048576\r\n", 1, NULL},
      {"*2\r\n*1048574\r\n", 0, NULL},
      {"*2\r\n*1048575\r\n", 0, "an answer of 1048575 elements"},
      {"*1\r\n+a\r\n*1048576\r\n", 0, NULL},
      {"*2\r\n*2\r\n+a\r\n+b\r\n*1048572\r\n", 0, NULL},
      {"*2\r\n*2\r\n+a\r\n+b\r\n*1048573\r\n", 0, "an answer of 1048573 elements"},
      {"$536870912\r\n", 0, NULL},
      {"$536870913\r\n", 0, "a text of 536870913 bytes"},
      {"*1\r\n$536870913\r\nx", 0, "a text of 536870913 bytes"},
      {"$-1\r\n", 0, NULL},
      {"*1\r\n$-1", 0, NULL},
      {"HTTP/1.1 400 Bad Request\r\n", 0, "Protocol error"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const char *problem = problem_of(known[i].bytes, known[i].allowed);
    if (problem && !known[i].says) fail_msg("%s: %s", known[i].bytes, problem);
    if (!problem && known[i].says) fail_msg("accepted: %s", known[i].bytes);
    if (problem) CONTAINS(problem, known[i].says);
  }
}

static void *no_string(const redisReadTask *task, char *text, size_t size) {
  (void)task, (void)text, (void)size;
  return NULL;
}

static void no_memory_for_a_reply_is_no_fault_of_the_server(void **state) {
  (void)state;
  for (int refuses = 0; refuses < 2; refuses++) {
    hf__redis_bounds b;
    redisReader *reader = hf__redis_bounds_reader(&b);
    void *reply = NULL;
    const char *bytes = refuses ? "*999999999\r\n" : "$3\r\nabc\r\n";
    assert_non_null(reader);
    b.theirs.createString = no_string;
    assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
    assert_int_not_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(hf__redis_bounds_check(&b, reader));
    assert_int_equal(hf__redis_bounds_is_memory(&b, reader), !refuses);
    redisReaderFree(reader);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_deadline_is_the_timeout_from_now),
      cmocka_unit_test(more_keys_have_more_time),
      cmocka_unit_test(each_step_ends_by_the_timeout_and_by_the_end),
      cmocka_unit_test(replies_have_limits),
      cmocka_unit_test(no_memory_for_a_reply_is_no_fault_of_the_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
