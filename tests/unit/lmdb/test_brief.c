/* SPDX-License-Identifier: MIT
 *
 * Brief snapshots, which looking up takes: what cannot happen beside a snapshot waits for them, and for no other.
 */
#include "../backends/lmdb/locks.h"
#include "../backends/lmdb/map.h"
#include "../backends/lmdb/snapshot.h"
#include "../backends/lmdb/writer.h"

#include <pthread.h>
#include <sched.h>

#include "unit/lmdb/indexes.h"

struct waiter {
  hf__lmdb_env *env;
  hf_status (*act)(hf__lmdb_env *env, hf_error *err);
  hf_status status;
  hf_error err;
  _Atomic bool done;
  pthread_t thread;
};

static hf_status grow(hf__lmdb_env *env, hf_error *err) { return hf__lmdb_make_room(env, env->map_size, false, err); }

static hf_status follow(hf__lmdb_env *env, hf_error *err) {
  return hf__lmdb_repair(env, MDB_MAP_RESIZED, "begin reading", err);
}

static hf_status open_again(hf__lmdb_env *env, hf_error *err) {
  return hf__lmdb_repair(env, MDB_PANIC, "begin reading", err);
}

/* A write after a transaction that had no room. */
static hf_status write_after_full(hf__lmdb_env *env, hf_error *err) {
  hf__lmdb_txn t;
  uint64_t size = env->map_size;
  env->grow = true;
  hf_status status = hf__lmdb_write_begin(env, &t, false, err);
  if (status == HF_OK && env->map_size == size) status = hf_error_set(err, HF_FULL, "the map is as small as before");
  if (status != HF_OK) return status;
  hf__lmdb_write_abort(env, &t);
  return HF_OK;
}

static void *act(void *arg) {
  struct waiter *w = arg;
  w->status = w->act(w->env, &w->err);
  w->done = true;
  return NULL;
}

static hf_status (*const ACTS[])(hf__lmdb_env *, hf_error *) = {grow, follow, open_again, write_after_full};

static void what_a_snapshot_prevents_waits_for_brief_ones(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  write_text(p, "a", "1");
  for (size_t i = 0; i < sizeof ACTS / sizeof *ACTS; i++) {
    struct waiter w = {.env = env_of_index(p), .act = ACTS[i]};
    void *t;
    OK(p->backend->begin_brief(p->impl, &t, &err));
    assert_int_equal(pthread_create(&w.thread, NULL, act, &w), 0);
    while (!atomic_load(&w.env->patient) && !w.done) sched_yield();
    assert_false(w.done);
    hf__lmdb_lock(&w.env->write_lock); /* which the snapshot may need, to come to its end */
    pthread_mutex_unlock(&w.env->write_lock);
    p->backend->abort(p->impl, t);
    pthread_join(w.thread, NULL);
    if (w.status) fail_msg("%zu: %s", i, w.err.message);
    assert_int_equal(w.env->patient, 0);
    assert_int_equal(w.env->snapshots + w.env->brief, 0);
  }
  assert_entity(p, "a", "1");
  hf_persist_close(p);
}

static void nothing_waits_for_another_snapshot(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  write_text(p, "a", "1");
  for (size_t i = 0; i < 3; i++) {
    hf__lmdb_env *env = env_of_index(p);
    void *brief, *other;
    OK(p->backend->begin_brief(p->impl, &brief, &err));
    OK(p->backend->begin(p->impl, HF_TXN_READ, NULL, &other, &err));
    assert_int_equal(ACTS[i](env, &err), HF_BUSY);
    assert_int_equal(env->patient, 0);
    p->backend->abort(p->impl, brief);
    assert_int_equal(ACTS[i](env, &err), HF_BUSY);
    p->backend->abort(p->impl, other);
    OK(ACTS[i](env, &err));
  }
  hf_persist_close(p);
}

/* ---- through the core */

static hf_status refuse(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  (void)store;
  (void)kind;
  (void)parent;
  *txn = NULL;
  return hf_error_set(err, HF_IO, "it was to be brief");
}

static void looking_up_is_brief(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_range range = HF_RANGE_INIT;
  uint64_t count;
  for (int i = 0; i < 300; i++) write_text(p, text_of("of-%d", i), text_of("{\"a\":%d,\"b\":%d}", i, i));
  make_index(p, "a", false);
  make_index(p, "b", false);
  const hf_backend *usual = p->store->backend;
  hf_backend brief = *usual;
  brief.begin = refuse;
  p->store->backend = &brief;
  OK(hf_condition_parse(hf_text("type(v) == 'table' and (v.a == 1 or v.b == 2)"), &range.where, &err));
  OK(hf_persist_count_where(p, &range, &count, &err));
  assert_int_equal(count, 2);
  p->store->backend = usual;
  hf_condition_free(range.where);
  hf_persist_close(p);
}

enum { FINDERS = 3, WRITES = 1500 };

struct finder {
  hf_persist *p;
  _Atomic bool *stop;
  const char *failed;
  uint64_t rounds;
  pthread_t thread;
};

/* Looks up what two indexes have, again and again. */
static void *keep_finding(void *arg) {
  struct finder *f = arg;
  hf_error err;
  hf_range range = HF_RANGE_INIT;
  if (hf_condition_parse(hf_text("type(v) == 'table' and (v.a == 1 or v.b == 2)"), &range.where, &err))
    return (void *)(uintptr_t) "parse";
  while (!*f->stop) {
    uint64_t n;
    hf_status status = hf_persist_count_where(f->p, &range, &n, &err);
    if (status || n < 2) f->failed = status ? text_of("%s", err.message) : "too few were found";
    if (f->failed) break;
    f->rounds++;
  }
  hf_condition_free(range.where);
  return NULL;
}

static void the_map_grows_beside_those_who_look_up(void **state) {
  struct store small = *(struct store *)*state;
  snprintf(small.base, sizeof small.base, "lmdb:%s/small?mapsize=131072&durability=nosync", small.directory);
  hf_persist *p = open_persist(&small, "signal");
  hf_error err;
  struct finder finders[FINDERS];
  _Atomic bool stop = false;
  for (int i = 0; i < 300; i++) write_text(p, text_of("of-%d", i), text_of("{\"a\":%d,\"b\":%d}", i, i));
  make_index(p, "a", false);
  make_index(p, "b", false);
  uint64_t before = env_of_index(p)->map_size;
  for (int i = 0; i < FINDERS; i++) {
    finders[i] = (struct finder){.p = open_persist(&small, "signal"), .stop = &stop};
    OK(hf_persist_init(finders[i].p, &err));
    assert_int_equal(pthread_create(&finders[i].thread, NULL, keep_finding, &finders[i]), 0);
  }
  hf_status status = HF_OK;
  for (int i = 0; i < WRITES && status == HF_OK; i++)
    status = hf_persist_write(p, hf_text(text_of("id-%d", i)), hf_text(text_of("{\"much\":\"%01500d\"}", i)), NULL,
                              NULL, &err);
  stop = true;
  for (int i = 0; i < FINDERS; i++) {
    pthread_join(finders[i].thread, NULL);
    hf_persist_close(finders[i].p);
    if (finders[i].failed) fail_msg("%s", finders[i].failed);
    assert_true(finders[i].rounds > 0);
  }
  if (status) fail_msg("%s", err.message);
  assert_true(env_of_index(p)->map_size >= before * 8);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(what_a_snapshot_prevents_waits_for_brief_ones),
      ON_LMDB(nothing_waits_for_another_snapshot),
      ON_LMDB(looking_up_is_brief),
      ON_LMDB(the_map_grows_beside_those_who_look_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
