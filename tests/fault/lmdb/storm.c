/* SPDX-License-Identifier: MIT
 *
 * Kill storms on one store: writers in C and in Lua, a reader of snapshots, one that opens and closes the store all the
 * time, and one that changes settings, all of them killed or stopped at random moments and begun again.
 *
 *   storm DIRECTORY SEED ROUNDS SCRIPT [early|split]
 *
 * After each round a new process opens the store and judges it (storm.h).  Fails with the reason, or prints
 * "kills stops acknowledged stores slowest": how many of each, and how many ms the slowest opening took.
 * With "early" the writers acknowledge before they commit, with "split" transactions are none: both must be found.
 *
 * What was begun and acknowledged is in memory that the processes share, which a kill leaves as it is.
 */
#include "fault/lmdb/storm_steps.h"

#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  LUA_WRITER = STORM_WRITERS - 1,
  READER = STORM_WRITERS,
  VISITOR,
  SETTER,
  PROCESSES,
  ROUNDS_PER_STORE = 12,
  PATIENCE_MS = 30000, /* for what takes some milliseconds on a machine that is not busy */
  LIFE_S = 300
};

enum plant { NO_PLANT, PLANT_EARLY, PLANT_SPLIT };

static struct {
  _Atomic uint64_t begun[STORM_WRITERS], done[STORM_WRITERS];
  _Atomic uint64_t rounds[PROCESSES]; /* of those that are no writers */
  _Atomic uint64_t slowest;           /* ms that opening took */
  _Atomic bool failed;
  char why[STORM_WHY + 64];
} * shared;

static struct {
  char directory[2000], base[2200];
  const char *script;
  uint64_t seed, store_seed;
  enum plant plant;
  bool limited; /* it has a size limit, which is raised again and again */
  bool format2;
} storm;

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_us(unsigned us) { nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000L}, NULL); }

/* Ends this process: the storm has found something. */
__attribute__((noreturn, format(printf, 2, 3))) static void die(const char *who, const char *format, ...) {
  char text[STORM_WHY];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!atomic_exchange(&shared->failed, true)) snprintf(shared->why, sizeof shared->why, "%s: %s", who, text);
  _exit(1);
}

static void must(const char *who, hf_status status, const hf_error *err) {
  if (status) die(who, "%s: %s (%s)", hf_status_name(status), err->message, err->cause);
}

/* Whether to try again: growing beside a snapshot, a limit that somebody will raise. */
static bool comes_later(const char *who, hf_status status, int64_t since, const hf_error *err) {
  if (status != HF_BUSY && status != HF_FULL) return false;
  if (now_ms() - since > PATIENCE_MS) die(who, "waits for ever: %s", err->message);
  pause_us(500);
  return true;
}

/* ---- looking */

/* Reads all of the store at one moment; *from and *to receive what was acknowledged before, and begun after it. */
static void read_moment(const char *who, const struct storm_store *s, bool reverse, struct storm_seen *seen,
                        uint64_t *from, uint64_t *to) {
  char why[STORM_WHY];
  hf_error err;
  for (int64_t since = now_ms();;) {
    hf_txn *txn;
    for (unsigned w = 0; w < STORM_WRITERS; w++) from[w] = atomic_load(&shared->done[w]);
    must(who, hf_txn_begin(HF_TXN_READ, &txn, &err), &err);
    bool good = storm_read(s, reverse, seen, why);
    hf_txn_abort(txn);
    for (unsigned w = 0; w < STORM_WRITERS; w++) to[w] = atomic_load(&shared->begun[w]);
    if (good) return;
    if (strncmp(why, "busy", 4) != 0 || now_ms() - since > PATIENCE_MS) die(who, "%s", why);
  }
}

static void open_all(const char *who, struct storm_store *s) {
  hf_error err;
  int64_t began = now_ms();
  hf_status status = storm_open(storm.base, s, &err);
  must(who, status, &err);
  uint64_t took = (uint64_t)(now_ms() - began), slowest = atomic_load(&shared->slowest);
  while (took > slowest && !atomic_compare_exchange_weak(&shared->slowest, &slowest, took)) continue;
}

/* ---- writers */

struct writer {
  const char *who;
  struct storm_writer steps;
  hf_runtime *runtime; /* of the one in Lua */
  hf_lock *lock;
};

/* The same by storm.lua. */
static hf_status in_lua(struct writer *w, uint64_t number, const struct storm_step *plan, hf_error *err) {
  static const char *const names[] = {"write",     "write",       "writeMany", "remove",    "removeMany",
                                      "removeAll", "transaction", "nested",    "quarantine"};
  static char args[STORM_CHANGES * (STORM_JSON_MAX + 100) + 3000], json[STORM_JSON_MAX];
  int n =
      snprintf(args, sizeof args, "[\"%s\",%llu,\"%s\",[", storm.base, (unsigned long long)number, names[plan->kind]);
  for (size_t i = 0; i < plan->count; i++) {
    const struct storm_change *c = &plan->changes[i];
    char name[32], id[32];
    n += snprintf(args + n, sizeof args - (size_t)n, "%s[\"%s\",\"%s\",%s,%u]", i ? "," : "",
                  storm_name(c->type, w->steps.number, name).data, storm_id(w->steps.number, c->id, id).data,
                  c->removes ? "null" : storm_json(w->steps.number, c, number, json).data, c->group);
  }
  snprintf(args + n, sizeof args - (size_t)n, "]]");
  return hf_runtime_call(w->runtime, "step", hf_text(args), NULL, err);
}

/* Where the one before was killed. */
static uint64_t resume(struct writer *w) {
  static struct storm_seen seen;
  static struct storm_models models;
  unsigned number = w->steps.number;
  uint64_t from[STORM_WRITERS], to[STORM_WRITERS], step = 0, added[2];
  models.seed = storm.store_seed;
  read_moment(w->who, &w->steps.store, false, &seen, from, to);
  if (!storm_match(&models, &seen, number, from[number], to[number], &step, added))
    die(w->who, "acknowledged step %llu and began %llu, and finds neither", (unsigned long long)from[number],
        (unsigned long long)to[number]);
  w->steps.state = models.at[number];
  for (uint64_t n = from[number]; n < step; n++) storm_advance(storm.store_seed, number, &w->steps.state, n + 1);
  return step;
}

static void enter(struct writer *w) {
  char path[2100];
  hf_error err;
  snprintf(path, sizeof path, "%s/.lease/writer-%u.lock", storm.directory, w->steps.number);
  must(w->who, hf_lock_acquire(path, w->who, 0, &w->lock, &err), &err);
  open_all(w->who, &w->steps.store);
  if (w->steps.number != LUA_WRITER) return;
  must(w->who, hf_runtime_open(&w->runtime, &err), &err);
  must(w->who, hf_runtime_run_file(w->runtime, storm.script, 0, NULL, &err), &err);
}

static void write_steps(unsigned number) {
  static struct writer w;
  char who[32];
  hf_error err;
  snprintf(who, sizeof who, "writer %u", number);
  w.who = who;
  w.steps.number = number;
  w.steps.split = storm.plant == PLANT_SPLIT;
  enter(&w);
  for (uint64_t step = resume(&w) + 1;; step++) {
    struct storm_step plan;
    storm_plan(storm.store_seed, number, step, &plan);
    atomic_store(&shared->begun[number], step);
    if (storm.plant == PLANT_EARLY) atomic_store(&shared->done[number], step);
    hf_status status;
    for (int64_t since = now_ms();;) {
      status = w.runtime ? in_lua(&w, step, &plan, &err) : storm_carry_out(&w.steps, step, &plan, &err);
      if (!comes_later(who, status, since, &err)) break;
    }
    must(who, status, &err);
    atomic_store(&shared->done[number], step);
    storm_advance(storm.store_seed, number, &w.steps.state, step);
  }
}

/* ---- the others */

static void read_moments(void) {
  static struct storm_store s;
  static struct storm_seen seen;
  static struct storm_models models;
  char why[STORM_WHY];
  uint64_t from[STORM_WRITERS], to[STORM_WRITERS];
  models.seed = storm.store_seed;
  open_all("reader", &s);
  for (bool reverse = false;; reverse = !reverse) {
    read_moment("reader", &s, reverse, &seen, from, to);
    if (!storm_judge(&models, &seen, from, to, why)) die("reader", "%s", why);
    atomic_fetch_add(&shared->rounds[READER], 1);
  }
}

static void must_be_sound(const char *who) {
  hf_error err;
  hf_store *store;
  hf_verify_report report = {0};
  must(who, hf_store_open(storm.base, NULL, &store, &err), &err);
  must(who, hf_store_verify(store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err), &err);
  if (report.corrupt || report.damaged)
    die(who, "verify: %llu corrupt, %llu damaged", (unsigned long long)report.corrupt,
        (unsigned long long)report.damaged);
  hf_store_close(store);
}

/* Opens, looks and closes, so that the store's first and last process come and go. */
static void visit(void) {
  for (;; atomic_fetch_add(&shared->rounds[VISITOR], 1)) {
    hf_error err;
    hf_persist *p;
    bool found;
    must("visitor", hf_persist_open(hf_text("signal"), storm.base, NULL, &p, &err), &err);
    must("visitor", hf_persist_has(p, hf_text("nobody"), &found, &err), &err);
    if (atomic_load(&shared->rounds[VISITOR]) % 4 == 0) must_be_sound("visitor");
    hf_persist_close(p);
    pause_us(300);
  }
}

static void change_settings(void) {
  hf_error err;
  hf_store *store;
  uint64_t limit = 256 << 10;
  must("setter", hf_store_open(storm.base, NULL, &store, &err), &err);
  for (uint64_t n = 0;; n++) {
    char size[32], note[32];
    hf_setting_value values[3] = {{.name = "note", .value = note}, {.name = "durability"}, {.name = "maxsize"}};
    limit = limit < 16 << 20 ? limit + (64 << 10) : limit;
    snprintf(size, sizeof size, "%llu", (unsigned long long)limit);
    snprintf(note, sizeof note, "note %llu", (unsigned long long)n);
    values[1].value = n % 3 == 0 ? NULL : n % 3 == 1 ? "nosync" : "nometasync";
    values[2].value = storm.limited ? size : NULL;
    hf_status status = hf_store_settings_set(store, values, 3, &err);
    if (status == HF_FULL || status == HF_BUSY)
      limit += 64 << 10;
    else
      must("setter", status, &err);
    atomic_fetch_add(&shared->rounds[SETTER], 1);
    pause_us(2000);
  }
}

/* ---- the storm */

static pid_t pids[PROCESSES];

static pid_t begin(void (*body)(void)) {
  pid_t pid = fork();
  if (pid) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* whatever goes wrong, nothing stays */
  alarm(LIFE_S);
  body();
  _exit(0);
}

static unsigned starting;

static void work(void) {
  if (starting < STORM_WRITERS) write_steps(starting);
  if (starting == READER) read_moments();
  if (starting == VISITOR) visit();
  if (starting == SETTER) change_settings();
}

static void begin_missing(void) {
  for (starting = 0; starting < PROCESSES; starting++)
    if (!pids[starting] && (starting != SETTER || storm.format2)) pids[starting] = begin(work);
}

static int kill_one(unsigned i) {
  if (!pids[i]) return 0;
  int status;
  kill(pids[i], SIGKILL);
  waitpid(pids[i], &status, 0);
  pids[i] = 0;
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) atomic_store(&shared->failed, true);
  return 1;
}

static int kill_all(void) {
  int kills = 0;
  for (unsigned i = 0; i < PROCESSES; i++) kills += kill_one(i);
  return kills;
}

/* What every new process finds. */
static void look(void) {
  static struct storm_store s;
  static struct storm_seen seen;
  static struct storm_models models;
  char why[STORM_WHY];
  uint64_t from[STORM_WRITERS], to[STORM_WRITERS];
  hf_error err;
  hf_persist *probe;
  models.seed = storm.store_seed;
  open_all("after it", &s);
  read_moment("after it", &s, false, &seen, from, to);
  if (!storm_judge(&models, &seen, from, to, why)) die("after it", "%s", why);
  must_be_sound("after it");
  must("after it", hf_persist_open(hf_text("probe"), storm.base, NULL, &probe, &err), &err);
  hf_status status;
  int64_t since = now_ms();
  do {
    status = hf_persist_write(probe, hf_text("probe"), hf_text("1"), NULL, NULL, &err);
    if (status == HF_FULL && storm.limited) status = HF_OK; /* nobody may be there who raises the limit */
  } while (comes_later("after it", status, since, &err));
  must("after it", status, &err);
  hf_persist_close(probe);
  storm_close(&s);
}

static int note_dead(const char *line, void *arg) {
  long pid = strtol(line, NULL, 10);
  *(int *)arg += pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH;
  return 0;
}

/* Slots of dead readers would keep pages from being used again. */
static void look_for_dead(void) {
  MDB_env *env;
  int dead = 0;
  char path[2200];
  snprintf(path, sizeof path, "%s/store", storm.directory);
  int rc = mdb_env_create(&env);
  if (!rc) rc = mdb_env_open(env, path, MDB_RDONLY, 0);
  if (rc || mdb_reader_list(env, note_dead, &dead) < 0) die("LMDB", "%s", mdb_strerror(rc));
  if (dead) die("after it", "%d reader slots of dead processes remain", dead);
}

static void run_to_end(void (*body)(void)) {
  int status;
  pid_t pid = begin(body);
  waitpid(pid, &status, 0);
  if (status && !atomic_exchange(&shared->failed, true))
    snprintf(shared->why, sizeof shared->why, "after it: the process ended with status %d", status);
}

static uint64_t acknowledged(void) {
  uint64_t sum = 0;
  for (unsigned w = 0; w < STORM_WRITERS; w++) sum += atomic_load(&shared->done[w]);
  return sum;
}

/* Those that were left alive go on, once there is somebody again who raises the limit. */
static void wait_for_progress(void) {
  uint64_t before[STORM_WRITERS];
  starting = SETTER;
  if (storm.limited && !pids[SETTER]) pids[SETTER] = begin(work);
  for (unsigned w = 0; w < STORM_WRITERS; w++) before[w] = atomic_load(&shared->done[w]);
  for (unsigned w = 0; w < STORM_WRITERS; w++)
    for (int64_t since = now_ms(); pids[w] && atomic_load(&shared->done[w]) == before[w] && !shared->failed;) {
      if (now_ms() - since > PATIENCE_MS && !atomic_exchange(&shared->failed, true))
        snprintf(shared->why, sizeof shared->why, "writer %u, which was left alive, does not go on", w);
      pause_us(200);
    }
}

static void new_store(uint64_t number) {
  uint64_t random = storm.seed + number * 77;
  storm.store_seed = storm_random(&random);
  storm.format2 = storm_random(&random) % 4 != 0;
  storm.limited = storm.format2 && storm_random(&random) % 2;
  char command[4200];
  snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", storm.directory, storm.directory);
  if (system(command)) exit(2);
  snprintf(storm.base, sizeof storm.base, "lmdb:%s/store?mapsize=64k%s", storm.directory,
           storm_random(&random) % 2 && !storm.format2 ? "&durability=nosync" : "");
  for (unsigned w = 0; w < STORM_WRITERS; w++) shared->begun[w] = shared->done[w] = 0;
}

struct tally {
  int kills, stops;
  uint64_t acknowledged, stores;
};

/* Kills all, one or some of them, or stops one for a while, which may be when it has the writer's lock. */
static void strike(uint64_t *random, struct tally *t) {
  unsigned victim = (unsigned)(storm_random(random) % PROCESSES);
  switch (storm_random(random) % 5) {
  case 0:
  case 1: t->kills += kill_all(); break;
  case 2: t->kills += kill_one(victim); break;
  case 3:
    for (unsigned i = 0; i < PROCESSES; i++)
      if (storm_random(random) % 2) t->kills += kill_one(i);
    break;
  default:
    if (!pids[victim]) break;
    t->stops++;
    kill(pids[victim], SIGSTOP);
    pause_us((unsigned)(1000 + storm_random(random) % 20000));
    if (storm_random(random) % 2)
      t->kills += kill_one(victim);
    else
      kill(pids[victim], SIGCONT);
  }
}

static void one_round(uint64_t *random, struct tally *t) {
  begin_missing();
  pause_us((unsigned)(500 + storm_random(random) % 45000));
  strike(random, t);
  run_to_end(look);
  if (!shared->failed) run_to_end(look_for_dead);
  wait_for_progress();
}

int main(int argc, char **argv) {
  if (argc < 5) return fprintf(stderr, "usage: see the head of storm.c\n"), 2;
  struct tally t = {0};
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  snprintf(storm.directory, sizeof storm.directory, "%s", argv[1]);
  storm.seed = strtoull(argv[2], NULL, 10);
  storm.script = argv[4];
  if (argc > 5) storm.plant = strcmp(argv[5], "early") == 0 ? PLANT_EARLY : PLANT_SPLIT;
  long rounds = strtol(argv[3], NULL, 10);
  uint64_t random = storm.seed;
  for (long round = 0; round < rounds && !shared->failed; round++) {
    if (round % ROUNDS_PER_STORE == 0) {
      t.acknowledged += round ? acknowledged() : 0;
      kill_all();
      new_store(t.stores++);
    }
    one_round(&random, &t);
  }
  t.acknowledged += acknowledged();
  kill_all();
  if (shared->failed) return fprintf(stderr, "storm: %s\n", *shared->why ? shared->why : "a process ended"), 1;
  printf("%d %d %llu %llu %llu\n", t.kills, t.stops, (unsigned long long)t.acknowledged, (unsigned long long)t.stores,
         (unsigned long long)shared->slowest);
  return 0;
}
