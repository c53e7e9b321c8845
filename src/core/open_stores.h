/* SPDX-License-Identifier: MIT
 *
 * The registry of the stores that are open in a process.  LMDB forbids opening an
 * environment twice in a process, so every handle on one store, from whatever
 * thread or Lua state, shares one hf_store.
 */
#ifndef HF_CORE_OPEN_STORES_H
#define HF_CORE_OPEN_STORES_H

#include <stdatomic.h>

#include "holdfast/backend.h"

/* Changes are counted in groups of collections. */
enum { HF__CHANGE_GROUPS = 64 }; /* as many as a number has bits */

/* An open store. */
struct hf_store {
  const hf_backend *backend;
  void *impl;                                  /* what backend->open made */
  char *url;                                   /* of the first handle, without password */
  char *secret;                                /* the same with it, for hf__error_redact(); NULL: it has none */
  hf_options options;                          /* of the first handle */
  char identity[HF_IDENTITY_MAX];              /* from backend->resolve */
  size_t refs;                                 /* handles and transactions; guarded by the registry's lock */
  unsigned generation;                         /* hf__process_generation when it was opened */
  _Atomic unsigned watchers;                   /* how many watch it in this process: see watch_hub.h */
  _Atomic uint64_t changes[HF__CHANGE_GROUPS]; /* that this process has made: see hf__change_count() */
  _Atomic bool is_follower;                    /* this process writes in it what another store changes: see notes.h */
  struct hf_store *next;
};

/* Counts fork()s between this process and the one that loaded the library. */
extern _Atomic unsigned hf__process_generation;

/* Opens the store that `base` means, or takes another reference to it.
 *   directory  what a relative path is relative to; NULL: the working directory */
hf_status hf__store_acquire(const char *base, const hf_options *options, const char *directory, hf_store **out,
                            hf_error *err);

/* The same for a store that no URL names: takes a reference to the store of this backend and identity, or makes one
 * around `impl`.  On success impl is the registry's: where there was a store already, it is closed right away. */
hf_status hf__store_adopt(const hf_backend *backend, const char *identity, const char *url, void *impl, hf_store **out,
                          hf_error *err);

/* Names the store's backend in an error that one of its slots gave, without passwords.  Returns `status`. */
hf_status hf__store_name_backend(const hf_store *store, hf_status status, hf_error *err);

/* Does something with a store whether it is open or not, and opens none: `store` of fn is NULL where it is not open in
 * this process, and the registry is held.  HF_NOT_FOUND: there is none. */
typedef hf_status (*hf__store_fn)(const hf_backend *backend, const hf_location *at, hf_store *store, void *arg,
                                  hf_error *err);
hf_status hf__store_look(const char *base, const hf_options *options, hf__store_fn fn, void *arg, hf_error *err);

void hf__store_ref(hf_store *store);
void hf__store_release(hf_store *store);

/* Whether this is a child process of the one that opened the store. */
static inline bool hf__store_is_inherited(const hf_store *store) {
  return store->generation != atomic_load_explicit(&hf__process_generation, memory_order_relaxed);
}
/* The error for that: HF_CLOSED. */
hf_status hf__store_inherited(const hf_store *store, hf_error *err);

#endif
