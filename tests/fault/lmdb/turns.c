/* SPDX-License-Identifier: MIT
 *
 * Processes that write to one store, and have to wait for each other: used by turns_test.sh.
 *
 *   turns BASE beside KIND PROCESSES THREADS ROUNDS
 *       Processes write all the time, with so many threads each: single writes, or explicit transactions of
 *       three, or slow ones, which take more than a millisecond.
 *       In each round one of them holds the writer's lock until another process says in the lock file that it waits,
 *       and then goes on.  Prints how many commits came before the one of that, at most and in the middle.
 *
 *   turns BASE left kill|stop
 *       A process that waits is killed, or stopped, and another one goes on.  Prints how long the longest write of
 *       that took, in ms.
 *
 *   turns BASE lost commit|abort|kill
 *       A process sleeps until LMDB's writer lock is free, and whoever lets that go next does not know, as after the
 *       death of another one that was woken for it.  Then a transaction is committed, undone or killed, and no other
 *       follows.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "holdfast/backend.h"
#include "holdfast/holdfast.h"

enum { WAITING_AT = 64 * 254 + 24, PLACES = 10 }; /* lock_room.c: where the lock file has who waits */
enum { WRITER_AT = 64 };                          /* and LMDB's writer lock: its futex */
enum { IDS = 1000, SECONDS_MAX = 200, THREADS_MOST = 64, PROCESSES_MOST = 16 };

/* What all processes see. */
struct board {
  _Atomic int ready;     /* processes that write all the time, and have begun */
  _Atomic int step;      /* of what follows: how far it has come */
  _Atomic uint64_t held; /* the commit that was held back until another process waited */
  _Atomic bool stop;
};

static struct board *board;
static const char *base, *kind;
static int processes; /* that write all the time */
static char document[400];

static void expect(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "FAIL %s\n", what);
  exit(1);
}

static void check(hf_status status, const hf_error *err, const char *what) {
  if (status == HF_OK) return;
  fprintf(stderr, "FAIL %s: %s: %s\n", what, hf_status_name(status), err->message);
  exit(1);
}

static hf_persist *open_entity(void) {
  hf_persist *p;
  hf_error err;
  check(hf_persist_open(hf_text("signal"), base, NULL, &p, &err), &err, "open");
  check(hf_persist_init(p, &err), &err, "init");
  return p;
}

static uint64_t write_one(hf_persist *p, unsigned number) {
  char id[32];
  hf_info info;
  hf_error err;
  hf_slice text = {document, sizeof document};
  snprintf(id, sizeof id, "signal-%u", number % IDS);
  check(hf_persist_write(p, hf_text(id), text, NULL, &info, &err), &err, "write");
  return info.revision;
}

/* ---- processes, and how far they have come */

static void wait_for_step(int step) {
  while (atomic_load(&board->step) < step) usleep(200);
}

/* A process with what it does, which does not come back. */
static pid_t start(void (*work)(unsigned, unsigned), unsigned first, unsigned second) {
  pid_t pid = fork();
  expect(pid >= 0, "no process can be made");
  if (pid > 0) return pid;
  alarm(SECONDS_MAX);
  work(first, second);
  exit(0);
}

static bool ended_well(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return false;
  return status == 0;
}

/* The lock file.  Only for a process that has no store open: see lock_room.h. */
static int open_lock(void) {
  char path[4096];
  const char *dir = base + strlen("lmdb:");
  snprintf(path, sizeof path, "%.*s/lock.mdb", (int)strcspn(dir, "?"), dir);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  expect(fd >= 0, "there is no lock file");
  return fd;
}

/* Whether the lock file says that a process waits; 0: any. */
static bool is_waiting(int lock, pid_t process) {
  uint32_t words[PLACES];
  bool found = false;
  expect(pread(lock, words, sizeof words, WAITING_AT) == (ssize_t)sizeof words, "the lock file has no room");
  for (int i = 0; i < PLACES; i++) found |= process ? (words[i] & 0x3fffff) == (uint32_t)process : words[i] != 0;
  return found;
}

static void wait_until_waiting(int lock, pid_t process) {
  for (int i = 0; i < 20000 && !is_waiting(lock, process); i++) usleep(500);
  expect(is_waiting(lock, process), "the lock file does not say who waits");
}

/* Holds the writer's lock until the step after this one. */
static void hold(hf_persist *p, int step) {
  hf_txn *txn;
  hf_error err;
  check(hf_txn_begin(HF_TXN_WRITE, &txn, &err), &err, "begin");
  atomic_store(&board->held, write_one(p, 1));
  atomic_store(&board->step, step);
  wait_for_step(step + 1);
  check(hf_txn_commit(txn, &err), &err, "commit");
}

/* ---- those that write all the time, and the one that waits for them.  The steps of round n: 3n + 1, the lock is held;
 * 3n + 2, somebody waits; 3n + 3, that one has written. */

static void write_explicit(hf_persist *p, unsigned number) {
  hf_txn *txn;
  hf_error err;
  check(hf_txn_begin(HF_TXN_WRITE, &txn, &err), &err, "begin");
  for (unsigned i = 0; i < 3; i++) write_one(p, number + i);
  if (strcmp(kind, "slow") == 0) usleep(1000);
  check(hf_txn_commit(txn, &err), &err, "commit");
}

static void write_something(hf_persist *p, unsigned number) {
  if (strcmp(kind, "single") == 0)
    write_one(p, number);
  else
    write_explicit(p, number);
}

static void *write_all_the_time(void *arg) {
  hf_persist *p = open_entity();
  unsigned number = (unsigned)(uintptr_t)arg;
  while (!atomic_load(&board->stop)) write_something(p, number += 7);
  hf_persist_close(p);
  return NULL;
}

static void be_busy(unsigned threads, unsigned rounds) {
  pthread_t all[THREADS_MOST];
  hf_persist *p = open_entity();
  for (unsigned i = 1; i < threads; i++)
    expect(!pthread_create(&all[i], NULL, write_all_the_time, (void *)(uintptr_t)(i * 97)), "no thread can be made");
  write_something(p, 0);
  atomic_fetch_add(&board->ready, 1);
  while (atomic_load(&board->ready) < processes) write_something(p, 0);
  for (int round = 0; round < (int)rounds; round++) {
    while (atomic_load(&board->step) < 3 * round) write_something(p, (unsigned)round);
    hold(p, 3 * round + 1);
  }
  while (!atomic_load(&board->stop)) write_something(p, 1);
  for (unsigned i = 1; i < threads; i++) pthread_join(all[i], NULL);
  hf_persist_close(p);
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void be_alone(unsigned rounds, unsigned unused) {
  uint64_t *between = calloc(rounds, sizeof *between);
  (void)unused;
  expect(between != NULL, "no memory");
  wait_for_step(1);
  hf_persist *p = open_entity();
  for (int round = 0; round < (int)rounds; round++) {
    wait_for_step(3 * round + 1);
    between[round] = write_one(p, 2) - atomic_load(&board->held) - 1;
    wait_for_step(3 * round + 2);
    atomic_store(&board->step, 3 * round + 3);
  }
  hf_persist_close(p);
  qsort(between, rounds, sizeof *between, compare);
  printf("%llu %llu\n", (unsigned long long)between[rounds - 1], (unsigned long long)between[rounds / 2]);
  free(between);
}

static int beside(unsigned threads, unsigned rounds) {
  pid_t pids[PROCESSES_MOST], alone;
  for (int i = 0; i < processes; i++) pids[i] = start(be_busy, threads, i == 0 ? rounds : 0);
  alone = start(be_alone, rounds, 0);
  wait_for_step(1);
  int lock = open_lock();
  for (int round = 0; round < (int)rounds; round++) {
    wait_for_step(3 * round + 1);
    wait_until_waiting(lock, alone);
    atomic_store(&board->step, 3 * round + 2);
    wait_for_step(3 * round + 3);
  }
  close(lock);
  atomic_store(&board->stop, true);
  bool well = ended_well(alone);
  for (int i = 0; i < processes; i++) well &= ended_well(pids[i]);
  expect(well, "a process has failed");
  return 0;
}

/* ---- one that waits and does not come */

enum { HELD = 1, WAITING, WENT_ON, WRITES_AFTER = 300 };

static void be_holder(unsigned unused, unsigned unused_too) {
  int64_t longest = 0;
  (void)unused, (void)unused_too;
  hf_persist *p = open_entity();
  hold(p, HELD);
  for (unsigned i = 0; i < WRITES_AFTER; i++) {
    int64_t begun = hf_clock_ns();
    write_one(p, i);
    if (hf_clock_ns() - begun > longest) longest = hf_clock_ns() - begun;
  }
  printf("%lld\n", (long long)longest / 1000000);
  hf_persist_close(p);
  atomic_store(&board->step, WENT_ON);
}

static void be_waiter(unsigned unused, unsigned unused_too) {
  (void)unused, (void)unused_too;
  wait_for_step(HELD);
  hf_persist *p = open_entity();
  write_one(p, 2);
  hf_persist_close(p);
}

static int left(bool kills) {
  pid_t holder = start(be_holder, 0, 0), waiter = start(be_waiter, 0, 0);
  wait_for_step(HELD);
  int lock = open_lock();
  wait_until_waiting(lock, waiter);
  kill(waiter, kills ? SIGKILL : SIGSTOP);
  waitpid(waiter, NULL, kills ? 0 : WUNTRACED);
  atomic_store(&board->step, WAITING);
  wait_for_step(WENT_ON);
  expect(ended_well(holder), "the process that went on has failed");
  expect(!is_waiting(lock, 0), "it still says that the other one waits");
  close(lock);
  if (kills) return 0;
  kill(waiter, SIGCONT);
  expect(ended_well(waiter), "the process that was stopped has failed");
  return 0;
}

/* ---- one that sleeps, and whom nobody knows of */

enum { OPEN = 1, BEGINS, WRITTEN, GOES_ON, SERVED, SERVED_SECONDS = 20 };

static void be_sleeper(unsigned unused, unsigned unused_too) {
  (void)unused, (void)unused_too;
  hf_persist *p = open_entity();
  atomic_fetch_add(&board->ready, 1);
  wait_for_step(OPEN);
  write_one(p, 1);
  atomic_store(&board->step, SERVED);
  hf_persist_close(p);
}

static void be_last(unsigned unused, unsigned unused_too) {
  hf_txn *txn;
  hf_error err;
  (void)unused, (void)unused_too;
  hf_persist *p = open_entity();
  atomic_fetch_add(&board->ready, 1);
  wait_for_step(BEGINS);
  check(hf_txn_begin(HF_TXN_WRITE, &txn, &err), &err, "begin");
  write_one(p, 2);
  atomic_store(&board->step, WRITTEN);
  wait_for_step(GOES_ON);
  if (strcmp(kind, "abort") == 0)
    hf_txn_abort(txn);
  else
    check(hf_txn_commit(txn, &err), &err, "commit");
  wait_for_step(SERVED);
  hf_persist_close(p);
}

/* Whether a process sleeps in a system call. */
static bool is_asleep(pid_t process) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", process);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  const char *state = strrchr(text, ')');
  return state && strncmp(state, ") S", 3) == 0;
}

/* The lock is held by this process, in name, until the other one sleeps, and then free, and nobody is woken. */
static void lose_sleeper(int lock, pid_t sleeper) {
  _Atomic uint32_t *writer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, lock, 0);
  uint32_t free_word = 0;
  expect(writer != MAP_FAILED, "no memory");
  writer += WRITER_AT / sizeof *writer;
  expect(atomic_compare_exchange_strong(writer, &free_word, (uint32_t)getpid()), "somebody else has the lock");
  atomic_store(&board->step, OPEN);
  wait_until_waiting(lock, sleeper);
  for (int i = 0; i < 20000 && !(atomic_load(writer) & FUTEX_WAITERS && is_asleep(sleeper)); i++) usleep(500);
  expect(atomic_load(writer) == ((uint32_t)getpid() | FUTEX_WAITERS), "the other process does not sleep");
  atomic_store(writer, 0);
}

static int lost(void) {
  pid_t last = start(be_last, 0, 0), sleeper = start(be_sleeper, 0, 0);
  while (atomic_load(&board->ready) < 2) usleep(200);
  int lock = open_lock();
  lose_sleeper(lock, sleeper);
  atomic_store(&board->step, BEGINS);
  wait_for_step(WRITTEN);
  expect(is_waiting(lock, sleeper), "nobody sleeps");
  bool kills = strcmp(kind, "kill") == 0;
  if (kills)
    kill(last, SIGKILL), waitpid(last, NULL, 0);
  else
    atomic_store(&board->step, GOES_ON);
  for (int i = 0; i < SERVED_SECONDS * 1000 && atomic_load(&board->step) < SERVED; i++) usleep(1000);
  bool served = atomic_load(&board->step) == SERVED;
  if (!served) kill(sleeper, SIGKILL), kill(last, SIGKILL);
  expect(served, "a process sleeps on, though the lock is free");
  expect(ended_well(sleeper) && (kills || ended_well(last)), "a process has failed");
  close(lock);
  return 0;
}

int main(int argc, char **argv) {
  bool is_left = argc == 4 && strcmp(argv[2], "left") == 0, is_lost = argc == 4 && strcmp(argv[2], "lost") == 0;
  if (!is_left && !is_lost && argc != 7) return fputs("usage: see the head of turns.c\n", stderr), 2;
  base = argv[1];
  kind = argv[3];
  alarm(SECONDS_MAX); /* whatever goes wrong, nothing stays */
  board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  expect(board != MAP_FAILED, "no memory");
  memset(document, ' ', sizeof document);
  memcpy(document, "{}", 2);
  if (is_lost) return lost();
  if (is_left) return left(strcmp(kind, "kill") == 0);
  processes = atoi(argv[4]);
  unsigned threads = (unsigned)atoi(argv[5]), rounds = (unsigned)atoi(argv[6]);
  if (processes > PROCESSES_MOST || threads > THREADS_MOST || processes < 1 || !threads || !rounds) return 2;
  return beside(threads, rounds);
}
