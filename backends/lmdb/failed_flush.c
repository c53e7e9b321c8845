/* SPDX-License-Identifier: MIT
 *
 * What is done about a flush that failed: see failed_flush.h.
 */
#include "failed_flush.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "other_processes.h"
#include "page_format.h"
#include "status.h"

/* What `begun` has where it is not a commit that is in doubt. */
static const uint64_t NO_COMMIT = UINT64_MAX;

/* LMDB has told of a commit before its process notes that it has ended, so that for a moment this looks like a process
 * that was killed in between; but that one is alive.  One whose commit failed has not told of it.  Commits of this
 * process have ended: the number is that of a killed process, which this one has got. */
bool hf__lmdb_is_commit_open(const hf__lmdb_lock_notes *notes, uint64_t newest) {
  uint64_t begun = atomic_load(&notes->begun);
  pid_t process = (pid_t)(begun >> HF__LMDB_COMMIT_BITS);
  if ((begun & HF__LMDB_COMMIT_MASK) > newest || process == getpid()) return true;
  return kill(process, 0) && errno == ESRCH;
}

int hf__lmdb_commit_noted(hf__lmdb_env *env, MDB_txn *txn) {
  hf__lmdb_lock_notes *n = env->lock_room.notes;
  uint64_t number = mdb_txn_id(txn);
  if (n) { /* a commit that wrote nothing may have ended with this number */
    atomic_store_explicit(&n->ended, number - 1, memory_order_relaxed);
    atomic_store_explicit(&n->begun, (uint64_t)env->process << HF__LMDB_COMMIT_BITS | number, memory_order_relaxed);
  }
  int rc = mdb_txn_commit(txn);
  bool wrote_nothing = rc < 0 && rc != MDB_PANIC; /* LMDB's own results come before the first page is written */
  if (rc && !wrote_nothing)
    env->doubtful = true;
  else if (n)
    atomic_store_explicit(&n->ended, number, memory_order_relaxed);
  return rc;
}

void hf__lmdb_doubt(hf__lmdb_env *env) {
  env->doubtful = true;
  if (env->lock_room.notes) atomic_store(&env->lock_room.notes->begun, NO_COMMIT);
}

void hf__lmdb_doubt_at_open(hf__lmdb_env *env) {
  char who[PROCESS_TEXT];
  const hf__lmdb_lock_notes *n = env->lock_room.notes;
  if (env->options.read_only || !n || (n->begun & HF__LMDB_COMMIT_MASK) == n->ended) return;
  if (!hf__lmdb_find_other_process(env->path, who)) env->doubtful = true;
}

/* Writes a header to its page and flushes that page.  Bytes that are the same make the system write it, too. */
static bool put_header(int fd, const struct hf__lmdb_header *h, unsigned which, unsigned page_size) {
  ssize_t n = pwrite(fd, h, sizeof *h, (off_t)which * page_size);
  if (n >= 0 && n < (ssize_t)sizeof *h) errno = EIO;
  return n == (ssize_t)sizeof *h;
}

/* Whether the other header may be of a commit that has failed: of the one after the newest.  Where it is not, it stays:
 * a reader that begins at this moment may go by it.  A flush of the whole store that failed has taken the place of what
 * was noted before. */
static bool is_other_in_doubt(const hf__lmdb_lock_notes *n, uint64_t newest, const struct hf__lmdb_header *other) {
  if (!n || other->magic != HF__LMDB_MAGIC || other->commit + 1 != newest) return true;
  uint64_t begun = atomic_load(&n->begun) & HF__LMDB_COMMIT_MASK;
  return begun > newest && begun != atomic_load(&n->ended);
}

static bool settle(int fd, const hf__lmdb_lock_notes *notes, uint64_t commit, unsigned page_size) {
  struct hf__lmdb_header h, other;
  unsigned which = commit % 2;
  ssize_t n = pread(fd, &h, sizeof h, (off_t)which * page_size);
  if (n == (ssize_t)sizeof h) n = pread(fd, &other, sizeof other, (off_t)(which ^ 1U) * page_size);
  if (n < 0) return false;
  if (n < (ssize_t)sizeof h || h.magic != HF__LMDB_MAGIC || h.commit != commit) {
    errno = EIO;
    return false;
  }
  if (!put_header(fd, &h, which, page_size)) return false;
  if (!is_other_in_doubt(notes, commit, &other)) return true;
  h.head.page = which ^ 1U;
  h.commit = commit - 1;
  return put_header(fd, &h, which ^ 1U, page_size);
}

/* The data file, by a descriptor of its own; -1 with errno where it is not in its folder any more. */
static int open_data(const hf__lmdb_env *env) {
  int fd = openat(env->dir_fd, DATA_FILE, O_RDWR | O_DSYNC | O_CLOEXEC);
  if (fd < 0) return fd;
  hf__lmdb_file file = hf__lmdb_file_of(fd);
  if (file.device == env->data.device && file.inode == env->data.inode) return fd;
  close(fd);
  errno = ESTALE;
  return -1;
}

hf_status hf__lmdb_settle_doubt(hf__lmdb_env *env, MDB_txn *txn, hf_error *err) {
  uint64_t commit = mdb_txn_id(txn) - 1;
  int fd = open_data(env);
  bool done = fd >= 0 && settle(fd, env->lock_room.notes, commit, env->page_size);
  int e = errno;
  if (fd >= 0) close(fd);
  if (!done) {
    hf_error_set(err, hf__lmdb_status(e),
                 "%s: a flush has failed, and the disk still refuses to make certain what is on it (%s): nothing is "
                 "written until it does",
                 env->path, strerror(e));
    hf_error_cause(err, "errno %d", e);
    return err->status;
  }
  env->doubtful = false;
  if (!env->lock_room.notes) return HF_OK;
  atomic_store(&env->lock_room.notes->begun, commit);
  atomic_store(&env->lock_room.notes->ended, commit);
  return HF_OK;
}
