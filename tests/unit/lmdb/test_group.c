/* SPDX-License-Identifier: MIT
 *
 * Changes of many threads that share a commit.  In each test one thread holds the writer's lock until all others wait,
 * so that which of them come together is no matter of chance.  What is left after kills and failed flushes is judged by
 * tests/fault/lmdb.  Also for the thread sanitizer.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../backends/lmdb/env.h"
#include "core/persist.h"
#include "unit/support.h"

enum { CROWD = 64 };

/* A thread that makes one change. */
struct actor {
  int number;
  hf_persist *p;
  hf_status (*act)(struct actor *a);
  hf_status expected;
  char id[32], json[128];
  hf_write_options options;
  uint64_t revision; /* of remove_if */
  hf_status status;
  hf_info info;
  uint64_t removed;
  hf_error err;
  pthread_t thread;
};

static void *run_actor(void *arg) {
  struct actor *a = arg;
  a->status = a->act(a);
  return NULL;
}

static hf_status put(struct actor *a) {
  return hf_persist_write(a->p, hf_text(a->id), hf_text(a->json), &a->options, &a->info, &a->err);
}

static hf_status take(struct actor *a) { return hf_persist_remove(a->p, hf_text(a->id), &a->err); }

static hf_status take_if(struct actor *a) { return hf_persist_remove_if(a->p, hf_text(a->id), a->revision, &a->err); }

/* Two ids, ID and ID-2. */
static hf_status put_both(struct actor *a) {
  char second[40];
  snprintf(second, sizeof second, "%s-2", a->id);
  hf_item items[] = {{.id = hf_text(a->id), .json = hf_text(a->json)},
                     {.id = hf_text(second), .json = hf_text(a->json)}};
  return hf_persist_write_many(a->p, items, 2, &a->err);
}

static hf_status take_both(struct actor *a) {
  char second[40];
  snprintf(second, sizeof second, "%s-2", a->id);
  const hf_slice ids[] = {hf_text(a->id), hf_text(second)};
  return hf_persist_remove_many(a->p, ids, 2, &a->removed, &a->err);
}

static hf__lmdb_env *env_of(const hf_persist *p) { return p->impl; }

static void nap(void) { usleep(1000); }

/* Waits until so many threads have come to the queue since it had `before`, besides the one that leads. */
static void await_queue(hf__lmdb_env *env, unsigned before, unsigned count) {
  for (;;) {
    pthread_mutex_lock(&env->queue.lock);
    bool all = env->queue.led && env->queue.came - before >= count;
    pthread_mutex_unlock(&env->queue.lock);
    if (all) return;
    nap();
  }
}

/* Has them all act while the writer's lock is held, and lets it go when all wait. */
static void act_together(struct actor *actors, int count) {
  hf_error err;
  hf_txn *txn;
  hf__lmdb_env *env = env_of(actors[0].p);
  hf_persist *p = actors[0].p;
  bool found;
  unsigned before = env->queue.came;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_persist_has(p, hf_text("nothing"), &found, &err)); /* binds it to the store */
  for (int i = 0; i < count; i++) assert_int_equal(pthread_create(&actors[i].thread, NULL, run_actor, &actors[i]), 0);
  await_queue(env, before, (unsigned)count - 1);
  hf_txn_abort(txn);
  for (int i = 0; i < count; i++) pthread_join(actors[i].thread, NULL);
}

static struct actor *new_crowd(const struct store *s, const char *name, int count) {
  struct actor *actors = calloc((size_t)count, sizeof *actors);
  hf_error err;
  assert_non_null(actors);
  for (int i = 0; i < count; i++) {
    actors[i] = (struct actor){.number = i, .p = open_persist(s, name), .act = put, .options = HF_WRITE_OPTIONS_INIT};
    snprintf(actors[i].id, sizeof actors[i].id, "id-%d", i);
    snprintf(actors[i].json, sizeof actors[i].json, "{\"by\":%d}", i);
    OK(hf_persist_init(actors[i].p, &err));
  }
  return actors;
}

static void free_crowd(struct actor *actors, int count) {
  for (int i = 0; i < count; i++) hf_persist_close(actors[i].p);
  free(actors);
}

static void all_are_as_expected(const struct actor *actors, int count) {
  for (int i = 0; i < count; i++)
    if (actors[i].status != actors[i].expected)
      FAIL_AT(__FILE__, __LINE__, "thread %d: expected %s, got %s: %s", i, hf_status_name(actors[i].expected),
              hf_status_name(actors[i].status), actors[i].status ? actors[i].err.message : "");
}

static uint64_t newest_commit(const hf_persist *p) {
  MDB_envinfo info;
  mdb_env_info(env_of(p)->mdb, &info);
  return info.me_last_txnid;
}

static void threads_that_wait_share_one_commit(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  write_text(actors[0].p, "first", "1");
  uint64_t before = newest_commit(actors[0].p);
  act_together(actors, CROWD);
  all_are_as_expected(actors, CROWD);
  assert_int_equal(newest_commit(actors[0].p), before + 1);
  for (int i = 0; i < CROWD; i++) {
    assert_int_equal(actors[i].info.revision, before + 1);
    assert_entity(actors[i].p, actors[i].id, actors[i].json);
  }
  free_crowd(actors, CROWD);
}

static void an_id_changes_once_in_a_commit(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  uint64_t before = newest_commit(actors[0].p);
  for (int i = 0; i < CROWD; i++) strcpy(actors[i].id, i % 2 ? "odd" : "even");
  act_together(actors, CROWD);
  all_are_as_expected(actors, CROWD);
  assert_int_equal(newest_commit(actors[0].p), before + CROWD / 2);
  int last[2] = {0, 1};
  bool had[2][CROWD / 2 + 1] = {{false}};
  for (int i = 0; i < CROWD; i++) {
    uint64_t place = actors[i].info.revision - before;
    assert_true(place >= 1 && place <= CROWD / 2);
    assert_false(had[i % 2][place]);
    had[i % 2][place] = true;
    if (actors[i].info.revision > actors[last[i % 2]].info.revision) last[i % 2] = i;
  }
  assert_entity(actors[0].p, "even", actors[last[0]].json);
  assert_entity(actors[0].p, "odd", actors[last[1]].json);
  free_crowd(actors, CROWD);
}

/* With one revision for all, each would overwrite what the one before has just written. */
static void one_of_many_wins_by_its_revision(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  hf_error err;
  hf_info info;
  hf_write_options absent = HF_WRITE_OPTIONS_INIT;
  absent.if_absent = true;
  OK(hf_persist_write(actors[0].p, hf_text("one"), hf_text("0"), &absent, &info, &err));
  uint64_t before = newest_commit(actors[0].p);
  for (int i = 0; i < CROWD; i++) {
    strcpy(actors[i].id, "one");
    actors[i].options.if_revision = true;
    actors[i].options.revision = info.revision;
  }
  act_together(actors, CROWD);
  int winner = -1;
  for (int i = 0; i < CROWD; i++)
    if (actors[i].status == HF_OK) {
      assert_int_equal(winner, -1);
      winner = i;
    } else {
      assert_int_equal(actors[i].status, HF_CONFLICT);
      assert_int_equal(actors[i].err.status, HF_CONFLICT);
      CONTAINS(actors[i].err.message, text_of("%llu", (unsigned long long)before + 1));
    }
  assert_true(winner >= 0);
  assert_int_equal(actors[winner].info.revision, before + 1);
  assert_entity(actors[0].p, "one", actors[winner].json);
  assert_int_equal(newest_commit(actors[0].p), before + 1);
  free_crowd(actors, CROWD);
}

static void what_is_refused_hurts_nobody(void **state) {
  enum { KINDS = 8, COUNT = 8 * KINDS };
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  hf_error err;
  for (int i = 0; i < COUNT; i++) {
    struct actor *a = &actors[i];
    hf_info info;
    switch (i % KINDS) {
    case 0: break;
    case 1: /* it is there */
      write_text(a->p, a->id, "\"old\"");
      a->options.if_absent = true;
      a->expected = HF_CONFLICT;
      break;
    case 2: /* another revision */
      write_text(a->p, a->id, "\"old\"");
      a->options.if_revision = true;
      a->options.revision = 1;
      a->expected = HF_CONFLICT;
      break;
    case 3: a->act = take, a->expected = HF_NOT_FOUND; break;
    case 4:
      OK(hf_persist_write(a->p, hf_text(a->id), hf_text("\"old\""), NULL, &info, &err));
      a->act = take_if;
      a->revision = info.revision;
      break;
    case 5:
      write_text(a->p, a->id, "\"old\"");
      a->act = take_if;
      a->revision = 1;
      a->expected = HF_CONFLICT;
      break;
    case 6: a->act = put_both; break;
    default: write_text(a->p, a->id, "\"old\""); a->act = take_both;
    }
  }
  uint64_t before = newest_commit(actors[0].p);
  act_together(actors, COUNT);
  all_are_as_expected(actors, COUNT);
  assert_int_equal(newest_commit(actors[0].p), before + 1);
  for (int i = 0; i < COUNT; i++) {
    const struct actor *a = &actors[i];
    bool is_new = i % KINDS == 0 || i % KINDS == 6, is_gone = i % KINDS == 3 || i % KINDS == 4 || i % KINDS == 7;
    assert_entity(a->p, a->id, is_new ? a->json : is_gone ? NULL : "\"old\"");
    if (i % KINDS == 6) assert_entity(a->p, text_of("%s-2", a->id), a->json);
    if (i % KINDS == 7) assert_int_equal(a->removed, 1);
  }
  free_crowd(actors, COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(threads_that_wait_share_one_commit),
      ON_LMDB(an_id_changes_once_in_a_commit),
      ON_LMDB(one_of_many_wins_by_its_revision),
      ON_LMDB(what_is_refused_hurts_nobody),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
