/* SPDX-License-Identifier: MIT
 *
 * How much of the log of changes is kept: turning it on and off, by count and by age, what is purged, and what a
 * program that does not know it leaves.
 */
#include "../backends/lmdb/clock_note.h"
#include "../backends/lmdb/log_trim.h"
#include "base/clocks.h"
#include "log.h"

#include <sys/wait.h>

static void write_times(const struct store *s, const char *name, const char *id, int count) {
  char copy[32];
  snprintf(copy, sizeof copy, "%s", id);
  hf_persist *p = open_persist(s, name);
  for (int i = 0; i < count; i++) write_text(p, copy, text_of("%d", i));
  hf_persist_close(p);
}

/* A store with a map that is soon full. */
static int setup_small(void **state) {
  struct store *s = new_store("lmdb");
  snprintf(s->base, sizeof s->base, "lmdb:%s/store?mapsize=131072", s->directory);
  *state = s;
  return 0;
}

/* ---- on and off */

static void a_log_begins_where_it_is_turned_on(void **state) {
  const struct store *s = *state;
  hf_error err;
  struct logged l = {.most = 0};
  hf_changes_reach reach;
  fill(s, "signal", 3);
  hf_store *store = open_store(s);
  FAILS(HF_UNSUPPORTED,
        store->backend->changes_read(store->impl, &(hf_changes_scan){.from = 1}, note_change, &l, &reach, &err));
  CONTAINS(err.message, "set changes=7d");
  hf_store_close(store);
  set(s, "changes", "100");
  uint64_t base = newest(s);
  assert_int_equal(reach_of(s).from, base + 1);
  assert_true(reach_of(s).history_from == UINT64_MAX);
  write_times(s, "signal", "a", 2);
  set(s, "history", "true");
  assert_int_equal(reach_of(s).from, base + 1);
  assert_int_equal(reach_of(s).history_from, newest(s) + 1);
  store = open_store(s);
  FAILS(HF_COMPACTED,
        store->backend->changes_read(store->impl, &(hf_changes_scan){.from = base}, note_change, &l, &reach, &err));
  assert_int_equal(err.revision, base + 1);
  hf_store_close(store);
  CONTAINS(stat_of(s), text_of("\"changes\":{\"from\":%llu,", (unsigned long long)base + 1));
  CONTAINS(stat_of(s), "\"historyEntries\":0");
}

static void history_without_a_log_is_refused(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_setting_value history = {.name = "history", .value = "true"}, off = {.name = "changes", .value = "off"};
  hf_store *store = open_store(s);
  FAILS(HF_INVALID_ARGUMENT, hf_store_settings_set(store, &history, 1, &err));
  CONTAINS(err.message, "set changes=7d");
  set_two(s, "7d", "true");
  FAILS(HF_INVALID_ARGUMENT, hf_store_settings_set(store, &off, 1, &err));
  CONTAINS(err.message, "history=false");
  hf_store_close(store);
  set_two(s, "off", "false");
}

static void a_log_that_is_turned_off_goes(void **state) {
  enum { COUNT = 3000 };
  const struct store *s = *state;
  set_two(s, "7d", "true");
  write_times(s, "signal", "a", COUNT);
  assert_int_equal(sizes_of(s).log, COUNT + 1);
  set(s, "history", "false");
  assert_int_equal(sizes_of(s).history, 0);
  assert_int_equal(sizes_of(s).log, COUNT + 1);
  set(s, "changes", "off");
  assert_int_equal(sizes_of(s).log, 0);
  write_times(s, "signal", "a", 2);
  assert_int_equal(sizes_of(s).log, 0);
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  write_times(s, "signal", "a", 1);
  assert_string_equal(log_from(s, base), "1 write signal/a=0.");
  assert_sound(s, "after it was turned on again");
}

static int take_head(MDB_txn *txn, void *arg) {
  MDB_dbi log;
  unsigned char key[LOG_KEY] = {0};
  MDB_val k = {sizeof key, key};
  (void)arg;
  int rc = mdb_dbi_open(txn, LOG_DB, 0, &log);
  return rc ? rc : mdb_del(txn, log, &k, NULL);
}

/* What a process that was killed has left of a log that was turned off goes with later commits, and is no part of the
 * one that was turned on since. */
static void what_is_left_of_a_former_log_goes_with_commits(void **state) {
  enum { COUNT = 100 };
  const struct store *s = *state;
  set_two(s, "1000000", "true");
  write_times(s, "signal", "a", COUNT);
  assert_int_equal(by_lmdb(s, take_head, NULL), 0);
  set(s, "note", "any"); /* which has the head made again */
  uint64_t base = newest(s);
  assert_int_equal(reach_of(s).from, base + 1);
  write_times(s, "signal", "b", 10);
  struct sizes n = sizes_of(s);
  assert_int_equal(n.log, 1 + 10);
  assert_int_equal(n.history, 9);
  assert_int_equal(read_log(s, (hf_changes_scan){.from = 0}, base, 0).count, 10);
}

/* ---- how much */

static void a_count_of_revisions_is_kept(void **state) {
  enum { KEPT = 50, SLACK = KEPT / 8, COUNT = 400 };
  const struct store *s = *state;
  set_two(s, "50", "true");
  write_times(s, "signal", "a", COUNT);
  uint64_t last = newest(s);
  hf_changes_reach reach = reach_of(s);
  assert_true(reach.from <= last - KEPT + 1);
  assert_true(reach.from >= last - KEPT - SLACK);
  assert_int_equal(reach.history_from, reach.from);
  struct sizes n = sizes_of(s);
  assert_int_equal(n.log, 1 + last - reach.from + 1);
  assert_int_equal(n.history, n.log - 1); /* each of them has replaced a value */
  assert_int_equal(read_log(s, (hf_changes_scan){.from = 0}, reach.from - 1, 0).count, n.log - 1);
  assert_sound(s, "after it was trimmed");
}

/* A commit takes out at most twice what it adds, and 16. */
static void old_changes_go_a_few_with_each_commit(void **state) {
  enum { COUNT = 300 };
  const struct store *s = *state;
  set(s, "changes", "100000");
  write_times(s, "signal", "a", COUNT);
  set(s, "changes", "10");
  size_t before = sizes_of(s).log;
  assert_int_equal(before, COUNT + 1);
  write_times(s, "signal", "a", 1);
  assert_int_equal(sizes_of(s).log, before + 1 - 2 - TRIM_MORE);
  write_times(s, "signal", "a", 40);
  assert_true(sizes_of(s).log <= 1 + 10 + 1);
}

/* Of a commit of which a part is gone nothing is handed out. */
static void a_commit_goes_as_a_whole(void **state) {
  enum { BIG = 60 };
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  set(s, "changes", "1000");
  hf_persist *p = open_persist(s, "signal");
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 0; i < BIG; i++) write_text(p, text_of("id-%d", i), "1");
  OK(hf_txn_commit(txn, &err));
  uint64_t big = newest(s);
  write_text(p, "x", "1");
  hf_persist_close(p);
  set(s, "changes", "2");
  write_times(s, "signal", "x", 1);
  assert_int_equal(reach_of(s).from, big + 1);
  assert_int_equal(sizes_of(s).log, 1 + BIG + 2 - 2 - TRIM_MORE);
  assert_string_equal(log_from(s, big), "1 write signal/x=0~. 3 write signal/x=0.");
  assert_sound(s, "while a part of a commit is there");
}

/* Has the clocks agree since ten minutes, or not. */
static int put_clock(MDB_txn *txn, void *arg) {
  hf__clocks now;
  char text[200];
  MDB_dbi meta;
  const int64_t *before = arg;
  hf__clocks_now(&now);
  int n = snprintf(text, sizeof text, "{\"boot\":\"%s\",\"wall\":%lld,\"boottime\":%lld}", now.boot,
                   (long long)(now.wall - *before), (long long)(now.boottime - *before));
  MDB_val k = {strlen(META_CLOCK), (void *)(uintptr_t)META_CLOCK}, v = {(size_t)n, text};
  int rc = mdb_dbi_open(txn, META_DB, 0, &meta);
  return rc ? rc : mdb_put(txn, meta, &k, &v, 0);
}

static void old_changes_go_by_age_where_the_clocks_agree(void **state) {
  const struct store *s = *state;
  int64_t by = 3600000, just_now = 1000, long_ago = 700000;
  set(s, "changes", "10m");
  write_times(s, "signal", "a", 5);
  uint64_t from = reach_of(s).from;
  assert_int_equal(by_lmdb(s, age_entries, &by), 0);
  assert_int_equal(by_lmdb(s, put_clock, &just_now), 0);
  write_times(s, "signal", "a", 2);
  assert_int_equal(reach_of(s).from, from);
  assert_int_equal(by_lmdb(s, put_clock, &long_ago), 0);
  write_times(s, "signal", "a", 1);
  assert_int_equal(reach_of(s).from, from + 5);
  assert_string_equal(log_from(s, newest(s) - 1), "1 write signal/a=0.");
  assert_int_equal(sizes_of(s).log, 1 + 2 + 1);
}

static int put_last_ahead(MDB_txn *txn, void *arg) {
  const int64_t *by = arg;
  unsigned char value[LOG_VALUE_MAX];
  MDB_dbi log;
  MDB_cursor *c;
  MDB_val k, v;
  int64_t at;
  int rc = mdb_dbi_open(txn, LOG_DB, 0, &log);
  if (!rc) rc = mdb_cursor_open(txn, log, &c);
  if (!rc) rc = mdb_cursor_get(c, &k, &v, MDB_LAST);
  if (rc) return rc;
  memcpy(value, v.mv_data, v.mv_size);
  memcpy(&at, value + 4, 8);
  at += *by;
  memcpy(value + 4, &at, 8);
  v.mv_data = value;
  rc = mdb_cursor_put(c, &k, &v, MDB_CURRENT);
  mdb_cursor_close(c);
  return rc;
}

/* A clock that was ahead once leaves times that are, and removes nothing by them. */
static void a_clock_that_was_ahead_removes_nothing(void **state) {
  const struct store *s = *state;
  int64_t year = (int64_t)365 * 86400000, long_ago = 700000;
  set(s, "changes", "10m");
  write_times(s, "signal", "a", 5);
  uint64_t from = reach_of(s).from;
  assert_int_equal(by_lmdb(s, put_clock, &long_ago), 0);
  assert_int_equal(by_lmdb(s, put_last_ahead, &year), 0);
  write_times(s, "signal", "a", 5);
  assert_int_equal(reach_of(s).from, from);
  struct logged l = read_log(s, (hf_changes_scan){.from = 0}, from - 1, 0); /* whose times do not go back */
  assert_int_equal(l.count, 10);
  assert_true(l.at > hf_now_ms() + year / 2);
}

/* ---- a full store */

/* What is removed is logged, and needs room for that; the room is lent. */
static void a_full_store_can_be_emptied(void **state) {
  const struct store *s = *state;
  hf_error err;
  char big[3000];
  int count = 0;
  memset(big, 'x', sizeof big - 1);
  big[0] = big[sizeof big - 2] = '"';
  big[sizeof big - 1] = '\0';
  set_two(s, "7d", "true");
  set(s, "maxsize", "1m");
  hf_persist *p = open_persist(s, "signal");
  while (hf_persist_write(p, hf_text(text_of("id-%d", count)), hf_text(big), NULL, NULL, &err) == HF_OK) count++;
  assert_int_equal(err.status, HF_FULL);
  assert_true(count > 100);
  for (int i = 0; i < 20; i++) OK(hf_persist_remove(p, hf_text(text_of("id-%d", i)), &err));
  assert_sound(s, "after removals from a full store");
  OK(hf_persist_remove_all(p, &err));
  assert_entity(p, "id-30", NULL);
  hf_persist_close(p);
  set_two(s, "off", "false");
  p = open_persist(s, "signal");
  for (int i = 0; i < 50; i++) write_text(p, text_of("id-%d", i), big);
  hf_persist_close(p);
  assert_sound(s, "after the log was turned off");
}

/* A transaction that runs out of map has the map grow, and logs once when it is run again. */
static void a_transaction_that_is_run_again_is_logged_once(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  char *big = calloc(1, 60001);
  memset(big, 'x', 60000);
  big[0] = big[59999] = '"';
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal");
  hf_status status = HF_FULL;
  for (int tries = 0; status == HF_FULL && tries < 8; tries++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    status = HF_OK;
    for (int i = 0; i < 6 && status == HF_OK; i++)
      status = hf_persist_write(p, hf_text(text_of("id-%d", i)), hf_text(big), NULL, NULL, &err);
    if (status)
      hf_txn_abort(txn);
    else
      status = hf_txn_commit(txn, &err);
    assert_true(tries > 0 || status == HF_FULL);
  }
  OK(status);
  hf_persist_close(p);
  struct logged l = read_log(s, (hf_changes_scan){.without_values = true}, base, 0);
  assert_int_equal(l.count, 6);
  assert_sound(s, "after the map has grown");
  free(big);
}

/* ---- times */

static uint64_t revision_at(const struct store *s, int64_t time) {
  hf_error err;
  uint64_t revision;
  hf_changes_reach reach;
  hf_store *store = open_store(s);
  OK(store->backend->changes_revision_at(store->impl, time, &revision, &reach, &err));
  hf_store_close(store);
  return revision;
}

static void times_lead_to_revisions(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_changes_reach reach;
  uint64_t revision;
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  int64_t step = 100000, now = hf_now_ms();
  for (int i = 0; i < 4; i++) { /* committed 400, 300, 200 and 100 s ago, more or less */
    write_times(s, "signal", "a", 1);
    assert_int_equal(by_lmdb(s, age_entries, &step), 0);
  }
  uint64_t last = newest(s);
  assert_int_equal(revision_at(s, now), last);
  assert_int_equal(revision_at(s, INT64_MAX), last);
  for (int i = 1; i < 4; i++) { /* between two; each commit by LMDB alone has a revision, too */
    uint64_t found = revision_at(s, now - i * step - 50000);
    assert_true(found >= last - 2 * (uint64_t)i - 1 && found <= last - 2 * (uint64_t)i);
  }
  hf_store *store = open_store(s);
  FAILS(HF_COMPACTED, store->backend->changes_revision_at(store->impl, now - 100 * step, &revision, &reach, &err));
  assert_int_equal(err.revision, base + 1);
  hf_store_close(store);
}

/* A commit without changes of its own (a setting) may be the first that the log knows. */
static void times_before_the_log_are_told(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_changes_reach reach;
  uint64_t revision;
  set(s, "changes", "7d");
  hf_store *store = open_store(s);
  int64_t now = hf_now_ms(), long_ago = now - 1000000;
  FAILS(HF_COMPACTED, store->backend->changes_revision_at(store->impl, long_ago, &revision, &reach, &err));
  set(s, "note", "a word");
  write_times(s, "signal", "a", 1);
  FAILS(HF_COMPACTED, store->backend->changes_revision_at(store->impl, long_ago, &revision, &reach, &err));
  assert_int_equal(err.revision, reach.from);
  OK(store->backend->changes_revision_at(store->impl, hf_now_ms(), &revision, &reach, &err));
  assert_int_equal(revision, newest(s));
  hf_store_close(store);
}

/* ---- purging */

static void what_is_purged_is_gone(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t purged;
  set_two(s, "7d", "true");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "trade");
  for (int i = 0; i < 5; i++) {
    write_text(p, "0", text_of("%d", i));
    write_text(p, "00", text_of("1%d", i));
    write_text(other, "0", text_of("2%d", i));
  }
  OK(hf_persist_purge(p, hf_text("0"), &purged, &err));
  assert_int_equal(purged, 5 + 4);
  assert_entity(p, "0", "4");
  OK(hf_persist_purge(p, hf_text("0"), &purged, &err));
  assert_int_equal(purged, 0);
  assert_sound(s, "while the log does not tell of what is there");
  write_text(p, "0", "5");
  hf_persist_close(p);
  hf_persist_close(other);
  const char *log = log_from(s, base);
  assert_null(strstr(log, "signal/0=4"));
  CONTAINS(log, "2 write signal/00=10. 3 write trade/0=20. 5 write signal/00=11.");
  CONTAINS(log, "write signal/0=5.");
  assert_int_equal(sizes_of(s).history, 4 + 4 + 1);
  assert_sound(s, "after it was purged");
}

/* ---- strangers */

static void what_a_stranger_wrote_is_a_hole(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_changes_reach reach;
  struct logged l = {.most = 0};
  set_two(s, "7d", "true");
  write_times(s, "signal", "a", 3);
  uint64_t base = newest(s);
  as_stranger(s, (struct act){.name = "signal", .id = "a", .json = "100"});
  write_times(s, "signal", "a", 1);
  assert_int_equal(newest(s), base + 3); /* the stranger's, the one that mends, and that */
  reach = reach_of(s);
  assert_int_equal(reach.from, base + 2);
  assert_int_equal(reach.history_from, base + 2);
  hf_store *store = open_store(s);
  FAILS(HF_COMPACTED,
        store->backend->changes_read(store->impl, &(hf_changes_scan){.from = base + 1}, note_change, &l, &reach, &err));
  assert_int_equal(err.revision, base + 2);
  CONTAINS(err.cause, "another program");
  hf_store_close(store);
  assert_string_equal(log_from(s, base + 1), "2 write signal/a=0.");
  CONTAINS(stat_of(s), text_of("\"hole\":%llu", (unsigned long long)base + 2));
  assert_sound(s, "after the stranger");
}

/* Who reads the log while a stranger writes has the hole told before anything else is written. */
static void a_reader_of_the_log_is_told_of_a_hole(void **state) {
  const struct store *s = *state;
  hf_error err;
  struct logged l = {.most = 0};
  hf_changes_reach reach;
  set(s, "changes", "7d");
  write_times(s, "signal", "a", 1);
  hf_store *store = open_store(s);
  uint64_t last = store->backend->commits_seen(store->impl);
  as_stranger(s, (struct act){.name = "signal", .id = "a", .json = "100"});
  hf_changes_scan scan = {.from = last + 1};
  FAILS(HF_COMPACTED, store->backend->changes_read(store->impl, &scan, note_change, &l, &reach, &err));
  assert_int_equal(err.revision, last + 2);
  assert_int_equal(l.count, 0);
  hf_store_close(store);
}

/* In a copy by mdb_copy -c commits are counted from 1 again: what was logged is of other ones. */
static void a_copy_that_counts_again_has_a_new_log(void **state) {
  const struct store *s = *state;
  MDB_env *env;
  set_two(s, "7d", "true");
  write_times(s, "signal", "a", 20);
  const char *copy = text_of("%s/copy", s->directory);
  assert_int_equal(system(text_of("mkdir %s", copy)), 0);
  assert_int_equal(mdb_env_create(&env), 0);
  assert_int_equal(mdb_env_open(env, text_of("%s/store", s->directory), MDB_RDONLY, 0666), 0);
  assert_int_equal(mdb_env_copy2(env, copy, MDB_CP_COMPACT), 0);
  mdb_env_close(env);
  assert_int_equal(
      system(text_of("mv %s/data.mdb %s/store/data.mdb; rm %s/store/lock.mdb", copy, s->directory, s->directory)), 0);
  write_times(s, "signal", "a", 2);
  uint64_t last = newest(s);
  assert_int_equal(reach_of(s).from, last - 2);
  assert_string_equal(log_from(s, last - 2), "1 write signal/a=0. 2 write signal/a=1.");
  assert_int_equal(sizes_of(s).history, 2);
  assert_sound(s, "after the copy");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_log_begins_where_it_is_turned_on),
      ON_LMDB(history_without_a_log_is_refused),
      ON_LMDB(a_log_that_is_turned_off_goes),
      ON_LMDB(what_is_left_of_a_former_log_goes_with_commits),
      ON_LMDB(a_count_of_revisions_is_kept),
      ON_LMDB(old_changes_go_a_few_with_each_commit),
      ON_LMDB(a_commit_goes_as_a_whole),
      ON_LMDB(old_changes_go_by_age_where_the_clocks_agree),
      ON_LMDB(a_clock_that_was_ahead_removes_nothing),
      ON_LMDB(a_full_store_can_be_emptied),
      {"a_transaction_that_is_run_again_is_logged_once", a_transaction_that_is_run_again_is_logged_once, setup_small,
       teardown_store, NULL},
      ON_LMDB(times_lead_to_revisions),
      ON_LMDB(times_before_the_log_are_told),
      ON_LMDB(what_is_purged_is_gone),
      ON_LMDB(what_a_stranger_wrote_is_a_hole),
      ON_LMDB(a_reader_of_the_log_is_told_of_a_hole),
      ON_LMDB(a_copy_that_counts_again_has_a_new_log),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
