/* SPDX-License-Identifier: MIT
 *
 * Indexes in memory, which other stores are compared with: what they have is compared with what the entities have,
 * after random changes, in transactions and snapshots.
 */
#include <pthread.h>

#include "../backends/memory/store.h"
#include "core/persist.h"
#include "unit/support.h"

enum { IDS = 40, PATHS = 3 };

static const char *const paths[PATHS][2] = {{"n", NULL}, {"s", NULL}, {"s", "n"}};

static hf_status make(hf_persist *p, int i, bool unique, hf_error *err) {
  return hf_persist_index_create(p, paths[i], paths[i][1] ? 2 : 1, unique, err);
}

/* ---- reading an index by its slots */

/* Positions and order keys, one after the other. */
struct entry {
  size_t size, value_size;
  char position[HF_INDEX_VALUE_MAX + HF_ORDER_KEY_MAX];
};
struct entries {
  size_t count, most; /* stops at so many; 0: never */
  struct entry at[1000];
};

static bool keep(hf_slice position, hf_slice order, void *arg) {
  struct entries *e = arg;
  assert_in_range(e->count, 0, 999);
  assert_true(position.size > order.size);
  assert_memory_equal(position.data + position.size - order.size, order.data, order.size);
  memcpy(e->at[e->count].position, position.data, position.size);
  e->at[e->count].size = position.size;
  e->at[e->count++].value_size = position.size - order.size;
  return e->count != e->most;
}

static void walk(hf_persist *p, void *txn, size_t place, const hf_index_walk *how, struct entries *e) {
  hf_error err;
  hf_index_set *set;
  OK(p->backend->index_set(p->impl, txn, p->collection, &set, &err));
  assert_non_null(set);
  e->count = 0;
  OK(p->backend->index_each(p->impl, txn, p->collection, hf_index_set_at(set, place), how, keep, e, &err));
  hf_index_set_free(set);
}

static const hf_index_range everything = {{"", 0}, {NULL, 0}};
static const hf_index_walk forward = {.ranges = &everything, .count = 1};

static int compare_positions(const void *a, const void *b) {
  const struct entry *x = a, *y = b;
  int c = memcmp(x->position, y->position, x->size < y->size ? x->size : y->size);
  return c ? c : (x->size > y->size) - (x->size < y->size);
}

/* What the entries should be, by reading all entities. */
static void expect(hf_persist *p, size_t place, const hf_index_set *set, struct entries *e) {
  hf_error err;
  hf_iter *it;
  const hf_entry *entry;
  hf_index_value values[HF_INDEXES_MAX];
  e->count = e->most = 0;
  OK(hf_iter_open(p, NULL, &it, &err));
  while (hf_iter_next(it, &entry, &err) == HF_OK && entry) {
    unsigned char order[HF_ORDER_KEY_MAX];
    size_t size = hf_order_key(entry->id, order);
    hf_index_values(set, entry->json, values);
    memcpy(e->at[e->count].position, values[place].bytes, values[place].size);
    memcpy(e->at[e->count].position + values[place].size, order, size);
    e->at[e->count].value_size = values[place].size;
    e->at[e->count++].size = values[place].size + size;
  }
  hf_iter_close(it);
  qsort(e->at, e->count, sizeof *e->at, compare_positions);
}

/* Compares all indexes with the entities, as the thread's transaction sees them. */
static void check_all(hf_persist *p) {
  static struct entries got, wanted;
  hf_error err;
  void *txn;
  hf_index_set *set;
  OK(hf__persist_enter(p, false, &txn, &err));
  OK(p->backend->index_set(p->impl, txn, p->collection, &set, &err));
  for (size_t i = 0; set && i < hf_index_set_size(set); i++) {
    got.most = 0;
    walk(p, txn, i, &forward, &got);
    expect(p, i, set, &wanted);
    assert_int_equal(got.count, wanted.count);
    for (size_t n = 0; n < got.count; n++) {
      assert_int_equal(got.at[n].size, wanted.at[n].size);
      assert_memory_equal(got.at[n].position, wanted.at[n].position, got.at[n].size);
    }
  }
  hf_index_set_free(set);
}

/* ---- random changes */

static unsigned seed = 7;
static unsigned below(unsigned n) { return (unsigned)((seed = seed * 1103515245 + 12345) >> 8) % n; }

static const char *random_text(void) {
  static const char *const s[] = {"null", "true", "\"a\"", "\"ab\"", "\"a\\u0000b\"", "[1]", "{}", "-0.0", "\"\""};
  switch (below(5)) {
  case 0: return text_of("{\"n\":%u,\"s\":%s}", below(4), s[below(9)]);
  case 1: return text_of("{\"s\":%s}", s[below(9)]);
  case 2: return text_of("%s", s[below(9)]);
  case 3: return text_of("{\"n\":%s,\"s\":\"%0*u\"}", s[below(9)], (int)below(300) + 1, below(2));
  default: return text_of("{\"n\":%d.5,\"s\":\"x\"}", (int)below(5) - 2);
  }
}

static const char *random_id(void) { return text_of("id-%u", below(IDS)); }

static void change_one(hf_persist *p) {
  hf_error err;
  uint64_t removed;
  switch (below(12)) {
  case 0: OK(hf_persist_remove_all(p, &err)); break;
  case 1:
  case 2: hf_persist_remove(p, hf_text(random_id()), &err); break;
  case 3: {
    hf_item items[3];
    for (int i = 0; i < 3; i++) items[i] = (hf_item){.id = hf_text(random_id()), .json = hf_text(random_text())};
    OK(hf_persist_write_many(p, items, 3, &err));
    break;
  }
  case 4:
    OK(hf_persist_remove_many(p, (hf_slice[]){hf_text(random_id()), hf_text(random_id())}, 2, &removed, &err));
    break;
  default: write_text(p, random_id(), random_text());
  }
}

/* Changes, some in a transaction inside one, of which some are undone. */
static void change(hf_persist *p, int depth) {
  hf_error err;
  hf_txn *txn;
  if (depth == 2 || below(4)) {
    change_one(p);
    return;
  }
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  for (unsigned n = below(6); n > 0; n--) change(p, depth + 1);
  check_all(p);
  if (below(2))
    hf_txn_abort(txn);
  else
    OK(hf_txn_commit(txn, &err));
}

static void indexes_agree_after_random_changes(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  for (int i = 0; i < 600; i++) {
    int which = (int)below(PATHS);
    if (i % 40 == 0) OK(make(p, which, false, &err));
    if (i % 40 == 20) hf_persist_index_drop(p, paths[which], paths[which][1] ? 2 : 1, &err);
    change(p, 0);
    check_all(p);
  }
  uint64_t problems = 1;
  OK(hf_persist_index_check(p, true, NULL, NULL, &problems, &err));
  assert_int_equal(problems, 0);
  hf_persist_close(p);
}

static void a_snapshot_sees_its_own_indexes(void **state) {
  hf_error err;
  hf_txn *txn;
  struct entries *e = calloc(1, sizeof *e);
  void *joined;
  hf_persist *p = open_persist(*state, "signal");
  OK(make(p, 0, false, &err));
  write_text(p, "a", "{\"n\":1}");
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  assert_entity(p, "a", "{\"n\":1}");
  OK(hf__persist_enter(p, false, &joined, &err));
  OK(p->backend->put(
      p->impl, NULL, p->collection,
      &(hf_put){.key = {hf_text("b"), {(const char[]){'b', 0, 0, 'b'}, 4}}, .json = hf_text("{\"n\":2}")},
      &(hf_write_options)HF_WRITE_OPTIONS_INIT, &(hf_info){0}, &err));
  walk(p, joined, 0, &forward, e);
  assert_int_equal(e->count, 1);
  walk(p, NULL, 0, &forward, e);
  assert_int_equal(e->count, 2);
  hf_txn_abort(txn);
  hf_persist_close(p);
  free(e);
}

static void walks_go_by_ranges_either_way_and_on(void **state) {
  hf_error err;
  struct entries *all = calloc(1, sizeof *all), *some = calloc(1, sizeof *some);
  hf_persist *p = open_persist(*state, "signal");
  OK(make(p, 0, false, &err));
  for (int i = 0; i < 30; i++) write_text(p, text_of("id-%d", i), text_of("{\"n\":%d}", i % 6));
  walk(p, NULL, 0, &forward, all);
  assert_int_equal(all->count, 30);
  /* The values 1 and 3 and what is above: 5 entries each. */
  hf_slice values[6];
  for (int i = 0; i < 6; i++)
    values[i] = (hf_slice){all->at[(size_t)i * 5].position, all->at[(size_t)i * 5].value_size};
  hf_index_range ranges[] = {{values[1], values[2]}, {values[3], {NULL, 0}}};
  for (int reverse = 0; reverse < 2; reverse++) {
    hf_index_walk how = {.ranges = ranges, .count = 2, .reverse = reverse};
    char after[sizeof some->at[0].position];
    size_t seen = 0;
    static const size_t forwards[20] = {5, 6, 7, 8, 9, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
    for (some->most = 3;; seen += some->count) { /* by threes, each going on after the last */
      walk(p, NULL, 0, &how, some);
      for (size_t i = 0; i < some->count; i++) {
        size_t at = forwards[reverse ? 19 - seen - i : seen + i];
        assert_int_equal(some->at[i].size, all->at[at].size);
        assert_memory_equal(some->at[i].position, all->at[at].position, all->at[at].size);
      }
      if (some->count < 3) break;
      memcpy(after, some->at[2].position, some->at[2].size);
      how.after = (hf_slice){after, some->at[2].size};
    }
    assert_int_equal(seen + some->count, 20);
  }
  hf_persist_close(p);
  free(all);
  free(some);
}

static bool never(hf_slice position, hf_slice order, void *arg) {
  (void)position, (void)order, (void)arg;
  fail_msg("it has entries");
  return false;
}

/* Who looks an index up, and then reads it, may find that it was dropped and another one made over the same path. */
static void an_index_that_was_dropped_is_read_no_more(void **state) {
  hf_error err;
  hf_index_set *old;
  hf_persist *p = open_persist(*state, "signal");
  OK(make(p, 0, false, &err));
  write_text(p, "a", "{\"n\":1}");
  OK(p->backend->index_set(p->impl, NULL, p->collection, &old, &err));
  for (int made_again = 0; made_again < 2; made_again++) {
    if (made_again)
      OK(make(p, 0, false, &err));
    else
      OK(hf_persist_index_drop(p, paths[0], 1, &err));
    hf_status status =
        p->backend->index_each(p->impl, NULL, p->collection, hf_index_set_at(old, 0), &forward, never, NULL, &err);
    assert_int_equal(status, HF_NOT_FOUND);
  }
  hf_index_set_free(old);
  hf_persist_close(p);
}

/* ---- unique */

#define ITEM(name, text)                                                                                               \
  { .id = hf_text(name), .json = hf_text(text) }

static hf_status put(hf_persist *p, const char *id, const char *json, hf_error *err) {
  return hf_persist_write(p, hf_text(id), hf_text(json), NULL, NULL, err);
}

static void only_one_has_a_unique_value(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  OK(make(p, 1, true, &err));
  write_text(p, "a", "{\"s\":\"x\"}");
  write_text(p, "a", "{\"s\":\"x\",\"n\":2}");
  write_text(p, "b", "{\"s\":\"y\"}");
  FAILS(HF_DUPLICATE, put(p, "c", "{\"s\":\"x\"}", &err));
  assert_string_equal(err.entity_name, "signal");
  assert_string_equal(err.entity_id, "c");
  CONTAINS(err.message, "a");
  assert_entity(p, "c", NULL);
  FAILS(HF_DUPLICATE, put(p, "b", "{\"s\":\"x\"}", &err));
  assert_entity(p, "b", "{\"s\":\"y\"}");
  for (int i = 0; i < 2; i++) { /* those do not count */
    write_text(p, text_of("null-%d", i), "{\"s\":null}");
    write_text(p, text_of("none-%d", i), "{}");
    write_text(p, text_of("list-%d", i), "{\"s\":[]}");
    write_text(p, text_of("text-%d", i), "\"x\"");
  }
  write_text(p, "zero", "{\"s\":0}");
  FAILS(HF_DUPLICATE, put(p, "minus", "{\"s\":-0.0}", &err));
  hf_item swap[] = {ITEM("a", "{\"s\":\"y\"}"), ITEM("b", "{\"s\":\"x\"}")};
  OK(hf_persist_write_many(p, swap, 2, &err));
  assert_entity(p, "a", "{\"s\":\"y\"}");
  hf_item both[] = {ITEM("d", "{\"s\":\"z\"}"), ITEM("e", "{\"s\":\"z\"}")};
  FAILS(HF_DUPLICATE, hf_persist_write_many(p, both, 2, &err));
  assert_string_equal(err.entity_id, "e");
  assert_entity(p, "d", NULL);
  check_all(p);
  hf_persist_close(p);
}

/* A text of 400 bytes that ends in one. */
static const char *long_text(char last) { return text_of("{\"s\":\"%0400d%c\"}", 0, last); }

static void long_texts_are_compared_whole(void **state) {
  hf_error err;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", long_text('a'));
  write_text(p, "b", long_text('b'));
  OK(make(p, 1, true, &err));
  FAILS(HF_DUPLICATE, put(p, "c", long_text('b'), &err));
  CONTAINS(err.message, "b");
  write_text(p, "c", long_text('c'));
  hf_item swap[] = {ITEM("a", long_text('b')), ITEM("b", long_text('a'))};
  OK(hf_persist_write_many(p, swap, 2, &err));
  check_all(p);
  hf_persist_close(p);
}

static void what_is_not_unique_gets_no_unique_index(void **state) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(*state, "signal");
  write_text(p, "a", "{\"s\":\"x\"}");
  write_text(p, "b", "{\"s\":\"x\"}");
  FAILS(HF_DUPLICATE, make(p, 1, true, &err));
  assert_string_equal(err.message, "a: the index s is unique, and b has the same there already");
  OK(hf_persist_indexes(p, &json, &err));
  assert_string_equal(json.data, "[]");
  OK(make(p, 1, false, &err));
  OK(make(p, 1, false, &err));
  FAILS(HF_CONFLICT, make(p, 1, true, &err));
  OK(hf_persist_indexes(p, &json, &err));
  assert_string_equal(json.data, "[{\"name\":\"s\",\"paths\":[\"s\"],\"unique\":false,\"ready\":true,\"entries\":2}]");
  OK(hf_persist_index_drop(p, paths[1], 1, &err));
  FAILS(HF_NOT_FOUND, hf_persist_index_drop(p, paths[1], 1, &err));
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void what_is_unique_is_undone_with_transactions(void **state) {
  hf_error err;
  hf_txn *outer, *inner;
  hf_persist *p = open_persist(*state, "signal");
  OK(make(p, 1, true, &err));
  write_text(p, "a", "{\"s\":\"x\"}");
  write_text(p, "b", "{\"s\":\"y\"}");
  OK(hf_txn_begin(HF_TXN_WRITE, &outer, &err));
  OK(hf_persist_remove(p, hf_text("a"), &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "b", "{\"s\":\"x\"}");
  write_text(p, "c", "{\"s\":\"y\"}");
  hf_txn_abort(inner);
  check_all(p);
  write_text(p, "d", "{\"s\":\"x\"}"); /* as nobody has it in the outer one */
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  OK(hf_persist_remove_all(p, &err));
  write_text(p, "e", "{\"s\":\"y\"}");
  OK(hf_txn_commit(inner, &err));
  write_text(p, "f", "{\"s\":\"x\"}");
  check_all(p);
  hf_txn_abort(outer);
  check_all(p);
  FAILS(HF_DUPLICATE, put(p, "g", "{\"s\":\"x\"}", &err));
  CONTAINS(err.message, "a");
  FAILS(HF_DUPLICATE, put(p, "g", "{\"s\":\"y\"}", &err));
  assert_entity(p, "g", NULL);
  hf_persist_close(p);
}

static void a_collection_has_so_many_indexes_and_no_more(void **state) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = open_persist(*state, "signal");
  const char *names[HF_INDEXES_MAX + 1];
  char texts[HF_INDEXES_MAX + 1][16];
  write_text(p, "a", "{\"p3\":1}");
  for (int i = 0; i <= HF_INDEXES_MAX; i++) {
    snprintf(texts[i], sizeof texts[i], "p%d", i);
    names[i] = texts[i];
    if (i < HF_INDEXES_MAX) OK(hf_persist_index_create(p, &names[i], 1, i == 3, &err));
  }
  FAILS(HF_INVALID_ARGUMENT, hf_persist_index_create(p, &names[HF_INDEXES_MAX], 1, false, &err));
  OK(hf_persist_index_drop(p, &names[0], 1, &err)); /* the others move up */
  OK(hf_persist_index_create(p, &names[HF_INDEXES_MAX], 1, false, &err));
  FAILS(HF_DUPLICATE, put(p, "b", "{\"p3\":1}", &err));
  write_text(p, "b", "{\"p3\":2,\"p16\":7}");
  check_all(p);
  OK(hf_persist_stat(p, &json, &err));
  CONTAINS(json.data, "\"p16\":2");
  assert_null(strstr(json.data, "\"p0\":"));
  hf_buffer_free(&json);
  hf_persist_close(p);
}

/* ---- building while others write */

static void no_problem(const hf_index_problem *problem, void *arg) {
  (void)arg;
  FAIL_AT(__FILE__, __LINE__, "%.*s: %s", (int)problem->id.size, problem->id.data, problem->sentence);
}

static void what_changes_while_an_index_is_built_is_made_up_for(void **state) {
  hf_error err;
  hf__memory_building built, wanted;
  hf_persist *p = open_persist(*state, "signal");
  for (int i = 0; i < 200; i++) {
    for (int n = 0; n < 4; n++) change_one(p);
    const hf__memory_type *t = p->collection;
    hf_slice definition = hf_text("{\"paths\":[\"n\"],\"unique\":false}");
    OK(hf__memory_building_start(&built, &t->sound, definition, 1, &err));
    for (int n = 0; n < 4; n++) change_one(p);
    OK(hf__memory_building_sort(&built, &err));
    OK(hf__memory_building_catch_up(&built, &(hf__memory_holders){&t->sound, 0}, &err));
    OK(hf__memory_building_start(&wanted, &t->sound, definition, 1, &err));
    OK(hf__memory_building_sort(&wanted, &err));
    hf__memory_indexes_compare(&built.entries, &wanted.entries, "n", no_problem, NULL);
    hf__memory_building_free(&built);
    hf__memory_building_free(&wanted);
  }
  hf_persist_close(p);
}

/* Of what two have when the building begins, and of what two have when it ends, the second alone is in the way. */
static void whether_a_new_index_is_unique_is_told_in_the_end(void **state) {
  hf_error err;
  hf__memory_building b;
  hf_persist *p = open_persist(*state, "signal");
  hf_slice definition = hf_text("{\"paths\":[\"n\"],\"unique\":true}");
  for (int in_the_end = 0; in_the_end < 2; in_the_end++) {
    write_text(p, "a", "{\"n\":1}");
    write_text(p, "b", in_the_end ? "{\"n\":2}" : "{\"n\":1}");
    const hf__memory_type *t = p->collection; /* which the first write has opened */
    OK(hf__memory_building_start(&b, &t->sound, definition, 1, &err));
    write_text(p, "b", in_the_end ? "{\"n\":1}" : "{\"n\":2}");
    OK(hf__memory_building_sort(&b, &err));
    hf_status status = hf__memory_building_catch_up(&b, &(hf__memory_holders){&t->sound, 0}, &err);
    assert_int_equal(status, in_the_end ? HF_DUPLICATE : HF_OK);
    if (status) assert_string_equal(err.entity_id, "a");
    hf__memory_building_free(&b);
  }
  hf_persist_close(p);
}

static bool writes;

static void *keep_writing(void *arg) {
  hf_error err;
  hf_persist *p = open_persist(arg, "signal");
  for (unsigned i = 0; __atomic_load_n(&writes, __ATOMIC_RELAXED); i++)
    OK(put(p, text_of("id-%u", i % 900), text_of("{\"n\":%u}", i), &err));
  hf_persist_close(p);
  return NULL;
}

static void an_index_is_built_while_others_write(void **state) {
  hf_error err;
  pthread_t thread;
  hf_persist *p = open_persist(*state, "signal");
  writes = true;
  assert_int_equal(pthread_create(&thread, NULL, keep_writing, *state), 0);
  for (int i = 0; i < 60; i++) {
    uint64_t problems = 1;
    OK(make(p, 0, false, &err));
    OK(hf_persist_index_check(p, false, NULL, NULL, &problems, &err));
    assert_int_equal(problems, 0);
    OK(hf_persist_index_drop(p, paths[0], 1, &err));
  }
  __atomic_store_n(&writes, false, __ATOMIC_RELAXED);
  pthread_join(thread, NULL);
  hf_persist_close(p);
}

/* Makes the index and drops it, as the other one does. */
static void *keep_making(void *arg) {
  hf_error err;
  hf_persist *p = open_persist(arg, "signal");
  for (int i = 0; i < 60; i++) {
    OK(make(p, 0, false, &err));
    hf_status status = hf_persist_index_drop(p, paths[0], 1, &err);
    assert_true(status == HF_OK || status == HF_NOT_FOUND);
  }
  hf_persist_close(p);
  return NULL;
}

/* Looks for what is always there, by the index if there is one at that moment. */
static void *keep_looking(void *arg) {
  hf_error err;
  hf_condition *condition;
  hf_range range = HF_RANGE_INIT;
  hf_persist *p = open_persist(arg, "signal");
  OK(hf_condition_parse(hf_text("v.n < 0"), &condition, &err));
  range.where = condition;
  while (__atomic_load_n(&writes, __ATOMIC_RELAXED)) {
    uint64_t n = 0;
    OK(hf_persist_count_where(p, &range, &n, &err));
    assert_int_equal(n, 5);
  }
  hf_condition_free(condition);
  hf_persist_close(p);
  return NULL;
}

static void an_index_is_made_dropped_and_used_by_several(void **state) {
  pthread_t threads[4];
  void *(*const work[])(void *) = {keep_writing, keep_looking, keep_making, keep_making};
  hf_persist *p = open_persist(*state, "signal");
  for (int i = 0; i < 5; i++) write_text(p, text_of("always-%d", i), "{\"n\":-1}");
  writes = true;
  for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, work[i], *state), 0);
  for (int i = 2; i < 4; i++) pthread_join(threads[i], NULL);
  __atomic_store_n(&writes, false, __ATOMIC_RELAXED);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  check_all(p);
  hf_persist_close(p);
}

int main(void) {
#define ON_MEMORY(test) cmocka_unit_test_setup_teardown(test, setup_memory, teardown_store)
  const struct CMUnitTest tests[] = {
      ON_MEMORY(indexes_agree_after_random_changes),
      ON_MEMORY(a_snapshot_sees_its_own_indexes),
      ON_MEMORY(walks_go_by_ranges_either_way_and_on),
      ON_MEMORY(an_index_that_was_dropped_is_read_no_more),
      ON_MEMORY(only_one_has_a_unique_value),
      ON_MEMORY(long_texts_are_compared_whole),
      ON_MEMORY(what_is_not_unique_gets_no_unique_index),
      ON_MEMORY(what_is_unique_is_undone_with_transactions),
      ON_MEMORY(a_collection_has_so_many_indexes_and_no_more),
      ON_MEMORY(an_index_is_built_while_others_write),
      ON_MEMORY(an_index_is_made_dropped_and_used_by_several),
      ON_MEMORY(what_changes_while_an_index_is_built_is_made_up_for),
      ON_MEMORY(whether_a_new_index_is_unique_is_told_in_the_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
