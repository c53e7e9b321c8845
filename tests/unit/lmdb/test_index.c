/* SPDX-License-Identifier: MIT
 *
 * Indexes in LMDB stores: each change of entities keeps them up, whatever becomes of the change.
 */
#include "unit/lmdb/indexes.h"
#include "unit/lmdb/sums.h"

static void an_index_has_what_is_there(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  write_text(p, "c", "{\"pnl\":1}");
  write_text(p, "a", "{\"pnl\":3}");
  write_text(p, "b", "{\"pnl\":-2}");
  write_text(p, "d", "{\"other\":1}");
  write_text(p, "e", "7");
  make_index(p, "pnl", false);
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b c a d e");
  assert_string_equal(ids_in_order(p, NULL, 0, true), "e d a c b");
  OK(hf_persist_indexes(p, &json, &err));
  assert_string_equal(json.data,
                      "[{\"name\":\"pnl\",\"paths\":[\"pnl\"],\"unique\":false,\"ready\":true,\"entries\":5}]");
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void each_change_is_in_it(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  make_index(p, "pnl", false);
  make_index(p, "symbol", false);
  write_text(p, "a", "{\"pnl\":3,\"symbol\":\"BTC\"}");
  write_text(p, "b", "{\"pnl\":2,\"symbol\":\"ETH\"}");
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b a");
  write_text(p, "a", "{\"pnl\":1,\"symbol\":\"BTC\"}");
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a b");
  assert_string_equal(ids_in_order(p, NULL, 1, false), "a b");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b");
  OK(hf_persist_remove_all(p, &err));
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "");
  hf_persist_close(p);
}

/* ---- walks */

/* The ids of the entries in ranges, "|" where a walk of `most` entries ended and went on after its position. */
static const char *walk_ranges(hf_persist *p, const hf_index_range *ranges, size_t count, bool reverse, size_t most) {
  hf_error err;
  static char all[8000];
  char after[600];
  struct walked w;
  hf_index_walk walk = {.ranges = ranges, .count = count, .reverse = reverse};
  *all = '\0';
  do {
    w = (struct walked){.most = most};
    OK(walk_index(p, NULL, 0, &walk, &w, &err));
    if (*all && *w.ids) strcat(all, "|");
    strcat(all, w.ids);
    memcpy(after, w.last, w.last_size);
    walk.after = (hf_slice){after, w.last_size};
  } while (w.count == most);
  return all;
}

static hf_index_range from_to(const hf_index_value *from, const hf_index_value *to) {
  hf_slice lower = {(const char *)from->bytes, from->size}, upper = {(const char *)to->bytes, to->size};
  return (hf_index_range){from->size ? lower : (hf_slice){NULL, 0}, to->size ? upper : (hf_slice){NULL, 0}};
}

static void a_walk_keeps_to_its_ranges(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  make_index(p, "n", false);
  const hf_index_value none = {.size = 0};
  for (int i = 1; i <= 9; i++) write_text(p, text_of("e%d", i), text_of("{\"n\":%d}", i / 2));
  write_text(p, "t", "{\"n\":\"text\"}");
  hf_index_value one = value_of(p, "{\"n\":1}"), three = value_of(p, "{\"n\":3}"), four = value_of(p, "{\"n\":4}");
  hf_index_range ranges[] = {from_to(&one, &three), from_to(&four, &none)};
  for (size_t most = 1; most < 20; most += most == 1 ? 1 : 5) {
    char *ids = strdup(walk_ranges(p, ranges, 2, false, most));
    for (char *c = ids; *c; c++) *c = *c == '|' ? ' ' : *c;
    assert_string_equal(ids, "e2 e3 e4 e5 e8 e9 t");
    free(ids);
    ids = strdup(walk_ranges(p, ranges, 2, true, most));
    for (char *c = ids; *c; c++) *c = *c == '|' ? ' ' : *c;
    assert_string_equal(ids, "t e9 e8 e5 e4 e3 e2");
    free(ids);
  }
  assert_string_equal(walk_ranges(p, ranges, 1, false, 3), "e2 e3 e4|e5");
  /* Bounds that only begin like a value, or go on after one. */
  hf_index_value all_of_one = one, begin = one;
  all_of_one.bytes[all_of_one.size++] = 0;
  begin.size = 1;
  hf_index_range up_to = from_to(&none, &all_of_one), beyond = from_to(&all_of_one, &none),
                 numbers = from_to(&begin, &none);
  assert_string_equal(walk_ranges(p, &up_to, 1, false, 0), "e1 e2 e3");
  assert_string_equal(walk_ranges(p, &up_to, 1, true, 0), "e3 e2 e1");
  assert_string_equal(walk_ranges(p, &beyond, 1, false, 0), "e4 e5 e6 e7 e8 e9 t");
  assert_string_equal(walk_ranges(p, &beyond, 1, true, 0), "t e9 e8 e7 e6 e5 e4");
  assert_string_equal(walk_ranges(p, &numbers, 1, false, 0), "e1 e2 e3 e4 e5 e6 e7 e8 e9 t");
  /* Another index after it, whose entries are none of it. */
  make_index(p, "m", false);
  assert_string_equal(ids_in_order(p, NULL, 0, true), "t e9 e8 e7 e6 e5 e4 e3 e2 e1");
  assert_string_equal(ids_in_order(p, NULL, 1, true), "t e9 e8 e7 e6 e5 e4 e3 e2 e1");
  assert_string_equal(ids_in_order(p, NULL, 1, false), "e1 e2 e3 e4 e5 e6 e7 e8 e9 t");
  hf_persist_close(p);
}

/* Where an index ends is noted, for that commit alone. */
static void what_comes_after_the_end_is_found(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  void *moment;
  make_index(p, "n", false);
  for (int i = 1; i <= 3; i++) write_text(p, text_of("e%d", i), text_of("{\"n\":%d}", i));
  const hf_index_value none = {.size = 0};
  hf_index_value two = value_of(p, "{\"n\":2}"), three = value_of(p, "{\"n\":3}"), four = value_of(p, "{\"n\":4}");
  hf_index_value texts = value_of(p, "{\"n\":\"a\"}");
  texts.size = 1;
  const hf_index_range ranges[] = {from_to(&two, &three), from_to(&texts, &none)}, beyond = from_to(&four, &none);
  for (int round = 0; round < 2; round++) {
    assert_string_equal(walk_ranges(p, &beyond, 1, false, 9), "");
    assert_string_equal(walk_ranges(p, ranges, 2, false, 9), "e2");
    assert_string_equal(walk_ranges(p, ranges, 2, true, 9), "e2");
  }
  write_text(p, "t", "{\"n\":\"text\"}");
  assert_string_equal(walk_ranges(p, ranges, 2, false, 9), "e2 t");
  assert_string_equal(walk_ranges(p, ranges, 2, true, 9), "t e2");
  OK(hf_persist_remove(p, hf_text("t"), &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (int round = 0; round < 2; round++) {
    struct walked w = {.most = 0};
    if (round) write_text(p, "t", "{\"n\":\"text\"}");
    OK(hf__persist_enter(p, true, &moment, &err));
    OK(walk_index(p, moment, 0, &(hf_index_walk){.ranges = ranges, .count = 2}, &w, &err));
    assert_string_equal(w.ids, round ? "e2 t" : "e2");
  }
  hf_txn_abort(txn);
  hf_persist_close(p);
}

/* An id whose order key is as long as it gets.  Those of a pair differ in the case of the last letter alone, so that
 * their order keys do late. */
static const char *long_id(int i) {
  char zs[249];
  memset(zs, 'z', sizeof zs - 1);
  zs[sizeof zs - 1] = '\0';
  return text_of("%s%d%c", zs, i / 2, i % 2 ? 'A' : 'a');
}

static void long_ids_have_their_entries(void **state) {
  enum { LONG = 10 };
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  char text[400];
  make_index(p, "n", false);
  memset(text, 'y', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  for (int i = 0; i < LONG; i++) {
    write_text(p, long_id(i), text_of("{\"n\":\"%s\"}", text)); /* it is cut, and the key takes all that there is */
    write_text(p, text_of("short-%d", i), text_of("{\"n\":\"%s\"}", text));
  }
  assert_agrees(p);
  const char *ids = ids_in_order(p, NULL, 0, false);
  for (int i = 0; i < LONG; i++) CONTAINS(ids, long_id(i));
  struct walked w = {.most = 0};
  const hf_index_range every = {{NULL, 0}, {NULL, 0}};
  hf_index_walk walk = {.ranges = &every, .count = 1};
  size_t seen = 0;
  do { /* one by one: the positions of those that share their first bytes are told apart */
    char after[600];
    memcpy(after, w.last, w.last_size);
    walk.after = (hf_slice){after, w.last_size};
    w = (struct walked){.most = 1};
    OK(walk_index(p, NULL, 0, &walk, &w, &err));
    seen += w.count;
  } while (w.count);
  assert_int_equal(seen, 2 * LONG);
  for (int i = 0; i < LONG; i += 2) OK(hf_persist_remove(p, hf_text(long_id(i)), &err));
  assert_agrees(p);
  ids = ids_in_order(p, NULL, 0, false);
  for (int i = 0; i < LONG; i++) assert_true(!strstr(ids, long_id(i)) == (i % 2 == 0));
  hf_persist_close(p);
}

/* ---- faults */

static void faults_are_found_and_mended(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  uint64_t count;
  make_index(p, "n", false);
  for (int i = 1; i <= 9; i++) write_text(p, text_of("e%d", i), text_of("{\"n\":%d}", i));
  static const char two[] = "{\"n\":2}", three[] = "{\"n\":3}";
  plant(p, "e2", two, true);
  assert_string_equal(first_problem(p, false, &count), "n has no entry for the entity: e2");
  assert_int_equal(count, 1);
  plant(p, "e2", three, false);
  assert_string_equal(first_problem(p, false, &count), "n has no entry for the entity: e2");
  assert_int_equal(count, 2);
  plant(p, "e2", two, false);
  assert_string_equal(first_problem(p, false, &count), "n has an entry for a value that the entity does not have: e2");
  plant(p, "nobody", two, false);
  first_problem(p, false, &count);
  assert_int_equal(count, 2);
  first_problem(p, true, &count);
  assert_int_equal(count, 2);
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "e1 e2 e3 e4 e5 e6 e7 e8 e9");
  hf_persist_close(p);
}

/* ---- others */

static void what_a_stranger_wrote_is_brought_up_to_date(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  hf_error err;
  hf_index_set *set;
  make_index(p, "n", false);
  make_index(p, "m", false);
  fill(s, "signal", 20);
  as_stranger(s, (struct act){.name = "signal", .id = "id-3", .json = "{\"n\":100}"});
  as_stranger(s, (struct act){.name = "signal", .id = "id-4"});
  as_stranger(s, (struct act){.name = "signal", .id = "new", .json = "{\"n\":50}"});
  assert_entity(p, "id-3", "{\"n\":100}");
  OK(p->backend->index_set(p->impl, NULL, p->collection, &set, &err)); /* nobody goes by it now */
  assert_null(set);
  write_text(p, "other", "{\"n\":60}");
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, true),
                      "id-3 other new id-19 id-18 id-17 id-16 id-15 id-14 id-13 id-12 id-11 id-10 id-9 id-8 id-7 id-6 "
                      "id-5 id-2 id-1 id-0");
  assert_sound(s, "after the stranger");
  hf_persist_close(p);
}

static void the_walk_over_the_pages_knows_it(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal");
  make_index(p, "n", false);
  fill(s, "signal", 5000);
  assert_int_equal(check(s).report.entities, 5000);
  assert_sound(s, "with an index");
  hf_persist_close(p);
  assert_sound(s, "closed");
}

static void stat_tells_of_them(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_persist(s, "signal"), *other = open_persist(s, "other");
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  make_index(p, "n", false);
  make_index(p, "m", false);
  fill(s, "signal", 20);
  write_text(other, "a", "1");
  OK(hf_persist_stat(p, &json, &err));
  CONTAINS(json.data, ",\"indexes\":{\"n\":20,\"m\":20}}");
  OK(hf_persist_stat(other, &json, &err));
  assert_null(strstr(json.data, "\"indexes\""));
  hf_store *store = open_store(s);
  OK(hf_store_stat(store, &json, &err));
  CONTAINS(json.data, ",\"indexEntries\":40,\"indexBytes\":4096}");
  CONTAINS(json.data, "\"features\":[\"index\",\"sums\"]");
  hf_store_close(store);
  hf_buffer_free(&json);
  hf_persist_close(other);
  hf_persist_close(p);
}

static void too_many_are_refused(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  for (int i = 0; i < HF_INDEXES_MAX; i++) make_index(p, text_of("n%d", i), false);
  FAILS(HF_INVALID_ARGUMENT, try_index(p, "n", false, &err));
  write_text(p, "a", "{\"n3\":1}");
  assert_agrees(p);
  drop_index(p, "n3");
  make_index(p, "n", false);
  assert_agrees(p);
  const char *const gone[] = {"n3"};
  FAILS(HF_NOT_FOUND, hf_persist_index_drop(p, gone, 1, &err));
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(an_index_has_what_is_there),
      ON_LMDB(each_change_is_in_it),
      ON_LMDB(a_walk_keeps_to_its_ranges),
      ON_LMDB(long_ids_have_their_entries),
      ON_LMDB(faults_are_found_and_mended),
      ON_LMDB(what_a_stranger_wrote_is_brought_up_to_date),
      ON_LMDB(the_walk_over_the_pages_knows_it),
      ON_LMDB(stat_tells_of_them),
      ON_LMDB(too_many_are_refused),
      ON_LMDB(what_comes_after_the_end_is_found),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
