/* SPDX-License-Identifier: MIT
 *
 * Locks of the whole process, and fork().  A lock that another thread holds at that moment would stay locked in the
 * child for ever, since the thread is not there, and what it guards half changed.
 */
#ifndef HF_BASE_FORK_H
#define HF_BASE_FORK_H

#include <pthread.h>

/* Once in a file, for a static lock of it under which nothing waits and no other such lock is taken: fork() takes it
 * first, so that the child gets it free, and whole what it guards. */
#define HF__LOCK_AT_FORK(mutex)                                                                                        \
  static void lock_before_fork(void) { pthread_mutex_lock(&(mutex)); }                                                 \
  static void unlock_after_fork(void) { pthread_mutex_unlock(&(mutex)); }                                              \
  __attribute__((constructor)) static void watch_fork(void) {                                                          \
    pthread_atfork(lock_before_fork, unlock_after_fork, unlock_after_fork);                                            \
  }                                                                                                                    \
  struct hf__lock_at_fork_end /* takes the semicolon */

#endif
