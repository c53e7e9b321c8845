/* SPDX-License-Identifier: MIT
 *
 * A crowd of threads of which each makes one change of a store, shared by the tests of groups: one thread holds the
 * writer's lock until all others wait, so that which of them come together is no matter of chance.
 */
#ifndef HF_TESTS_UNIT_LMDB_CROWD_H
#define HF_TESTS_UNIT_LMDB_CROWD_H

#include <pthread.h>

#include "../backends/lmdb/group.h"
#include "core/persist.h"
#include "unit/support.h"

enum { CROWD = 64, BATCH = 64 };

/* A thread that makes one change. */
struct actor {
  int number;
  hf_persist *p;
  hf_status (*act)(struct actor *a);
  hf_status expected;
  char id[32], json[128];
  const char *text; /* in the place of json, if not NULL */
  hf_write_options options;
  uint64_t revision; /* of remove_if */
  hf_status status;
  hf_info info;
  uint64_t removed;
  hf_error err;
  pthread_t thread;
};

static inline void *run_actor(void *arg) {
  struct actor *a = arg;
  a->status = a->act(a);
  return NULL;
}

static inline hf_status put(struct actor *a) {
  const char *json = a->text ? a->text : a->json;
  return hf_persist_write(a->p, hf_text(a->id), hf_text(json), &a->options, &a->info, &a->err);
}

static inline hf_status take(struct actor *a) { return hf_persist_remove(a->p, hf_text(a->id), &a->err); }

static inline hf_status take_if(struct actor *a) {
  return hf_persist_remove_if(a->p, hf_text(a->id), a->revision, &a->err);
}

/* Two ids, ID and ID-2. */
static inline hf_status put_both(struct actor *a) {
  char second[40];
  snprintf(second, sizeof second, "%s-2", a->id);
  hf_item items[] = {{.id = hf_text(a->id), .json = hf_text(a->json)},
                     {.id = hf_text(second), .json = hf_text(a->json)}};
  return hf_persist_write_many(a->p, items, 2, &a->err);
}

static inline hf_status take_both(struct actor *a) {
  char second[40];
  snprintf(second, sizeof second, "%s-2", a->id);
  const hf_slice ids[] = {hf_text(a->id), hf_text(second)};
  return hf_persist_remove_many(a->p, ids, 2, &a->removed, &a->err);
}

static inline hf__lmdb_env *env_of(const hf_persist *p) { return p->impl; }

static inline void nap(void) { usleep(1000); }

/* Waits until so many threads have come to the queue since it had `before`, besides the one that leads. */
static inline void await_queue(hf__lmdb_env *env, unsigned before, unsigned count) {
  for (;;) {
    pthread_mutex_lock(&env->queue.lock);
    bool all = env->queue.led && env->queue.came - before >= count;
    pthread_mutex_unlock(&env->queue.lock);
    if (all) return;
    nap();
  }
}

static inline void start_actors(struct actor *actors, int count) {
  for (int i = 0; i < count; i++) assert_int_equal(pthread_create(&actors[i].thread, NULL, run_actor, &actors[i]), 0);
}

/* Has them all act while the writer's lock is held, and lets it go when all wait. */
static inline void act_together(struct actor *actors, int count) {
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

static inline struct actor *new_crowd(const struct store *s, const char *name, int count) {
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

static inline void free_crowd(struct actor *actors, int count) {
  for (int i = 0; i < count; i++) hf_persist_close(actors[i].p);
  free(actors);
}

static inline void all_are_as_expected(const struct actor *actors, int count) {
  for (int i = 0; i < count; i++)
    if (actors[i].status != actors[i].expected)
      FAIL_AT(__FILE__, __LINE__, "thread %d: expected %s, got %s: %s", i, hf_status_name(actors[i].expected),
              hf_status_name(actors[i].status), actors[i].status ? actors[i].err.message : "");
}

static inline uint64_t newest_commit(const hf_persist *p) {
  MDB_envinfo info;
  mdb_env_info(env_of(p)->mdb, &info);
  return info.me_last_txnid;
}

/* A batch of BATCH ids. */
static inline hf_status put_batch(struct actor *a) {
  static const char json[] = "{\"of\":\"a batch\"}";
  char ids[BATCH][48];
  hf_item items[BATCH];
  for (int i = 0; i < BATCH; i++) {
    snprintf(ids[i], sizeof ids[i], "%s-%d", a->id, i);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(json)};
  }
  return hf_persist_write_many(a->p, items, BATCH, &a->err);
}

#endif
