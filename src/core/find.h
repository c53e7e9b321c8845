/* SPDX-License-Identifier: MIT
 *
 * Looking up a condition in the indexes of a collection: which entities it leads to, the candidates, and whether those
 * are few enough for reading them one by one to be faster than a scan.
 *
 * How many there are is found out by counting entries, which is cheap beside the scan that goes on meanwhile: a few of
 * them at first; more each time that a scan has gone on for long without coming upon much that is wanted; and at last a
 * twentieth of the collection.
 *
 * Candidates are of the moment at which they were collected.  What this process changes meanwhile is heard of, and they
 * are collected again.
 */
#ifndef HF_CORE_FIND_H
#define HF_CORE_FIND_H

#include "core/handle.h"

typedef struct hf__find hf__find;

/* Begins to look up conditions for one iteration.  *out is NULL where the collection has no indexes, or none that can
 * be asked.  HF_NO_MEMORY. */
hf_status hf__find_begin(hf_persist *p, void *txn, hf__find **out, hf_error *err);

/* NULL is ignored. */
void hf__find_free(hf__find *f);

/* Forgets what was found: the condition is another one, or means something else.  Not that an index is damaged, or
 * cannot be read: none is used then.  NULL is ignored. */
void hf__find_restart(hf__find *f);

/* What a scan has done so far, by which is told whether it is time to look once more. */
typedef struct hf__progress {
  uint64_t looked_at; /* entities */
  uint64_t wanted;    /* of them */
} hf__progress;

/* Looks for candidates if it is time to.  True: there are candidates, also where these are none. */
bool hf__find_try(hf__find *f, hf_persist *p, void *txn, hf_condition *condition, const hf__progress *progress);

/* How many records a scan looks at before it is time to look once more; 0: it never is. */
uint64_t hf__find_patience(const hf__find *f, uint64_t looked_at);

/* Counts entities within the bounds that a condition is true for, where entries of an index alone say so.  False: they
 * do not. */
bool hf__find_count(hf__find *f, hf_persist *p, void *txn, const hf_scan *scan, hf_condition *condition,
                    uint64_t *count);

/* Whether the iteration goes by candidates. */
bool hf__find_is_in_use(const hf__find *f);

/* Reads the next page of candidates, like the slot `scan` with the condition.  Where it turns out that the index is
 * damaged, the iteration does not go by candidates any more, and the page is of no use. */
hf_status hf__find_page(hf__find *f, hf_persist *p, void *txn, const hf_scan *scan, hf_page *page, bool *more,
                        hf_error *err);

/* Replaces *json as hf_persist_explain() says. */
hf_status hf__find_explain(hf_persist *p, void *txn, const hf_scan *scan, hf_condition *condition, hf_buffer *json,
                           hf_error *err);

#endif
