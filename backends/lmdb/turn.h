/* SPDX-License-Identifier: MIT
 *
 * Turns of the processes that write to a store.  LMDB's writer lock goes to whoever is there first when it becomes
 * free: a process that writes all the time is there again before one that waits has woken up, and may keep it out for
 * seconds. So a process says in the lock file (lock_room.h) that it waits, and one that has gone before it too often
 * lets it have the lock first.
 *
 * HF__LMDB_TURNS processes at a time can say so; further ones wait as LMDB has them wait.  Nothing but fairness depends
 * on what is said: a version that does not know of it, a process that was stopped while it waited, or bytes that a
 * power cut has left, cost that, or once TURN_PATIENCE_MS.
 *
 * It also tells who sleeps.  Unlocking glibc's mutex wakes one sleeper if the mutex's word has the bit that there are
 * some, and takes the bit away; the one that was woken sets it again for the others.  Where it is killed before that,
 * and a third process has taken the lock meanwhile, nobody would wake the others any more.  So whoever has the lock
 * sets the bit if another process says that it waits.
 */
#ifndef HF_BACKENDS_LMDB_TURN_H
#define HF_BACKENDS_LMDB_TURN_H

#include "env.h"

enum {
  TURN_OVERTAKES = 64,   /* how often a process that waits is gone before at most */
  TURN_WAIT_US = 500,    /* or, if that is less, for how long: to wake one costs more than many a commit */
  TURN_PATIENCE_MS = 200 /* how long one that is let go first is waited for */
};

/* Begins LMDB's write transaction, when it is this process's turn.  Needs write_lock.  LMDB's result. */
int hf__lmdb_begin_in_turn(hf__lmdb_env *env, MDB_txn **txn);

#endif
