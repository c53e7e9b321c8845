/* SPDX-License-Identifier: MIT
 *
 * Entities that expire, in LMDB stores: who finds them, and when they are removed.  The clocks are this file's.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../backends/lmdb/expiry_store.h"
#include "core/persist.h"
#include "unit/lmdb/indexes.h"
#include "unit/lmdb/sums.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, SWEPT_AT_ONCE = 64 };
static const int64_t YEAR = INT64_C(365) * 24 * HOUR;

static int64_t passed, ahead; /* ms that all clocks, and the wall clock alone, are beyond the kernel's */

int clock_gettime(clockid_t clock, struct timespec *t) {
  int rc = (int)syscall(SYS_clock_gettime, clock, t);
  int64_t ms = passed + (clock == CLOCK_REALTIME ? ahead : 0);
  t->tv_sec += ms / 1000;
  t->tv_nsec += ms % 1000 * 1000000;
  if (t->tv_nsec >= 1000000000) {
    t->tv_nsec -= 1000000000;
    t->tv_sec++;
  }
  return rc;
}

static int64_t wall(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void write_ttl(hf_persist *p, const char *id, const char *json, int64_t ttl) {
  hf_error err;
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.ttl = ttl;
  OK(hf_persist_write(p, hf_text(id), hf_text(json), &options, NULL, &err));
}

static bool has(hf_persist *p, const char *id) {
  hf_error err;
  bool found;
  OK(hf_persist_has(p, hf_text(id), &found, &err));
  return found;
}

static const char *stat_of(hf_persist *p) {
  static hf_buffer json = HF_BUFFER_INIT;
  hf_error err;
  OK(hf_persist_stat(p, &json, &err));
  return json.data;
}

/* How many records there are, expired or not. */
static unsigned records(hf_persist *p) {
  const char *found = strstr(stat_of(p), "\"entities\":");
  assert_non_null(found);
  return (unsigned)strtoul(found + strlen("\"entities\":"), NULL, 10);
}

/* The ids that a loop hands out: "a b c". */
static const char *ids_of(hf_persist *p, bool keys_only, const char *condition, uint64_t *counted) {
  static char out[400];
  hf_range range = HF_RANGE_INIT;
  hf_error err;
  hf_iter *it;
  const hf_entry *e;
  size_t n = 0;
  hf_condition *parsed = NULL;
  range.keys_only = keys_only;
  if (condition) OK(hf_condition_parse(hf_text(condition), &parsed, &err));
  range.where = parsed;
  *out = '\0';
  OK(hf_iter_open(p, &range, &it, &err));
  while (hf_iter_next(it, &e, &err) == HF_OK && e)
    n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", n ? " " : "", (int)e->id.size, e->id.data);
  hf_iter_close(it);
  if (counted) OK(hf_persist_count_where(p, &range, counted, &err));
  hf_condition_free(parsed);
  return out;
}

/* Lets the clocks agree, and commits so often that all goes that may. */
static void sweep(hf_persist *p, int times) {
  for (int i = 0; i < times; i++) {
    passed += 2 * SECOND;
    write_text(p, "tick", "0");
  }
}

static void wait_for_the_clocks(hf_persist *p) {
  sweep(p, 1);
  passed += HF__CLOCKS_TOGETHER_MS;
  sweep(p, 1);
}

static void from_its_time_on_nobody_finds_it(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_info info;
  uint64_t n;
  size_t count;
  hf_page *page = hf_page_new();
  const hf_slice ids[] = {hf_text("a"), hf_text("b"), hf_text("c")};
  write_text(p, "a", "{\"v\":1}");
  write_ttl(p, "b", "{\"v\":2}", HOUR);
  write_text(p, "c", "{\"v\":3}");
  OK(hf_persist_read(p, hf_text("b"), &json, &info, &err));
  assert_true(info.expires_at > wall() + HOUR - MINUTE && info.expires_at <= wall() + HOUR);
  OK(hf_persist_read(p, hf_text("a"), &json, &info, &err));
  assert_true(info.expires_at == 0);
  assert_int_equal(count_of(p), 3);
  assert_string_equal(ids_of(p, true, NULL, NULL), "a b c");
  assert_true(has(p, "b"));
  passed += HOUR;
  assert_entity(p, "b", NULL);
  assert_false(has(p, "b"));
  assert_int_equal(count_of(p), 2);
  assert_string_equal(ids_of(p, true, NULL, NULL), "a c");
  assert_string_equal(ids_of(p, false, NULL, NULL), "a c");
  assert_string_equal(ids_of(p, false, "v.v > 1", &n), "c");
  assert_int_equal(n, 1);
  OK(hf_persist_read_many(p, ids, 3, page, &err));
  assert_int_equal(hf_page_entries(page, &count)[1].status, HF_NOT_FOUND);
  assert_int_equal(hf_page_entries(page, &count)[2].status, HF_OK);
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, hf_text("b"), &err));
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.if_revision = true;
  options.revision = 2;
  FAILS(HF_CONFLICT, hf_persist_write(p, hf_text("b"), hf_text("4"), &options, NULL, &err));
  CONTAINS(err.message, "does not exist");
  options = (hf_write_options)HF_WRITE_OPTIONS_INIT;
  options.if_absent = true;
  OK(hf_persist_write(p, hf_text("b"), hf_text("4"), &options, NULL, &err));
  assert_entity(p, "b", "4");
  passed += YEAR;
  assert_int_equal(count_of(p), 3);
  hf_page_free(page);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void later_commits_remove_it_once_the_clocks_agree(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  for (int i = 0; i < 3 * SWEPT_AT_ONCE; i++) write_ttl(p, text_of("id-%d", i), "1", MINUTE);
  write_ttl(p, "later", "1", YEAR);
  write_ttl(p, "again", "1", MINUTE);
  write_ttl(p, "never", "1", MINUTE);
  write_text(p, "never", "2");
  write_ttl(p, "again", "2", YEAR);
  passed += 2 * MINUTE + SECOND;
  sweep(p, 3);
  assert_int_equal(records(p), 3 * SWEPT_AT_ONCE + 4); /* nobody knows yet whether the clock is right */
  assert_int_equal(count_of(p), 4);
  passed += HF__CLOCKS_TOGETHER_MS;
  sweep(p, 1);
  size_t left = (size_t)records(p); /* at most so many at once, and fewer on a busy machine */
  assert_true(left >= 2 * SWEPT_AT_ONCE + 4 && left < 3 * SWEPT_AT_ONCE + 4);
  for (int i = 0; i < 3 * SWEPT_AT_ONCE && records(p) != 4; i++) sweep(p, 1);
  assert_int_equal(records(p), 4);
  assert_string_equal(ids_of(p, true, NULL, NULL), "again later never tick");
  hf_persist_close(p);
}

static void it_stays_for_a_margin(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  write_ttl(p, "first", "1", SECOND);
  passed += 2 * MINUTE;
  wait_for_the_clocks(p);
  sweep(p, 1);
  assert_int_equal(records(p), 1);
  write_ttl(p, "a", "1", MINUTE);
  passed += MINUTE + HF__CLOCKS_EXPIRY_MARGIN_MS - 10 * SECOND;
  sweep(p, 1);
  assert_int_equal(records(p), 2);
  passed += 10 * SECOND;
  sweep(p, 1);
  assert_int_equal(records(p), 1);
  hf_persist_close(p);
}

static void a_clock_that_is_a_year_ahead_for_minutes_removes_nothing(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  write_ttl(p, "old", "1", SECOND);
  passed += 2 * MINUTE;
  wait_for_the_clocks(p);
  sweep(p, 1);
  assert_int_equal(records(p), 1); /* so the clock was believed */
  write_ttl(p, "a", "1", HOUR * 24);
  ahead = YEAR;
  for (int i = 0; i < 18; i++) {
    passed += 10 * SECOND;
    write_text(p, "tick", "0");
    assert_false(has(p, "a"));
  }
  ahead = 0;
  for (int i = 0; i < 3; i++) {
    passed += MINUTE;
    write_text(p, "tick", "0");
    assert_entity(p, "a", "1");
  }
  passed += HOUR * 24;
  wait_for_the_clocks(p);
  sweep(p, 1);
  assert_int_equal(records(p), 1);
  hf_persist_close(p);
}

static void a_transaction_sees_one_moment(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  hf_txn *t;
  write_ttl(p, "a", "1", MINUTE);
  for (int kind = 0; kind < 2; kind++) {
    OK(hf_txn_begin(kind ? HF_TXN_WRITE : HF_TXN_READ, &t, &err));
    assert_entity(p, "a", "1");
    passed += HOUR;
    assert_entity(p, "a", "1");
    assert_int_equal(count_of(p), 1);
    hf_txn_abort(t);
    assert_entity(p, "a", NULL);
    assert_int_equal(count_of(p), 0);
    write_ttl(p, "a", "1", MINUTE);
  }
  hf_persist_close(p);
}

static void the_first_one_in_a_transaction_turns_it_on(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  hf_txn *t, *inner;
  hf_write_options options = HF_WRITE_OPTIONS_INIT;
  options.ttl = HOUR;
  write_text(p, "first", "1");
  OK(hf_txn_begin(HF_TXN_WRITE, &t, &err));
  write_ttl(p, "a", "1", HOUR);
  write_text(p, "b", "1");
  hf_txn_abort(t);
  assert_null(strstr(stat_of(p), "\"ttl\""));
  OK(hf_txn_begin(HF_TXN_WRITE, &t, &err));
  write_text(p, "b", "1");
  FAILS(HF_UNSUPPORTED, hf_persist_write(p, hf_text("a"), hf_text("1"), &options, NULL, &err));
  CONTAINS(err.message, "format=2");
  hf_txn_abort(t);
  hf_store *store;
  OK(hf_store_open(s->base, NULL, &store, &err));
  OK(hf_store_settings_set(store, &(hf_setting_value){.name = "format", .value = "2"}, 1, &err));
  hf_store_close(store);
  OK(hf_txn_begin(HF_TXN_WRITE, &t, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_ttl(p, "a", "1", HOUR);
  hf_txn_abort(inner);
  write_text(p, "b", "1");
  OK(hf_txn_commit(t, &err));
  assert_null(strstr(stat_of(p), "\"ttl\""));
  OK(hf_txn_begin(HF_TXN_WRITE, &t, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_ttl(p, "a", "1", HOUR);
  OK(hf_txn_commit(inner, &err));
  write_ttl(p, "c", "1", HOUR);
  assert_int_equal(count_of(p), 4);
  OK(hf_txn_commit(t, &err));
  CONTAINS(stat_of(p), "\"ttl\"");
  passed += HOUR;
  assert_int_equal(count_of(p), 2);
  hf_persist_close(p);
}

static void one_that_comes_first_raises_the_format(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  hf_txn *t;
  write_text(p, "b", "1");
  OK(hf_txn_begin(HF_TXN_WRITE, &t, &err));
  write_ttl(p, "a", "1", HOUR);
  write_text(p, "b", "2");
  write_text(p, "c", "3");
  OK(hf_txn_commit(t, &err));
  CONTAINS(stat_of(p), "\"ttl\"");
  write_text(p, "d", "3");
  assert_int_equal(count_of(p), 4);
  hf_persist_close(p);
  assert_sound(s, "after it");
}

static void what_has_expired_holds_no_unique_value(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  make_index(p, "v.v", true);
  write_ttl(p, "a", "{\"v\":1}", MINUTE);
  FAILS(HF_DUPLICATE, hf_persist_write(p, hf_text("b"), hf_text("{\"v\":1}"), NULL, NULL, &err));
  passed += MINUTE;
  write_text(p, "b", "{\"v\":1}");
  assert_string_equal(ids_of(p, false, "v.v == 1", NULL), "b");
  assert_agrees(p);
  passed += 2 * MINUTE;
  wait_for_the_clocks(p);
  sweep(p, 1);
  assert_agrees(p);
  assert_int_equal(records(p), 2);
  hf_persist_close(p);
}

static void loops_by_an_index_pass_it(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  uint64_t n;
  make_index(p, "v.v", false);
  for (int i = 0; i < 300; i++) write_text(p, text_of("x%d", i), "{\"v\":0}");
  write_text(p, "a", "{\"v\":1}");
  write_ttl(p, "b", "{\"v\":1}", MINUTE);
  write_ttl(p, "c", "{\"v\":1}", HOUR);
  assert_string_equal(ids_of(p, false, "v.v == 1", &n), "a b c");
  assert_int_equal(n, 3);
  passed += MINUTE;
  assert_string_equal(ids_of(p, false, "v.v == 1", &n), "a c");
  assert_int_equal(n, 2);
  assert_string_equal(ids_of(p, true, "v.v == 1", &n), "a c");
  assert_agrees(p);
  hf_persist_close(p);
}

static void a_cleared_collection_leaves_no_entries(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "order");
  hf_error err;
  for (int i = 0; i < 100; i++) {
    write_ttl(p, text_of("%d", i), "1", MINUTE);
    write_ttl(other, text_of("%d", i), "1", MINUTE);
  }
  CONTAINS(stat_of(p), "\"expiring\":100");
  OK(hf_persist_remove_all(p, &err));
  CONTAINS(stat_of(p), "\"expiring\":0");
  CONTAINS(stat_of(other), "\"expiring\":100,\"expired\":0");
  write_text(p, "1", "1");
  passed += MINUTE;
  assert_int_equal(count_of(p), 1);
  CONTAINS(stat_of(other), "\"expiring\":100,\"expired\":100");
  OK(hf_persist_remove_many(other, (const hf_slice[]){hf_text("1")}, 1, NULL, &err));
  CONTAINS(stat_of(other), "\"expiring\":100");
  hf_persist_close(p);
  hf_persist_close(other);
}

static void a_batch_has_a_time_for_each(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  hf_item items[] = {{.id = hf_text("a"), .json = hf_text("1"), .expires_at = wall() + MINUTE},
                     {.id = hf_text("b"), .json = hf_text("1")},
                     {.id = hf_text("c"), .json = hf_text("1"), .expires_at = 1}};
  OK(hf_persist_write_many(p, items, 3, &err));
  assert_string_equal(ids_of(p, true, NULL, NULL), "a b");
  passed += MINUTE;
  assert_string_equal(ids_of(p, true, NULL, NULL), "b");
  items[1].expires_at = -1;
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write_many(p, items, 3, &err));
  items[1].expires_at = HF_EXPIRES_MAX + 1;
  FAILS(HF_INVALID_ARGUMENT, hf_persist_write_many(p, items, 3, &err));
  hf_persist_close(p);
}

static int fresh_clocks(void **state) {
  ahead = 0;
  return setup_lmdb(state);
}

#define WITH_CLOCKS(test) cmocka_unit_test_setup_teardown(test, fresh_clocks, teardown_store)

int main(void) {
  const struct CMUnitTest tests[] = {
      WITH_CLOCKS(from_its_time_on_nobody_finds_it),
      WITH_CLOCKS(later_commits_remove_it_once_the_clocks_agree),
      WITH_CLOCKS(it_stays_for_a_margin),
      WITH_CLOCKS(a_clock_that_is_a_year_ahead_for_minutes_removes_nothing),
      WITH_CLOCKS(a_transaction_sees_one_moment),
      WITH_CLOCKS(the_first_one_in_a_transaction_turns_it_on),
      WITH_CLOCKS(one_that_comes_first_raises_the_format),
      WITH_CLOCKS(what_has_expired_holds_no_unique_value),
      WITH_CLOCKS(loops_by_an_index_pass_it),
      WITH_CLOCKS(a_cleared_collection_leaves_no_entries),
      WITH_CLOCKS(a_batch_has_a_time_for_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
