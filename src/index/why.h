/* SPDX-License-Identifier: MIT
 *
 * Why no index leads to what a condition asks for: a sentence for people.
 */
#ifndef HF_INDEX_WHY_H
#define HF_INDEX_WHY_H

#include "condition/node.h"
#include "index/set.h"

/* A condition, and the indexes that are over its paths. */
typedef struct hf__why {
  const hf_condition *condition;
  const hf_index_set *set;
  const uint32_t *twin; /* the condition's places in those of the set (says.h) */
  unsigned ready;       /* indexes that are built, as bits */
  unsigned over;        /* of these, those whose first path the condition has */
} hf__why;

hf__why hf__why_of(const hf_condition *c, const hf_index_set *set, const uint32_t *twin);

/* Sentences, which this thread's next call replaces: that indexes, by themselves or together, lead to more than `most`
 * entities; and that none leads anywhere. */
const char *hf__why_too_many(const hf__why *why, unsigned indexes, bool together, uint64_t most);
const char *hf__why_nothing(const hf__why *why);

#endif
