/* SPDX-License-Identifier: MIT
 *
 * Groups: changes of several threads that share a commit, since what a commit costs is its flush.  Nobody waits for
 * company: a thread that comes while none gathers a group leads the next one.  It takes the writer's lock, which lasts
 * as long as the commit before; what other threads bring meanwhile waits in a queue (queue.h), and the leader takes it
 * along.  Threads that wait do nothing: the leader makes their changes, and fills in their results and errors, which
 * lie on their stacks.  So none of them returns before its change is done.
 *
 * Where commits are not flushed (nosync) nothing is shared: to sleep and to be woken costs more than such a commit.
 *
 *  - Nobody is told before the commit has returned.
 *  - No id is changed twice in one commit: all changes in it have the same revision, and ifRevision would overwrite
 *    what another thread has written.  Who comes second waits for the next group.
 *  - A change that finds that it must not happen (by a condition, or an id that is missing) has written nothing: that
 *    is its result.  After any other failure LMDB's transaction is of no use: the group is done again without that
 *    change, which is then done alone, by its own thread.
 *  - A full map undoes the group, grows, and the group is done again.  Where it cannot grow, and on a full disk, each
 *    change is done alone.
 *  - A commit that fails has failed for all whose changes were in it.
 */
#ifndef HF_BACKENDS_LMDB_GROUP_H
#define HF_BACKENDS_LMDB_GROUP_H

#include "env.h"

enum {
  SHARED_IDS = 64,         /* ids of a change that may share a commit, at most */
  SHARED_BYTES = 64 << 10, /* and bytes of its values */
  GROUP_IDS = 1024,        /* ids of a group: some thousands of pages, where LMDB takes 131,071 */
  GROUP_BYTES = 1 << 20,   /* and bytes of values */
  GROUP_DBIS = 128         /* named databases that are open, when a group opens one more */
};

/* A change.  All but the last part is the caller's. */
typedef struct hf__lmdb_member {
  hf__lmdb_waiter waiter; /* comes first */

  /* Makes the change in the transaction.  May be called several times, each in another transaction, and by another
   * thread.  Sets *refused with a failure after which nothing was written, and which LMDB's transaction survives. */
  hf_status (*run)(struct hf__lmdb_member *member, hf__lmdb_env *env, hf__lmdb_txn *txn, bool *refused);
  hf__lmdb_collection *collection;
  const void *keys; /* hf_key: the first of those that it may change */
  size_t stride;    /* bytes from one to the next */
  size_t count;     /* how many; 0: whatever it changes, it does not share a commit */
  size_t bytes;     /* of its values */
  bool frees;       /* it frees more than it takes, and may use lent room */
  hf_error *err;    /* where run(), or a commit that fails, says what it was */

  hf_status status; /* its result */
} hf__lmdb_member;

/* Makes the change, in a commit that it shares with those of other threads where there are such.  Call without a
 * transaction. */
hf_status hf__lmdb_change_shared(hf__lmdb_env *env, hf__lmdb_member *member);

#endif
