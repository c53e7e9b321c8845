/* SPDX-License-Identifier: MIT
 *
 * Changes of many threads that share a commit.  In each test one thread holds the writer's lock until all others wait,
 * so that which of them come together is no matter of chance.  What is left after kills and failed flushes is judged by
 * tests/fault/lmdb.  Also for the thread sanitizer.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../backends/lmdb/group.h"
#include "core/persist.h"
#include "unit/support.h"

enum { CROWD = 64, BIG = 60000 };

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

/* Where nothing is flushed, nothing is shared. */
static int setup_synced(void **state) {
  struct store *s = new_store("lmdb");
  snprintf(s->base, sizeof s->base, "lmdb:%s/store", s->directory);
  *state = s;
  return 0;
}

#define ON_SYNCED(test)                                                                                                \
  { #test, test, setup_synced, teardown_store, NULL }

static void *run_actor(void *arg) {
  struct actor *a = arg;
  a->status = a->act(a);
  return NULL;
}

static hf_status put(struct actor *a) {
  const char *json = a->text ? a->text : a->json;
  return hf_persist_write(a->p, hf_text(a->id), hf_text(json), &a->options, &a->info, &a->err);
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

static void start_actors(struct actor *actors, int count) {
  for (int i = 0; i < count; i++) assert_int_equal(pthread_create(&actors[i].thread, NULL, run_actor, &actors[i]), 0);
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

static hf_status put_batch(struct actor *a) {
  enum { ITEMS = 64 };
  static const char json[] = "{\"of\":\"a batch\"}";
  char ids[ITEMS][48];
  hf_item items[ITEMS];
  for (int i = 0; i < ITEMS; i++) {
    snprintf(ids[i], sizeof ids[i], "%s-%d", a->id, i);
    items[i] = (hf_item){.id = hf_text(ids[i]), .json = hf_text(json)};
  }
  return hf_persist_write_many(a->p, items, ITEMS, &a->err);
}

static void a_group_has_bounds(void **state) {
  struct actor *actors = new_crowd(*state, "signal", CROWD);
  hf_persist *p = actors[0].p;
  for (int i = 0; i < CROWD; i++) actors[i].act = put_batch;
  uint64_t before = newest_commit(p);
  act_together(actors, CROWD);
  all_are_as_expected(actors, CROWD);
  assert_int_equal(count_of(p), CROWD * 64);
  assert_int_equal(newest_commit(p), before + CROWD * 64 / GROUP_IDS);
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
      ON_SYNCED(a_full_map_grows_for_the_whole_group),
      ON_SYNCED(a_map_that_cannot_grow_fails_who_does_not_fit),
      ON_SYNCED(a_group_has_bounds),
      ON_SYNCED(names_that_are_not_in_the_store_are_made),
      ON_SYNCED(what_is_refused_makes_no_name),
      ON_SYNCED(a_commit_that_fails_is_told_to_all),
      ON_SYNCED(who_cannot_begin_is_told_so),
      ON_SYNCED(a_child_does_not_wait_with_its_parents_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
