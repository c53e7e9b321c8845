/* SPDX-License-Identifier: MIT
 *
 * Entities in memory that expire: who finds them, and when they go for good.  The clocks are the test's.
 */
#include <sys/syscall.h>
#include <time.h>

#include "../backends/memory/store.h"
#include "core/persist.h"
#include "unit/support.h"

static int64_t wall, boottime; /* ms, beside where they began */

int clock_gettime(clockid_t clock, struct timespec *t) {
  int64_t ms = clock == CLOCK_REALTIME ? 1800000000000 + wall : 5000000 + boottime;
  if (clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME) return (int)syscall(SYS_clock_gettime, clock, t);
  *t = (struct timespec){ms / 1000, ms % 1000 * 1000000};
  return 0;
}

static void go_on(int64_t ms) {
  wall += ms;
  boottime += ms;
}

static const int64_t hour = 3600000, year = 365 * (int64_t)86400000;

/* Writes an entity that expires so much later; 0: never. */
static hf_status write_for(hf_persist *p, const char *id, const char *json, int64_t ttl, hf_error *err) {
  hf_write_options o = HF_WRITE_OPTIONS_INIT;
  if (ttl) o.expires_at = hf_now_ms() + ttl;
  return hf_persist_write(p, hf_text(id), hf_text(json), &o, NULL, err);
}

/* How many are there, found or not. */
static size_t stored(const hf_persist *p) { return ((const hf__memory_type *)p->collection)->sound.count; }

static uint64_t counted(hf_persist *p) {
  hf_error err;
  uint64_t n;
  OK(hf_persist_count(p, &n, &err));
  return n;
}

static unsigned looped(hf_persist *p, bool reverse) {
  hf_range range = HF_RANGE_INIT;
  const hf_entry *e;
  hf_iter *iter;
  hf_error err;
  unsigned n = 0;
  range.reverse = reverse;
  OK(hf_iter_open(p, &range, &iter, &err));
  for (;; n++) {
    OK(hf_iter_next(iter, &e, &err));
    if (!e) break;
  }
  hf_iter_close(iter);
  return n;
}

static void what_has_expired_is_not_found(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_info info;
  hf_buffer json = HF_BUFFER_INIT;
  bool found;
  OK(write_for(p, "a", "1", 1000, &err));
  OK(write_for(p, "b", "2", 0, &err));
  OK(write_for(p, "c", "3", 5000, &err));
  OK(hf_persist_read(p, hf_text("a"), &json, &info, &err));
  assert_int_equal(info.expires_at, hf_now_ms() + 1000);
  go_on(999);
  assert_int_equal(counted(p), 3);
  go_on(1);
  FAILS(HF_NOT_FOUND, hf_persist_read(p, hf_text("a"), &json, &info, &err));
  OK(hf_persist_has(p, hf_text("a"), &found, &err));
  assert_false(found);
  assert_int_equal(counted(p), 2);
  assert_int_equal(looped(p, false), 2);
  assert_int_equal(looped(p, true), 2);
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, hf_text("a"), &err));
  assert_int_equal(stored(p), 3);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void a_transaction_has_one_clock(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  OK(write_for(p, "a", "1", 1000, &err));
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  assert_int_equal(counted(p), 1);
  go_on(2000);
  assert_int_equal(counted(p), 1);
  assert_entity(p, "a", "1");
  hf_txn_abort(txn);
  assert_int_equal(counted(p), 0);
  hf_persist_close(p);
}

static void it_goes_for_good_once_the_clocks_agree(void **state) {
  hf_persist *p = open_persist(*state, "signal"), *other = open_persist(*state, "other");
  hf_error err;
  OK(write_for(p, "a", "1", 1000, &err));
  OK(write_for(p, "b", "2", hour, &err));
  go_on(HF__CLOCKS_TOGETHER_MS - 1);
  write_text(other, "x", "1");
  assert_int_equal(stored(p), 2);
  go_on(1);
  write_text(other, "x", "2");
  assert_int_equal(stored(p), 1);
  assert_entity(p, "b", "2");
  go_on(hour - HF__CLOCKS_TOGETHER_MS + HF__CLOCKS_EXPIRY_MARGIN_MS - 1);
  write_text(other, "x", "3");
  assert_int_equal(stored(p), 1);
  go_on(1);
  write_text(other, "x", "4");
  assert_int_equal(stored(p), 0);
  hf_persist_close(p);
  hf_persist_close(other);
}

static void a_clock_that_is_a_year_ahead_removes_nothing(void **state) {
  hf_persist *p = open_persist(*state, "signal"), *other = open_persist(*state, "other");
  hf_error err;
  OK(write_for(p, "a", "1", hour, &err));
  go_on(HF__CLOCKS_TOGETHER_MS);
  wall += year;
  for (int i = 0; i < 18; i++) {
    go_on(10000);
    write_text(other, "x", "1");
    assert_int_equal(counted(p), 0);
  }
  wall -= year;
  write_text(other, "x", "2");
  assert_entity(p, "a", "1");
  hf_persist_close(p);
  hf_persist_close(other);
}

static void nor_does_it_trim_the_log(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  const hf_setting_value values[] = {{.name = "changes", .value = "1d"}};
  const hf__memory_log *log;
  hf_error err;
  OK(hf_persist_init(p, &err));
  OK(hf_store_settings_set(p->store, values, 1, &err));
  log = &((const hf__memory_store *)p->impl)->log;
  for (int i = 0; i < 20; i++) write_text(p, text_of("%d", i), "1");
  go_on(HF__CLOCKS_TOGETHER_MS);
  wall += year;
  write_text(p, "x", "1");
  assert_int_equal(log->count, 21);
  wall -= year;
  write_text(p, "x", "2");
  go_on(HF__CLOCKS_TOGETHER_MS);
  go_on(25 * hour);
  write_text(p, "x", "3"); /* its clocks have not agreed since the year went by for long enough */
  go_on(HF__CLOCKS_TOGETHER_MS);
  for (int i = 0; i < 3; i++) write_text(p, "x", "4");
  assert_in_range(log->count, 1, 6);
  hf_persist_close(p);
}

static void what_was_written_again_stays(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  OK(write_for(p, "a", "1", 1000, &err));
  go_on(2 * HF__CLOCKS_TOGETHER_MS);
  OK(write_for(p, "a", "2", 0, &err));
  assert_entity(p, "a", "2");
  assert_int_equal(stored(p), 1);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(write_for(p, "b", "3", -HF__CLOCKS_EXPIRY_MARGIN_MS - 1, &err)); /* as an import brings it */
  OK(hf_txn_commit(txn, &err));
  assert_int_equal(stored(p), 2);
  write_text(p, "c", "4");
  assert_int_equal(stored(p), 2);
  hf_persist_close(p);
}

static void a_commit_removes_a_few(void **state) {
  enum { MANY = 200 };
  hf_persist *p = open_persist(*state, "signal"), *other = open_persist(*state, "other");
  hf_error err;
  for (int i = 0; i < MANY; i++) OK(write_for(p, text_of("%d", i), "1", 1 + i % 7, &err));
  go_on(HF__CLOCKS_TOGETHER_MS);
  assert_int_equal(counted(p), 0);
  size_t before = MANY;
  for (int i = 0; i < 4; i++) {
    write_text(other, "x", "1");
    assert_true(stored(p) < before && before - stored(p) <= 64);
    before = stored(p);
  }
  assert_int_equal(before, 0);
  hf_persist_close(p);
  hf_persist_close(other);
}

static void an_abort_brings_the_time_back(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  OK(write_for(p, "a", "1", 1000, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(write_for(p, "a", "2", 0, &err));
  OK(write_for(p, "b", "2", 500, &err));
  hf_txn_abort(txn);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_persist_remove_all(p, &err));
  hf_txn_abort(txn);
  assert_entity(p, "a", "1");
  go_on(1000);
  assert_int_equal(counted(p), 0);
  go_on(HF__CLOCKS_TOGETHER_MS);
  write_text(p, "c", "1");
  assert_int_equal(stored(p), 1);
  hf_persist_close(p);
}

#define ON_MEMORY(name) cmocka_unit_test_setup_teardown(name, setup_memory, teardown_store)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_MEMORY(what_has_expired_is_not_found),
      ON_MEMORY(a_transaction_has_one_clock),
      ON_MEMORY(it_goes_for_good_once_the_clocks_agree),
      ON_MEMORY(a_clock_that_is_a_year_ahead_removes_nothing),
      ON_MEMORY(nor_does_it_trim_the_log),
      ON_MEMORY(what_was_written_again_stays),
      ON_MEMORY(a_commit_removes_a_few),
      ON_MEMORY(an_abort_brings_the_time_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
