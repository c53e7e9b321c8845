/* SPDX-License-Identifier: MIT
 *
 * A program of several threads that forks again and again while they write, read, iterate, open and close, fill
 * quarantine, run Lua, and hold locks:
 *
 *   fork DIRECTORY SEED CHILDREN
 *
 * With an even seed a thread runs Lua, with an odd one the children do.  Both together may hang, and can only be told
 * users (docs/embedding.md, "Threads and fork").
 *
 * Each child finds that all which its parent has open is closed to it, opens the store itself and works with it, and
 * ends in one of several ways: _exit, exit, exec, a kill.  After each, another process looks whether the parent still
 * has the locks by which LMDB knows it, and its process lock.  In the end nothing that the threads wrote is missing.
 * Fails with a sentence, or prints "children commits".  With HOLDFAST_PLANT set, the parent opens and closes the lock
 * file of the store once, by which it loses its locks: that must be found.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum { WRITERS = 2, CHILD_LIFE_S = 100, LIFE_S = 900 };

static char base[2200], lock_file[2200], process_lock[2200];
static bool children_run_lua; /* else a thread does */
static atomic_bool stop;
static atomic_long commits, written[WRITERS];

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_us(long us) { nanosleep(&(struct timespec){0, us * 1000}, NULL); }

/* Of whichever process: its children would otherwise end as if all was well. */
__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
  char text[1500];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text - 1, format, args);
  va_end(args);
  text[n] = '\n';
  (void)!write(STDERR_FILENO, text, (size_t)n + 1);
  _exit(1);
}

#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    hf_status must_status = (call);                                                                                    \
    if (must_status) die("line %d: %s: %s", __LINE__, hf_status_name(must_status), err.message);                       \
  } while (0)
#define MUST_BE(condition)                                                                                             \
  do {                                                                                                                 \
    if (!(condition)) die("line %d: %s", __LINE__, #condition);                                                        \
  } while (0)

/* Closed to a child, and it says why. */
#define MUST_BE_CLOSED(call)                                                                                           \
  do {                                                                                                                 \
    hf_status closed_status = (call);                                                                                  \
    if (closed_status != HF_CLOSED) die("line %d: %s", __LINE__, hf_status_name(closed_status));                       \
    if (!strstr(err.message, "fork")) die("line %d: %s", __LINE__, err.message);                                       \
  } while (0)

/* ---- the parent's threads */

static void *write_on(void *arg) {
  long number = (long)(intptr_t)arg;
  hf_error err;
  hf_persist *p;
  MUST(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
  for (long i = 1; !atomic_load(&stop); i++) {
    char id[32], json[32];
    hf_txn *txn = NULL;
    snprintf(id, sizeof id, "w%ld-%ld", number, i);
    snprintf(json, sizeof json, "%ld", i);
    if (i % 3 == 0) MUST(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
    MUST(hf_persist_write(p, hf_text(id), hf_text(json), NULL, NULL, &err));
    if (txn) MUST(hf_txn_commit(txn, &err));
    atomic_store(&written[number], i);
    atomic_fetch_add(&commits, 1);
    pause_us(100); /* LMDB's lock is not fair: the children want to write as well */
  }
  hf_persist_close(p);
  return NULL;
}

static void *read_on(void *arg) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *entry;
  hf_persist *p;
  (void)arg;
  MUST(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
  while (!atomic_load(&stop)) {
    MUST(hf_iter_open(p, &(hf_range){.has_limit = true, .limit = 300}, &iter, &err));
    do MUST(hf_iter_next(iter, &entry, &err));
    while (entry);
    hf_iter_close(iter);
    pause_us(300);
  }
  hf_persist_close(p);
  return NULL;
}

/* Opens and closes a store of its own, takes and releases a lock, moves something to quarantine, opens a runtime. */
static void *come_and_go(void *arg) {
  hf_error err;
  hf_persist *p;
  hf_lock *lock;
  hf_runtime *runtime;
  char other[2300], path[2300];
  const char *directory = arg;
  snprintf(path, sizeof path, "%s/.lease/comes.lock", directory);
  for (long i = 0; !atomic_load(&stop); i++) {
    snprintf(other, sizeof other, "%s:%s/other-%s", i % 2 ? "file" : "lmdb", directory, i % 2 ? "file" : "lmdb");
    MUST(hf_persist_open(hf_text("signal"), other, NULL, &p, &err));
    MUST(hf_persist_remove_many(p, &(hf_slice){"x", 1}, 1, NULL, &err));
    MUST(hf_persist_quarantine(p, hf_text("x"), "a test", hf_text("?"), &err));
    MUST(hf_persist_write(p, hf_text("x"), hf_text("1"), NULL, NULL, &err));
    hf_persist_close(p);
    MUST(hf_lock_acquire(path, "who comes and goes", 0, &lock, &err));
    hf_lock_release(lock);
    pause_us(300);
    if (children_run_lua || i % 8) continue;
    MUST(hf_runtime_open(&runtime, &err));
    MUST(hf_runtime_run_text(runtime, hf_text("require('holdfast').PersistBase('a', 'memory:fork')"), "=fork", &err));
    hf_runtime_close(runtime);
  }
  return NULL;
}

/* ---- children */

/* What the parent's main thread has open. */
static struct {
  hf_persist *p;
  hf_store *store;
  hf_iter *iter;
  hf_txn *txn; /* of either kind, or none */
  hf_lock *lock;
  hf_runtime *runtime;
} had;

static void be_closed_out(void) {
  hf_error err;
  bool found;
  uint64_t n;
  const hf_entry *entry;
  hf_iter *iter;
  hf_buffer json = HF_BUFFER_INIT;
  hf_page *page = hf_page_new();
  hf_verify_report report;
  hf_slice id = hf_text("a");
  hf_item item = {.id = id, .json = id};
  hf_setting_value value = {.name = "note", .value = "x"};
  item.json = hf_text("1");
  MUST_BE_CLOSED(hf_persist_init(had.p, &err));
  MUST_BE_CLOSED(hf_persist_read(had.p, id, &json, NULL, &err));
  MUST_BE_CLOSED(hf_persist_has(had.p, id, &found, &err));
  MUST_BE_CLOSED(hf_persist_write(had.p, id, hf_text("1"), NULL, NULL, &err));
  MUST_BE_CLOSED(hf_persist_remove(had.p, id, &err));
  MUST_BE_CLOSED(hf_persist_remove_all(had.p, &err));
  MUST_BE_CLOSED(hf_persist_count(had.p, &n, &err));
  MUST_BE_CLOSED(hf_persist_stat(had.p, &json, &err));
  MUST_BE_CLOSED(hf_persist_quarantine(had.p, id, "x", id, &err));
  MUST_BE_CLOSED(hf_persist_read_many(had.p, &id, 1, page, &err));
  MUST_BE_CLOSED(hf_persist_write_many(had.p, &item, 1, &err));
  MUST_BE_CLOSED(hf_persist_remove_many(had.p, &id, 1, NULL, &err));
  MUST_BE_CLOSED(hf_iter_open(had.p, NULL, &iter, &err));
  MUST_BE_CLOSED(hf_persist_quarantined(had.p, NULL, &iter, &err));
  hf_status status;
  do status = hf_iter_next(had.iter, &entry, &err); /* what it has read already it may hand out */
  while (!status && entry);
  MUST_BE_CLOSED(status);
  MUST_BE_CLOSED(hf_store_entities(had.store, page, &err));
  MUST_BE_CLOSED(hf_store_stat(had.store, &json, &err));
  MUST_BE_CLOSED(hf_store_settings_get(had.store, &json, &err));
  MUST_BE_CLOSED(hf_store_settings_set(had.store, &value, 1, &err));
  MUST_BE_CLOSED(hf_store_verify(had.store, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err));
  MUST_BE_CLOSED(hf_lock_check(had.lock, &err));
  hf_page_free(page);
  hf_buffer_free(&json);
}

/* By Lua, in the runtime that it has from its parent: handles of before are closed, and new ones work. */
static void use_runtime(void) {
  hf_error err;
  MUST(hf_runtime_call(had.runtime, "after_fork", (hf_slice){NULL, 0}, NULL, &err));
}

static void work_by_itself(long number) {
  static hf_persist *p; /* what a child leaves open is no leak */
  hf_error err;
  hf_lock *lock;
  hf_txn *txn;
  hf_iter *iter;
  const hf_entry *entry;
  char id[32];
  snprintf(id, sizeof id, "child-%ld", number);
  MUST(hf_persist_open(hf_text("children"), base, NULL, &p, &err));
  MUST(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  MUST(hf_persist_write(p, hf_text(id), hf_text("1"), NULL, NULL, &err));
  MUST(hf_txn_commit(txn, &err));
  MUST(hf_txn_begin(HF_TXN_READ, &txn, &err));
  MUST(hf_iter_open(p, &(hf_range){.has_limit = true, .limit = 20}, &iter, &err));
  do MUST(hf_iter_next(iter, &entry, &err));
  while (entry);
  hf_iter_close(iter);
  hf_txn_abort(txn);
  MUST_BE(hf_lock_acquire(process_lock, "a child", 0, &lock, &err) == HF_BUSY);
  if (number % 2) hf_persist_close(p);
}

static void close_inherited(bool runtime) {
  hf_iter_close(had.iter);
  hf_persist_close(had.p);
  hf_store_close(had.store);
  hf_lock_release(had.lock);
  if (runtime) hf_runtime_close(had.runtime);
}

__attribute__((noreturn)) static void live(long number, uint64_t random) {
  hf_error err;
  alarm(CHILD_LIFE_S); /* whatever waits for ever */
  be_closed_out();
  if (had.txn && random % 2)
    MUST_BE_CLOSED(hf_txn_commit(had.txn, &err));
  else if (had.txn)
    hf_txn_abort(had.txn);
  if (children_run_lua && random / 2 % 2) use_runtime();
  work_by_itself(number);
  if (random / 4 % 2) close_inherited(children_run_lua);
  switch (random / 8 % 4) {
  case 0: _exit(0);
  case 1: exit(0);
  case 2: execl("/bin/true", "true", (char *)NULL); _exit(1);
  default:
    kill(getpid(), SIGKILL);
    pause();
    _exit(1);
  }
}

/* ---- what others see of the parent */

/* Whether the parent holds LMDB's lock of those who have the store open, and its process lock. */
static void see_locks(pid_t parent) {
  struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  struct flock own = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = parent, .l_len = 1};
  hf_error err;
  bool held;
  int fd = open(lock_file, O_RDWR | O_CLOEXEC);
  MUST_BE(fd >= 0 && fcntl(fd, F_GETLK, &first) == 0 && fcntl(fd, F_GETLK, &own) == 0);
  if (first.l_type == F_UNLCK || own.l_type == F_UNLCK || own.l_pid != parent)
    die("the parent has lost its locks of the store");
  MUST(hf_lock_look(process_lock, &held, NULL, 0, &err));
  if (!held) die("the parent has lost its process lock");
  _exit(0);
}

static void end_well(pid_t pid, bool may_be_killed, const char *who) {
  int status;
  if (waitpid(pid, &status, 0) != pid) die("%s: %s", who, strerror(errno));
  if (status && !(may_be_killed && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
    die("%s ended with status %d%s", who, status,
        WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? ": it would have waited for ever" : "");
}

static uint64_t next(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

static void fork_once(long number, uint64_t *random) {
  hf_error err;
  const hf_entry *entry;
  uint64_t kind = next(random) % 3, how = next(random);
  MUST(hf_iter_open(had.p, NULL, &had.iter, &err));
  MUST(hf_iter_next(had.iter, &entry, &err));
  had.txn = NULL;
  if (kind) MUST(hf_txn_begin(kind == 1 ? HF_TXN_WRITE : HF_TXN_READ, &had.txn, &err));
  if (kind == 1) MUST(hf_persist_write(had.p, hf_text("a"), hf_text("2"), NULL, NULL, &err));
  if (kind == 2) MUST(hf_persist_has(had.p, hf_text("a"), &(bool){false}, &err));
  pid_t child = fork();
  if (child == 0) live(number, how);
  MUST_BE(child > 0);
  if (had.txn) MUST(hf_txn_commit(had.txn, &err)); /* the child waits for it where that has the writer's lock */
  end_well(child, true, "a child");
  MUST(hf_iter_next(had.iter, &entry, &err));
  hf_iter_close(had.iter);
  MUST(hf_lock_check(had.lock, &err));
  pid_t parent = getpid(), other = fork();
  if (other == 0) see_locks(parent);
  end_well(other, false, "who looks");
  pause_us((long)(next(random) % 3000));
}

static void count_all(long children) {
  hf_error err;
  hf_persist *p;
  uint64_t n;
  long expected = 1;
  for (int w = 0; w < WRITERS; w++) expected += atomic_load(&written[w]);
  MUST(hf_persist_count(had.p, &n, &err));
  if ((long)n != expected) die("%lld entities, and %ld were acknowledged", (long long)n, expected);
  MUST(hf_persist_open(hf_text("children"), base, NULL, &p, &err));
  MUST(hf_persist_count(p, &n, &err));
  if ((long)n != children) die("%lld of children, and there were %ld", (long long)n, children);
  hf_persist_close(p);
}

static void lose_locks(void) {
  int fd = open(lock_file, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) close(fd);
}

static const char script[] =
    "local holdfast = require 'holdfast'\n"
    "function before_fork(base) BASE = base; store = holdfast.PersistBase('lua', base); store:writeValue('a', 1) end\n"
    "function after_fork()\n"
    "  local ok, err = pcall(store.readValue, store, 'a')\n"
    "  assert(not ok and err.code == 'closed', tostring(err))\n"
    "  local mine = holdfast.PersistBase('lua', BASE)\n"
    "  holdfast.transaction(function() mine:writeValue('b', 2) end)\n"
    "  for v in mine:filter(function(v) return v == 1 end) do assert(v == 1) end\n"
    "end\n";

static void open_all(const char *directory) {
  hf_error err;
  char args[2300];
  snprintf(base, sizeof base, "lmdb:%s/store?durability=nosync", directory);
  snprintf(lock_file, sizeof lock_file, "%s/store/lock.mdb", directory);
  snprintf(process_lock, sizeof process_lock, "%s/.lease/parent.lock", directory);
  MUST(hf_persist_open(hf_text("signal"), base, NULL, &had.p, &err));
  MUST(hf_persist_write(had.p, hf_text("a"), hf_text("1"), NULL, NULL, &err));
  MUST(hf_store_open(base, NULL, &had.store, &err));
  MUST(hf_lock_acquire(process_lock, "the parent", 0, &had.lock, &err));
  MUST(hf_runtime_open(&had.runtime, &err));
  MUST(hf_runtime_run_text(had.runtime, hf_text(script), "=fork", &err));
  snprintf(args, sizeof args, "[\"%s\"]", base);
  MUST(hf_runtime_call(had.runtime, "before_fork", hf_text(args), NULL, &err));
}

int main(int argc, char **argv) {
  if (argc < 4) return fprintf(stderr, "usage: see the head of fork.c\n"), 2;
  uint64_t random = strtoull(argv[2], NULL, 10);
  long children = strtol(argv[3], NULL, 10);
  children_run_lua = random % 2;
  pthread_t threads[WRITERS + 2];
  alarm(LIFE_S);
  mkdir(argv[1], 0777);
  open_all(argv[1]);
  for (long w = 0; w < WRITERS; w++) pthread_create(&threads[w], NULL, write_on, (void *)(intptr_t)w);
  pthread_create(&threads[WRITERS], NULL, read_on, NULL);
  pthread_create(&threads[WRITERS + 1], NULL, come_and_go, argv[1]);
  int64_t began = now_ms();
  for (long i = 0; i < children; i++) {
    if (getenv("HOLDFAST_PLANT") && i == children / 2) lose_locks();
    fork_once(i, &random);
  }
  atomic_store(&stop, true);
  for (int i = 0; i < WRITERS + 2; i++) pthread_join(threads[i], NULL);
  count_all(children);
  fprintf(stderr, "%lld ms\n", (long long)(now_ms() - began));
  printf("%ld %ld\n", children, atomic_load(&commits));
  return 0;
}
