/* SPDX-License-Identifier: MIT
 *
 * What a group keeps beside records, also when it is done again in a larger map: the sums of collections, and what is
 * in quarantine.
 */
#include "../backends/lmdb/change.h"
#include "crowd.h"
#include "sums.h"

enum { BIG = 60000 }; /* bytes of a value that fills a small map */

/* A synced store with a map that is soon full. */
static int setup_small(void **state) {
  struct store *s = new_store("lmdb");
  snprintf(s->base, sizeof s->base, "lmdb:%s/store?mapsize=131072", s->directory);
  *state = s;
  return 0;
}

#define ON_SMALL(test)                                                                                                 \
  { #test, test, setup_small, teardown_store, NULL }

static char *big_text(void) {
  char *big = calloc(1, BIG + 1);
  assert_non_null(big);
  memset(big, 'x', BIG);
  big[0] = big[BIG - 1] = '"';
  return big;
}

/* ---- sums */

/* Three collections, of which one is not in the store before: written to, replaced and removed from, and refused. */
static void sums_hold_after_a_group_that_was_repeated(void **state) {
  static const char *const names[] = {"signal", "trade", "fresh"};
  const struct store *s = *state;
  char *big = big_text();
  hf_error err;
  set(s, "format", "2");
  fill(s, "signal", CROWD);
  fill(s, "trade", CROWD);
  struct actor *actors = new_crowd(s, "signal", CROWD);
  for (int i = 0; i < CROWD; i++) {
    struct actor *a = &actors[i];
    hf_persist_close(a->p);
    a->p = open_persist(s, names[i % 3]);
    OK(hf_persist_init(a->p, &err));
    if (i % 8 == 0) a->text = big;
    if (i % 8 == 1) a->act = take, a->expected = i % 3 == 2 ? HF_NOT_FOUND : HF_OK;
    if (i % 8 == 2) a->options.if_absent = true, a->expected = i % 3 == 2 ? HF_OK : HF_CONFLICT;
  }
  uint64_t before = env_of(actors[0].p)->map_size;
  assert_true(env_of(actors[0].p)->known.keeps_sums);
  act_together(actors, CROWD);
  assert_true(env_of(actors[0].p)->map_size > before);
  all_are_as_expected(actors, CROWD);
  uint64_t count = 0;
  for (int i = 0; i < 3; i++) count += stored(s, names[i]).count;
  int expected = 2 * CROWD;
  for (int i = 0; i < CROWD; i++)
    if (actors[i].status == HF_OK) expected += actors[i].act == take ? -1 : i % 3 == 2;
  assert_int_equal(count, expected);
  free_crowd(actors, CROWD);
  assert_sound(s, "after the group");
  free(big);
}

/* ---- quarantine */

static void put_into_quarantine(hf_persist *p, const char *id) {
  unsigned char order[HF_ORDER_KEY_MAX];
  hf_error err;
  hf_key key = {hf_text(id), {(const char *)order, hf_order_key(hf_text(id), order)}};
  OK(hf__lmdb_put_damaged(p->impl, NULL, p->collection, &key, "it was damaged", hf_text("bytes"), &err));
}

/* What is done to an id in quarantine settles it once, whether the group is done again or not; a condition does not. */
static void a_group_settles_what_is_in_quarantine_once(void **state) {
  enum { KINDS = 6, COUNT = 8 * KINDS };
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  char *big = big_text();
  hf_error err;
  for (int i = 0; i < COUNT; i++) {
    struct actor *a = &actors[i];
    switch (i % KINDS) {
    case 0: a->act = take; break;
    case 1: break;
    case 2: a->options.if_absent = true, a->expected = HF_CORRUPT; break;
    case 3: a->act = take_both; break;
    case 4: a->text = big; break;
    default: a->act = take, a->expected = HF_NOT_FOUND;
    }
    if (i % KINDS < 4) put_into_quarantine(a->p, a->id);
  }
  uint64_t map_size = env_of(actors[0].p)->map_size, left;
  act_together(actors, COUNT);
  assert_true(env_of(actors[0].p)->map_size > map_size);
  all_are_as_expected(actors, COUNT);
  for (int i = 0; i < COUNT; i++) {
    const struct actor *a = &actors[i];
    if (i % KINDS == 2) assert_true(a->err.in_quarantine);
    if (i % KINDS == 3) assert_int_equal(a->removed, 1);
    if (i % KINDS != 2) assert_entity(a->p, a->id, i % KINDS == 1 ? a->json : i % KINDS == 4 ? big : NULL);
  }
  OK(actors[0].p->backend->quarantined(actors[0].p->impl, actors[0].p->collection, &left, &err));
  assert_int_equal(left, COUNT / KINDS);
  free_crowd(actors, COUNT);
  free(big);
}

/* Of many that remove the same damaged id one does, since it is gone then. */
static void one_of_many_settles_an_id(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  int settled = 0;
  put_into_quarantine(actors[0].p, "one");
  for (int i = 0; i < CROWD; i++) {
    actors[i].act = take;
    strcpy(actors[i].id, "one");
  }
  act_together(actors, CROWD);
  for (int i = 0; i < CROWD; i++) {
    settled += actors[i].status == HF_OK;
    if (actors[i].status) assert_int_equal(actors[i].status, HF_NOT_FOUND);
  }
  assert_int_equal(settled, 1);
  free_crowd(actors, CROWD);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_SMALL(sums_hold_after_a_group_that_was_repeated),
      ON_SMALL(a_group_settles_what_is_in_quarantine_once),
      ON_SYNCED(one_of_many_settles_an_id),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
