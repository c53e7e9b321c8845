/* SPDX-License-Identifier: MIT
 *
 * Damaged indexes of LMDB stores: entries that are none, of nobody, of other values, or missing; and unique ones that
 * were got round.  Whatever an entry leads to is looked at, so that it is no reason for a wrong answer; and a
 * comparison tells of each.
 */
#include "../backends/lmdb/index_run.h"

#include <signal.h>
#include <sys/wait.h>

#include "unit/lmdb/indexes.h"

enum { COUNT = 200 };

static unsigned warnings;

static void on_warning(const char *message, void *arg) {
  (void)message;
  (void)arg;
  warnings++;
}

static hf_persist *open_filled(const struct store *s) {
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  static char ids[COUNT][16], texts[COUNT][32];
  hf_item items[COUNT];
  make_index(p, "n", false);
  for (int i = 0; i < COUNT; i++) {
    snprintf(ids[i], sizeof ids[i], "e%d", i);
    snprintf(texts[i], sizeof texts[i], "{\"n\":%d}", i);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(texts[i])};
  }
  OK(hf_persist_write_many(p, items, COUNT, &err));
  return p;
}

/* ---- answers */

static hf_range where(const char *condition) {
  hf_error err;
  hf_range range = HF_RANGE_INIT;
  OK(hf_condition_parse(hf_text(condition), &range.where, &err));
  return range;
}

/* The ids for which a condition is true. */
static const char *answer(hf_persist *p, const char *condition) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *e;
  hf_range range = where(condition);
  static char ids[400];
  *ids = '\0';
  OK(hf_iter_open(p, &range, &iter, &err));
  for (;;) {
    size_t n = strlen(ids);
    OK(hf_iter_next(iter, &e, &err));
    if (!e) break;
    snprintf(ids + n, sizeof ids - n, "%s%.*s", n ? " " : "", (int)e->id.size, e->id.data);
  }
  hf_iter_close(iter);
  hf_condition_free(range.where);
  return ids;
}

static void assert_goes_by_index(hf_persist *p, const char *condition) {
  hf_error err;
  hf_range range = where(condition);
  hf_buffer json = HF_BUFFER_INIT;
  OK(hf_persist_explain(p, &range, &json, &err));
  CONTAINS(json.data, "\"index\":\"n\"");
  hf_condition_free(range.where);
  hf_buffer_free(&json);
}

static void answers_are_right(hf_persist *p) {
  assert_string_equal(answer(p, "v.n == 7"), "e7");
  assert_string_equal(answer(p, "v.n >= 6 and v.n < 9"), "e6 e7 e8");
  assert_string_equal(answer(p, "v.n > 197"), "e198 e199");
  assert_string_equal(answer(p, "v.n == 5000"), "");
}

/* ---- entries */

/* An entry that is made of the one of e7, with more bytes at the end of its key, and another value. */
struct fault {
  const char *what;
  int key_size; /* after the entity's value; less than 0: of its order key so much is left out, or all and more */
  const char *key_more;
  const char *value;
  size_t value_size;
};

static const struct fault faults[] = {
    {"its value is longer than its key", 0, "", "\xff", 1},
    {"it has no value", 0, "", "", 0},
    {"it has no order key", 1, "", "\x0a", 1},
    {"its order key has no id", 0, "x", "\x09", 1},
    {"its order key lies apart, and is none", 0, "y", "\x09zzzz", 5},
    {"its order key lies apart, and has too much", 0, "w", "\x09\x23\x01\x00", 4},
};

static void plant_fault(hf_persist *p, const struct fault *f) {
  uint32_t number;
  hf_index_value value = value_in(p, "{\"n\":7}", &number);
  hf__lmdb_entry e;
  hf__lmdb_entry_make(&e, number, (hf_slice){(const char *)value.bytes, value.size}, hf_text("x"));
  size_t size = ENTRY_NUMBER + value.size - (size_t)f->key_size, more = strlen(f->key_more);
  memcpy(e.key_bytes + size, f->key_more, more);
  plant_bytes(p, (MDB_val){size + more, e.key_bytes}, &(MDB_val){f->value_size, (void *)(uintptr_t)f->value});
}

/* The comparison tells of what is wrong, and repairs it. */
static void is_told_and_repaired(hf_persist *p, const char *what) {
  uint64_t count;
  if (!*first_problem(p, false, &count)) FAIL_AT(__FILE__, __LINE__, "%s: nothing was told", what);
  first_problem(p, true, &count);
  assert_agrees(p);
  answers_are_right(p);
  assert_goes_by_index(p, "v.n == 7");
}

static void what_is_no_entry_is_not_read(void **state) {
  (void)state;
  char key[] = "\0\0\0\1\x40value#\1\0id";
  hf__lmdb_stored e;
  for (size_t size = 0; size < sizeof key; size++)
    for (unsigned value = 0; value <= 255; value++) {
      unsigned char byte = (unsigned char)value;
      bool is_one = hf__lmdb_entry_read(&(MDB_val){size, key}, &(MDB_val){1, &byte}, &e);
      assert_int_equal(is_one, ENTRY_NUMBER + value < size);
      if (is_one) assert_int_equal(e.value.size + e.order.size, size - ENTRY_NUMBER);
    }
}

static void what_is_too_many_leads_nowhere(void **state) {
  hf_persist *p = open_filled(*state);
  hf_set_warning_handler(on_warning, NULL);
  assert_goes_by_index(p, "v.n == 7");
  answers_are_right(p);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    plant_fault(p, &faults[i]);
    warnings = 0;
    answers_are_right(p);
    if (!warnings) FAIL_AT(__FILE__, __LINE__, "%s: there was no warning", faults[i].what);
    is_told_and_repaired(p, faults[i].what);
  }
  plant(p, "nobody", "{\"n\":7}", false);
  warnings = 0;
  answers_are_right(p);
  assert_true(warnings > 0);
  is_told_and_repaired(p, "it is of nobody");
  plant(p, "e9", "{\"n\":7}", false);
  answers_are_right(p);
  is_told_and_repaired(p, "it is of another one");
  hf_set_warning_handler(NULL, NULL);
  hf_persist_close(p);
}

static void what_is_missing_is_told(void **state) {
  hf_persist *p = open_filled(*state);
  uint64_t count;
  plant(p, "e7", "{\"n\":7}", true);
  assert_string_equal(first_problem(p, false, &count), "n has no entry for the entity: e7");
  assert_int_equal(count, 1);
  is_told_and_repaired(p, "it is missing");
  plant(p, "e7", "{\"n\":7}", true);
  plant(p, "e7", "{\"n\":70}", false);
  assert_string_equal(first_problem(p, false, &count), "n has no entry for the entity: e7");
  assert_int_equal(count, 2);
  write_text(p, "e7", "{\"n\":7,\"again\":true}"); /* which knows of one, and that stays */
  is_told_and_repaired(p, "it has another value");
  hf_persist_close(p);
}

/* ---- unique ones */

static hf_status put_text(hf_persist *p, const char *id, const char *json, hf_error *err) {
  return hf_persist_write(p, hf_text(id), hf_text(json), NULL, NULL, err);
}

/* Two get the same past the index: as if it had lost an entry for a while. */
static void get_round(hf_persist *p, const char *holder, const char *other, const char *json) {
  plant(p, holder, json, true);
  write_text(p, other, json);
  plant(p, holder, json, false);
}

/* A text that is cut in the index. */
static const char *cut(const char *end) {
  char xs[301];
  memset(xs, 'x', 300);
  xs[300] = '\0';
  return text_of("{\"n\":\"%s%s\"}", xs, end);
}

static void two_with_the_same_are_told_and_stay(void **state) {
  static const char twice[] = "n is unique, and another entity has the same value: b";
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  uint64_t count;
  make_index(p, "n", true);
  write_text(p, "a", "{\"n\":1}");
  write_text(p, "none-1", "{}");
  write_text(p, "none-2", "{}");
  get_round(p, "a", "b", "{\"n\":1.0}");
  assert_string_equal(first_problem(p, false, &count), twice);
  assert_int_equal(count, 1);
  OK(p->backend->index_rebuild(p->impl, p->collection, hf_text("n"), &err)); /* it is not lost by that */
  assert_string_equal(first_problem(p, true, &count), twice);
  assert_int_equal(count, 1);
  FAILS(HF_DUPLICATE, put_text(p, "c", "{\"n\":1}", &err));
  write_text(p, "b", "{\"n\":2}");
  assert_agrees(p);
  FAILS(HF_DUPLICATE, put_text(p, "c", "{\"n\":1}", &err));
  hf_persist_close(p);
}

/* Begins to build it again, in a process that is killed meanwhile.  Whether the index is left to be built. */
static bool break_rebuild_off(const struct store *s) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (!pid) {
    hf_persist *p = open_persist(s, "signal");
    hf__lmdb_run_most = 1000;
    OK(hf_persist_init(p, &err));
    _exit(p->backend->index_rebuild(p->impl, p->collection, hf_text("n"), &err) ? 1 : 0);
  }
  hf_persist *p = open_persist(s, "signal");
  bool is_left = false, has_ended = false;
  while (!is_left && !has_ended) {
    has_ended = waitpid(pid, NULL, WNOHANG) == pid;
    OK(hf_persist_indexes(p, &json, &err));
    is_left = strstr(json.data, "\"ready\":false") != NULL;
  }
  if (!has_ended) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    OK(hf_persist_indexes(p, &json, &err));
    is_left = strstr(json.data, "\"ready\":false") != NULL;
  }
  hf_buffer_free(&json);
  hf_persist_close(p);
  return is_left;
}

/* The program that makes its indexes as ever goes on with the repair, and does not take away what has a double. */
static void a_repair_that_was_killed_is_gone_on_with(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  uint64_t count;
  make_index(p, "n", true);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int i = 0; i < 2000; i++) write_text(p, text_of("e%d", i), text_of("{\"n\":%d}", i));
  OK(hf_txn_commit(txn, &err));
  get_round(p, "e0", "b", "{\"n\":0}");
  hf_persist_close(p);
  bool is_left = false;
  for (int round = 0; round < 20 && !is_left; round++) is_left = break_rebuild_off(*state);
  assert_true(is_left);
  p = open_persist(*state, "signal");
  make_index(p, "n", true);
  assert_string_equal(first_problem(p, false, &count), "n is unique, and another entity has the same value: e0");
  assert_int_equal(count, 1);
  FAILS(HF_DUPLICATE, put_text(p, "c", "{\"n\":0}", &err));
  write_text(p, "b", "{\"n\":-1}");
  assert_agrees(p);
  drop_index(p, "n");
  write_text(p, "b", "{\"n\":0}");
  FAILS(HF_DUPLICATE, try_index(p, "n", true, &err)); /* a new one knows of no repair */
  hf_persist_close(p);
}

static void cut_texts_that_are_the_same_are_told(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  uint64_t count;
  make_index(p, "n", true);
  for (int i = 0; i < 100; i++) write_text(p, text_of("id-%d", i), cut(text_of("%d", i)));
  assert_agrees(p);
  get_round(p, "id-40", "id-50", cut("40"));
  assert_string_equal(first_problem(p, false, &count), "n is unique, and another entity has the same value: id-50");
  assert_int_equal(count, 1);
  hf_persist_close(p);
}

static void what_is_held_for_nobody_is_told_and_repaired(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  uint64_t count;
  make_index(p, "n", true);
  write_text(p, "a", "{\"n\":1}");
  hf__lmdb_entry *e = entry_of(p, "nobody", "{\"n\":2}");
  e->key_bytes[0] |= 0x80;
  plant_bytes(p, e->key, &e->value);
  FAILS(HF_DUPLICATE, put_text(p, "b", "{\"n\":2}", &err));
  assert_string_equal(first_problem(p, true, &count),
                      "n holds a value for an entity that is not in quarantine: nobody");
  assert_agrees(p);
  write_text(p, "b", "{\"n\":2}");
  hf_persist_close(p);
}

/* ---- damaged keys of records */

/* What stands under a key that is not that of its id is damaged, whatever its checksum says. */
static void what_has_a_damaged_key_has_no_entry(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  bool found;
  write_text(p, "a", "{\"n\":1}");
  write_text(p, "b", "{\"n\":2}");
  write_text(p, "c", "{\"n\":3}");
  misplace(p, "b", "{\"n\":2}", bad_key("b", 1));
  make_index(p, "n", true);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a c");
  assert_agrees(p);
  verify_all(*state);
  FAILS(HF_CORRUPT, hf_persist_has(p, hf_text("b"), &found, &err));
  write_text(p, "b", "{\"n\":2}"); /* what it had */
  FAILS(HF_DUPLICATE, put_text(p, "d", "{\"n\":2}", &err));
  write_text(p, "b", "{\"n\":4}");
  write_text(p, "d", "{\"n\":2}");
  assert_agrees(p);
  hf_persist_close(p);
}

/* Longer than an order key can be, and as long as LMDB's may be. */
static void what_has_too_long_a_key_has_no_entry(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  write_text(p, "a", "{\"n\":1}");
  write_text(p, "b", cut("b"));
  misplace(p, "b", "{\"n\":2}", bad_key("b", 509));
  make_index(p, "n", true);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a");
  assert_agrees(p);
  OK(p->backend->index_rebuild(p->impl, p->collection, hf_text("n"), &err));
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a");
  verify_all(*state);
  write_text(p, "b", "{\"n\":2}");
  assert_agrees(p);
  hf_persist_close(p);
}

/* An entry that was made under the damaged key is told of, and what it holds is held for the id. */
static void an_entry_under_a_damaged_key_is_told_and_held(void **state) {
  for (int repairs = 0; repairs < 2; repairs++) {
    hf_persist *p = open_persist(*state, text_of("signal-%d", repairs));
    hf_error err;
    uint64_t count;
    uint32_t number;
    hf__lmdb_entry e;
    make_index(p, "n", true);
    write_text(p, "b", "{\"n\":2}");
    misplace(p, "b", "{\"n\":2}", bad_key("b", 1));
    plant(p, "b", "{\"n\":2}", true);
    hf_index_value value = value_in(p, "{\"n\":2}", &number);
    hf__lmdb_entry_make(&e, number, (hf_slice){(const char *)value.bytes, value.size}, bad_key("b", 1));
    plant_bytes(p, e.key, &e.value);
    assert_string_equal(first_problem(p, repairs, &count), "n has an entry that is damaged: b");
    assert_int_equal(count, 1);
    verify_all(*state);
    if (repairs) assert_agrees(p);
    if (!repairs) FAILS(HF_DUPLICATE, put_text(p, "d", "{\"n\":2}", &err));
    write_text(p, "b", "{\"n\":2}");
    FAILS(HF_DUPLICATE, put_text(p, "d", "{\"n\":2}", &err));
    write_text(p, "b", "{\"n\":4}");
    write_text(p, "d", "{\"n\":2}");
    assert_agrees(p);
    hf_persist_close(p);
  }
}

/* An entry whose value is longer than an order key can be is none, whoever it is held for. */
static void what_is_held_for_too_long_a_key_is_no_entry(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  char value[700];
  memset(value, 'x', sizeof value);
  make_index(p, "n", true);
  hf__lmdb_entry *e = entry_of(p, "a", "{\"n\":1}");
  e->key_bytes[0] |= 0x80;
  value[0] = (char)e->value_bytes[0];
  plant_bytes(p, e->key, &(MDB_val){sizeof value, value});
  write_text(p, "b", "{\"n\":1}"); /* it forbids nothing */
  assert_agrees(p);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(what_is_no_entry_is_not_read),
      ON_LMDB(what_is_too_many_leads_nowhere),
      ON_LMDB(what_is_missing_is_told),
      ON_LMDB(two_with_the_same_are_told_and_stay),
      ON_LMDB(a_repair_that_was_killed_is_gone_on_with),
      ON_LMDB(cut_texts_that_are_the_same_are_told),
      ON_LMDB(what_is_held_for_nobody_is_told_and_repaired),
      ON_LMDB(what_has_a_damaged_key_has_no_entry),
      ON_LMDB(what_has_too_long_a_key_has_no_entry),
      ON_LMDB(an_entry_under_a_damaged_key_is_told_and_held),
      ON_LMDB(what_is_held_for_too_long_a_key_is_no_entry),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
