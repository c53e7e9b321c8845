/* SPDX-License-Identifier: MIT
 *
 * What is done about a flush that failed.  After one, Linux shows to programs what the disk may not have: it takes the
 * pages for clean, and a later flush that succeeds says nothing of them.  LMDB never needs pages of a commit that
 * failed, since the next one writes all of its own; but it trusts what it sees of its two header pages:
 *
 *  - A header whose flush failed may be on the disk all the same.  The next commit writes over that one's pages, and a
 *    power cut while it does would leave a header that refers to what is half overwritten.
 *  - LMDB then writes the number of an older commit into the header, but not the rest of it, and does not flush that.
 *  - Where headers are not flushed by themselves (nometasync), the flush that failed may have been that of the newest
 *    header.
 *
 * So the headers are settled before anything else is written: the newest one is written again as it is, and flushed;
 * and where the commit after it has failed, the other one becomes a copy of it, with the number of the commit before,
 * and is flushed, too.  Elsewhere that is left as it is: a reader that begins just then may be about to go by it.  If
 * it fails, nothing is written, and it is tried again.  Whoever does it has the writer's lock.
 *
 * A process that is killed in the midst of a commit cannot do that itself.  Therefore each commit leaves its number in
 * the lock file, when it is begun and when it has ended, and whoever writes next, or opens the store when nobody else
 * has, sees that one has not ended.
 */
#ifndef HF_BACKENDS_LMDB_FAILED_FLUSH_H
#define HF_BACKENDS_LMDB_FAILED_FLUSH_H

#include "env.h"

/* Bits of lock_room's `begun` that are the number of the commit; those above are of the process. */
#define HF__LMDB_COMMIT_BITS 40
#define HF__LMDB_COMMIT_MASK (((uint64_t)1 << HF__LMDB_COMMIT_BITS) - 1)

/* Whether the commit that was begun last has not ended as far as its notes go: the rare part of the next function. */
bool hf__lmdb_is_commit_open(const hf__lmdb_lock_notes *notes, uint64_t newest);

/* Whether the headers must be settled before anything is written after the commit `newest`.  With the writer's lock. */
static inline bool hf__lmdb_is_doubtful(const hf__lmdb_env *env, uint64_t newest) {
  const hf__lmdb_lock_notes *n = env->lock_room.notes;
  if (env->doubtful) return true;
  if (!n || (atomic_load_explicit(&n->begun, memory_order_relaxed) & HF__LMDB_COMMIT_MASK) ==
                atomic_load_explicit(&n->ended, memory_order_relaxed))
    return false;
  return hf__lmdb_is_commit_open(n, newest);
}

/* LMDB's commit of a transaction that may have written something, noted in the lock file.  LMDB's result. */
int hf__lmdb_commit_noted(hf__lmdb_env *env, MDB_txn *txn);

/* A flush of the whole store has failed. */
void hf__lmdb_doubt(hf__lmdb_env *env);

/* Whether an earlier process has left a commit that has not ended; not where another has the store open now, which will
 * see it before it writes.  Before LMDB opens the store. */
void hf__lmdb_doubt_at_open(hf__lmdb_env *env);

/* Settles the headers; `txn` is a write transaction that has just begun.  HF_IO, HF_FULL: the disk still refuses. */
hf_status hf__lmdb_settle_doubt(hf__lmdb_env *env, MDB_txn *txn, hf_error *err);

#endif
