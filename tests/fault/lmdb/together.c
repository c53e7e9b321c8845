/* SPDX-License-Identifier: MIT
 *
 * Many threads of several processes on the same few ids of one store, killed at random moments and begun again, while
 * flushes or allocations fail; then what they noted is checked: an order of their calls explains all answers
 * (linear.h), and what was acknowledged is there.
 *
 *   together DIRECTORY SEED ROUNDS FAULT [PLANT]
 *
 *   FAULT  kill: nothing else.  limit: the store has a size limit that is too small.  flush: flushes fail, too; with
 *          iorecord_preload.c, and in one process.  flushes: the same in several; in one of some hundred runs, of 16
 *          rounds, that damages the store.  memory: allocations fail, too; with callfail_preload.c
 *   PLANT  early, lost, twice, apart, left, halves, parted or forgotten: threads lie (together.h), which must be found
 *
 * Fails with the reason, or prints "kills calls writes shared largest unknown faults": shared is how many commits had
 * several writes in them, largest the most in one, unknown the calls of which nobody knows whether they happened.  With
 * HOLDFAST_DUMP in the environment, what cannot be explained is listed, call by call.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "fault/callfail.h"
#include "fault/iorecord.h"
#include "fault/lmdb/together_calls.h"

enum {
  PROCESSES = 3,
  THREADS_MAX = 64,
  ROUNDS_PER_STORE = 8,
  CALLS_MAX = 30000, /* of a store */
  LIFE_S = 240
};

static struct together_ledger *ledger;

static struct {
  const char *directory, *fault;
  enum together_plant plant;
  uint64_t seed;
  char base[2200];
  unsigned processes, threads;
  uint32_t lives;
} storm;

static pid_t pids[PROCESSES];
static uint32_t lives[PROCESSES]; /* which life each is in */
static atomic_flag armed = ATOMIC_FLAG_INIT;
static _Atomic uint64_t *faults; /* how often something failed: shared */

static bool has_fault(const char *fault) { return strcmp(storm.fault, fault) == 0; }

static bool fails_flushes(void) { return has_fault("flush") || has_fault("flushes"); }

static void pause_us(unsigned us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000L}, NULL); }

static void *shared(size_t size) {
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p != MAP_FAILED) return p;
  perror("mmap");
  exit(2);
}

/* ---- a process */

/* One call in which an allocation of this thread fails, if it is the turn of this one; whichever call it makes it for.
 */
static bool go_without_memory(struct together_worker *w) {
  if (together_random(&w->random) % 8 || atomic_flag_test_and_set(&armed)) return together_go_on(w);
  callfail_arm("a", 1 + (long)(together_random(&w->random) % 6), ENOMEM, CALLFAIL_ONCE);
  bool goes_on = together_go_on(w);
  if (callfail_disarm().fired) atomic_fetch_add(faults, 1);
  atomic_flag_clear(&armed);
  return goes_on;
}

static void *work(void *arg) {
  struct together_worker *w = arg;
  bool (*go)(struct together_worker *) = has_fault("memory") ? go_without_memory : together_go_on;
  while (go(w)) continue;
  return NULL;
}

/* Lets flushes of pages and of headers fail, which are carried out or not. */
static void fail_flushes(uint64_t random) {
  for (;;) {
    pause_us(500 + (unsigned)(together_random(&random) % 4000));
    const char *kinds = together_random(&random) % 2 ? "m" : "s";
    if (iorecord_fail(kinds, 1 + (int)(together_random(&random) % 3), EIO, together_random(&random) % 2))
      atomic_fetch_add(faults, 1);
  }
}

static void live(uint32_t life) {
  static struct together_worker workers[THREADS_MAX];
  pthread_t thread;
  for (unsigned i = 0; i < storm.threads; i++) {
    struct together_worker *w = &workers[i];
    *w = (struct together_worker){.ledger = ledger,
                                  .life = life,
                                  .random = storm.seed * 1000003 + life * 7919 + i * 104729,
                                  .may_fail = fails_flushes() || has_fault("memory"),
                                  .plant = storm.plant};
    together_enter(w, storm.base);
    if (pthread_create(&thread, NULL, work, w)) together_die(ledger, "no thread");
  }
  if (fails_flushes()) fail_flushes(storm.seed + life);
  for (;;) pause();
}

static pid_t begin(void (*body)(uint32_t), uint32_t life) {
  pid_t pid = fork();
  if (pid) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever goes wrong, nothing stays */
  alarm(LIFE_S);
  body(life);
  _exit(0);
}

/* ---- looking, at the end */

static void look_at_all(struct together_worker *w) {
  for (uint32_t id = 0; id < ledger->ids; id++)
    if (!together_go(w, TOGETHER_READ, id)) together_die(ledger, "the ledger is full");
}

/* What the next process finds, and that it can go on writing. */
static void look(uint32_t life) {
  static struct together_worker w;
  hf_error err;
  hf_store *store;
  hf_verify_report report;
  w = (struct together_worker){.ledger = ledger, .life = life};
  ledger->room += ledger->ids;
  together_enter(&w, storm.base);
  look_at_all(&w);
  if (hf_store_open(storm.base, NULL, &store, &err) ||
      hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err))
    together_die(ledger, "verify: %s", err.message);
  if (report.corrupt || report.damaged || report.quarantined)
    together_die(ledger, "verify: %llu corrupt, %llu damaged", (unsigned long long)report.corrupt,
                 (unsigned long long)report.damaged);
  hf_store_close(store);
  if (hf_persist_remove_all(w.types[0], &err)) together_die(ledger, "cannot go on: %s", err.message);
  if (hf_persist_write(w.types[0], hf_text("probe"), hf_text("1"), NULL, NULL, &err))
    together_die(ledger, "cannot go on: %s", err.message);
  together_leave(&w);
}

/* ---- the storm */

struct tally {
  uint64_t kills, calls;
  struct linear_report report;
};

static void begin_missing(void) {
  for (unsigned i = 0; i < storm.processes; i++)
    if (!pids[i]) pids[i] = begin(live, lives[i] = storm.lives++);
}

static uint64_t kill_one(unsigned i) {
  int status;
  if (!pids[i]) return 0;
  kill(pids[i], SIGKILL);
  waitpid(pids[i], &status, 0);
  pids[i] = 0;
  atomic_store(&ledger->deaths[lives[i]], together_tick(ledger));
  if ((!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) && !atomic_exchange(&ledger->failed, true))
    snprintf(ledger->why, sizeof ledger->why, "a process ended with status %d", status);
  return 1;
}

static uint64_t kill_all(void) {
  uint64_t kills = 0;
  for (unsigned i = 0; i < PROCESSES; i++) kills += kill_one(i);
  return kills;
}

static void new_store(uint64_t number) {
  static const unsigned threads[] = {2, 8, 16, 32, 64};
  uint64_t random = storm.seed + number * 77;
  char command[4200];
  storm.processes = 1 + (unsigned)(together_random(&random) % PROCESSES);
  if (has_fault("flush")) storm.processes = 1;
  storm.threads = threads[together_random(&random) % 5];
  uint32_t ids = together_random(&random) % 2 ? TOGETHER_TYPES * 2 : TOGETHER_IDS;
  snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", storm.directory, storm.directory);
  if (system(command)) exit(2);
  snprintf(storm.base, sizeof storm.base, "lmdb:%s/store?mapsize=64k%s", storm.directory,
           has_fault("limit") ? "&maxsize=160k" : "");
  memset(ledger, 0, together_size(atomic_load(&ledger->count)));
  ledger->room = CALLS_MAX - TOGETHER_IDS;
  ledger->ids = ids;
  ledger->is_small = !has_fault("limit") && together_random(&random) % 2;
  storm.lives = 1;
}

/* A call as it was noted. */
static struct linear_call call_at(uint64_t number) {
  const struct together_note *n = &ledger->notes[number];
  return together_call(n, atomic_load(&n->begun), atomic_load(&n->ended), atomic_load(&ledger->deaths[n->life]));
}

static void dump(void) {
  for (uint64_t i = 0; i < atomic_load(&ledger->count); i++) {
    struct linear_call c = call_at(i);
    fprintf(stderr, "%llu: life %u kind %u outcome %u, %llu to %llu, revision %llu:", (unsigned long long)i,
            ledger->notes[i].life, ledger->notes[i].kind, c.outcome, (unsigned long long)c.begun,
            (unsigned long long)c.ended, (unsigned long long)c.revision);
    for (size_t j = 0; j < c.count; j++)
      fprintf(stderr, " [id %u need %u effect %u saw %u revision %llu]", c.parts[j].id, c.parts[j].need,
              c.parts[j].effect, c.parts[j].saw ? (c.parts[j].saw - 1) / LINEAR_PARTS : 0,
              (unsigned long long)c.parts[j].revision);
    fprintf(stderr, "\n");
  }
}

static bool fail_with(const char *why) {
  if (getenv("HOLDFAST_DUMP")) dump();
  fprintf(stderr, "%s, %u processes of %u threads, %u ids: %s\n", storm.base, storm.processes, storm.threads,
          ledger->ids, why);
  return false;
}

/* All that was noted can be explained. */
static bool judge(struct tally *t) {
  char why[LINEAR_WHY];
  struct linear_report report;
  uint64_t count = atomic_load(&ledger->count);
  struct linear_call *calls = calloc(count + 1, sizeof *calls);
  if (!calls) exit(2);
  for (uint64_t i = 0; i < count; i++) calls[i] = call_at(i);
  bool good = linear_check(calls, count, ledger->ids, &report, why);
  free(calls);
  t->calls += count;
  t->report.writes += report.writes;
  t->report.shared += report.shared;
  t->report.unknown += report.unknown;
  t->report.tried += report.tried;
  if (report.largest > t->report.largest) t->report.largest = report.largest;
  return good || fail_with(why);
}

static bool end_store(struct tally *t) {
  int status;
  t->kills += kill_all();
  uint32_t life = storm.lives++;
  pid_t pid = begin(look, life);
  waitpid(pid, &status, 0);
  atomic_store(&ledger->deaths[life], together_tick(ledger));
  if (ledger->failed) return fail_with(ledger->why);
  if (status) return fail_with("who looks has not ended well");
  return judge(t);
}

/* One store, and what becomes of it. */
static bool storm_once(uint64_t number, uint64_t rounds, struct tally *t) {
  uint64_t random = storm.seed * 31 + number;
  new_store(number);
  for (uint64_t round = 0; round < rounds && !ledger->failed; round++) {
    begin_missing();
    pause_us(3000 + (unsigned)(together_random(&random) % 40000));
    if (together_random(&random) % 2)
      t->kills += kill_all();
    else
      t->kills += kill_one((unsigned)(together_random(&random) % storm.processes));
  }
  return end_store(t);
}

static enum together_plant plant_of(const char *name) {
  static const char *const names[] = {"honest", "early",  "lost",   "twice",    "apart",
                                      "left",   "halves", "parted", "forgotten"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) return (enum together_plant)i;
  fprintf(stderr, "no plant is called %s\n", name);
  exit(2);
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: together DIRECTORY SEED ROUNDS kill|limit|flush|flushes|memory [PLANT]\n");
    return 2;
  }
  storm.directory = argv[1];
  storm.seed = strtoull(argv[2], NULL, 10);
  storm.fault = argv[4];
  if (argc > 5) storm.plant = plant_of(argv[5]);
  if (has_fault("memory") && !callfail_is_loaded()) {
    fprintf(stderr, "callfail_preload.so is not loaded\n");
    return 2;
  }
  ledger = shared(together_size(CALLS_MAX));
  faults = shared(sizeof *faults);
  struct tally t = {0};
  uint64_t rounds = strtoull(argv[3], NULL, 10);
  for (uint64_t number = 0; rounds; number++) {
    uint64_t here = rounds < ROUNDS_PER_STORE ? rounds : ROUNDS_PER_STORE;
    if (!storm_once(number, here, &t)) return 1;
    rounds -= here;
  }
  printf("%llu %llu %llu %llu %llu %llu %llu\n", (unsigned long long)t.kills, (unsigned long long)t.calls,
         (unsigned long long)t.report.writes, (unsigned long long)t.report.shared, (unsigned long long)t.report.largest,
         (unsigned long long)t.report.unknown, (unsigned long long)atomic_load(faults));
  return 0;
}
