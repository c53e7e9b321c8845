/* SPDX-License-Identifier: MIT
 *
 * The zones of all nodes of a condition in one index: what the entities have there for which a node is not surely
 * false, not surely true, or neither.
 */
#ifndef HF_INDEX_NODES_H
#define HF_INDEX_NODES_H

#include "index/says.h"

/* An index as it is looked at for a condition. */
typedef struct hf__view {
  const hf_condition *condition;
  hf__zones *zones;
  const hf__places *places;                   /* of its paths */
  const uint32_t *twin;                       /* the condition's places in these */
  const uint32_t *place;                      /* of each path */
  unsigned count;                             /* of paths */
  size_t most;                                /* bytes of the part of each */
  const hf__zone *(*known)[HF__UNLESS_COUNT]; /* for each node; NULL: not made yet */
  struct hf__view **paths;                    /* for each path of the condition, as if it were an index */
  bool is_path;                               /* this is one of those */
} hf__view;

/* Makes views of a condition for the indexes of a set, as many as it has; NULL: those that are not ready.  False: out
 * of memory. */
bool hf__views_make(hf__zones *z, const hf_condition *c, const hf_index_set *set, hf__view **views);

const hf__zone *hf__view_zone(hf__view *view, unsigned node, enum hf__unless unless);

#endif
