/* SPDX-License-Identifier: MIT
 *
 * Reading entities that an index leads to.
 */
#ifndef HF_CORE_FETCH_H
#define HF_CORE_FETCH_H

#include "core/handle.h"

/* What becomes of an entity that was read. */
typedef enum hf__fetched {
  HF__FETCHED_KEPT,
  HF__FETCHED_LEFT_OUT,
  HF__FETCHED_ODD, /* left out, and not what its index says */
} hf__fetched;

/* Odd ones of which the places are told. */
enum { HF__FETCH_ODD_MAX = 8 };

/* Says so of each, with the place of its key.  The page has those before it that are kept, and is not changed. */
typedef hf_status hf__fetch_judge_fn(const hf_entry *entry, size_t place, hf__fetched *what, void *arg, hf_error *err);

/* What is to be read, and what came of it. */
typedef struct hf__fetch {
  const hf_key *keys;
  size_t count;
  size_t max_bytes; /* of values: no more are read once they have so many */
  hf__fetch_judge_fn *judge;
  void *arg;
  size_t done;                   /* filled in: how many keys were dealt with */
  size_t odd_count;              /* filled in: entities that are odd, or not there, as far as they are told */
  size_t odd[HF__FETCH_ODD_MAX]; /* filled in: the places of the first of them */
} hf__fetch;

/* Adds the entities to the page, in the order of the keys.  Those that are not there are left out, and those in
 * quarantine, which have been reported.  HF_CORRUPT: that at keys[done] is unreadable; those before it are in the page.
 */
hf_status hf__fetch_entities(hf_persist *p, void *txn, hf__fetch *fetch, hf_page *page, hf_error *err);

#endif
