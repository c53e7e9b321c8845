/* SPDX-License-Identifier: MIT
 *
 * What callers are told of a commit that failed where the headers could not be settled, and which process has left a
 * commit that has not ended.  What is on the disk then is judged by tests/fault/lmdb/failed_flush_test.sh.
 */
#include "../backends/lmdb/failed_flush.h"
#include "../backends/lmdb/page_format.h"
#include "../backends/lmdb/status.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/support.h"

/* No byte of any file can be written: neither the commit's pages, nor a header. */
static void what_cannot_be_settled_is_uncertain(void **state) {
  const struct store *s = *state;
  struct rlimit usual, none;
  hf_error err;
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
  none = (struct rlimit){0, usual.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
  hf_status first = hf_persist_write(p, hf_text("b"), hf_text("2"), NULL, NULL, &err);
  hf_error next;
  hf_status second = hf_persist_write(p, hf_text("c"), hf_text("3"), NULL, NULL, &next);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
  signal(SIGXFSZ, SIG_DFL);
  assert_int_equal(first, HF_IO); /* after HF_FULL nothing was changed, and programs try again */
  assert_int_equal(err.status, HF_IO);
  assert_false(err.retryable);
  CONTAINS(err.message, "; the write may have happened: read it before writing again");
  CONTAINS(err.cause, "(27)"); /* EFBIG */
  assert_int_equal(second, HF_FULL);
  assert_true(next.retryable);
  CONTAINS(next.message, "nothing is written until it does");
  write_text(p, "d", "4");
  bool found;
  OK(hf_persist_has(p, hf_text("c"), &found, &err));
  assert_false(found);
  hf_persist_close(p);
}

static void a_long_message_keeps_that_it_may_have_happened(void **state) {
  static const char end[] = "; the write may have happened: read it before writing again";
  hf_error err;
  (void)state;
  hf_error_set(&err, HF_FULL, "%01200d", 0);
  hf__lmdb_say_uncertain(&err, "write");
  assert_int_equal(strlen(err.message), sizeof err.message - 1);
  assert_string_equal(err.message + sizeof err.message - sizeof end, end);
  for (size_t i = 0; i + 2 < sizeof err.message; i += 2) memcpy(err.message + i, "é", 2);
  err.message[sizeof err.message - 2] = '\0';
  hf__lmdb_say_uncertain(&err, "write");
  assert_int_equal(hf_json_validate(hf_text(text_of("\"%s\"", err.message)), NULL), HF_OK);
  CONTAINS(err.message, end);
}

static pid_t ended_process(void) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  assert_int_equal(waitpid(pid, NULL, 0), pid);
  return pid;
}

static bool is_open(pid_t process, uint64_t begun, uint64_t ended, uint64_t newest) {
  hf__lmdb_lock_notes notes = {.begun = (uint64_t)process << HF__LMDB_COMMIT_BITS | begun, .ended = ended};
  return hf__lmdb_is_commit_open(&notes, newest);
}

static void a_commit_is_open_that_its_process_cannot_end(void **state) {
  (void)state;
  assert_false(is_open(getppid(), 7, 6, 7)); /* told of, and about to be noted */
  assert_true(is_open(getppid(), 7, 6, 6));  /* it failed */
  assert_true(is_open(ended_process(), 7, 6, 7));
  assert_true(is_open(getpid(), 7, 6, 7)); /* of a killed process that had this one's number */
}

/* ---- what settling writes */

/* Has the lock file say this of the commit that was begun last, and has not ended.  In a process of its own, since
 * closing the file gives back the locks that LMDB has on it. */
static void leave_note(const struct store *s, uint64_t begun, uint64_t ended) {
  pid_t pid;
  fflush(NULL);
  if ((pid = fork()) == 0) {
    hf__lmdb_lock_room room;
    hf__lmdb_lock_room_open(text_of("%s/store", s->directory), &room);
    if (!room.notes) _exit(1);
    atomic_store(&room.notes->begun, begun);
    atomic_store(&room.notes->ended, ended);
    _exit(0);
  }
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

/* The same of a process, which is dead. */
static void leave_commit_open(const struct store *s, uint64_t commit) {
  leave_note(s, (uint64_t)ended_process() << HF__LMDB_COMMIT_BITS | commit, commit - 1);
}

static void read_headers(const struct store *s, struct hf__lmdb_header out[2]) {
  int fd = open(text_of("%s/store/data.mdb", s->directory), O_RDONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  for (int i = 0; i < 2; i++) assert_int_equal(pread(fd, &out[i], sizeof out[i], (off_t)i * 4096), sizeof out[i]);
  close(fd);
}

/* A transaction that writes nothing, and has settled what there was to settle. */
static void settle(hf_persist *p) {
  hf_txn *txn;
  hf_error err;
  OK(hf_txn_begin(HF_TXN_WRITE, &txn, &err));
  assert_int_equal(hf_persist_remove(p, hf_text("none"), &err), HF_NOT_FOUND);
  hf_txn_abort(txn);
}

/* A reader that takes the number of the older commit just then goes by its header. */
static void settling_leaves_the_older_header_of_a_good_commit(void **state) {
  const struct store *s = *state;
  struct hf__lmdb_header before[2], after[2];
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "a", "2");
  read_headers(s, before);
  unsigned newest = before[1].commit > before[0].commit;
  leave_commit_open(s, before[newest].commit);
  settle(p);
  read_headers(s, after);
  assert_memory_equal(after, before, sizeof before);
  leave_commit_open(s, before[newest].commit + 1); /* which has failed, and may have left anything */
  settle(p);
  read_headers(s, after);
  assert_memory_equal(&after[newest], &before[newest], sizeof before[newest]);
  assert_int_equal(after[!newest].commit, before[newest].commit - 1);
  assert_memory_equal(&after[!newest].main, &before[newest].main, sizeof before[newest].main);
  hf_persist_close(p);
}

/* A commit that failed leaves a header that LMDB gives the number of an older one.  Then the flush of the whole store
 * fails, too, which takes the place of the note of that commit. */
static void settling_replaces_a_failed_header_after_a_failed_flush(void **state) {
  const struct store *s = *state;
  struct hf__lmdb_header before[2], failed, after[2];
  hf_persist *p = open_persist(s, "signal");
  write_text(p, "a", "1");
  write_text(p, "a", "2");
  read_headers(s, before);
  unsigned newest = before[1].commit > before[0].commit;
  failed = before[!newest];
  failed.main.leaf++;
  int fd = open(text_of("%s/store/data.mdb", s->directory), O_WRONLY | O_CLOEXEC);
  assert_int_equal(pwrite(fd, &failed, sizeof failed, (off_t)!newest * 4096), sizeof failed);
  close(fd);
  leave_note(s, UINT64_MAX, before[newest].commit);
  settle(p);
  read_headers(s, after);
  assert_memory_equal(&after[newest], &before[newest], sizeof before[newest]);
  assert_int_equal(after[!newest].commit, before[newest].commit - 1);
  assert_memory_equal(&after[!newest].main, &before[newest].main, sizeof before[newest].main);
  hf_persist_close(p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_LMDB(what_cannot_be_settled_is_uncertain),
      cmocka_unit_test(a_long_message_keeps_that_it_may_have_happened),
      cmocka_unit_test(a_commit_is_open_that_its_process_cannot_end),
      ON_LMDB(settling_leaves_the_older_header_of_a_good_commit),
      ON_LMDB(settling_replaces_a_failed_header_after_a_failed_flush),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
