/* SPDX-License-Identifier: MIT
 *
 * Processes that stop (SIGSTOP) in the worst places, while others work; then they go on, or are killed.
 *
 *   stopped reader DIRECTORY limit|grow   in a snapshot, while others write
 *   stopped writer DIRECTORY              in a transaction, with the writer's lock
 *   stopped lock DIRECTORY                with a process lock
 *   stopped opener DIRECTORY              as the first that opens the store, before LMDB has made its lock file
 *
 * Fails with a sentence, or prints how many stops there were.  This process itself opens nothing: what is done to a
 * store is done in children.  With HOLDFAST_PLANT set, what the stopped one holds is not there: that must be found.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "holdfast/holdfast.h"

enum { IDS = 60, SIZE = 3000, LIMIT = 1 << 20, LIFE_S = 60, SOON_MS = 10000, A_WHILE_MS = 150 };

static struct {
  volatile int written, looks; /* by children, as they go */
  char text[1200];             /* what one of them has to say */
} * shared;
static char base[2200], folder[2000];
static bool plant;
static int stops;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fputs("stopped: ", stderr);
  vfprintf(stderr, format, args);
  fputs("\n", stderr);
  exit(1);
}

#define MUST(call)                                                                                                     \
  do {                                                                                                                 \
    if (call) die("line %d: %s: %s", __LINE__, hf_status_name(err.status), err.message);                               \
  } while (0)

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(int ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL); }

/* ---- processes */

static pid_t begin(void (*body)(void)) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing stays, stopped or not */
  alarm(LIFE_S);
  body();
  exit(0);
}

static void end_well(pid_t pid, const char *who) {
  int status;
  if (waitpid(pid, &status, 0) != pid || status) die("%s ended with status %d", who, status);
}

static void run(void (*body)(void), const char *who) { end_well(begin(body), who); }

static void wait_until_stopped(pid_t pid, const char *who) {
  int status;
  if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status)) die("%s did not stop, but %d", who, status);
  stops++;
}

static void kill_stopped(pid_t pid) {
  int status;
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
}

static void wait_for(volatile int *what, const char *who) {
  for (int64_t since = now_ms(); !*what; pause_ms(1))
    if (now_ms() - since > SOON_MS) die("%s does not get through", who);
}

static hf_persist *open_store(void) {
  hf_error err;
  hf_persist *p;
  MUST(hf_persist_open(hf_text("signal"), base, NULL, &p, &err));
  MUST(hf_persist_init(p, &err));
  return p;
}

static long long file_size(void) {
  char path[2100];
  struct stat st;
  snprintf(path, sizeof path, "%s/store/data.mdb", folder);
  return stat(path, &st) ? -1 : (long long)st.st_size;
}

/* ---- a reader */

static const char *value(int generation, int id) {
  static char text[SIZE + 64];
  int n = snprintf(text, sizeof text, "[%d,%d,\"", generation, id);
  memset(text + n, 'a' + id % 26, SIZE);
  memcpy(text + n + SIZE, "\"]", 3);
  return text;
}

static const char *name(int id) {
  static char text[16];
  snprintf(text, sizeof text, "%d", id);
  return text;
}

static void fill(void) {
  hf_error err;
  hf_persist *p = open_store();
  for (int i = 0; i < IDS; i++) MUST(hf_persist_write(p, hf_text(name(i)), hf_text(value(0, i)), NULL, NULL, &err));
  hf_persist_close(p);
}

/* Every entity as it was in the beginning. */
static void must_be_first(hf_persist *p) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  for (int i = 0; i < IDS; i++) {
    MUST(hf_persist_read(p, hf_text(name(i)), &json, NULL, &err));
    if (strcmp(json.data, value(0, i)) != 0) die("the snapshot has lost %d, which is now %.20s", i, json.data);
  }
  hf_buffer_free(&json);
}

/* Reads in a snapshot, stops, and reads on when it is let. */
static void read_and_stop(void) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_store();
  MUST(hf_txn_begin(HF_TXN_READ, &txn, &err));
  must_be_first(p);
  if (plant) hf_txn_abort(txn);
  raise(SIGSTOP);
  must_be_first(p);
  shared->looks = 1;
  raise(SIGSTOP);
  die("it was to be killed");
}

/* Writes everything, again and again, until the store is full or `most` were written. */
static void overwrite(int most) {
  hf_error err;
  hf_persist *p = open_store();
  for (int i = 0; i < most; i++) {
    hf_status status =
        hf_persist_write(p, hf_text(name(i % IDS)), hf_text(value(1 + i / IDS, i % IDS)), NULL, NULL, &err);
    if (status == HF_FULL) {
      snprintf(shared->text, sizeof shared->text, "%s", err.message);
      break;
    }
    MUST(status);
    shared->written = i + 1;
  }
  hf_persist_close(p);
}

static void overwrite_some(void) { overwrite(2000); }
static void overwrite_many(void) { overwrite(6000); }

/* At the limit: others are told who is in the way, can read and delete, and the transaction says it too. */
static void be_full(void) {
  hf_error err;
  hf_txn *txn;
  bool found;
  hf_persist *p = open_store();
  MUST(hf_persist_has(p, hf_text("1"), &found, &err));
  MUST(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  hf_status status = HF_OK;
  for (int i = 0; i < IDS && !status; i++)
    status = hf_persist_write(p, hf_text(name(i)), hf_text(value(9, i)), NULL, NULL, &err);
  hf_txn_abort(txn);
  if (status != HF_FULL) die("a transaction in a full store: %s", hf_status_name(status));
  if (!strstr(err.message, "has a snapshot of commit")) die("a transaction in a full store: %s", err.message);
  MUST(hf_persist_remove(p, hf_text("1"), &err));
  MUST(hf_persist_has(p, hf_text("1"), &found, &err));
  if (found) die("what was removed is there");
  hf_persist_close(p);
}

/* That the stopped one is named, and that the file has kept its limit. */
static void check_full(pid_t reader) {
  char who[40];
  snprintf(who, sizeof who, "process %ld (", (long)reader);
  if (!*shared->text) die("%d overwrites beside a stopped reader, and it was never full", shared->written);
  if (!strstr(shared->text, who) || !strstr(shared->text, "has a snapshot of commit")) die("full: %s", shared->text);
  if (file_size() > LIMIT) die("the file has %lld bytes, beyond its limit", file_size());
  run(be_full, "who meets a full store");
}

static void stopped_reader(bool limited) {
  snprintf(base, sizeof base, "lmdb:%s/store?durability=nosync%s", folder, limited ? "&maxsize=1m" : "");
  run(fill, "who fills it");
  pid_t reader = begin(read_and_stop);
  wait_until_stopped(reader, "the reader");
  long long before = file_size();
  run(overwrite_some, "who writes");
  if (limited)
    check_full(reader);
  else if (file_size() < 4 * before)
    die("a stopped reader, and the file has %lld bytes: is it held?", file_size());
  kill(reader, SIGCONT);
  wait_until_stopped(reader, "the reader, which was to find its snapshot,");
  if (!shared->looks) die("the reader did not look");
  kill_stopped(reader);
  long long held = file_size();
  shared->text[0] = '\0';
  run(overwrite_many, "who writes after its kill");
  if (*shared->text) die("its room was not given back: %s", shared->text);
  if (file_size() > held + held / 4) die("after its kill the file has grown from %lld to %lld", held, file_size());
}

/* ---- a writer */

static void hold_transaction(void) {
  hf_error err;
  hf_txn *txn;
  hf_persist *p = open_store();
  MUST(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  MUST(hf_persist_write(p, hf_text("held"), hf_text("1"), NULL, NULL, &err));
  if (plant) MUST(hf_txn_commit(txn, &err));
  raise(SIGSTOP);
  MUST(hf_txn_commit(txn, &err));
  hf_persist_close(p);
}

static void write_other(void) {
  hf_error err;
  hf_persist *p = open_store();
  shared->looks = 1;
  MUST(hf_persist_write(p, hf_text("other"), hf_text("2"), NULL, NULL, &err));
  shared->written = 1;
  hf_persist_close(p);
}

static bool has(hf_persist *p, const char *id) {
  hf_error err;
  bool found;
  MUST(hf_persist_has(p, hf_text(id), &found, &err));
  return found;
}

static void read_before(void) {
  hf_error err;
  uint64_t n;
  hf_persist *p = open_store();
  MUST(hf_persist_count(p, &n, &err));
  if (n != IDS || has(p, "held")) die("%d entities: a reader sees what was not committed", (int)n);
  must_be_first(p);
  hf_persist_close(p);
}

static void find_both(void) {
  hf_persist *p = open_store();
  if (!has(p, "held") || !has(p, "other")) die("a commit is missing");
  hf_persist_close(p);
}

static void find_other(void) {
  hf_persist *p = open_store();
  if (has(p, "held") || !has(p, "other")) die("what a killed transaction wrote is there, or another's is not");
  hf_persist_close(p);
}

static void stopped_writer(bool killed) {
  snprintf(base, sizeof base, "lmdb:%s/store-%d", folder, killed);
  shared->written = shared->looks = 0;
  run(fill, "who fills it");
  pid_t writer = begin(hold_transaction);
  wait_until_stopped(writer, "the writer");
  run(read_before, "who opens and reads beside a stopped writer");
  pid_t other = begin(write_other);
  wait_for(&shared->looks, "who opens beside a stopped writer");
  pause_ms(A_WHILE_MS);
  if (shared->written) die("two had the writer's lock");
  run(read_before, "who reads while two want to write");
  if (killed)
    kill_stopped(writer);
  else
    kill(writer, SIGCONT);
  wait_for(&shared->written, "who waited for the writer");
  end_well(other, "the other writer");
  if (!killed) end_well(writer, "the writer");
  run(killed ? find_other : find_both, "who looks afterwards");
}

/* ---- a process lock */

static char lock_path[2100];

static void hold_lock(void) {
  hf_error err;
  hf_lock *lock;
  MUST(hf_lock_acquire(lock_path, "the live host", 0, &lock, &err));
  if (plant) hf_lock_release(lock);
  raise(SIGSTOP);
  MUST(hf_lock_check(lock, &err));
  raise(SIGSTOP);
}

static void be_refused(void) {
  hf_error err;
  hf_lock *lock;
  bool held;
  char holder[512];
  for (unsigned timeout = 0; timeout <= A_WHILE_MS; timeout += A_WHILE_MS) {
    int64_t since = now_ms();
    if (hf_lock_acquire(lock_path, "another host", timeout, &lock, &err) != HF_BUSY) die("a second one got the lock");
    int64_t took = now_ms() - since;
    if (took < timeout || took > SOON_MS) die("it waited for %d ms", (int)took);
    if (!strstr(err.message, "the live host")) die("it does not say who holds it: %s", err.message);
  }
  MUST(hf_lock_look(lock_path, &held, holder, sizeof holder, &err));
  if (!held || !strstr(holder, "the live host")) die("looking: %s", holder);
}

static void get_lock(void) {
  hf_error err;
  hf_lock *lock;
  MUST(hf_lock_acquire(lock_path, "the next host", 0, &lock, &err));
  hf_lock_release(lock);
}

static void stopped_holder(void) {
  snprintf(lock_path, sizeof lock_path, "%s/.lease/host.lock", folder);
  pid_t holder = begin(hold_lock);
  wait_until_stopped(holder, "the holder");
  run(be_refused, "who wants the lock of a stopped process");
  kill(holder, SIGCONT);
  wait_until_stopped(holder, "the holder, which was to find its lock,");
  run(be_refused, "who wants it again");
  kill_stopped(holder);
  run(get_lock, "who comes after its kill");
}

/* ---- the first that opens */

/* As far as LMDB comes: the file is there, without content, and its first byte is locked. */
static void begin_lock_file(void) {
  char path[2100];
  snprintf(path, sizeof path, "%s/store/lock.mdb", folder);
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  if (fd < 0 || (!plant && fcntl(fd, F_SETLK, &first))) die("cannot lock the lock file");
  snprintf(path, sizeof path, "%s/store/data.mdb", folder);
  if (open(path, O_RDWR | O_CLOEXEC) < 0) die("cannot open the data file"); /* as who has the store open */
  raise(SIGSTOP);
}

static void open_and_read(void) {
  hf_persist *p = open_store();
  must_be_first(p);
  shared->written++;
  hf_persist_close(p);
}

static void check_and_read(void) {
  hf_error err;
  hf_check_report report = {0};
  MUST(hf_store_check(base, NULL, NULL, NULL, &report, &err));
  if (report.damaged || !report.pages) die("a check found %d damaged", (int)report.damaged);
  shared->written++;
}

static void stopped_opener(void) {
  enum { OTHERS = 4 };
  pid_t others[OTHERS];
  snprintf(base, sizeof base, "lmdb:%s/store", folder);
  run(fill, "who fills it");
  pid_t opener = begin(begin_lock_file);
  wait_until_stopped(opener, "the opener");
  for (int i = 0; i < OTHERS; i++) others[i] = begin(i % 2 ? check_and_read : open_and_read);
  pause_ms(2 * A_WHILE_MS);
  if (plant) wait_for(&shared->written, "who is not kept waiting");
  if (shared->written) die("others did not wait for who opens the store first");
  kill_stopped(opener);
  for (int i = 0; i < OTHERS; i++) end_well(others[i], "who waited for the opener");
}

int main(int argc, char **argv) {
  if (argc < 3) return fprintf(stderr, "usage: see the head of stopped.c\n"), 2;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  plant = getenv("HOLDFAST_PLANT") != NULL;
  snprintf(folder, sizeof folder, "%s", argv[2]);
  mkdir(folder, 0777);
  if (strcmp(argv[1], "reader") == 0) stopped_reader(argc > 3 && strcmp(argv[3], "limit") == 0);
  if (strcmp(argv[1], "writer") == 0)
    for (int killed = 0; killed < 2; killed++) stopped_writer(killed);
  if (strcmp(argv[1], "lock") == 0) stopped_holder();
  if (strcmp(argv[1], "opener") == 0) stopped_opener();
  printf("%d\n", stops);
  return 0;
}
