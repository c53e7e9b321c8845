/* SPDX-License-Identifier: MIT
 *
 * What hf_store_check() says of a log of changes and a history that do not agree with the records.
 */
#include "log.h"

/* A store with a log and a history. */
static void fill_with_history(const struct store *s) {
  hf_error err;
  set_two(s, "7d", "true");
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "trade");
  for (int i = 0; i < 300; i++) {
    write_text(p, text_of("id-%d", i % 50), text_of("{\"n\":%d}", i));
    if (i % 5 == 0) write_text(other, "00", text_of("\"%0*d\"", i % 3 ? 4000 : 9, i));
    if (i % 7 == 0) write_text(other, "0", text_of("%d", i));
    if (i % 11 == 0) OK(hf_persist_remove(p, hf_text(text_of("id-%d", i % 50)), &err));
  }
  OK(hf_persist_remove_all(other, &err));
  hf_persist_close(p);
  hf_persist_close(other);
  assert_sound(s, "as it was written");
}

/* What is done to one entry of a database. */
struct fault {
  const char *database;
  size_t place; /* of the entry, from the first one on */
  int (*fn)(MDB_cursor *c, MDB_val *k, MDB_val *v);
};

static int do_fault(MDB_txn *txn, void *arg) {
  const struct fault *f = arg;
  MDB_dbi dbi;
  MDB_cursor *c;
  MDB_val k, v;
  int rc = mdb_dbi_open(txn, f->database, 0, &dbi);
  if (!rc) rc = mdb_cursor_open(txn, dbi, &c);
  if (rc) return rc;
  rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
  for (size_t i = 0; !rc && i < f->place; i++) rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
  if (!rc) rc = f->fn(c, &k, &v);
  mdb_cursor_close(c);
  return rc;
}

static int lose(MDB_cursor *c, MDB_val *k, MDB_val *v) {
  (void)k;
  (void)v;
  return mdb_cursor_del(c, 0);
}

/* Puts the value again with another byte at a place. */
static int change_byte(MDB_cursor *c, MDB_val *k, const MDB_val *v, size_t at) {
  unsigned char bytes[20000];
  assert_true(v->mv_size <= sizeof bytes && at < v->mv_size);
  memcpy(bytes, v->mv_data, v->mv_size);
  bytes[at] ^= 1;
  MDB_val changed = {v->mv_size, bytes};
  return mdb_cursor_put(c, k, &changed, MDB_CURRENT);
}

static int change_last(MDB_cursor *c, MDB_val *k, MDB_val *v) { return change_byte(c, k, v, v->mv_size - 1); }
static int change_time(MDB_cursor *c, MDB_val *k, MDB_val *v) { return change_byte(c, k, v, 9); }
static int change_kind(MDB_cursor *c, MDB_val *k, MDB_val *v) {
  unsigned char bytes[LOG_VALUE_MAX];
  memcpy(bytes, v->mv_data, v->mv_size);
  bytes[0] = 99;
  MDB_val changed = {v->mv_size, bytes};
  return mdb_cursor_put(c, k, &changed, MDB_CURRENT);
}

static int move(MDB_cursor *c, MDB_val *k, MDB_val *v) {
  unsigned char key[HISTORY_KEY_MAX], value[20000];
  assert_true(k->mv_size <= sizeof key && v->mv_size <= sizeof value);
  memcpy(key, k->mv_data, k->mv_size);
  memcpy(value, v->mv_data, v->mv_size);
  int rc = mdb_cursor_del(c, 0);
  key[k->mv_size - HISTORY_REVISION] = 1; /* a revision far ahead */
  MDB_val moved = {k->mv_size, key}, same = {v->mv_size, value};
  return rc ? rc : mdb_cursor_put(c, &moved, &same, 0);
}

static void expect(const struct store *s, struct fault f, const char *piece) {
  assert_int_equal(by_lmdb(s, do_fault, &f), 0);
  struct told t = check(s);
  assert_true(t.report.damaged > 0);
  CONTAINS(t.all, piece);
}

#define FAULT(name, database, place, fn, piece)                                                                        \
  static void name(void **state) {                                                                                     \
    fill_with_history(*state);                                                                                         \
    expect(*state, (struct fault){database, place, fn}, piece);                                                        \
  }

FAULT(a_head_that_is_missing_is_told, LOG_DB, 0, lose, "does not say from where on")
FAULT(a_damaged_change_is_told, LOG_DB, 100, change_kind, "1 changes in the log are damaged")
FAULT(a_time_that_goes_back_is_told, LOG_DB, 100, change_time, "go back 1 times")
FAULT(a_missing_value_is_told, HISTORY_DB, 20, lose, "1 values that were replaced are missing")
FAULT(a_damaged_value_is_told, HISTORY_DB, 20, change_last, "1 values in the history are damaged")
FAULT(a_value_of_no_change_is_told, HISTORY_DB, 20, move, "1 values in the history were replaced by no change")

/* The last change of a big store is in another page than the one before. */
static void a_write_that_is_not_logged_is_told(void **state) {
  const struct store *s = *state;
  set(s, "changes", "7d");
  fill(s, "signal", 500);
  assert_sound(s, "as it was written");
  expect(s, (struct fault){LOG_DB, 1, lose}, "signal: 1 entities were written since the log of changes begins");
  expect(s, (struct fault){LOG_DB, 300, lose}, "signal: 2 entities were written since the log of changes begins");
  expect(s, (struct fault){LOG_DB, 498, lose}, "signal: 3 entities were written since the log of changes begins");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_head_that_is_missing_is_told),
      ON_LMDB(a_damaged_change_is_told),
      ON_LMDB(a_time_that_goes_back_is_told),
      ON_LMDB(a_missing_value_is_told),
      ON_LMDB(a_damaged_value_is_told),
      ON_LMDB(a_value_of_no_change_is_told),
      ON_LMDB(a_write_that_is_not_logged_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
