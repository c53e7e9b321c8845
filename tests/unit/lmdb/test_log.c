/* SPDX-License-Identifier: MIT
 *
 * The log of changes: what each kind of change adds to it, in the transaction that makes it, and with whom it goes.
 */
#include "crowd.h"
#include "log.h"

#include <signal.h>

/* ---- what is logged */

static void each_change_is_logged_under_its_revision(void **state) {
  const struct store *s = *state;
  hf_error err;
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "trade");
  write_text(p, "a", "1");
  write_text(p, "a", "2");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  FAILS(HF_NOT_FOUND, hf_persist_remove(p, hf_text("a"), &err));
  write_text(other, "b", "3");
  hf_item items[] = {{.id = hf_text("z"), .json = hf_text("9")}, {.id = hf_text("y"), .json = hf_text("8")}};
  OK(hf_persist_write_many(p, items, 2, &err));
  OK(hf_persist_remove_all(p, &err));
  OK(hf_persist_remove_all(p, &err));
  hf_persist_close(p);
  hf_persist_close(other);
  assert_string_equal(log_from(s, base),
                      "1 write signal/a=gone~. 2 write signal/a=gone~. 3 remove signal/a. 4 write trade/b=3. "
                      "5 write signal/y=gone~ 5 write signal/z=gone~. 6 clear signal.");
  assert_sound(s, "after changes of all kinds");
}

static void with_history_each_has_the_value_of_its_revision(void **state) {
  const struct store *s = *state;
  hf_error err;
  set_two(s, "7d", "true");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "a", "2");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  write_text(p, "a", "3");
  write_text(p, "b", "4");
  OK(hf_persist_remove_all(p, &err));
  write_text(p, "b", "5");
  hf_persist_close(p);
  assert_string_equal(log_from(s, base),
                      "1 write signal/a=1. 2 write signal/a=2. 3 remove signal/a. 4 write signal/a=3. "
                      "5 write signal/b=4. 6 clear signal. 7 write signal/b=5.");
  struct sizes n = sizes_of(s);
  assert_int_equal(n.log, 1 + 7 + 2); /* clear has an entry more for each entity */
  assert_int_equal(n.history, 4);
  assert_sound(s, "with history");
}

static void values_of_before_the_history_are_the_present_ones(void **state) {
  const struct store *s = *state;
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "a", "2");
  set(s, "history", "true");
  write_text(p, "a", "3");
  write_text(p, "a", "4");
  hf_persist_close(p);
  assert_string_equal(log_from(s, base),
                      "1 write signal/a=4~. 2 write signal/a=4~. 4 write signal/a=3. 5 write signal/a=4.");
}

static void what_one_transaction_writes_twice_is_logged_once(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  set_two(s, "7d", "true");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "old", "0");
  uint64_t base = newest(s);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "old", "1");
  write_text(p, "old", "2");
  write_text(p, "new", "3");
  write_text(p, "new", "4");
  write_text(p, "brief", "5");
  OK(hf_persist_remove(p, hf_text("brief"), &err));
  OK(hf_txn_commit(txn, &err));
  hf_persist_close(p);
  assert_string_equal(log_from(s, base), "1 write signal/old=2 1 write signal/new=4 1 remove signal/brief.");
  assert_int_equal(sizes_of(s).history, 1);
}

/* The first value in the history was ended by its removal. */
static int is_removed(MDB_txn *txn, void *arg) {
  MDB_dbi history;
  MDB_cursor *c;
  MDB_val k, v;
  hf__lmdb_replaced r;
  (void)arg;
  int rc = mdb_dbi_open(txn, HISTORY_DB, 0, &history);
  if (!rc) rc = mdb_cursor_open(txn, history, &c);
  if (!rc) rc = mdb_cursor_get(c, &k, &v, MDB_FIRST);
  if (rc) return rc;
  mdb_cursor_close(c);
  return hf__lmdb_history_read(&k, &v, &r) && r.what == HF_CHANGE_REMOVE ? 0 : MDB_BAD_VALSIZE;
}

/* The kind in the history is what the commit has left. */
static void what_a_transaction_replaces_and_removes_was_removed(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  struct logged l = {.base = 0};
  set_two(s, "7d", "true");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "0");
  l.base = newest(s) - 1;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "1");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  OK(hf_txn_commit(txn, &err));
  hf_persist_close(p);
  assert_string_equal(log_from(s, l.base), "1 write signal/a=0. 2 remove signal/a.");
  assert_int_equal(by_lmdb(s, is_removed, NULL), 0);
}

/* ---- transactions */

static void what_is_undone_is_not_logged(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn, *inner, *innermost;
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal");
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "1");
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "b", "2");
  hf_txn_abort(inner);
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "c", "3");
  OK(hf_txn_begin(HF_TXN_WRITE, &innermost, &err));
  write_text(p, "d", "4");
  hf_txn_abort(innermost);
  OK(hf_txn_begin(HF_TXN_WRITE, &innermost, &err));
  write_text(p, "e", "5");
  OK(hf_txn_commit(innermost, &err));
  OK(hf_txn_commit(inner, &err));
  write_text(p, "f", "6");
  OK(hf_txn_commit(txn, &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "g", "7");
  hf_txn_abort(txn);
  write_text(p, "h", "8");
  hf_persist_close(p);
  assert_string_equal(log_from(s, base), "1 write signal/a=1 1 write signal/c=3 1 write signal/e=5 1 write signal/f=6. "
                                         "2 write signal/h=8.");
}

/* A number that was given in a transaction that was undone is not another name's. */
static void numbers_of_names_go_with_their_transaction(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_txn *txn;
  set_two(s, "7d", "true");
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "trade");
  write_text(p, "a", "1");
  write_text(other, "a", "10");
  uint64_t base = newest(s) - 2;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "2");
  hf_txn_abort(txn);
  write_text(other, "a", "11");
  write_text(p, "a", "3");
  write_text(other, "a", "12");
  write_text(p, "a", "4");
  hf_persist_close(p);
  hf_persist_close(other);
  assert_string_equal(log_from(s, base),
                      "1 write signal/a=1. 2 write trade/a=10. 3 write trade/a=11. 4 write signal/a=3. "
                      "5 write trade/a=12. 6 write signal/a=4.");
  assert_sound(s, "after a transaction that was undone");
}

/* A synced store with a map that is soon full. */
static int setup_small(void **state) {
  struct store *s = new_store("lmdb");
  snprintf(s->base, sizeof s->base, "lmdb:%s/store?mapsize=131072", s->directory);
  *state = s;
  return 0;
}

/* Those that share a commit are logged once, whether the group is done again or not. */
static void a_group_that_is_done_again_is_logged_once(void **state) {
  const struct store *s = *state;
  char *big = calloc(1, 60001);
  size_t found = 0;
  set(s, "changes", "7d");
  struct actor *actors = new_crowd(s, "signal", CROWD);
  memset(big, 'x', 60000);
  big[0] = big[59999] = '"';
  uint64_t base = newest(s), before = env_of(actors[0].p)->map_size;
  for (int i = 0; i < CROWD; i += 8) actors[i].text = big;
  act_together(actors, CROWD);
  assert_true(env_of(actors[0].p)->map_size > before);
  all_are_as_expected(actors, CROWD);
  struct logged l = read_log(s, (hf_changes_scan){.without_values = true}, base, 3);
  assert_int_equal(l.count, CROWD);
  for (int i = 0; i < CROWD; i++) {
    const char *at = strstr(l.text, text_of("/%s=", actors[i].id));
    assert_non_null(at);
    found += strstr(at + 1, text_of("/%s=", actors[i].id)) == NULL;
  }
  assert_int_equal(found, CROWD);
  free_crowd(actors, CROWD);
  assert_sound(s, "after the group");
  free(big);
}

/* ---- quarantine */

static void what_goes_to_quarantine_is_a_change(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_buffer text = HF_BUFFER_INIT;
  set_two(s, "7d", "true");
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "{\"n\":123456789}");
  write_text(p, "b", "{\"n\":987654321}");
  hf_persist_close(p);
  uint64_t base = newest(s);
  damage(s, "123456789", "123456780");
  p = open_persist(s, "signal");
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("a"), &text, NULL, &err));
  write_text(p, "a", "1");
  hf_persist_close(p);
  assert_string_equal(log_from(s, base), "1 quarantine signal/a. 2 write signal/a=1.");
  damage(s, "987654321", "987654320");
  p = open_persist(s, "signal");
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("b"), &text, NULL, &err));
  OK(hf_persist_remove(p, hf_text("b"), &err));
  hf_persist_close(p);
  assert_string_equal(log_from(s, base + 2), "1 quarantine signal/b. 2 remove signal/b.");
  hf_buffer_free(&text);
}

/* Removing all takes out of quarantine what is there, with and without records. */
static void what_is_cleared_out_of_quarantine_is_a_change(void **state) {
  const struct store *s = *state;
  hf_error err;
  unsigned char order[HF_ORDER_KEY_MAX];
  set_two(s, "7d", "true");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal");
  hf_key key = {hf_text("b"), {(const char *)order, hf_order_key(hf_text("b"), order)}};
  OK(hf_persist_init(p, &err));
  OK(p->backend->quarantine_put(p->impl, NULL, p->collection, &key, "it was damaged", hf_text("bytes"), &err));
  OK(p->backend->quarantine_put(p->impl, NULL, p->collection, &key, "it was damaged", hf_text("bytes"), &err));
  OK(hf_persist_remove_all(p, &err));
  OK(hf_persist_remove_all(p, &err));
  hf_persist_close(p);
  assert_string_equal(log_from(s, base), "1 quarantine signal/b. 3 clear signal.");
  struct sizes n = sizes_of(s);
  assert_int_equal(n.log, 1 + 1 + 2);
  assert_int_equal(n.history, 2);
  assert_sound(s, "after all was cleared");
}

/* ---- reading */

static void a_part_of_the_log_can_be_read(void **state) {
  const struct store *s = *state;
  hf_error err;
  set(s, "changes", "7d");
  uint64_t base = newest(s);
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "trade");
  hf_item items[] = {{.id = hf_text("BTC:1"), .json = hf_text("1")},
                     {.id = hf_text("BTC:2"), .json = hf_text("2")},
                     {.id = hf_text("ETH:1"), .json = hf_text("3")}};
  OK(hf_persist_write_many(p, items, 3, &err));
  OK(hf_persist_write_many(other, items, 3, &err));
  write_text(p, "BTC:1", "4");
  hf_persist_close(p);
  hf_persist_close(other);
  hf_changes_scan scan = {.entity_name = hf_text("trade")};
  assert_string_equal(read_log(s, scan, base, 0).text,
                      "2 write trade/BTC:1=1 2 write trade/BTC:2=2 2 write trade/ETH:1=3.");
  scan.id_prefix = hf_text("BTC:");
  assert_string_equal(read_log(s, scan, base, 0).text, "2 write trade/BTC:1=1 2 write trade/BTC:2=2.");
  for (size_t each = 1; each < 8; each++) {
    scan = (hf_changes_scan){.id_prefix = hf_text("BTC:")};
    struct logged l = read_log(s, scan, base, each);
    assert_string_equal(l.text, "1 write signal/BTC:1=4~ 1 write signal/BTC:2=2. 2 write trade/BTC:1=1 "
                                "2 write trade/BTC:2=2. 3 write signal/BTC:1=4.");
  }
}

/* More names than one read knows at a time. */
static void changes_of_many_names_are_all_read(void **state) {
  enum { NAMES = 80 };
  const struct store *s = *state;
  set(s, "changes", "1000");
  uint64_t base = newest(s);
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < NAMES; i++) {
      hf_persist *p = open_persist(s, text_of("name-%d", i));
      write_text(p, "a", text_of("%d", i));
      hf_persist_close(p);
    }
  struct logged l = read_log(s, (hf_changes_scan){.from = 0}, base, 0);
  assert_int_equal(l.count, 2 * NAMES);
  for (int i = 0; i < NAMES; i++) CONTAINS(l.text, text_of("%d write name-%d/a=%d.", NAMES + i + 1, i, i));
}

/* ---- two processes */

static void write_as_child(const struct store *s, int child, int count) {
  char id[32];
  hf_persist *p = open_persist(s, "signal");
  snprintf(id, sizeof id, "child-%d", child);
  for (int i = 0; i < count; i++) write_text(p, id, text_of("%d", i));
  hf_persist_close(p);
  _exit(0);
}

static void processes_write_one_log(void **state) {
  enum { CHILDREN = 3, WRITES = 200 };
  const struct store *s = *state;
  pid_t pids[CHILDREN];
  set_two(s, "7d", "true");
  uint64_t base = newest(s);
  fflush(NULL);
  for (int i = 0; i < CHILDREN; i++) {
    pids[i] = fork();
    assert_true(pids[i] >= 0);
    if (!pids[i]) write_as_child(s, i, WRITES);
  }
  for (int i = 0; i < CHILDREN; i++) {
    int status;
    waitpid(pids[i], &status, 0);
    assert_int_equal(status, 0);
  }
  struct sizes n = sizes_of(s);
  assert_int_equal(n.log, 1 + CHILDREN * WRITES);
  assert_int_equal(n.history, CHILDREN * (WRITES - 1));
  struct logged l = read_log(s, (hf_changes_scan){.id_prefix = hf_text("child-1")}, base, 100);
  assert_int_equal(l.count, WRITES);
  const char *at = l.text;
  for (int i = 0; i < WRITES && strlen(l.text) < sizeof l.text - 100; i++) {
    at = strstr(at, text_of("=%d.", i));
    assert_non_null(at);
  }
  assert_sound(s, "after several processes");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(each_change_is_logged_under_its_revision),
      ON_LMDB(with_history_each_has_the_value_of_its_revision),
      ON_LMDB(values_of_before_the_history_are_the_present_ones),
      ON_LMDB(what_one_transaction_writes_twice_is_logged_once),
      ON_LMDB(what_a_transaction_replaces_and_removes_was_removed),
      ON_LMDB(what_is_undone_is_not_logged),
      ON_LMDB(numbers_of_names_go_with_their_transaction),
      {"a_group_that_is_done_again_is_logged_once", a_group_that_is_done_again_is_logged_once, setup_small,
       teardown_store, NULL},
      ON_LMDB(what_goes_to_quarantine_is_a_change),
      ON_LMDB(what_is_cleared_out_of_quarantine_is_a_change),
      ON_LMDB(a_part_of_the_log_can_be_read),
      ON_LMDB(changes_of_many_names_are_all_read),
      ON_LMDB(processes_write_one_log),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
