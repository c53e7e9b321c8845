/* SPDX-License-Identifier: MIT
 *
 * Who tells watches that their stores may have changed: one thread of the process, which is there as long as a watch
 * is.  It sleeps until this process commits, which it is told by hf__hub_poke(); until another one does, which inotify
 * says; or until it is time to look by itself.
 */
#ifndef HF_CORE_WATCH_HUB_H
#define HF_CORE_WATCH_HUB_H

#include "core/open_stores.h"

/* A watch as the hub knows it. */
typedef struct hf__watcher {
  hf_store *store;    /* which the watch keeps open */
  int fd;             /* readable: there may be changes */
  _Atomic bool armed; /* it has seen all there is: tell it once more */
  struct hf__watcher *next;
} hf__watcher;

/* Has the watcher told of commits from now on; with the first one the thread begins.  store and fd are set.  HF_IO: the
 * system has no thread or descriptor left. */
hf_status hf__hub_join(hf__watcher *watcher, hf_error *err);

/* No longer; with the last one the thread has ended when it returns.  Not in a child process of the one that joined. */
void hf__hub_leave(hf__watcher *watcher);

/* Why commits of other processes are looked for every few milliseconds, and are not told of by the system; 0: they are,
 * or the store is not watched. */
int hf__hub_polls(const hf_store *store);

/* Wakes the thread if it sleeps. */
void hf__hub_wake(void);

/* To be called when this process may have committed something in the store. */
static inline void hf__hub_poke(const hf_store *store) {
  if (__builtin_expect(atomic_load_explicit(&store->watchers, memory_order_relaxed) != 0, 0)) hf__hub_wake();
}

#endif
