/* SPDX-License-Identifier: MIT
 *
 * Many threads on one store, with the workload of the kill storms (tests/fault/lmdb/storm.h) and its judge: four
 * writers, readers of snapshots and of pages, handles and stores that are opened and closed, settings that change,
 * `verify`, statistics, locks, and a map that grows from the smallest.  To be run under the thread sanitizer, too.
 *
 * HOLDFAST_STORM_MS (700) is how long it lasts, HOLDFAST_STORM_SEED chooses the steps.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "fault/lmdb/storm_steps.h"
#include "unit/support.h"

enum { OTHERS = 7, THREADS = STORM_WRITERS + OTHERS, PATIENCE_MS = 60000 };

static struct {
  const char *base, *directory;
  uint64_t seed;
  atomic_bool stop;
  _Atomic uint64_t begun[STORM_WRITERS], done[STORM_WRITERS], rounds[THREADS];
  atomic_int failures;
} storm;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fail_once(const char *what, const char *why) {
  if (atomic_fetch_add(&storm.failures, 1) < 5) fprintf(stderr, "%s: %s\n", what, why);
  atomic_store(&storm.stop, true);
}

/* In a thread: the call succeeds, or the storm ends. */
#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    if (call) {                                                                                                        \
      fail_once(#call, err.message);                                                                                   \
      goto end;                                                                                                        \
    }                                                                                                                  \
  } while (0)

static bool goes_on(unsigned thread) {
  atomic_fetch_add(&storm.rounds[thread], 1);
  return !atomic_load(&storm.stop);
}

/* BUSY: the map must grow, and a snapshot is open in this process. */
static hf_status carry_out(struct storm_writer *w, uint64_t number, hf_error *err) {
  struct storm_step plan;
  storm_plan(storm.seed, w->number, number, &plan);
  int64_t since = now_ms();
  hf_status status;
  do status = storm_carry_out(w, number, &plan, err);
  while ((status == HF_BUSY || status == HF_FULL) && now_ms() - since < PATIENCE_MS);
  return status;
}

static void *write_steps(unsigned number) {
  hf_error err;
  struct storm_writer *w = calloc(1, sizeof *w);
  if (!w) abort();
  w->number = number;
  MUST(storm_open(storm.base, &w->store, &err));
  for (uint64_t step = 1; goes_on(number); step++) {
    atomic_store(&storm.begun[number], step);
    MUST(carry_out(w, step, &err));
    atomic_store(&storm.done[number], step);
    storm_advance(storm.seed, number, &w->state, step);
  }
end:
  storm_close(&w->store);
  free(w);
  return NULL;
}

/* What one look needs; much for a stack. */
struct look {
  struct storm_store store;
  struct storm_seen seen;
  struct storm_models models;
  uint64_t from[STORM_WRITERS], to[STORM_WRITERS];
  char why[STORM_WHY];
};

/* False: it was busy, or something is wrong, which is told. */
static bool look_once(struct look *l, bool reverse) {
  hf_error err;
  hf_txn *txn;
  for (unsigned w = 0; w < STORM_WRITERS; w++) l->from[w] = atomic_load(&storm.done[w]);
  if (hf_txn_begin(HF_TXN_READ, &txn, &err)) return false;
  bool good = storm_read(&l->store, reverse, &l->seen, l->why);
  hf_txn_abort(txn);
  for (unsigned w = 0; w < STORM_WRITERS; w++) l->to[w] = atomic_load(&storm.begun[w]);
  if (!good && strncmp(l->why, "busy", 4) == 0) return false;
  if (good && storm_judge(&l->models, &l->seen, l->from, l->to, l->why)) return true;
  fail_once("a snapshot", l->why);
  return false;
}

static void *read_moments(unsigned number) {
  hf_error err;
  struct look *l = calloc(1, sizeof *l);
  if (!l) abort();
  l->models.seed = storm.seed;
  MUST(storm_open(storm.base, &l->store, &err));
  while (!atomic_load(&storm.stop))
    if (look_once(l, atomic_load(&storm.rounds[number]) % 2)) goes_on(number);
end:
  storm_close(&l->store);
  free(l);
  return NULL;
}

/* Page by page, with no transaction in between: ids in order, each once. */
static void *read_pages(unsigned number) {
  hf_error err;
  hf_iter *iter = NULL;
  const hf_entry *entry;
  struct storm_store s;
  MUST(storm_open(storm.base, &s, &err));
  while (goes_on(number)) {
    uint64_t n = 0, count;
    MUST(hf_iter_open(s.shared[0], NULL, &iter, &err));
    do {
      MUST(hf_iter_next(iter, &entry, &err));
      n += entry != NULL;
    } while (entry);
    hf_iter_close(iter);
    iter = NULL;
    MUST(hf_persist_count(s.shared[0], &count, &err));
    if (n > STORM_WRITERS * STORM_IDS) fail_once("a scan", "it finds more than there can be");
  }
end:
  hf_iter_close(iter);
  storm_close(&s);
  return NULL;
}

static void *change_settings(unsigned number) {
  hf_error err;
  hf_store *store = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  MUST(hf_store_open(storm.base, NULL, &store, &err));
  while (goes_on(number)) {
    char note[32];
    uint64_t n = atomic_load(&storm.rounds[number]);
    snprintf(note, sizeof note, "%llu", (unsigned long long)n);
    hf_setting_value values[] = {{.name = "note", .value = note},
                                 {.name = "maxsize", .value = n % 2 ? "256m" : "512m"}};
    hf_status status = hf_store_settings_set(store, values, 2, &err);
    if (status != HF_BUSY) MUST(status);
    MUST(hf_store_settings_get(store, &json, &err));
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
end:
  hf_buffer_free(&json);
  hf_store_close(store);
  return NULL;
}

static void *verify_and_count(unsigned number) {
  hf_error err;
  hf_store *store = NULL;
  hf_buffer json = HF_BUFFER_INIT;
  MUST(hf_store_open(storm.base, NULL, &store, &err));
  while (goes_on(number)) {
    hf_verify_report report = {0};
    MUST(hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err));
    if (report.corrupt || report.damaged) fail_once("verify", "it finds damage");
    MUST(hf_store_stat(store, &json, &err));
  }
end:
  hf_buffer_free(&json);
  hf_store_close(store);
  return NULL;
}

/* Handles on the shared store, and a store of its own, whose environment is opened and closed; and a lock. */
static void *come_and_go(unsigned number) {
  hf_error err;
  hf_persist *p = NULL;
  char other[4300], path[4300];
  snprintf(other, sizeof other, "lmdb:%s/other-%u?durability=nosync&mapsize=64k", storm.directory, number % 2);
  snprintf(path, sizeof path, "%s/.lease/%u.lock", storm.directory, number);
  while (goes_on(number)) {
    uint64_t n = atomic_load(&storm.rounds[number]);
    char name[32];
    hf_lock *lock;
    bool found;
    snprintf(name, sizeof name, "name-%llu", (unsigned long long)n % 40);
    MUST(hf_persist_open(hf_text(name), n % 2 ? other : storm.base, NULL, &p, &err));
    if (n % 2) MUST(hf_persist_write(p, hf_text(name), hf_text("1"), NULL, NULL, &err));
    MUST(hf_persist_has(p, hf_text(name), &found, &err));
    hf_persist_close(p);
    p = NULL;
    MUST(hf_lock_acquire(path, "a thread", 0, &lock, &err));
    MUST(hf_lock_check(lock, &err));
    hf_lock_release(lock);
  }
end:
  hf_persist_close(p);
  return NULL;
}

static void *run(void *arg) {
  static void *(*const others[OTHERS])(unsigned) = {read_moments,     read_moments, read_pages, change_settings,
                                                    verify_and_count, come_and_go,  come_and_go};
  unsigned number = (unsigned)(uintptr_t)arg;
  return number < STORM_WRITERS ? write_steps(number) : others[number - STORM_WRITERS](number);
}

static void many_threads_lose_nothing(void **state) {
  const struct store *s = *state;
  const char *ms = getenv("HOLDFAST_STORM_MS"), *seed = getenv("HOLDFAST_STORM_SEED");
  pthread_t threads[THREADS];
  long left = ms ? strtol(ms, NULL, 10) : 700;
  storm.base = text_of("lmdb:%s/store?durability=nosync&mapsize=64k", s->directory);
  storm.directory = s->directory;
  storm.seed = seed ? strtoull(seed, NULL, 10) : (uint64_t)now_ms();
  for (uintptr_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)i), 0);
  for (; left > 0 && !atomic_load(&storm.stop); left -= 50) nanosleep(&(struct timespec){0, 50000000}, NULL);
  atomic_store(&storm.stop, true);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  if (atomic_load(&storm.failures)) fail_msg("seed %llu: see above", (unsigned long long)storm.seed);
  for (int i = 0; i < THREADS; i++)
    if (!atomic_load(&storm.rounds[i])) fail_msg("thread %d did nothing", i);
  struct look *l = calloc(1, sizeof *l);
  hf_error err;
  assert_non_null(l);
  l->models.seed = storm.seed;
  OK(storm_open(storm.base, &l->store, &err));
  if (!look_once(l, false)) fail_msg("seed %llu: %s", (unsigned long long)storm.seed, l->why);
  storm_close(&l->store);
  free(l);
}

int main(void) {
  const struct CMUnitTest tests[] = {ON_LMDB(many_threads_lose_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
