/* SPDX-License-Identifier: MIT
 *
 * The workload of ledger.h as a program, for tests that kill it or cut its power.
 *
 *   ledger write BASE FIRST [LAST]       carries out steps; a line with its number acknowledges each
 *   ledger check BASE ACKNOWLEDGED BEGUN prints which step's state the store has; fails if it is none of these
 *   ledger hold BASE                     opens the store, says so, and keeps it open until its input ends
 *   ledger readers DIRECTORY             prints how many of LMDB's reader slots belong to dead processes
 */
#include "fault/lmdb/ledger.h"

#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <unistd.h>

#include "fault/iorecord.h"

enum { SECONDS_MAX = 240 };

static int fail(const char *what, const hf_error *err) {
  fprintf(stderr, "ledger: %s: %s: %s (%s)\n", what, hf_status_name(err->status), err->message, err->cause);
  return 1;
}

/* One system call, so that a reader sees the whole line or nothing. */
static void say(const char *prefix, uint64_t step) {
  char line[64];
  int n = snprintf(line, sizeof line, "%s%llu\n", prefix, (unsigned long long)step);
  if (write(STDOUT_FILENO, line, (size_t)n) != n) exit(2);
}

static void mark(const char *what, uint64_t step) {
  char text[64];
  snprintf(text, sizeof text, "%s %llu", what, (unsigned long long)step);
  iorecord_mark(text);
}

static int write_steps(const char *base, uint64_t first, uint64_t last) {
  struct ledger ledger;
  hf_error err;
  if (ledger_open(base, &ledger, &err)) return fail("open", &err);
  mark("done", first - 1);
  for (uint64_t step = first; step <= last; step++) {
    bool found;
    mark("begin", step);
    if (ledger_commit(&ledger, step, &err)) return fail("commit", &err);
    mark("done", step);
    say("", step);
    if (hf_persist_has(ledger.types[0], hf_text("nobody"), &found, &err)) return fail("read", &err);
  }
  ledger_close(&ledger);
  return 0;
}

static int check(const char *base, uint64_t acknowledged, uint64_t begun) {
  char why[4096];
  uint64_t found = 0;
  if (!ledger_check(base, acknowledged, begun, &found, why, sizeof why)) {
    fprintf(stderr, "ledger: %s\n", why);
    return 1;
  }
  say("", found);
  return 0;
}

static int hold(const char *base) {
  struct ledger ledger;
  hf_error err;
  bool found;
  char byte;
  if (ledger_open(base, &ledger, &err) || hf_persist_has(ledger.types[0], hf_text("nobody"), &found, &err))
    return fail("open", &err);
  say("open ", 1);
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  ledger_close(&ledger);
  return 0;
}

/* LMDB's list has a line per slot that begins with the process id; the first line is a heading. */
static int count_dead(const char *line, void *arg) {
  int *dead = arg;
  long pid = strtol(line, NULL, 10);
  if (pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH) ++*dead;
  return 0;
}

static int readers(const char *directory) {
  MDB_env *env;
  int dead = 0;
  int rc = mdb_env_create(&env);
  if (!rc) rc = mdb_env_open(env, directory, MDB_RDONLY, 0);
  if (!rc && mdb_reader_list(env, count_dead, &dead) < 0) rc = EIO;
  mdb_env_close(env);
  if (rc) {
    fprintf(stderr, "ledger: %s: %s\n", directory, mdb_strerror(rc));
    return 1;
  }
  say("", (uint64_t)dead);
  return 0;
}

int main(int argc, char **argv) {
  const char *command = argc > 2 ? argv[1] : "";
  alarm(SECONDS_MAX); /* whatever goes wrong, nothing stays */
  if (strcmp(command, "write") == 0 && argc > 3)
    return write_steps(argv[2], strtoull(argv[3], NULL, 10), argc > 4 ? strtoull(argv[4], NULL, 10) : UINT64_MAX);
  if (strcmp(command, "check") == 0 && argc > 4)
    return check(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
  if (strcmp(command, "hold") == 0) return hold(argv[2]);
  if (strcmp(command, "readers") == 0) return readers(argv[2]);
  fprintf(stderr, "usage: see the head of ledger.c\n");
  return 2;
}
