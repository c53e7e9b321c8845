/* SPDX-License-Identifier: MIT
 *
 * The rule of the locks: nothing waits while it holds a pooled reader.  Whoever changes the map, or closes databases,
 * takes every reader out of circulation and keeps both locks of the environment meanwhile (pool.h).  A thread that
 * waited for one of them with a reader in its hands would never give that back, and both would wait for ever.
 *
 * So the locks are taken by hf__lmdb_lock() only, which ends the process where the rule is broken: a process that has
 * ended lets its bots be started again, and one that hangs does not.
 */
#ifndef HF_BACKENDS_LMDB_LOCKS_H
#define HF_BACKENDS_LMDB_LOCKS_H

#include <pthread.h>
#include <stdbool.h>

/* Whether the calling thread has a pooled reader, of whatever environment. */
extern _Thread_local bool hf__lmdb_holds_reader __attribute__((tls_model("initial-exec")));

/* Says that the rule was broken, and ends the process. */
void hf__lmdb_would_hang(void) __attribute__((noreturn, cold));

/* Stands where a thread may have to wait for others. */
static inline void hf__lmdb_may_wait(void) {
  if (__builtin_expect(hf__lmdb_holds_reader, 0)) hf__lmdb_would_hang();
}

/* Takes a lock of an environment. */
static inline void hf__lmdb_lock(pthread_mutex_t *lock) {
  hf__lmdb_may_wait();
  pthread_mutex_lock(lock);
}

/* Takes a lock under which no thread waits for anything, such as known.lock: with a reader, too. */
static inline void hf__lmdb_lock_briefly(pthread_mutex_t *lock) { pthread_mutex_lock(lock); }

#endif
