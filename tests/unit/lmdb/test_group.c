/* SPDX-License-Identifier: MIT
 *
 * Changes of many threads that share a commit.  In each test one thread holds the writer's lock until all others wait,
 * so that which of them come together is no matter of chance.  What is left after kills and failed flushes is judged by
 * tests/fault/lmdb.  Also for the thread sanitizer.
 */
#include <sys/wait.h>

#include "crowd.h"

enum { ROUNDS = 6 }; /* of who goes on */

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

/* ---- what a script or a program cannot bring about: changes of our own */

/* Writes a record that must not stay, and fails: always, or only together with others. */
struct broken {
  hf__lmdb_member member; /* comes first */
  hf__lmdb_env *env;
  const char *name;
  bool only_with_others;
  int runs;
  hf_status status;
  hf_error err;
  pthread_t thread;
};

static hf_status fail_half_way(hf__lmdb_member *m, hf__lmdb_env *env, hf__lmdb_txn *t, bool *refused) {
  struct broken *b = (struct broken *)m;
  MDB_val k = {4, (void *)(uintptr_t) "dirt"}, v = {4, (void *)(uintptr_t) "dirt"};
  (void)env;
  (void)refused;
  t->changed = true;
  if (b->only_with_others && b->runs++) return HF_OK;
  if (mdb_put(t->mdb, m->collection->dbi, &k, &v, 0)) abort();
  return hf_error_set(m->err, HF_INVALID_VALUE, "broken");
}

static void *run_broken(void *arg) {
  struct broken *b = arg;
  b->status = hf__lmdb_change_shared(b->env, &b->member);
  return NULL;
}

static void start_broken(struct broken *b, const hf_persist *p, hf_key *key, bool only_with_others) {
  *b = (struct broken){.env = env_of(p), .only_with_others = only_with_others};
  b->member.run = fail_half_way;
  b->member.collection = p->collection;
  b->member.keys = key;
  b->member.count = 1;
  b->member.err = &b->err;
  assert_int_equal(pthread_create(&b->thread, NULL, run_broken, b), 0);
}

/* Some that fail half way, among others. */
static void failing_half_way(const struct store *s, int count, bool only_with_others) {
  enum { OTHERS = 16 };
  struct actor *actors = new_crowd(s, "signal", OTHERS);
  struct broken broken[8];
  hf_key keys[8];
  hf_error err;
  bool found;
  write_text(actors[0].p, "first", "1");
  hf_txn *txn;
  hf_persist *p = actors[0].p;
  hf__lmdb_env *env = env_of(p);
  unsigned before = env->queue.came;
  uint64_t commit = newest_commit(p);
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_persist_has(p, hf_text("nothing"), &found, &err));
  start_actors(actors, OTHERS / 2);
  await_queue(env, before, OTHERS / 2 - 1);
  for (int i = 0; i < count; i++) {
    static const char *const texts[] = {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"};
    keys[i] = (hf_key){hf_text(texts[i]), hf_text(texts[i])};
    start_broken(&broken[i], p, &keys[i], only_with_others);
  }
  await_queue(env, before, OTHERS / 2 + (unsigned)count - 1);
  start_actors(actors + OTHERS / 2, OTHERS / 2);
  await_queue(env, before, OTHERS + (unsigned)count - 1);
  hf_txn_abort(txn);
  for (int i = 0; i < OTHERS; i++) pthread_join(actors[i].thread, NULL);
  for (int i = 0; i < count; i++) {
    pthread_join(broken[i].thread, NULL);
    assert_int_equal(broken[i].status, only_with_others ? HF_OK : HF_INVALID_VALUE);
    if (!only_with_others) assert_string_equal(broken[i].err.message, "broken");
  }
  all_are_as_expected(actors, OTHERS);
  for (int i = 0; i < OTHERS; i++) assert_entity(p, actors[i].id, actors[i].json);
  assert_int_equal(count_of(p), OTHERS + 1);
  /* Who had not come to it is of the next group. */
  if (count == 1 && !only_with_others) assert_true(newest_commit(p) <= commit + 2);
  free_crowd(actors, OTHERS);
}

static void what_fails_half_way_is_taken_out(void **state) { failing_half_way(*state, 1, false); }

static void many_that_fail_half_way_hurt_nobody(void **state) { failing_half_way(*state, 8, false); }

static void what_failed_in_a_group_is_tried_alone(void **state) { failing_half_way(*state, 1, true); }

/* ---- without any order */

/* Writes batches, so that groups are filled, and counts in two entities by their revisions. */
static hf_status go_on(struct actor *a) {
  hf_buffer json = HF_BUFFER_INIT;
  const char *counter = a->number % 2 ? "odd" : "even";
  hf_status status = HF_OK;
  for (int i = 0; i < ROUNDS && status == HF_OK; i++) {
    if ((status = put_batch(a))) break;
    do {
      char next[32];
      hf_write_options options = HF_WRITE_OPTIONS_INIT;
      options.if_revision = true;
      if ((status = hf_persist_read(a->p, hf_text(counter), &json, &a->info, &a->err))) break;
      options.revision = a->info.revision;
      snprintf(next, sizeof next, "%d", atoi(json.data) + 1);
      status = hf_persist_write(a->p, hf_text(counter), hf_text(next), &options, NULL, &a->err);
    } while (status == HF_CONFLICT);
    if (status == HF_OK) a->removed++;
  }
  hf_buffer_free(&json);
  return status;
}

static void who_go_on_are_never_forgotten(void **state) {
  enum { COUNT = 32 };
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  hf_persist *p = actors[0].p;
  write_text(p, "odd", "0");
  write_text(p, "even", "0");
  for (int i = 0; i < COUNT; i++) actors[i].act = go_on;
  act_together(actors, COUNT);
  all_are_as_expected(actors, COUNT);
  uint64_t counted[2] = {0, 0};
  for (int i = 0; i < COUNT; i++) counted[i % 2] += actors[i].removed;
  assert_entity(p, "even", text_of("%d", (int)counted[0]));
  assert_entity(p, "odd", text_of("%d", (int)counted[1]));
  assert_int_equal(counted[0] + counted[1], COUNT * ROUNDS);
  assert_int_equal(count_of(p), COUNT * BATCH + 2);
  free_crowd(actors, COUNT);
}

/* ---- fork */

static void a_child_does_not_wait_with_its_parents_threads(void **state) {
  enum { COUNT = 8 };
  struct actor *actors = new_crowd(*state, "signal", COUNT);
  hf_persist *p = actors[0].p;
  hf_error err;
  hf_txn *txn;
  bool found;
  unsigned before = env_of(p)->queue.came;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  OK(hf_persist_has(p, hf_text("nothing"), &found, &err));
  start_actors(actors, COUNT);
  await_queue(env_of(p), before, COUNT - 1);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    hf_persist *own;
    char go;
    alarm(60);
    hf_txn_abort(txn);
    hf_status inherited = hf_persist_write(p, hf_text("child"), hf_text("1"), NULL, NULL, NULL);
    if (read(ends[0], &go, 1) != 1) _exit(3);
    if (hf_persist_open(hf_text("signal"), ((struct store *)*state)->base, NULL, &own, NULL)) _exit(2);
    hf_status mine = hf_persist_write(own, hf_text("child"), hf_text("2"), NULL, NULL, NULL);
    hf_persist_close(own);
    _exit(inherited == HF_CLOSED && mine == HF_OK ? 0 : 1);
  }
  hf_txn_abort(txn);
  assert_int_equal(write(ends[1], "g", 1), 1);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  for (int i = 0; i < COUNT; i++) pthread_join(actors[i].thread, NULL);
  all_are_as_expected(actors, COUNT);
  assert_entity(p, "child", "2");
  close(ends[0]);
  close(ends[1]);
  free_crowd(actors, COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_SYNCED(threads_that_wait_share_one_commit),
      ON_SYNCED(an_id_changes_once_in_a_commit),
      ON_SYNCED(one_of_many_wins_by_its_revision),
      ON_SYNCED(what_is_refused_hurts_nobody),
      ON_SYNCED(what_fails_half_way_is_taken_out),
      ON_SYNCED(many_that_fail_half_way_hurt_nobody),
      ON_SYNCED(what_failed_in_a_group_is_tried_alone),
      ON_SYNCED(who_go_on_are_never_forgotten),
      ON_SYNCED(a_child_does_not_wait_with_its_parents_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
