/* SPDX-License-Identifier: MIT
 *
 * Building indexes of LMDB stores: while others write, build the same, or forget it, and after a builder was killed.
 */
#include "../backends/lmdb/index_defs.h"
#include "../backends/lmdb/index_run.h"
#include "../backends/lmdb/map.h"
#include "../backends/lmdb/readers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "unit/lmdb/indexes.h"

enum { SOME = 3000, BATCH = 500 };

/* Entities that have other values than their ids have an order. */
static void fill(hf_persist *p, unsigned count, unsigned round) {
  hf_error err;
  static char ids[BATCH][32], texts[BATCH][100];
  hf_item items[BATCH];
  for (unsigned i = 0; i < count; i += BATCH) {
    unsigned n = count - i < BATCH ? count - i : BATCH;
    for (unsigned j = 0; j < n; j++) {
      snprintf(ids[j], sizeof ids[j], "id-%u", i + j);
      snprintf(texts[j], sizeof texts[j], "{\"n\":%u,\"round\":%u,\"u\":%u}", (i + j) * 7919 % 10007, round, i + j);
      items[j] = (hf_item){.id = hf_text(ids[j]), .json = hf_text(texts[j])};
    }
    OK(hf_persist_write_many(p, items, n, &err));
  }
}

static const char *list_of(hf_persist *p) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  OK(hf_persist_indexes(p, &json, &err));
  const char *text = text_of("%s", json.data);
  hf_buffer_free(&json);
  return text;
}

/* Entries in all of the store, whatever their number. */
static uint64_t entries_of(hf_persist *p) {
  hf_error err;
  MDB_txn *txn;
  MDB_dbi dbi;
  MDB_stat stat = {0};
  hf__lmdb_env *env = env_of_index(p);
  OK(hf__lmdb_read_collection(env, NULL, env->index, &txn, &dbi, &err));
  if (dbi) assert_int_equal(mdb_stat(txn, dbi, &stat), 0);
  hf__lmdb_read_collection_end(env, NULL, txn);
  return stat.ms_entries;
}

static void small_runs_make_the_same(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  size_t usual = hf__lmdb_run_most;
  fill(p, SOME, 0);
  make_index(p, "n", false);
  hf__lmdb_run_most = 5000;
  make_index(p, "round", false);
  make_index(p, "u", true);
  hf__lmdb_run_most = usual;
  assert_agrees(p);
  assert_int_equal(entries_of(p), 3 * SOME);
  drop_index(p, "round");
  assert_int_equal(entries_of(p), 2 * SOME);
  drop_index(p, "n");
  drop_index(p, "u");
  assert_int_equal(entries_of(p), 0);
  assert_string_equal(list_of(p), "[]");
  hf_persist_close(p);
}

/* ---- threads */

struct worker {
  hf_persist *p;
  hf_status status;
  hf_error err;
  _Atomic bool stop;
  pthread_t thread;
};

static void *build_one(void *arg) {
  struct worker *w = arg;
  w->status = try_index(w->p, "n", false, &w->err);
  return NULL;
}

static void *keep_writing(void *arg) {
  struct worker *w = arg;
  for (unsigned i = 0; !w->stop; i++) {
    char id[32], text[64];
    snprintf(id, sizeof id, "id-%u", i * 31 % (SOME + 100));
    snprintf(text, sizeof text, "{\"n\":%u,\"u\":%u}", i, i * 31 % (SOME + 100));
    w->status = i % 7 ? hf_persist_write(w->p, hf_text(id), hf_text(text), NULL, NULL, &w->err)
                      : hf_persist_remove(w->p, hf_text(id), &w->err);
    if (w->status && w->status != HF_NOT_FOUND) return NULL;
  }
  w->status = HF_OK;
  return NULL;
}

static void start(struct worker *w, const struct store *s, void *(*fn)(void *)) {
  hf_error err;
  *w = (struct worker){.p = open_persist(s, "signal")};
  OK(hf_persist_init(w->p, &err));
  assert_int_equal(pthread_create(&w->thread, NULL, fn, w), 0);
}

static void finish(struct worker *w) {
  w->stop = true;
  pthread_join(w->thread, NULL);
  hf_persist_close(w->p);
}

static void others_write_meanwhile(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  struct worker writers[2];
  size_t usual = hf__lmdb_run_most;
  fill(p, SOME, 0);
  for (int i = 0; i < 2; i++) start(&writers[i], *state, keep_writing);
  for (int round = 0; round < 10; round++) {
    hf__lmdb_run_most = round % 2 ? 20000 : usual;
    make_index(p, "n", false);
    make_index(p, "u", true);
    assert_agrees(p);
    if (round == 9) break;
    drop_index(p, "n");
    drop_index(p, "u");
  }
  hf__lmdb_run_most = usual;
  for (int i = 0; i < 2; i++) finish(&writers[i]);
  for (int i = 0; i < 2; i++) assert_int_equal(writers[i].status, HF_OK);
  assert_agrees(p);
  hf_persist_close(p);
}

static void two_may_build_the_same(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  struct worker builders[3];
  hf__lmdb_run_most = 20000;
  fill(p, SOME, 0);
  for (int i = 0; i < 3; i++) start(&builders[i], *state, build_one);
  for (int i = 0; i < 3; i++) finish(&builders[i]);
  hf__lmdb_run_most = 64 << 20;
  for (int i = 0; i < 3; i++) assert_int_equal(builders[i].status, HF_OK);
  assert_agrees(p);
  assert_int_equal(entries_of(p), SOME);
  hf_persist_close(p);
}

static void *make_unique(void *arg) {
  struct worker *w = arg;
  w->status = try_index(w->p, "u", true, &w->err);
  return NULL;
}

/* There and gone again. */
static void *keep_doubling(void *arg) {
  struct worker *w = arg;
  for (unsigned i = 0; !w->stop; i++) {
    const char *text = i % 2 ? "{\"u\":-1}" : "{\"u\":7}";
    w->status = hf_persist_write(w->p, hf_text("double"), hf_text(text), NULL, NULL, &w->err);
    if (w->status && w->status != HF_DUPLICATE) return NULL;
    usleep(100); /* the lock is not fair */
  }
  w->status = HF_OK;
  return NULL;
}

/* Whoever finds a double takes away what is being built, and nothing that another one has built meanwhile. */
static void what_one_has_built_the_other_leaves(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  const char *const path[] = {"u"};
  fill(p, BATCH, 0);
  for (int round = 0; round < 40; round++) {
    struct worker doubling, builders[2];
    start(&doubling, *state, keep_doubling);
    for (int i = 0; i < 2; i++) start(&builders[i], *state, make_unique);
    for (int i = 0; i < 2; i++) finish(&builders[i]);
    finish(&doubling);
    assert_int_equal(doubling.status, HF_OK);
    bool is_made = builders[0].status == HF_OK || builders[1].status == HF_OK;
    assert_string_equal(is_made && !strstr(list_of(p), "\"ready\":true") ? "it was taken away" : "", "");
    hf_status status = hf_persist_index_drop(p, path, 1, &err);
    assert_int_equal(status, is_made ? HF_OK : HF_NOT_FOUND);
  }
  hf_persist_close(p);
}

static void one_that_is_dropped_meanwhile_says_so(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  const char *const path[] = {"n"};
  unsigned conflicts = 0;
  fill(p, SOME, 0);
  hf__lmdb_run_most = 2000; /* so that it takes its time */
  for (int round = 0; round < 10; round++) {
    struct worker builder;
    hf_status status;
    start(&builder, *state, build_one);
    while ((status = hf_persist_index_drop(p, path, 1, &err)) == HF_NOT_FOUND) usleep(50);
    OK(status);
    finish(&builder);
    conflicts += builder.status == HF_CONFLICT;
    if (builder.status) CONTAINS(builder.err.message, "dropped");
    assert_string_equal(list_of(p), "[]");
  }
  assert_true(conflicts > 0);
  hf__lmdb_run_most = 64 << 20;
  make_index(p, "n", false);
  assert_agrees(p);
  assert_int_equal(entries_of(p), SOME); /* and nothing is left of the others */
  hf_persist_close(p);
}

/* ---- processes */

static pid_t fork_child(void) {
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  return pid;
}

static void a_builder_that_was_killed_leaves_it_to_be_built(void **state) {
  const struct store *s = *state;
  hf_error err;
  unsigned left = 0;
  hf_persist *p = open_persist(s, "signal");
  fill(p, SOME, 0);
  hf_persist_close(p);
  for (int round = 0; round < 8; round++) {
    pid_t pid = fork_child();
    if (!pid) {
      p = open_persist(s, "signal");
      hf__lmdb_run_most = 3000;
      _exit(try_index(p, "n", false, &err) ? 1 : 0);
    }
    p = open_persist(s, "signal");
    while (strcmp(list_of(p), "[]") == 0) usleep(100);
    usleep((useconds_t)(round * 700));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    write_text(p, "id-7", text_of("{\"n\":%d}", round)); /* it is kept up all the same */
    bool is_left = strstr(list_of(p), "\"ready\":false") != NULL;
    left += is_left;
    if (is_left) { /* and read by nobody */
      struct walked w = {.most = 0};
      assert_int_equal(walk_index(p, NULL, 0, &(hf_index_walk){.count = 0}, &w, &err), HF_NOT_FOUND);
    }
    if (round % 2) {
      drop_index(p, "n");
      assert_int_equal(entries_of(p), 0);
    }
    make_index(p, "n", false);
    CONTAINS(list_of(p), "\"ready\":true");
    assert_agrees(p);
    assert_int_equal(entries_of(p), SOME);
    drop_index(p, "n");
    hf_persist_close(p);
  }
  assert_true(left > 0);
}

static void another_process_keeps_it_up(void **state) {
  const struct store *s = *state;
  hf_error err;
  int status;
  hf_persist *p = open_persist(s, "signal");
  fill(p, SOME, 0);
  hf_persist_close(p);
  pid_t pid = fork_child();
  if (!pid) { /* it has the store open before there is an index, and all the time */
    struct worker w = {.p = open_persist(s, "signal")};
    for (unsigned i = 0; i < 20000 && !w.status; i++) {
      char id[32], text[64];
      snprintf(id, sizeof id, "id-%u", i * 31 % (SOME + 100));
      snprintf(text, sizeof text, "{\"n\":%u}", i);
      w.status = hf_persist_write(w.p, hf_text(id), hf_text(text), NULL, NULL, &w.err);
    }
    hf_persist_close(w.p);
    _exit(w.status ? 1 : 0);
  }
  p = open_persist(s, "signal");
  for (int round = 0; waitpid(pid, &status, WNOHANG) == 0; round++) {
    if (round) drop_index(p, "n");
    make_index(p, "n", false);
    assert_agrees(p);
  }
  assert_int_equal(status, 0);
  assert_agrees(p);
  OK(hf_persist_init(p, &err));
  hf_persist_close(p);
}

/* ---- room */

static void the_map_grows_meanwhile(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  OK(hf_persist_init(p, &err));
  hf__lmdb_env *env = env_of_index(p);
  pthread_mutex_lock(&env->write_lock);
  OK(hf__lmdb_set_map_size(env, 256 << 10, &err));
  pthread_mutex_unlock(&env->write_lock);
  uint64_t before = env->map_size;
  fill(p, 1500, 0);
  make_index(p, "n", false);
  make_index(p, "u", true);
  assert_true(env->map_size > before);
  before = env->map_size;
  fill(p, SOME, 1);
  fill(p, SOME * 2, 2);
  assert_true(env->map_size > before);
  assert_agrees(p);
  hf_persist_close(p);
}

static void a_full_store_has_no_index_and_can_be_emptied(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  options.max_size = 512 << 10;
  options.durability = HF_DURABILITY_NOSYNC;
  const char *base = text_of("lmdb:%s/store", s->directory);
  OK(hf_persist_open(hf_text("signal"), base, &options, &p, &err));
  fill(p, 2500, 0);
  hf_status status = try_index(p, "n", false, &err);
  for (int i = 0; status == HF_OK && i < 4; i++) {
    static const char *const more[] = {"u", "round", "other", "last"};
    status = try_index(p, more[i], false, &err);
  }
  assert_int_equal(status, HF_FULL);
  assert_agrees(p);
  const char *list = list_of(p);
  uint64_t made = 0;
  assert_null(strstr(list, "\"ready\":false")); /* nothing is left of it */
  for (const char *at = list; (at = strstr(at, "\"ready\"")); at++) made++;
  assert_int_equal(entries_of(p), made * 2500);
  for (int i = 0; i < 20; i++)
    write_text(p, text_of("more-%d", i), text_of("{\"n\":%d,\"u\":%d}", i, -i)); /* it has room */
  assert_agrees(p);
  OK(hf_persist_remove_all(p, &err));
  assert_agrees(p);
  assert_int_equal(entries_of(p), 0);
  hf_persist_close(p);
}

/* One by one: what a removal deletes of indexes has its lent room, too; and so has forgetting an index. */
static void a_full_store_lets_go_of_each(void **state) {
  const struct store *s = *state;
  hf_error err;
  hf_persist *p;
  hf_options options = HF_OPTIONS_INIT;
  hf_status status = HF_OK;
  unsigned count = 0;
  options.max_size = 512 << 10;
  options.durability = HF_DURABILITY_NOSYNC;
  OK(hf_persist_open(hf_text("signal"), text_of("lmdb:%s/store", s->directory), &options, &p, &err));
  make_index(p, "n", false);
  make_index(p, "u", true);
  while (status == HF_OK) {
    const char *id = text_of("id-%u", count * 7919 % 100003), *text = text_of("{\"n\":%u,\"u\":%u}", count, count);
    status = hf_persist_write(p, hf_text(id), hf_text(text), NULL, NULL, &err);
    count += status == HF_OK;
  }
  assert_int_equal(status, HF_FULL);
  assert_agrees(p);
  for (unsigned i = 0; i < count; i += 3) OK(hf_persist_remove(p, hf_text(text_of("id-%u", i * 7919 % 100003)), &err));
  assert_agrees(p);
  drop_index(p, "n");
  write_text(p, "more", "{\"u\":-1}");
  assert_agrees(p);
  assert_int_equal(count_of(p), count - (count + 2) / 3 + 1);
  hf_persist_close(p);
}

/* In a transaction, which is undone, and is run again with a larger map. */
static void the_map_grows_between_two_runs_of_a_transaction(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  unsigned runs = 0;
  hf__lmdb_env *env = NULL;
  make_index(p, "n", false);
  make_index(p, "u", true);
  env = env_of_index(p);
  pthread_mutex_lock(&env->write_lock);
  OK(hf__lmdb_set_map_size(env, 128 << 10, &err));
  pthread_mutex_unlock(&env->write_lock);
  write_text(p, "id-0", "{\"n\":1,\"u\":0}");
  hf_status status = HF_FULL;
  for (; status == HF_FULL; runs++) {
    OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    status = HF_OK;
    for (unsigned i = 0; i < SOME && status == HF_OK; i++)
      status = hf_persist_write(p, hf_text(text_of("id-%u", i)), hf_text(text_of("{\"n\":%u,\"u\":%u}", i % 50, i)),
                                NULL, NULL, &err);
    if (status)
      hf_txn_abort(txn);
    else
      status = hf_txn_commit(txn, &err);
    assert_agrees(p);
    assert_int_equal(count_of(p), status ? 1 : SOME);
  }
  assert_int_equal(status, HF_OK);
  assert_true(runs > 1);
  hf_persist_close(p);
}

/* ---- moments */

static void *make_of_u(void *arg) {
  struct worker *w = arg;
  w->status = try_index(w->p, "u", false, &w->err);
  return NULL;
}

static size_t indexes_at(hf_persist *p, void *moment) {
  hf_error err;
  hf_index_set *set;
  OK(p->backend->index_set(p->impl, moment, p->collection, &set, &err));
  size_t size = set ? hf_index_set_size(set) : 0;
  hf_index_set_free(set);
  return size;
}

static void a_snapshot_goes_by_what_was_there(void **state) {
  hf_persist *p = open_persist(*state, "signal"), *other = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  bool found;
  fill(p, 10, 0);
  make_index(p, "n", false);
  struct worker w;
  for (int round = 0; round < 2; round++) {
    OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
    OK(hf_persist_has(p, hf_text("id-1"), &found, &err));
    void *moment = NULL;
    OK(hf__persist_enter(p, false, &moment, &err));
    const char *before = text_of("%s", ids_in_order(p, moment, 0, false));
    start(&w, *state, round ? make_of_u : keep_writing);
    usleep(2000);
    finish(&w);
    assert_int_equal(indexes_at(p, NULL), round ? 2 : 1);
    assert_string_equal(ids_in_order(p, moment, 0, false), before);
    assert_int_equal(indexes_at(p, moment), 1);
    OK(hf_txn_commit(txn, &err));
  }
  assert_agrees(p);
  hf_persist_close(other);
  hf_persist_close(p);
}

static void an_old_snapshot_knows_no_new_index(void **state) {
  hf_persist *p = open_persist(*state, "signal");
  hf_error err;
  hf_txn *txn;
  bool found;
  hf_index_set *set;
  struct worker w;
  void *moment = NULL;
  fill(p, 10, 0);
  OK(hf_txn_begin(HF_TXN_READ, &txn, &err));
  OK(hf_persist_has(p, hf_text("id-1"), &found, &err));
  OK(hf__persist_enter(p, false, &moment, &err));
  start(&w, *state, make_of_u);
  finish(&w);
  assert_int_equal(w.status, HF_OK);
  OK(p->backend->index_set(p->impl, NULL, p->collection, &set, &err));
  assert_non_null(set);
  struct walked walked = {.most = 0};
  assert_int_equal(p->backend->index_each(p->impl, moment, p->collection, hf_index_set_at(set, 0),
                                          &(hf_index_walk){.count = 0}, note_entry, &walked, &err),
                   HF_NOT_FOUND);
  hf_index_set_free(set);
  OK(p->backend->index_set(p->impl, moment, p->collection, &set, &err));
  assert_null(set);
  OK(hf_txn_commit(txn, &err));
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(small_runs_make_the_same),
      ON_LMDB(others_write_meanwhile),
      ON_SYNCED(others_write_meanwhile),
      ON_LMDB(two_may_build_the_same),
      ON_LMDB(what_one_has_built_the_other_leaves),
      ON_LMDB(one_that_is_dropped_meanwhile_says_so),
      ON_LMDB(a_builder_that_was_killed_leaves_it_to_be_built),
      ON_LMDB(another_process_keeps_it_up),
      ON_LMDB(the_map_grows_meanwhile),
      ON_LMDB(a_full_store_has_no_index_and_can_be_emptied),
      ON_LMDB(a_full_store_lets_go_of_each),
      ON_LMDB(the_map_grows_between_two_runs_of_a_transaction),
      ON_LMDB(a_snapshot_goes_by_what_was_there),
      ON_LMDB(an_old_snapshot_knows_no_new_index),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
