/* SPDX-License-Identifier: MIT
 *
 * Looking back in LMDB stores: what a scan of the past hands out, what is told of quarantine and of damage, how far the
 * history reaches, and snapshots that are used while others write.  tests/unit/core/test_replay.c compares random work
 * with a model.
 */
#include "damage.h"
#include "log.h"

#include <pthread.h>

/* A store with history, in which signal has a1 .. a9 with values that end in what wrote them. */
static hf_persist *begin(const struct store *s, uint64_t *base) {
  set_two(s, "7d", "true");
  *base = newest(s);
  return open_persist(s, "signal");
}

static const char *value_at(hf_persist *p, const char *id, uint64_t revision) {
  const hf_moment at = {.revision = revision};
  hf_buffer json = HF_BUFFER_INIT;
  hf_error err;
  hf_status status = hf_persist_read_at(p, hf_text(id), &at, &json, NULL, &err);
  const char *text = status ? hf_status_name(status) : text_of("%.*s", (int)json.size, json.data);
  hf_buffer_free(&json);
  return text;
}

/* The ids and values of a range as of a revision, in a line; with an error, its code at the end of it. */
static const char *scan_at(hf_persist *p, uint64_t revision, const hf_range *range) {
  static char out[4000];
  const hf_moment at = {.revision = revision};
  hf_error err;
  hf_txn *txn;
  hf_iter *it = NULL;
  const hf_entry *e;
  size_t n = 0;
  *out = '\0';
  OK(hf_txn_begin_at(&at, &txn, &err));
  hf_status status = hf_iter_open(p, range, &it, &err);
  while (status == HF_OK && (status = hf_iter_next(it, &e, &err)) == HF_OK && e)
    n += (size_t)snprintf(out + n, sizeof out - n, "%.*s%s%.*s ", (int)e->id.size, e->id.data, e->json.data ? "=" : "",
                          (int)e->json.size, e->json.data ? e->json.data : "");
  if (status) snprintf(out + n, sizeof out - n, "%s", hf_status_name(status));
  if (it) hf_iter_close(it);
  hf_txn_abort(txn);
  return out;
}

static uint64_t count_at(hf_persist *p, uint64_t revision) {
  const hf_moment at = {.revision = revision};
  uint64_t n;
  hf_error err;
  hf_txn *txn;
  OK(hf_txn_begin_at(&at, &txn, &err));
  OK(hf_persist_count(p, &n, &err));
  hf_txn_abort(txn);
  return n;
}

/* ---- what is handed out */

static void scans_of_the_past_keep_to_their_ranges(void **state) {
  hf_error err;
  uint64_t base;
  hf_persist *p = begin(*state, &base);
  for (int i = 1; i <= 12; i++) write_text(p, text_of("a%d", i), text_of("%d", i)); /* base + i */
  write_text(p, "b", "0");
  OK(hf_persist_remove(p, hf_text("a2"), &err));
  write_text(p, "a3", "33");
  OK(hf_persist_remove_all(p, &err)); /* base + 16 */
  write_text(p, "a10", "100");
  hf_range r = HF_RANGE_INIT;
  assert_string_equal(scan_at(p, base + 4, &r), "a1=1 a2=2 a3=3 a4=4 ");
  r.reverse = true;
  assert_string_equal(scan_at(p, base + 4, &r), "a4=4 a3=3 a2=2 a1=1 ");
  r.from = hf_text("a2");
  r.to = hf_text("a10");
  assert_string_equal(scan_at(p, base + 15, &r), "a10=10 a9=9 a8=8 a7=7 a6=6 a5=5 a4=4 a3=33 ");
  r.reverse = false;
  r.keys_only = true;
  assert_string_equal(scan_at(p, base + 14, &r), "a3 a4 a5 a6 a7 a8 a9 a10 ");
  r = (hf_range)HF_RANGE_INIT;
  r.prefix = hf_text("a1");
  assert_string_equal(scan_at(p, base + 13, &r), "a1=1 a10=10 a11=11 a12=12 ");
  r.reverse = true;
  assert_string_equal(scan_at(p, base + 13, &r), "a12=12 a11=11 a10=10 a1=1 ");
  r.has_limit = true;
  r.limit = 2;
  assert_string_equal(scan_at(p, base + 13, &r), "a12=12 a11=11 ");
  r = (hf_range)HF_RANGE_INIT;
  assert_string_equal(scan_at(p, base + 16, &r), "");
  assert_string_equal(scan_at(p, base + 17, &r), "a10=100 ");
  assert_int_equal(count_at(p, base + 15), 12);
  assert_int_equal(count_at(p, base + 16), 0);
  hf_persist_close(p);
}

static void conditions_are_asked_of_what_was_there(void **state) {
  hf_error err;
  uint64_t base;
  hf_persist *p = begin(*state, &base);
  for (int i = 0; i < 3000; i++) write_text(p, text_of("k%d", i), text_of("{\"n\":%d}", i % 7));
  uint64_t then = newest(*state);
  OK(hf_persist_remove_all(p, &err));
  for (int i = 0; i < 10; i++) write_text(p, text_of("k%d", i), "{\"n\":3}");
  hf_condition *c;
  hf_range r = HF_RANGE_INIT;
  OK(hf_condition_parse(hf_text("n == 3"), &c, &err));
  r.where = c;
  const hf_moment at = {.revision = then};
  hf_txn *txn;
  uint64_t n;
  OK(hf_txn_begin_at(&at, &txn, &err));
  OK(hf_persist_count_where(p, &r, &n, &err));
  hf_txn_abort(txn);
  assert_int_equal(n, 3000 / 7 + (3000 % 7 > 3));
  OK(hf_persist_count_where(p, &r, &n, &err));
  assert_int_equal(n, 10);
  hf_condition_free(c);
  hf_persist_close(p);
}

static void many_are_read_at_the_moment_of_the_snapshot(void **state) {
  hf_error err;
  uint64_t base;
  size_t count;
  hf_persist *p = begin(*state, &base);
  write_text(p, "a", "1");
  write_text(p, "b", "2");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  write_text(p, "b", "3");
  const hf_moment at = {.revision = base + 2};
  const hf_slice ids[] = {hf_text("a"), hf_text("none"), hf_text("b")};
  hf_txn *txn;
  hf_page *page = hf_page_new();
  OK(hf_txn_begin_at(&at, &txn, &err));
  OK(hf_persist_read_many(p, ids, 3, page, &err));
  const hf_entry *e = hf_page_entries(page, &count);
  assert_int_equal(count, 3);
  assert_string_equal(text_of("%.*s %s %.*s", (int)e[0].json.size, e[0].json.data, hf_status_name(e[1].status),
                              (int)e[2].json.size, e[2].json.data),
                      "1 not_found 2");
  assert_int_equal(e[2].info.revision, base + 2);
  FAILS(HF_READONLY, hf_persist_remove(p, hf_text("b"), &err));
  hf_txn_abort(txn);
  hf_page_free(page);
  hf_persist_close(p);
}

static void names_are_those_that_had_an_entity(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t base;
  size_t count;
  hf_persist *p = begin(s, &base), *other = open_persist(s, "trade");
  write_text(p, "a", "1");
  write_text(other, "a", "1");
  OK(hf_persist_remove_all(p, &err));
  hf_persist_close(p);
  hf_persist_close(other);
  hf_store *store = open_store(s);
  static const char *const expected[] = {"", "signal", "signal trade", "trade"};
  for (uint64_t i = 0; i < 4; i++) {
    const hf_moment at = {.revision = base + i};
    hf_txn *txn;
    hf_page *page = hf_page_new();
    OK(hf_txn_begin_at(&at, &txn, &err));
    OK(hf_store_entities(store, page, &err));
    const hf_entry *e = hf_page_entries(page, &count);
    const char *names = count == 0 ? ""
                        : count == 1
                            ? text_of("%.*s", (int)e[0].id.size, e[0].id.data)
                            : text_of("%.*s %.*s", (int)e[0].id.size, e[0].id.data, (int)e[1].id.size, e[1].id.data);
    assert_string_equal(names, expected[i]);
    hf_page_free(page);
    hf_txn_abort(txn);
  }
  hf_store_close(store);
}

/* ---- how far it reaches */

static void what_is_not_kept_is_said_to_be_so(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "0");
  assert_string_equal(value_at(p, "a", 1), "unsupported"); /* no log */
  set(s, "changes", "7d");
  assert_string_equal(value_at(p, "a", newest(s)), "unsupported"); /* one without values */
  set(s, "history", "true");
  uint64_t base = newest(s);
  write_text(p, "a", "1");
  assert_string_equal(value_at(p, "a", base), "0");
  assert_string_equal(value_at(p, "a", base + 1), "1");
  assert_string_equal(value_at(p, "a", base - 1), "compacted");
  assert_string_equal(value_at(p, "a", base + 2), "invalid_argument"); /* not there yet */
  const hf_moment before = {.revision = base - 1}, both = {.revision = 1, .time = 1};
  FAILS(HF_COMPACTED, hf_persist_read_at(p, hf_text("a"), &before, &json, NULL, &err));
  assert_int_equal(err.revision, base + 1);
  FAILS(HF_INVALID_ARGUMENT, hf_persist_read_at(p, hf_text("a"), &both, &json, NULL, &err));
  set(s, "history", "false");
  assert_string_equal(value_at(p, "a", newest(s)), "unsupported");
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void *write_meanwhile(void *store) {
  hf_persist *p = open_persist(store, "trade");
  write_text(p, "t", "2");
  write_text(p, "u", "3");
  hf_persist_close(p);
  return NULL;
}

static void a_snapshot_of_the_past_outlives_what_others_do(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t base;
  bool found;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = begin(s, &base), *other = open_persist(s, "trade");
  write_text(p, "a", "1");
  write_text(other, "t", "1");
  hf_persist_close(other);
  hf_persist_close(p);
  p = open_persist(s, "signal"); /* nothing is known of the other's database */
  const hf_moment at = {.revision = base + 2};
  hf_txn *txn, *inner;
  OK(hf_txn_begin_at(&at, &txn, &err));
  OK(hf_persist_has(p, hf_text("a"), &found, &err));
  assert_true(found);
  FAILS(HF_UNSUPPORTED, hf_txn_begin_at(&at, &inner, &err));
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, write_meanwhile, (void *)(uintptr_t)s), 0);
  pthread_join(thread, NULL);
  /* It is first used inside the snapshot, after the store has changed. */
  other = open_persist(s, "trade");
  OK(hf_persist_read(other, hf_text("t"), &json, NULL, &err));
  assert_string_equal(json.data, "1");
  OK(hf_persist_has(other, hf_text("u"), &found, &err));
  assert_false(found);
  OK(hf_persist_read(p, hf_text("a"), &json, NULL, &err));
  hf_txn_abort(txn);
  OK(hf_persist_read(other, hf_text("t"), &json, NULL, &err));
  assert_string_equal(json.data, "2");
  hf_buffer_free(&json);
  hf_persist_close(p);
  hf_persist_close(other);
}

static void indexes_are_of_the_present(void **state) {
  hf_error err;
  uint64_t base;
  hf_persist *p = begin(*state, &base);
  const char *path[] = {"n"};
  OK(hf_persist_index_create(p, path, 1, false, &err));
  uint64_t start = newest(*state);
  for (int i = 0; i < 300; i++) write_text(p, text_of("k%d", i), text_of("{\"n\":%d}", i));
  uint64_t then = newest(*state);
  for (int i = 0; i < 300; i++) write_text(p, text_of("k%d", i), "{\"n\":-1}");
  assert_true(then > start);
  hf_condition *c;
  hf_range r = HF_RANGE_INIT;
  OK(hf_condition_parse(hf_text("n == 17"), &c, &err));
  r.where = c;
  assert_string_equal(scan_at(p, then, &r), "k17={\"n\":17} ");
  r = (hf_range)HF_RANGE_INIT;
  r.index = hf_text("n");
  assert_string_equal(scan_at(p, then, &r), "unsupported");
  hf_condition_free(c);
  hf_persist_close(p);
}

/* ---- the history of an id */

struct tale {
  char text[2000];
  size_t most;
};

static bool note(void *arg, const hf_change *c) {
  struct tale *t = arg;
  size_t n = strlen(t->text);
  assert_true(c->at > 0);
  snprintf(t->text + n, sizeof t->text - n, "%s%.*s ", hf_change_name(c->what), (int)c->json.size,
           c->json.data ? c->json.data : "");
  return !t->most || --t->most;
}

static const char *history_of(hf_persist *p, const char *id, size_t most) {
  static struct tale t;
  hf_error err;
  t = (struct tale){.most = most};
  hf_status status = hf_persist_history(p, hf_text(id), note, &t, NULL, &err);
  if (status) strcat(t.text, hf_status_name(status));
  return t.text;
}

static void a_history_tells_what_happened_newest_first(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  uint64_t base;
  hf_persist *p = begin(s, &base);
  write_text(p, "0", "1");
  write_text(p, "00", "2"); /* its order key goes on from that of "0" */
  write_text(p, "0", "3");
  OK(hf_persist_remove(p, hf_text("0"), &err));
  write_text(p, "0", "4");
  OK(hf_persist_remove_all(p, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "0", "5");
  write_text(p, "0", "6");
  OK(hf_txn_commit(txn, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "0", "7");
  OK(hf_persist_remove(p, hf_text("0"), &err));
  OK(hf_txn_commit(txn, &err));
  assert_string_equal(history_of(p, "0", 0), "remove write6 clear write4 remove write3 write1 ");
  assert_string_equal(history_of(p, "00", 0), "clear write2 ");
  assert_string_equal(history_of(p, "0", 2), "remove write6 ");
  assert_string_equal(history_of(p, "none", 0), "");
  hf_persist_close(p);
}

static void a_long_history_is_told_in_parts(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t base;
  struct tale t = {.most = 0};
  hf_persist *p = begin(s, &base);
  for (int i = 0; i < 400; i++) write_text(p, "a", text_of("%d", i));
  for (int i = 0; i < 5; i++) write_text(p, "big", text_of("\"%04000d\"", i));
  uint64_t revision = 0;
  OK(hf_persist_history(p, hf_text("a"), note, &t, &revision, &err));
  assert_int_equal(revision, base + 1);
  char expected[sizeof t.text] = "";
  size_t n = 0;
  for (int i = 399; n < sizeof t.text - 16; i--)
    n += (size_t)snprintf(expected + n, sizeof expected - n, "write%d ", i);
  assert_memory_equal(t.text, expected, n - 16);
  assert_string_equal(text_of("%.9s", history_of(p, "big", 0)), "write\"000");
  hf_persist_close(p);
}

/* A program that keeps no log has removed an id whose last entry says that it was written: what is kept begins after
 * that, and is exact. */
static void what_a_stranger_removed_is_absent_and_not_lost(void **state) {
  const struct store *s = *state;
  uint64_t base;
  hf_persist *p = begin(s, &base);
  write_text(p, "a", "1");
  write_text(p, "a", "2");
  hf_persist_close(p);
  as_stranger(s, (struct act){.name = "signal", .id = "a"});
  p = open_persist(s, "signal");
  write_text(p, "b", "1"); /* mends the gap, at the latest */
  uint64_t mended = newest(s);
  write_text(p, "a", "3");
  assert_string_equal(value_at(p, "a", base + 2), "compacted");
  assert_string_equal(value_at(p, "a", mended), "not_found");
  assert_string_equal(value_at(p, "a", mended + 1), "3");
  hf_range r = HF_RANGE_INIT;
  assert_string_equal(scan_at(p, mended, &r), "b=1 ");
  assert_string_equal(history_of(p, "a", 1), "write3 ");
  hf_persist_close(p);
}

/* ---- quarantine, damage */

static void what_was_in_quarantine_is_corrupt_for_as_long(void **state) {
  const struct store *s = *state;
  hf_error err;
  uint64_t base;
  hf_persist *p = begin(s, &base);
  write_text(p, "a", "\"first value\"");
  write_text(p, "a", "\"second value\"");
  hf_persist_close(p);
  damage(s, "second value", "second_value");
  p = open_persist(s, "signal");
  hf_buffer json = HF_BUFFER_INIT;
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("a"), &json, NULL, &err)); /* base + 3: moves it to quarantine */
  uint64_t moved = newest(s);
  write_text(p, "b", "1");
  write_text(p, "a", "\"third value\"");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  assert_string_equal(value_at(p, "a", base), "not_found");
  assert_string_equal(value_at(p, "a", base + 1), "\"first value\"");
  assert_string_equal(value_at(p, "a", moved - 1), "corrupt");
  assert_string_equal(value_at(p, "a", moved), "corrupt");
  assert_string_equal(value_at(p, "a", moved + 1), "corrupt");
  assert_string_equal(value_at(p, "a", moved + 2), "\"third value\"");
  assert_string_equal(value_at(p, "a", moved + 3), "not_found");
  hf_range r = HF_RANGE_INIT;
  assert_string_equal(scan_at(p, moved + 1, &r), "b=1 ");
  assert_int_equal(count_at(p, moved + 1), 1);
  assert_string_equal(history_of(p, "a", 0), "remove write\"third value\" quarantine write\"first value\" ");
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void a_damaged_value_of_before_is_corrupt_and_no_other(void **state) {
  const struct store *s = *state;
  uint64_t base;
  hf_persist *p = begin(s, &base);
  write_text(p, "a", "\"first value\"");
  write_text(p, "a", "\"second value\"");
  write_text(p, "a", "\"third value\"");
  write_text(p, "b", "1");
  hf_persist_close(p);
  damage(s, "second value", "second_value");
  p = open_persist(s, "signal");
  assert_string_equal(value_at(p, "a", base + 1), "\"first value\"");
  assert_string_equal(value_at(p, "a", base + 2), "corrupt");
  assert_string_equal(value_at(p, "a", base + 3), "\"third value\"");
  hf_range r = HF_RANGE_INIT;
  assert_string_equal(scan_at(p, base + 2, &r), "corrupt");
  assert_string_equal(scan_at(p, base + 4, &r), "a=\"third value\" b=1 ");
  assert_string_equal(value_at(p, "a", base + 4), "\"third value\""); /* what is there now was not put aside */
  assert_string_equal(history_of(p, "a", 0), "write\"third value\" corrupt");
  hf_persist_close(p);
}

/* Takes the entry of the id out of the history. */
static int lose(MDB_txn *txn, void *arg) {
  MDB_dbi history;
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_replaced e;
  const uint64_t *revision = arg;
  int rc = mdb_dbi_open(txn, HISTORY_DB, 0, &history);
  if (!rc) rc = mdb_cursor_open(txn, history, &c);
  if (rc) return rc;
  for (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST); !rc; rc = mdb_cursor_get(c, &k, &v, MDB_NEXT))
    if (hf__lmdb_history_read(&k, &v, &e) && e.revision == *revision) break;
  if (!rc) rc = mdb_cursor_del(c, 0);
  mdb_cursor_close(c);
  return rc;
}

static void a_lost_value_is_told_and_not_taken_for_an_absence(void **state) {
  const struct store *s = *state;
  uint64_t base;
  hf_persist *p = begin(s, &base);
  for (int i = 1; i <= 5; i++) write_text(p, "a", text_of("%d", i));
  hf_persist_close(p);
  uint64_t third = base + 3;
  assert_int_equal(by_lmdb(s, lose, &third), 0); /* the value 2 */
  p = open_persist(s, "signal");
  assert_string_equal(value_at(p, "a", base + 1), "1");
  assert_string_equal(value_at(p, "a", base + 2), "corrupt");
  assert_string_equal(value_at(p, "a", base + 3), "3");
  assert_string_equal(value_at(p, "a", base), "not_found");
  hf_persist_close(p);
}

/* ---- taking out */

static void what_was_purged_was_never_there(void **state) {
  hf_error err;
  uint64_t base, purged;
  hf_persist *p = begin(*state, &base);
  write_text(p, "0", "1");
  write_text(p, "00", "2");
  write_text(p, "0", "3");
  write_text(p, "00", "4");
  OK(hf_persist_purge(p, hf_text("0"), &purged, &err));
  assert_int_equal(purged, 3); /* two changes, and a value */
  assert_string_equal(value_at(p, "0", base + 2), "not_found");
  assert_string_equal(value_at(p, "0", newest(*state)), "3");
  assert_string_equal(value_at(p, "00", base + 2), "2");
  assert_string_equal(history_of(p, "0", 0), "write3 ");
  assert_string_equal(history_of(p, "00", 0), "write4 write2 ");
  hf_persist_close(p);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, setup_lmdb, teardown_store)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON(scans_of_the_past_keep_to_their_ranges),
      ON(conditions_are_asked_of_what_was_there),
      ON(many_are_read_at_the_moment_of_the_snapshot),
      ON(names_are_those_that_had_an_entity),
      ON(what_is_not_kept_is_said_to_be_so),
      ON(a_snapshot_of_the_past_outlives_what_others_do),
      ON(indexes_are_of_the_present),
      ON(a_history_tells_what_happened_newest_first),
      ON(what_a_stranger_removed_is_absent_and_not_lost),
      ON(a_long_history_is_told_in_parts),
      ON(what_was_in_quarantine_is_corrupt_for_as_long),
      ON(a_damaged_value_of_before_is_corrupt_and_no_other),
      ON(a_lost_value_is_told_and_not_taken_for_an_absence),
      ON(what_was_purged_was_never_there),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
