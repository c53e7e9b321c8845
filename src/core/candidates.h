/* SPDX-License-Identifier: MIT
 *
 * Candidates: the entities to which the entries lead that a condition has in indexes (src/index/cover.h).  All to which
 * the condition is not a sure no are among them.
 */
#ifndef HF_CORE_CANDIDATES_H
#define HF_CORE_CANDIDATES_H

#include "core/lookup.h"

/* Some that were found. */
typedef struct hf__candidates {
  hf__cover *cover; /* NULL: none were looked for, or too many */
  hf_id_list *list; /* in natural order, each once */
  const char *why;  /* without a cover, where it is wanted: a sentence on why there is none */
  uint32_t used;    /* indexes that have some of them, as bits; 0: there is but one */
  uint64_t walked;  /* entries that were counted or read for it */
} hf__candidates;

/* Looks for at most `most`.  *out is filled in, whatever it was; where there are more, or no index leads to them, it
 * has no cover.  Fails where an index cannot be read. */
hf_status hf__candidates_find(const hf__lookup *in, uint64_t most, hf__candidates *out, hf_error *err);

/* Counts the entities within the bounds of a scan that the condition is true for, if the entries of one index, at most
 * `most`, say so for sure.  *sure: they do. */
hf_status hf__candidates_count(const hf__lookup *in, uint64_t most, const hf_scan *scan, bool *sure, uint64_t *count,
                               hf_error *err);

/* Frees what there is in it. */
void hf__candidates_free(hf__candidates *c);

/* Names of the indexes that lead to them, with " or " between, cut where they do not fit. */
void hf__candidates_names(const hf__candidates *c, const hf_index_set *set, char *out, size_t capacity);

#endif
