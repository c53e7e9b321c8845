/* SPDX-License-Identifier: MIT
 *
 * Writers and watchers of one store, in processes that are killed or stopped at random moments and begun again.  What a
 * commit changes follows from its number, which is counted in the store, so that a watcher knows what it has to be
 * handed out next; where it has come to is in memory that outlives it.
 *
 *   watch DIRECTORY SEED ROUNDS [PLANT]
 *
 *   PLANT  skip or twice: watchers that go on one commit too late or too early, which must be found
 *
 * Fails with the reason, or prints "kills stops commits changes compacted": changes were handed out, and compacted is
 * how often the log did not reach back to where a watcher had come to, since every second store keeps a short one.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum { WRITERS = 3, WATCHERS = 3, PROCESSES = WRITERS + WATCHERS, ROUNDS_PER_STORE = 25, OPS_MAX = 8, LIFE_S = 240 };
enum { END_S = 60, SHORT_LOG = 15 };

/* ---- what a commit changes */

struct op {
  hf_change_kind what;
  const char *name;
  char id[32];
};

static uint64_t mix(uint64_t n) {
  n = (n ^ (n >> 31)) * 0x9E3779B97F4A7C15U;
  return (n ^ (n >> 29)) * 0xBF58476D1CE4E5B9U >> 33;
}

/* The changes of commit n, in their order. */
static size_t ops_of(uint64_t n, struct op ops[OPS_MAX]) {
  size_t count = 0;
#define OP(kind, collection, ...)                                                                                      \
  do {                                                                                                                 \
    ops[count] = (struct op){.what = (kind), .name = (collection)};                                                    \
    snprintf(ops[count++].id, sizeof ops->id, __VA_ARGS__);                                                            \
  } while (0)
  OP(HF_CHANGE_WRITE, "counters", "n");
  OP(HF_CHANGE_WRITE, "commits", "c%llu", (unsigned long long)n);
  for (uint64_t i = 0; i <= mix(n) % 3; i++)
    OP(HF_CHANGE_WRITE, "data", "d%llu-%llu", (unsigned long long)n, (unsigned long long)i);
  if (n >= 2 && mix(n) % 2) OP(HF_CHANGE_REMOVE, "data", "d%llu-0", (unsigned long long)n - 2);
  if (n % 40 == 39)
    OP(HF_CHANGE_CLEAR, "swept", "%s", "");
  else
    OP(HF_CHANGE_WRITE, "swept", "s%llu", (unsigned long long)n);
#undef OP
  return count;
}

/* ---- what outlives the processes */

/* How far a watcher has come. */
struct place {
  uint64_t revision; /* all of it was handed out */
  uint64_t n;        /* of the commit that comes next; UINT64_MAX: whichever */
};

static struct shared {
  struct place places[WATCHERS][2];
  _Atomic unsigned which[WATCHERS]; /* of the two is whole */
  _Atomic uint64_t acknowledged, changes, compacted;
  _Atomic bool stop; /* writers end */
  _Atomic bool failed;
  char why[600];
} * shared;

static char base[2200];
static const char *plant = "";

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (!atomic_exchange(&shared->failed, true)) vsnprintf(shared->why, sizeof shared->why, format, args);
  va_end(args);
  _exit(1);
}

static void pause_us(long us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL); }

static void keep(int watcher, const struct place *place) {
  unsigned next = !atomic_load(&shared->which[watcher]);
  shared->places[watcher][next] = *place;
  atomic_store(&shared->which[watcher], next);
}

/* ---- writers */

static hf_persist *open_collection(const char *name) {
  hf_error err;
  hf_persist *p;
  if (hf_persist_open(hf_text(name), base, NULL, &p, &err)) die("open: %s", err.message);
  return p;
}

static hf_status apply(const struct op *op, hf_error *err) {
  static const char *const names[] = {"counters", "commits", "data", "swept"};
  static hf_persist *handles[4];
  int i = 0;
  while (strcmp(names[i], op->name) != 0) i++;
  if (!handles[i]) handles[i] = open_collection(names[i]);
  if (op->what == HF_CHANGE_REMOVE) return hf_persist_remove(handles[i], hf_text(op->id), err);
  if (op->what == HF_CHANGE_CLEAR) return hf_persist_remove_all(handles[i], err);
  return hf_persist_write(handles[i], hf_text(op->id), hf_text("{\"v\":1}"), NULL, NULL, err);
}

static hf_status commit_one(hf_persist *counters, uint64_t *n, hf_error *err) {
  hf_buffer text = HF_BUFFER_INIT;
  struct op ops[OPS_MAX];
  hf_txn *txn;
  char number[24];
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status) return status;
  /* The lock first: a transaction that begins with a read of this kind is the writer from then on. */
  status = hf_persist_read(counters, hf_text("n"), &text, NULL, err);
  *n = status == HF_OK ? strtoull(text.data, NULL, 10) : 0;
  if (status == HF_NOT_FOUND) status = HF_OK;
  hf_buffer_free(&text);
  size_t count = ops_of(*n, ops);
  for (size_t i = 1; i <= count && status == HF_OK; i++) {
    snprintf(number, sizeof number, "%llu", (unsigned long long)*n + 1);
    status = i == 1 ? hf_persist_write(counters, hf_text("n"), hf_text(number), NULL, NULL, err) : HF_OK;
    if (status == HF_OK && i < count) status = apply(&ops[i], err);
  }
  if (status == HF_OK) return hf_txn_commit(txn, err);
  hf_txn_abort(txn);
  return status;
}

static void write_on(int number, uint64_t random) {
  hf_error err;
  hf_persist *counters = open_collection("counters");
  for (uint64_t step = 0; !atomic_load(&shared->stop); step++) {
    uint64_t n, seen = atomic_load(&shared->acknowledged);
    if (commit_one(counters, &n, &err)) die("writer %d: %s", number, err.message);
    while (n + 1 > seen && !atomic_compare_exchange_weak(&shared->acknowledged, &seen, n + 1)) continue;
    if (mix(random + step) % 4 == 0) pause_us((long)(mix(random + step * 3) % 3000));
  }
}

/* ---- watchers */

static void check_commit(int watcher, struct place *place, const hf_change *changes, char ids[][32], char names[][16],
                         size_t count) {
  struct op ops[OPS_MAX];
  uint64_t n = UINT64_MAX, revision = changes[0].revision;
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], "commits") == 0) n = strtoull(ids[i] + 1, NULL, 10);
  if (revision <= place->revision)
    die("watcher %d: revision %llu after %llu", watcher, (unsigned long long)revision,
        (unsigned long long)place->revision);
  if (place->n != UINT64_MAX && n != place->n)
    die("watcher %d: commit %llu and not %llu, at revision %llu", watcher, (unsigned long long)n,
        (unsigned long long)place->n, (unsigned long long)revision);
  size_t expected = ops_of(n, ops);
  for (size_t i = 0; i < count && i < expected; i++)
    if (changes[i].what != ops[i].what || strcmp(names[i], ops[i].name) != 0 || strcmp(ids[i], ops[i].id) != 0)
      die("watcher %d: change %zu of commit %llu is %s of %s:%s", watcher, i, (unsigned long long)n,
          hf_change_name(changes[i].what), names[i], ids[i]);
  if (count != expected)
    die("watcher %d: commit %llu has %zu changes and not %zu", watcher, (unsigned long long)n, count, expected);
  place->n = n + 1;
}

static void copy(char *out, size_t room, hf_slice text) {
  snprintf(out, room, "%.*s", (int)text.size, text.data ? text.data : "");
}

/* The next change: by waiting in the call, or for the descriptor. */
static hf_status next(hf_watch *w, int watcher, hf_change *c, hf_error *err) {
  if (watcher == 0) return hf_watch_next(w, -1, c, err);
  if (watcher == 1) return hf_watch_next(w, 50, c, err);
  hf_status status = hf_watch_next(w, 0, c, err);
  if (status != HF_TIMEOUT) return status;
  struct pollfd fd = {hf_watch_fd(w), POLLIN, 0};
  poll(&fd, 1, -1);
  return HF_TIMEOUT;
}

/* Opens a watch where the watcher has come to, or where the log begins by now. */
static hf_watch *begin_watch(hf_store *store, int watcher, struct place *place) {
  hf_watch_options o = HF_WATCH_OPTIONS_INIT;
  hf_error err;
  hf_watch *w;
  o.from = place->revision + 1;
  if (strcmp(plant, "skip") == 0 && o.from > 4) o.from++;
  if (strcmp(plant, "twice") == 0 && o.from > 4) o.from--;
  hf_status status = hf_watch_open(store, &o, &w, &err);
  if (status == HF_COMPACTED && err.revision > place->revision) {
    *place = (struct place){err.revision - 1, UINT64_MAX};
    keep(watcher, place);
    atomic_fetch_add(&shared->compacted, 1);
    return NULL;
  }
  if (status) die("watcher %d: %s", watcher, err.message);
  return w;
}

static void watch_on(int watcher) {
  enum { CHANGES_MAX = 64 };
  static hf_change changes[CHANGES_MAX];
  static char ids[CHANGES_MAX][32], names[CHANGES_MAX][16];
  struct place place = shared->places[watcher][atomic_load(&shared->which[watcher])];
  hf_error err;
  hf_store *store;
  hf_watch *w = NULL;
  size_t count = 0;
  if (hf_store_open(base, NULL, &store, &err)) die("watcher %d: %s", watcher, err.message);
  for (;;) {
    while (!w) w = begin_watch(store, watcher, &place);
    hf_status status = next(w, watcher, &changes[count], &err);
    if (status == HF_TIMEOUT) continue;
    if (status == HF_COMPACTED) {
      hf_watch_close(w);
      w = NULL;
      count = 0;
      continue;
    }
    if (status) die("watcher %d: %s", watcher, err.message);
    hf_change *c = &changes[count];
    copy(ids[count], sizeof ids[count], c->id);
    copy(names[count], sizeof names[count], c->entity_name);
    if (count && c->revision != changes[0].revision) die("watcher %d: a commit without an end", watcher);
    if (++count == CHANGES_MAX) die("watcher %d: a commit of %zu changes", watcher, count);
    if (!c->is_last) continue;
    check_commit(watcher, &place, changes, ids, names, count);
    if (hf_watch_revision(w) != c->revision) die("watcher %d: its revision is another one", watcher);
    place.revision = c->revision;
    keep(watcher, &place);
    atomic_fetch_add(&shared->changes, count);
    count = 0;
  }
}

/* ---- the storm */

static pid_t pids[PROCESSES];
static unsigned lives;

static void begin(int i, uint64_t seed) {
  unsigned life = lives++;
  pids[i] = fork();
  if (pids[i]) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever goes wrong, nothing stays */
  alarm(LIFE_S);
  if (i < WRITERS)
    write_on(i, seed + life * 7919U);
  else
    watch_on(i - WRITERS);
  _exit(0);
}

static void kill_one(int i) {
  int status;
  kill(pids[i], SIGKILL);
  waitpid(pids[i], &status, 0);
  pids[i] = 0;
}

static void give_up(void) {
  for (int i = 0; i < PROCESSES; i++)
    if (pids[i]) kill_one(i);
  fprintf(stderr, "%s\n", shared->why);
  exit(1);
}

static void new_store(const char *directory, unsigned number) {
  hf_error err;
  hf_store *store;
  char log[24] = "1000000";
  uint64_t revision = 0;
  snprintf(base, sizeof base, "lmdb:%s/store-%u", directory, number);
  if (number % 2) snprintf(log, sizeof log, "%d", SHORT_LOG);
  hf_setting_value values[] = {{"changes", log, {0}}};
  if (hf_store_open(base, NULL, &store, &err) || hf_store_settings_set(store, values, 1, &err) ||
      hf_store_revision(store, NULL, &revision, &err)) {
    fprintf(stderr, "%s\n", err.message);
    exit(1);
  }
  hf_store_close(store);
  for (int i = 0; i < WATCHERS; i++) keep(i, &(struct place){revision, 0});
  atomic_store(&shared->acknowledged, 0);
  atomic_store(&shared->stop, false);
}

/* Writers have ended; all who watch have to come to the end by themselves. */
static void finish(uint64_t *commits) {
  int status;
  for (int i = 0; i < WRITERS; i++)
    if (pids[i]) waitpid(pids[i], &status, 0), pids[i] = 0;
  for (int tries = 0; tries < END_S * 100; tries++) {
    int there = 0;
    uint64_t n = atomic_load(&shared->acknowledged);
    for (int i = 0; i < WATCHERS; i++) {
      const struct place *p = &shared->places[i][atomic_load(&shared->which[i])];
      there += p->n != UINT64_MAX && p->n >= n;
    }
    if (shared->failed || there == WATCHERS) break;
    if (tries == END_S * 100 - 1) {
      atomic_store(&shared->failed, true);
      snprintf(shared->why, sizeof shared->why, "%d watchers have not come to commit %llu in %d s", WATCHERS - there,
               (unsigned long long)n, END_S);
    }
    pause_us(10000);
  }
  if (shared->failed) give_up();
  for (int i = WRITERS; i < PROCESSES; i++) kill_one(i);
  *commits += atomic_load(&shared->acknowledged);
}

int main(int argc, char **argv) {
  if (argc < 4) return fprintf(stderr, "usage: watch DIRECTORY SEED ROUNDS [PLANT]\n"), 2;
  uint64_t seed = strtoull(argv[2], NULL, 10), random = seed, kills = 0, stops = 0, commits = 0;
  unsigned rounds = (unsigned)strtoul(argv[3], NULL, 10);
  if (argc > 4) plant = argv[4];
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return perror("mmap"), 2;
  for (unsigned round = 0; round < rounds; round++) {
    if (round % ROUNDS_PER_STORE == 0) new_store(argv[1], round / ROUNDS_PER_STORE);
    for (int i = 0; i < PROCESSES; i++)
      if (!pids[i]) begin(i, seed);
    random = mix(random + round) + 1;
    pause_us((long)(1000 + mix(random) % 60000));
    int victim = (int)(mix(random + 1) % PROCESSES);
    if (mix(random + 2) % 4 == 0) { /* between the header and the number, at times */
      kill(pids[victim], SIGSTOP);
      pause_us((long)(mix(random + 3) % 20000));
      kill(pids[victim], SIGCONT);
      stops++;
    } else {
      kill_one(victim);
      kills++;
    }
    if (shared->failed) give_up();
    if (round % ROUNDS_PER_STORE == ROUNDS_PER_STORE - 1 || round + 1 == rounds) {
      for (int i = WRITERS; i < PROCESSES; i++)
        if (!pids[i]) begin(i, seed);
      atomic_store(&shared->stop, true);
      finish(&commits);
    }
  }
  printf("%llu %llu %llu %llu %llu\n", (unsigned long long)kills, (unsigned long long)stops,
         (unsigned long long)commits, (unsigned long long)shared->changes, (unsigned long long)shared->compacted);
  return 0;
}
