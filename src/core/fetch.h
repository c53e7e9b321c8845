/* SPDX-License-Identifier: MIT
 *
 * Reading entities that an index leads to.
 */
#ifndef HF_CORE_FETCH_H
#define HF_CORE_FETCH_H

#include "core/handle.h"

/* Says whether an entity that was read is still what its index said. */
typedef bool hf__fetch_keep_fn(const hf_entry *entry, size_t place, void *arg);

/* What is to be read, and what came of it. */
typedef struct hf__fetch {
  const hf_key *keys;
  size_t count;
  size_t max_bytes;        /* of values: no more are read once they have so many */
  hf__fetch_keep_fn *keep; /* called for each with the place of its key; false: it is left out.  NULL: all are kept */
  void *arg;
  size_t done;    /* filled in: how many keys were dealt with */
  size_t missing; /* filled in: the place of the first of an entity that is not there; SIZE_MAX: all were */
} hf__fetch;

/* Adds the entities to the page, in the order of the keys.  Those that are not there are left out, and those in
 * quarantine, which have been reported.  HF_CORRUPT: that at keys[done] is unreadable; those before it are in the page.
 */
hf_status hf__fetch_entities(hf_persist *p, void *txn, hf__fetch *fetch, hf_page *page, hf_error *err);

#endif
