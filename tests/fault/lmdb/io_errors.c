/* SPDX-License-Identifier: MIT
 *
 * What becomes of a store when the operating system refuses: used by
 * full_disk_test.sh and io_error_test.sh.
 *
 *   io_errors full DIRECTORY   DIRECTORY is a small filesystem of its own, which is filled up
 *   io_errors limit DIRECTORY  the size of files is limited (RLIMIT_FSIZE)
 *   io_errors inject DIRECTORY single operations fail, by iorecord_preload.c
 *
 * Each refused write must say why, change nothing, leave the store readable, and not
 * be in the way of the next one once there is room: without closing or reopening.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fault/iorecord.h"
#include "fault/lmdb/ledger.h"

enum { GROWN_MAX = 10000, OPERATIONS_MAX = 200, BALLAST = 1 << 17 };

static char why[4096];

#define CHECK(condition, ...)                                                                                          \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "FAIL %s:%d: ", __FILE__, __LINE__);                                                             \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fprintf(stderr, "\n");                                                                                           \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static const char *text_of(const hf_error *err) {
  static char text[4400];
  snprintf(text, sizeof text, "%s: %s (%s)", hf_status_name(err->status), err->message, err->cause);
  return text;
}

/* The store has exactly what `step` steps made, through handles that are open already. */
static void check_content(struct ledger *ledger, uint64_t step, const char *when) {
  uint64_t found;
  CHECK(ledger_judge(ledger, step, step, &found, why, sizeof why), "%s: %s", when, why);
}

/* The same from scratch, in a process that has it closed; also verifies and writes. */
static void check_reopened(const char *base, uint64_t step, const char *when) {
  uint64_t found;
  CHECK(ledger_check(base, step, step, &found, why, sizeof why), "%s: %s", when, why);
}

static void open_ledger(const char *base, struct ledger *ledger) {
  hf_error err;
  CHECK(ledger_open(base, ledger, &err) == HF_OK, "open: %s", text_of(&err));
}

/* Writes entities that are never removed, into a collection of their own, until one does not fit any more.  Those
 * that fitted must be there, as often as this is called. */
static void grow_until_failure(const char *base, hf_status expected, const char *when) {
  static uint64_t grown;
  static char json[3000];
  hf_persist *p;
  hf_error err;
  uint64_t count;
  hf_status status;
  memset(json, '9', sizeof json);
  CHECK(hf_persist_open(hf_text("growth"), base, NULL, &p, &err) == HF_OK, "%s: %s", when, text_of(&err));
  for (;; grown++) {
    char id[32];
    hf_slice key = {id, (size_t)snprintf(id, sizeof id, "%llu", (unsigned long long)grown)};
    if ((status = hf_persist_write(p, key, (hf_slice){json, sizeof json}, NULL, NULL, &err)) != HF_OK) break;
    CHECK(grown < GROWN_MAX, "%s: no write ever failed", when);
  }
  CHECK(status == expected, "%s: %s", when, text_of(&err));
  CHECK(hf_persist_count(p, &count, &err) == HF_OK && count == grown, "%s: %llu of %llu entities", when,
        (unsigned long long)count, (unsigned long long)grown);
  hf_persist_close(p);
}

/* Steps while there is no room: each may succeed, in pages that are free, or is refused.  Returns the last one done. */
static uint64_t try_some(struct ledger *ledger, uint64_t step, int *refused, const char *when) {
  hf_error err;
  for (int i = 0; i < 20; i++) {
    hf_status status = ledger_commit(ledger, step + 1, &err);
    CHECK(status == HF_OK || status == HF_FULL, "%s: %s", when, text_of(&err));
    if (status == HF_OK)
      step++;
    else
      ++*refused;
    check_content(ledger, step, when);
  }
  return step;
}

/* A batch that fails as a whole: many entities of a size that does not fit any more. */
static void check_batch_fails(struct ledger *ledger, hf_status expected, const char *when) {
  static char json[1 << 16];
  char ids[64][32];
  hf_item items[64];
  hf_error err;
  memset(json, ' ', sizeof json);
  memcpy(json, "{\"step\":0", 9);
  json[sizeof json - 1] = '}';
  for (unsigned i = 0; i < 64; i++) items[i] = (hf_item){.id = ledger_id(i, ids[i]), .json = {json, sizeof json}};
  hf_status status = hf_persist_write_many(ledger->types[0], items, 64, &err);
  CHECK(status == expected, "%s: a batch gives %s", when, status ? text_of(&err) : "ok");
}

/* Writes on for some steps, which must all succeed. */
static uint64_t commit_some(struct ledger *ledger, uint64_t step, int count, const char *when) {
  hf_error err;
  for (; count; count--) CHECK(ledger_commit(ledger, ++step, &err) == HF_OK, "%s: %s", when, text_of(&err));
  return step;
}

/* What is in a directory beside the lock file, in one line. */
static const char *list(const char *directory) {
  static char line[1024];
  char command[1200];
  snprintf(command, sizeof command, "find '%s' -mindepth 1 ! -name lock.mdb | tr '\\n' ' '", directory);
  FILE *f = popen(command, "r");
  if (!f || !fgets(line, sizeof line, f)) line[0] = '\0';
  if (f) pclose(f);
  return line;
}

/* ---- a full filesystem */

/* Fills what is free, but for some bytes. */
static void fill(const char *path, uint64_t but) {
  static const char block[4096];
  struct statvfs fs;
  int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  CHECK(fd >= 0 && fstatvfs(fd, &fs) == 0, "%s: %s", path, strerror(errno));
  for (uint64_t free = fs.f_bavail * fs.f_bsize; free > but; free -= sizeof block)
    if (write(fd, block, sizeof block) != (ssize_t)sizeof block) break;
  close(fd);
}

static int full(const char *directory) {
  char ballast[512], more[512], store[512], base[600];
  hf_error err;
  struct ledger ledger;
  uint64_t step = 0;
  snprintf(ballast, sizeof ballast, "%s/ballast", directory);
  snprintf(more, sizeof more, "%s/more", directory);
  snprintf(store, sizeof store, "%s/store", directory);
  snprintf(base, sizeof base, "lmdb:%s", store);

  int refused = 0, refused_writes;
  for (uint64_t left = 0; left < 1 << 16; left += 4096) { /* a store needs about 50 kB with its lock file */
    fill(more, left);
    hf_status status = ledger_open(base, &ledger, &err);
    ledger_close(&ledger);
    unlink(more);
    if (status == HF_OK) {
      CHECK(left > 0, "a store can be made without any room");
      break;
    }
    CHECK(status == HF_FULL, "making a store with %llu bytes left: %s", (unsigned long long)left, text_of(&err));
    CHECK(!strstr(list(store), "holdfast-new"), "making a store with %llu bytes left leaves %s",
          (unsigned long long)left, list(store));
    refused++;
  }
  CHECK(refused, "no making of a store was refused");

  fill(ballast, (1 << 20) - BALLAST);
  open_ledger(base, &ledger);
  step = commit_some(&ledger, step, 5, "with room");
  fill(more, BALLAST);
  int rounds = 0;
  for (refused_writes = 0; rounds < 5; rounds++) {
    grow_until_failure(base, HF_FULL, "without room");
    step = try_some(&ledger, step, &refused_writes, "without room");
    check_batch_fails(&ledger, HF_FULL, "without room");
    check_content(&ledger, step, "after the failed batch");
    refused_writes += 2;
    CHECK(truncate(rounds % 2 ? more : ballast, 0) == 0, "make room");
    step = commit_some(&ledger, step, 20, "after room was made");
    check_content(&ledger, step, "after room was made");
    fill(rounds % 2 ? more : ballast, (uint64_t)BALLAST / 4);
  }
  ledger_close(&ledger);
  unlink(ballast);
  unlink(more);
  check_reopened(base, step, "reopened");
  printf(
      "full disk: %d makings refused without a trace; %d writes refused, %llu steps kept, writing went on each time\n",
      refused, refused_writes, (unsigned long long)step);
  return 0;
}

/* ---- a limit on the size of files */

static void limit_files(rlim_t bytes) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0, "getrlimit: %s", strerror(errno));
  limit.rlim_cur = bytes;
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0, "setrlimit: %s", strerror(errno));
}

static int limited(const char *directory) {
  char base[512];
  hf_error err;
  struct ledger ledger;
  uint64_t step = 0;
  snprintf(base, sizeof base, "lmdb:%s/store", directory);
  signal(SIGXFSZ, SIG_IGN); /* as every program must that runs under such a limit */
  limit_files(1 << 12);
  hf_status status = ledger_open(base, &ledger, &err);
  ledger_close(&ledger);
  CHECK(status == HF_FULL, "making a store above the limit: %s", status ? text_of(&err) : "ok");
  limit_files(100000);
  open_ledger(base, &ledger);
  int refused = 1;
  for (int round = 1; round <= 3; round++) {
    grow_until_failure(base, HF_FULL, "above the limit");
    step = try_some(&ledger, step, &refused, "above the limit");
    check_batch_fails(&ledger, HF_FULL, "above the limit");
    check_content(&ledger, step, "after the failed batch");
    refused += 2;
    limit_files(100000 + (rlim_t)round * 400000);
    step = commit_some(&ledger, step, 20, "after the limit was raised");
    check_content(&ledger, step, "after the limit was raised");
  }
  ledger_close(&ledger);
  limit_files(RLIM_INFINITY);
  check_reopened(base, step, "reopened");
  printf("limited file size: refused %d times, %llu steps kept, writing went on each time\n", refused,
         (unsigned long long)step);
  return 0;
}

/* ---- injected errors */

static int injected_creations, injected_writes;

/* Makes each operation of these kinds fail in turn while a store is made; the same process must be able to make it
 * afterwards.  With `optional`, making it may also succeed at once, since not every file is needed. */
static void inject_creation(const char *directory, const char *kinds, bool optional, int error, hf_status expected) {
  for (int nth = 1;; nth++) {
    char store[512], base[600];
    struct ledger ledger;
    hf_error err;
    CHECK(nth < OPERATIONS_MAX, "the making of a store has no end");
    snprintf(store, sizeof store, "%s/create-%s-%d-%d", directory, kinds, error, nth);
    snprintf(base, sizeof base, "lmdb:%s", store);
    iorecord_fail(kinds, nth, error, false);
    hf_status status = ledger_open(base, &ledger, &err);
    bool fired = iorecord_fail("", 0, 0, false);
    ledger_close(&ledger);
    if (!fired) {
      CHECK(status == HF_OK && nth > 3, "making a store without an error: %s", status ? text_of(&err) : "too short");
      return;
    }
    CHECK(status == expected || (optional && status == HF_OK), "making a store, operation %d of %s fails (%s): %s", nth,
          kinds, strerror(error), status ? text_of(&err) : "ok");
    if (status) injected_creations++;
    open_ledger(base, &ledger);
    commit_some(&ledger, 0, 2, "in a store made after an error");
    ledger_close(&ledger);
    check_reopened(base, 2, "a store made after an error");
    CHECK(!strstr(list(store), "holdfast-new"), "operation %d fails, and it leaves %s", nth, list(store));
  }
}

/* Lets an operation of some commits fail in turn. */
static void inject_commits(const char *directory, const char *kind, int error, bool late, hf_status expected) {
  static int stores;
  char base[512];
  struct ledger ledger;
  hf_error err;
  snprintf(base, sizeof base, "lmdb:%s/commit-%d", directory, stores++);
  open_ledger(base, &ledger);
  uint64_t step = commit_some(&ledger, 0, 10, "before an error");
  int fired_count = 0;
  for (int round = 0; round < 30; round++) {
    char when[128];
    snprintf(when, sizeof when, "kind %s, %s%s, round %d", kind, strerror(error), late ? " (late)" : "", round);
    iorecord_fail(kind, 1 + round % 3, error, late);
    hf_status status = ledger_commit(&ledger, step + 1, &err);
    if (!iorecord_fail("", 0, 0, false)) {
      CHECK(status == HF_OK, "%s: %s", when, text_of(&err));
      step++;
      continue;
    }
    fired_count++;
    CHECK(status == expected, "%s: %s", when, status ? text_of(&err) : "ok");
    check_content(&ledger, step, when);
    step = commit_some(&ledger, step, 2, when);
    check_content(&ledger, step, when);
  }
  CHECK(fired_count >= 5, "kind %s: only %d errors", kind, fired_count);
  injected_writes += fired_count;
  ledger_close(&ledger);
  check_reopened(base, step, "reopened after errors");
}

/* Lets each flush of a change of settings fail in turn.  Once it is committed others obey, flushed or not, so the error
 * must not say that nothing happened. */
static void inject_settings(const char *directory, const char *option) {
  char base[512];
  hf_store *store;
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  int unsure = 0;
  snprintf(base, sizeof base, "lmdb:%s/settings%s", directory, option);
  CHECK(hf_store_open(base, NULL, &store, &err) == HF_OK, "%s: %s", option, text_of(&err));
  for (int nth = 1;; nth++) {
    char note[32], expected[64];
    snprintf(note, sizeof note, "change %d", nth);
    snprintf(expected, sizeof expected, "\"note\":\"%s\"", note);
    hf_setting_value v = {.name = "note", .value = note};
    CHECK(nth < OPERATIONS_MAX, "a change of settings has no end");
    iorecord_fail("sm", nth, EIO, false);
    hf_status status = hf_store_settings_set(store, &v, 1, &err);
    bool fired = iorecord_fail("", 0, 0, false);
    CHECK(hf_store_settings_get(store, &json, NULL) == HF_OK, "%s: it cannot be read", note);
    bool is_there = strstr(json.data, expected) != NULL, is_unsure = status && strstr(err.message, "may have happened");
    CHECK(status ? fired && err.status == HF_IO : is_there, "%s: %s", note, status ? text_of(&err) : "it is not there");
    CHECK(!status || !is_there || is_unsure, "%s happened, and the error says: %s", note, text_of(&err));
    unsure += is_unsure;
    injected_writes += fired;
    if (!fired) break;
  }
  CHECK(unsure, "%s: no flush failed after a change was made", option);
  hf_buffer_free(&json);
  hf_store_close(store);
}

static int inject(const char *directory) {
  inject_settings(directory, "");
  inject_settings(directory, "?durability=nometasync");
  inject_settings(directory, "?durability=nosync");
  inject_creation(directory, "wmsdn", false, ENOSPC, HF_FULL);
  inject_creation(directory, "wmsdn", false, EIO, HF_IO);
  inject_creation(directory, "ct", true, ENOSPC, HF_FULL);
  inject_creation(directory, "ct", true, EIO, HF_IO);
  inject_commits(directory, "w", ENOSPC, false, HF_FULL);
  inject_commits(directory, "w", EDQUOT, false, HF_FULL);
  inject_commits(directory, "w", EIO, false, HF_IO);
  inject_commits(directory, "w", EIO, true, HF_IO);
  inject_commits(directory, "m", ENOSPC, false, HF_FULL);
  inject_commits(directory, "m", EIO, false, HF_IO);
  inject_commits(directory, "m", EIO, true, HF_IO);
  inject_commits(directory, "s", EIO, false, HF_IO);
  inject_commits(directory, "s", EIO, true, HF_IO);
  printf("injected errors: %d while making stores, %d while committing: each reported, none left damage, writing went "
         "on\n",
         injected_creations, injected_writes);
  return 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 2 ? argv[1] : "";
  if (strcmp(command, "full") == 0) return full(argv[2]);
  if (strcmp(command, "limit") == 0) return limited(argv[2]);
  if (strcmp(command, "inject") == 0) return inject(argv[2]);
  fprintf(stderr, "usage: see the head of io_errors.c\n");
  return 2;
}
