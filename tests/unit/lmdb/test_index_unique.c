/* SPDX-License-Identifier: MIT
 *
 * Unique indexes of LMDB stores: what they forbid, and what they do not.
 */
#include <signal.h>
#include <sys/resource.h>

#include "unit/lmdb/crowd.h"
#include "unit/lmdb/damage.h"
#include "unit/lmdb/indexes.h"

static hf_status put_text(hf_persist *p, const char *id, const char *json, hf_error *err) {
  return hf_persist_write(p, hf_text(id), hf_text(json), NULL, NULL, err);
}

static hf_status put_two(hf_persist *p, const char *a, const char *first, const char *b, const char *second,
                         hf_error *err) {
  hf_item items[] = {{.id = hf_text(a), .json = hf_text(first)}, {.id = hf_text(b), .json = hf_text(second)}};
  return hf_persist_write_many(p, items, 2, err);
}

static hf_persist *open_unique(const struct store *s) {
  hf_persist *p = open_persist(s, "signal");
  make_index(p, "n", true);
  return p;
}

static void a_value_is_had_by_one(void **state) {
  hf_persist *p = open_unique(*state);
  hf_error err;
  write_text(p, "a", "{\"n\":1}");
  write_text(p, "a", "{\"n\":1,\"m\":2}"); /* its own */
  FAILS(HF_DUPLICATE, put_text(p, "b", "{\"n\":1}", &err));
  CONTAINS(err.message, "a has the same");
  assert_string_equal(err.entity_id, "b");
  assert_entity(p, "b", NULL);
  FAILS(HF_DUPLICATE, put_text(p, "b", "{\"n\":1.0}", &err));
  write_text(p, "zero", "{\"n\":0}");
  FAILS(HF_DUPLICATE, put_text(p, "b", "{\"n\":-0}", &err));
  write_text(p, "text", "{\"n\":\"1\"}");
  FAILS(HF_DUPLICATE, put_text(p, "b", "{\"n\":\"\\u0031\"}", &err));
  write_text(p, "false", "{\"n\":false}");
  FAILS(HF_DUPLICATE, put_text(p, "b", "{\"n\":false}", &err));
  write_text(p, "null-1", "{\"n\":null}"); /* these do not count */
  write_text(p, "null-2", "{\"n\":null}");
  write_text(p, "none-1", "{}");
  write_text(p, "none-2", "{}");
  write_text(p, "table-1", "{\"n\":[]}");
  write_text(p, "table-2", "{\"n\":[]}");
  OK(hf_persist_remove(p, hf_text("a"), &err));
  write_text(p, "b", "{\"n\":1}");
  assert_agrees(p);
  hf_persist_close(p);
}

static void what_is_refused_makes_no_collection(void **state) {
  hf_persist *p = open_unique(*state);
  hf_error err;
  size_t count;
  hf_store *store;
  FAILS(HF_DUPLICATE, put_two(p, "a", "{\"n\":1}", "b", "{\"n\":1}", &err));
  OK(hf_store_open(((const struct store *)*state)->base, NULL, &store, &err));
  hf_page *page = hf_page_new();
  OK(hf_store_entities(store, page, &err));
  hf_page_entries(page, &count);
  assert_int_equal(count, 0);
  hf_page_free(page);
  hf_store_close(store);
  hf_persist_close(p);
}

/* Nor in a commit that others share. */
static void what_is_refused_in_a_group_makes_no_collection(void **state) {
  struct actor *actors = new_crowd(*state, "order", 4);
  hf_error err;
  hf_store *store;
  size_t count;
  hf_persist_close(actors[1].p);
  actors[1].p = open_persist(*state, "signal");
  actors[1].act = put_both; /* which have the same */
  make_index(actors[1].p, "by", true);
  act_together(actors, 4);
  for (int i = 0; i < 4; i++) assert_int_equal(actors[i].status, i == 1 ? HF_DUPLICATE : HF_OK);
  OK(hf_store_open(((const struct store *)*state)->base, NULL, &store, &err));
  hf_page *page = hf_page_new();
  OK(hf_store_entities(store, page, &err));
  hf_page_entries(page, &count);
  assert_int_equal(count, 1);
  hf_page_free(page);
  hf_store_close(store);
  free_crowd(actors, 4);
}

static void a_batch_may_swap(void **state) {
  hf_persist *p = open_unique(*state);
  hf_error err;
  write_text(p, "a", "{\"n\":1}");
  write_text(p, "b", "{\"n\":2}");
  OK(put_two(p, "a", "{\"n\":2}", "b", "{\"n\":1}", &err));
  assert_agrees(p);
  assert_entity(p, "a", "{\"n\":2}");
  FAILS(HF_DUPLICATE, put_two(p, "c", "{\"n\":3}", "d", "{\"n\":3}", &err));
  FAILS(HF_DUPLICATE, put_two(p, "c", "{\"n\":1}", "d", "{\"n\":3}", &err));
  FAILS(HF_DUPLICATE, put_two(p, "a", "{\"n\":1}", "c", "{\"n\":3}", &err)); /* b keeps it */
  assert_string_equal(err.entity_id, "a");
  OK(put_two(p, "b", "{\"n\":9}", "c", "{\"n\":1}", &err)); /* b gives it away */
  assert_agrees(p);
  assert_entity(p, "d", NULL);
  hf_persist_close(p);
}

/* A text of many x, which is cut, with an end of its own. */
static const char *cut(const char *end) {
  char xs[301];
  memset(xs, 'x', 300);
  xs[300] = '\0';
  return text_of("{\"n\":\"%s%s\"}", xs, end);
}

static void texts_that_are_cut_are_looked_at_again(void **state) {
  hf_persist *p = open_unique(*state);
  hf_error err;
  write_text(p, "a", cut("a"));
  write_text(p, "b", cut("b"));
  write_text(p, "c", cut(""));
  FAILS(HF_DUPLICATE, put_text(p, "d", cut("b"), &err));
  CONTAINS(err.message, "b has the same");
  FAILS(HF_DUPLICATE, put_text(p, "a", cut("b"), &err));
  OK(put_two(p, "a", cut("b"), "b", cut("a"), &err));
  FAILS(HF_DUPLICATE, put_two(p, "e", cut("z"), "f", cut("z"), &err));
  OK(put_two(p, "e", cut("y"), "f", cut("z"), &err));
  assert_agrees(p);
  hf_persist_close(p);
}

static void in_a_transaction_it_goes_by_its_own_writes(void **state) {
  hf_persist *p = open_unique(*state);
  hf_error err;
  hf_txn *txn, *inner;
  write_text(p, "a", "{\"n\":1}");
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  write_text(p, "a", "{\"n\":2}");
  write_text(p, "b", "{\"n\":1}");
  FAILS(HF_DUPLICATE, put_text(p, "c", "{\"n\":1}", &err));
  OK(hf_txn_begin(HF_TXN_WRITE, &inner, &err));
  write_text(p, "b", "{\"n\":7}");
  write_text(p, "c", "{\"n\":1}");
  hf_txn_abort(inner);
  FAILS(HF_DUPLICATE, put_text(p, "c", "{\"n\":1}", &err));
  write_text(p, "c", "{\"n\":7}");
  OK(hf_txn_commit(txn, &err));
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "b a c");
  hf_persist_close(p);
}

static void there_is_no_index_where_two_have_the_same(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  write_text(p, "first", "{\"n\":1}");
  write_text(p, "other", "{\"n\":2}");
  write_text(p, "second", "{\"n\":1}");
  FAILS(HF_DUPLICATE, try_index(p, "n", true, &err));
  CONTAINS(err.message, "first");
  CONTAINS(err.message, "second");
  OK(hf_persist_indexes(p, &json, &err));
  assert_string_equal(json.data, "[]");
  write_text(p, "third", "{\"n\":1}");
  OK(hf_persist_remove(p, hf_text("first"), &err));
  OK(hf_persist_remove(p, hf_text("third"), &err));
  make_index(p, "n", true);
  make_index(p, "n", true);
  FAILS(HF_CONFLICT, try_index(p, "n", false, &err));
  assert_agrees(p);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void what_is_in_quarantine_holds_its_value(void **state) {
  const struct store *s = *state;
  hf_persist *p = open_unique(s);
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  make_index(p, "mark", false);
  write_text(p, "a", "{\"n\":1,\"mark\":\"sound\"}");
  write_text(p, "b", "{\"n\":2,\"mark\":\"BROKEN\"}");
  write_text(p, "c", "{\"n\":3,\"mark\":\"BROKEN\"}");
  hf_persist_close(p);
  damage(s, "BROKEN", "broken");
  p = open_persist(s, "signal");
  assert_agrees(p); /* what a damaged one has is not known */
  FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("b"), &json, NULL, &err));
  assert_true(err.in_quarantine);
  assert_agrees(p);
  assert_string_equal(ids_in_order(p, NULL, 0, false), "a c"); /* b is not among them */
  assert_string_equal(ids_in_order(p, NULL, 1, false), "c a");
  FAILS(HF_DUPLICATE, put_text(p, "d", "{\"n\":2}", &err));
  CONTAINS(err.message, "b has the same");
  CONTAINS(err.cause, "b is in quarantine");
  FAILS(HF_DUPLICATE, put_two(p, "d", "{\"n\":2}", "e", "{\"n\":5}", &err));
  OK(put_two(p, "b", "{\"n\":4}", "d", "{\"n\":2}", &err)); /* it is written in the same batch */
  assert_agrees(p);
  /* One that is damaged and was read by nobody: it is overwritten, and then there is nothing of it. */
  write_text(p, "c", "{\"n\":6}");
  write_text(p, "e", "{\"n\":3}");
  assert_agrees(p);
  hf_buffer_free(&json);
  hf_persist_close(p);
}

static void removing_lets_a_held_value_go(void **state) {
  const struct store *s = *state;
  for (int round = 0; round < 2; round++) {
    hf_persist *p = open_unique(s);
    hf_error err;
    hf_buffer json = HF_BUFFER_INIT;
    write_text(p, "b", text_of("{\"n\":2,\"mark\":\"BROKEN%d\"}", round));
    hf_persist_close(p);
    damage(s, text_of("BROKEN%d", round), text_of("broken%d", round));
    p = open_persist(s, "signal");
    FAILS(HF_CORRUPT, hf_persist_read(p, hf_text("b"), &json, NULL, &err));
    FAILS(HF_DUPLICATE, put_text(p, "d", "{\"n\":2}", &err));
    OK(hf_persist_index_check(p, true, NULL, NULL, NULL, &err));
    OK(p->backend->index_rebuild(p->impl, p->collection, hf_text("n"), &err)); /* which keeps what is held */
    FAILS(HF_DUPLICATE, put_text(p, "d", "{\"n\":2}", &err));
    if (round)
      OK(hf_persist_remove_all(p, &err));
    else
      OK(hf_persist_remove(p, hf_text("b"), &err));
    write_text(p, "d", "{\"n\":2}");
    OK(hf_persist_remove(p, hf_text("d"), &err));
    assert_agrees(p);
    hf_buffer_free(&json);
    hf_persist_close(p);
  }
}

/* All of a crowd want the same: in one commit, and one of them gets it. */
static void one_of_a_group_gets_it(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  int winner = -1;
  make_index(actors[0].p, "n", true);
  make_index(actors[0].p, "by", false);
  for (int i = 0; i < CROWD; i++)
    snprintf(actors[i].json, sizeof actors[i].json, "{\"by\":%d,\"n\":%d}", i, i % 2 ? i : 0);
  uint64_t before = newest_commit(actors[0].p);
  act_together(actors, CROWD);
  assert_int_equal(newest_commit(actors[0].p), before + 1);
  for (int i = 0; i < CROWD; i++) {
    if (i % 2 || actors[i].status == HF_OK) assert_int_equal(actors[i].status, HF_OK);
    if (i % 2 == 0 && actors[i].status == HF_OK) {
      assert_int_equal(winner, -1);
      winner = i;
    }
    if (i % 2 == 0 && actors[i].status) assert_int_equal(actors[i].status, HF_DUPLICATE);
  }
  assert_true(winner >= 0);
  assert_int_equal(count_of(actors[0].p), CROWD / 2 + 1);
  assert_agrees(actors[0].p);
  free_crowd(actors, CROWD);
}

/* Threads that share a commit, in a map that is full again and again: what a group has done is undone, and done again.
 */
static void a_group_that_fills_the_map_is_done_again(void **state) {
  struct store small = *(struct store *)*state;
  static char texts[CROWD][3000];
  snprintf(small.base, sizeof small.base, "lmdb:%s/small?mapsize=131072", small.directory);
  struct actor *actors = new_crowd(&small, "signal", CROWD);
  make_index(actors[0].p, "n", true);
  make_index(actors[0].p, "by", false);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < CROWD; i++) {
      bool is_twice = round == 0 && i % 16 == 15; /* what the one before has */
      snprintf(texts[i], sizeof texts[i], "{\"n\":%d,\"by\":%d,\"much\":\"%0*d\"}", is_twice ? i - 1 : i, i % 7 + round,
               i % 4 ? 1 : 2800, 0);
      actors[i].text = texts[i];
      actors[i].act = round == 1 && i % 2 ? take : put;
    }
    act_together(actors, CROWD);
    unsigned refused = 0;
    for (int i = 0; i < CROWD; i++) {
      hf_status status = actors[i].status;
      bool is_of_two = i % 16 >= 14; /* of whom one has what both wanted, and may give it away before the other asks */
      refused += status == HF_DUPLICATE;
      if (status) assert_true(is_of_two && round < 2 && (status == HF_DUPLICATE || (round && status == HF_NOT_FOUND)));
    }
    if (round != 1) assert_int_equal(refused, round ? 0 : CROWD / 16);
    assert_agrees(actors[0].p);
  }
  free_crowd(actors, CROWD);
}

/* Whoever was refused for what another one in the commit had, is not when that commit fails. */
static void a_commit_that_fails_has_refused_nobody(void **state) {
  enum { COUNT = 8 };
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  struct rlimit usual, none;
  make_index(actors[0].p, "n", true);
  for (int i = 0; i < COUNT; i++) snprintf(actors[i].json, sizeof actors[i].json, "{\"n\":%d}", i / 4);
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
  none = (struct rlimit){0, usual.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
  act_together(actors, COUNT);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
  signal(SIGXFSZ, SIG_DFL);
  for (int i = 0; i < COUNT; i++) assert_int_equal(actors[i].status, HF_IO);
  write_text(actors[0].p, "after", "{\"n\":1}");
  assert_agrees(actors[0].p);
  assert_int_equal(count_of(actors[0].p), 1);
  free_crowd(actors, COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(a_value_is_had_by_one),
      ON_LMDB(what_is_refused_makes_no_collection),
      ON_SYNCED(what_is_refused_in_a_group_makes_no_collection),
      ON_LMDB(a_batch_may_swap),
      ON_LMDB(texts_that_are_cut_are_looked_at_again),
      ON_LMDB(in_a_transaction_it_goes_by_its_own_writes),
      ON_LMDB(there_is_no_index_where_two_have_the_same),
      ON_LMDB(what_is_in_quarantine_holds_its_value),
      ON_LMDB(removing_lets_a_held_value_go),
      ON_SYNCED(one_of_a_group_gets_it),
      ON_SYNCED(a_commit_that_fails_has_refused_nobody),
      ON_SYNCED(a_group_that_fills_the_map_is_done_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
