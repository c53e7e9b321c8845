/* SPDX-License-Identifier: MIT
 *
 * Limits of groups: a map that is full, how much is in one group, names that are not in the store, and commits that
 * fail or cannot begin.
 */
#include <signal.h>
#include <sys/resource.h>

#include "crowd.h"

enum { BIG = 60000 }; /* bytes of a value that fills a small map */

/* ---- the map */

/* A JSON string of BIG bytes, to be freed. */
static char *big_text(void) {
  char *big = calloc(1, BIG + 1);
  assert_non_null(big);
  memset(big, 'x', BIG);
  big[0] = big[BIG - 1] = '"';
  return big;
}

static void a_full_map_grows_for_the_whole_group(void **state) {
  struct store small = *(struct store *)*state;
  hf_error err;
  snprintf(small.base, sizeof small.base, "lmdb:%s/small?mapsize=131072", small.directory);
  struct actor *actors = new_crowd(&small, "signal", CROWD);
  write_text(actors[0].p, "first", "1");
  uint64_t before = newest_commit(actors[0].p);
  char *big = big_text();
  for (int i = 0; i < CROWD; i++)
    if (i % 8 == 0) actors[i].text = big;
  act_together(actors, CROWD);
  all_are_as_expected(actors, CROWD);
  assert_true(newest_commit(actors[0].p) <= before + 5); /* it is full more than once */
  for (int i = 0; i < CROWD; i++) assert_entity(actors[i].p, actors[i].id, i % 8 == 0 ? big : actors[i].json);
  OK(hf_persist_remove(actors[0].p, hf_text("first"), &err));
  free(big);
  free_crowd(actors, CROWD);
}

/* At its size limit: what does not fit says so, what is small is written, and removals have their lent room. */
static void a_map_that_cannot_grow_fails_who_does_not_fit(void **state) {
  enum { COUNT = 24 };
  struct store small = *(struct store *)*state;
  snprintf(small.base, sizeof small.base, "lmdb:%s/small?maxsize=262144", small.directory);
  struct actor *actors = new_crowd(&small, "signal", COUNT);
  char *big = big_text();
  for (int i = 0; i < COUNT; i++) {
    if (i % 3 == 1) write_text(actors[0].p, actors[i].id, "1");
    if (i % 3 == 1) actors[i].act = take;
    if (i % 3 == 2) actors[i].text = big;
  }
  act_together(actors, COUNT);
  int full = 0;
  for (int i = 0; i < COUNT; i++) {
    const struct actor *a = &actors[i];
    if (i % 3 != 2) {
      assert_int_equal(a->status, HF_OK);
      assert_entity(a->p, a->id, i % 3 ? NULL : a->json);
    } else if (a->status) {
      full++;
      assert_int_equal(a->status, HF_FULL);
      CONTAINS(a->err.message, "maxsize");
      assert_entity(a->p, a->id, NULL);
    } else {
      assert_entity(a->p, a->id, big);
    }
  }
  assert_true(full >= COUNT / 3 - 3 && full < COUNT / 3);
  assert_false(env_of(actors[0].p)->overdraft && env_of(actors[0].p)->map_size <= 262144);
  free(big);
  free_crowd(actors, COUNT);
}

/* ---- bounds */

static void a_group_has_bounds(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  hf_persist *p = actors[0].p;
  for (int i = 0; i < CROWD; i++) actors[i].act = put_batch;
  uint64_t before = newest_commit(p);
  act_together(actors, CROWD);
  all_are_as_expected(actors, CROWD);
  assert_int_equal(count_of(p), CROWD * BATCH);
  assert_int_equal(newest_commit(p), before + CROWD * BATCH / GROUP_IDS);
  free_crowd(actors, CROWD);
}

static void names_that_are_not_in_the_store_are_made(void **state) {
  enum { NAMES = 200 };
  struct actor *actors = calloc(NAMES, sizeof *actors);
  hf_error err;
  assert_non_null(actors);
  for (int i = 0; i < NAMES; i++) {
    actors[i] = (struct actor){.number = i, .act = put, .options = HF_WRITE_OPTIONS_INIT};
    actors[i].p = open_persist(*state, text_of("name-%d", i));
    strcpy(actors[i].id, "a");
    strcpy(actors[i].json, "1");
    actors[i].options.if_absent = i % 2;
    OK(hf_persist_init(actors[i].p, &err));
  }
  uint64_t before = newest_commit(actors[0].p);
  act_together(actors, NAMES);
  all_are_as_expected(actors, NAMES);
  for (int i = 0; i < NAMES; i++) assert_entity(actors[i].p, "a", "1");
  assert_true(newest_commit(actors[0].p) <= before + 4);
  free_crowd(actors, NAMES);
}

static void what_is_refused_makes_no_name(void **state) {
  struct actor *actors = new_crowd(*state, "signal", 4);
  hf_error err;
  hf_store *store;
  hf_page *page = hf_page_new();
  size_t count;
  hf_persist_close(actors[2].p);
  actors[2].p = open_persist(*state, "never");
  OK(hf_persist_init(actors[2].p, &err));
  actors[2].options.if_revision = true;
  actors[2].options.revision = 7;
  actors[2].expected = HF_CONFLICT;
  act_together(actors, 4);
  all_are_as_expected(actors, 4);
  OK(hf_store_open(((struct store *)*state)->base, NULL, &store, &err));
  OK(hf_store_entities(store, page, &err));
  const hf_entry *e = hf_page_entries(page, &count);
  assert_int_equal(count, 1);
  assert_int_equal(e[0].id.size, strlen("signal"));
  hf_store_close(store);
  hf_page_free(page);
  free_crowd(actors, 4);
}

/* ---- commits that fail */

static void a_commit_that_fails_is_told_to_all(void **state) {
  enum { COUNT = 16 };
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  struct rlimit usual, none;
  write_text(actors[0].p, "id-3", "\"old\"");
  actors[3].options.if_absent = true;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
  none = (struct rlimit){0, usual.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
  act_together(actors, COUNT);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
  signal(SIGXFSZ, SIG_DFL);
  int uncertain = 0;
  for (int i = 0; i < COUNT; i++) {
    const hf_error *e = &actors[i].err;
    if (i != 3 && actors[i].status == HF_IO) {
      uncertain++;
      assert_false(e->retryable);
      CONTAINS(e->message, "; the write may have happened: read it before writing again");
      assert_string_equal(e->entity_id, actors[i].id);
    }
  }
  assert_int_equal(uncertain, COUNT - 1);
  assert_int_equal(actors[3].status, HF_CONFLICT);
  write_text(actors[0].p, "after", "1");
  assert_int_equal(count_of(actors[0].p), 2);
  free_crowd(actors, COUNT);
}

/* Each tries for itself, and none waits for ever. */
static void who_cannot_begin_is_told_so(void **state) {
  enum { COUNT = 16 };
  const char *directory = ((struct store *)*state)->directory;
  hf_error err;
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  const char *data = text_of("%s/store/data.mdb", directory), *away = text_of("%s/away", directory);
  write_text(actors[0].p, "first", "1");
  assert_int_equal(rename(data, away), 0);
  start_actors(actors, COUNT);
  for (int i = 0; i < COUNT; i++) {
    pthread_join(actors[i].thread, NULL);
    assert_int_equal(actors[i].status, HF_UNAVAILABLE);
    CONTAINS(actors[i].err.message, "deleted");
  }
  assert_int_equal(rename(away, data), 0);
  OK(hf_persist_write(actors[0].p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  free_crowd(actors, COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_SYNCED(a_full_map_grows_for_the_whole_group),
      ON_SYNCED(a_map_that_cannot_grow_fails_who_does_not_fit),
      ON_SYNCED(a_group_has_bounds),
      ON_SYNCED(names_that_are_not_in_the_store_are_made),
      ON_SYNCED(what_is_refused_makes_no_name),
      ON_SYNCED(a_commit_that_fails_is_told_to_all),
      ON_SYNCED(who_cannot_begin_is_told_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
