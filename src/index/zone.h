/* SPDX-License-Identifier: MIT
 *
 * Zones: sets of values that entities may have in an index.  One over several paths is a zone of what they may have at
 * the first path, and for each stretch of that a zone for the rest.
 *
 * Zones are made in one piece of memory, and go with it.  Where that fails, or would become large, they are all values:
 * who asks for a zone can do with a larger one.
 */
#ifndef HF_INDEX_ZONE_H
#define HF_INDEX_ZONE_H

#include <string.h>

#include "condition/room.h"
#include "index/set.h"

typedef struct hf__zone hf__zone;

/* From `lower` on, up to before `upper`: bytes of the value's part for a path, compared as such. */
typedef struct hf__zone_piece {
  hf_slice lower, upper;
  const hf__zone *rest; /* what is at the paths that follow; never hf__zone_none */
} hf__zone_piece;

/* Its pieces, apart and in order. */
struct hf__zone {
  size_t count;
  const hf__zone_piece *pieces;
};

/* No value, and all of them.  No other zone is either. */
extern const hf__zone hf__zone_none, hf__zone_all;

/* Memory for zones. */
typedef struct hf__zones {
  hf__room *room;
  size_t used;
  bool failed; /* there was not enough */
} hf__zones;

/* NULL: out of memory, or too much of it; `failed` says which.  For any object. */
void *hf__zones_take(hf__zones *z, size_t size);

/* A byte for each class of set.h, in order, and one for what is after the last. */
extern const char hf__zone_classes[];

/* Where a class begins.  The same one is the same bytes in memory. */
static inline hf_slice hf__zone_class(unsigned class) {
  return (hf_slice){&hf__zone_classes[class / HF__INDEX_CLASS_STEP - 1], 1};
}

/* Two bounds in order: less than, equal to or greater than 0. */
static inline int hf__zone_order(hf_slice a, hf_slice b) {
  int order = (unsigned char)*a.data - (unsigned char)*b.data;
  if (order == 0) order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* Values that are in one of two, and in both. */
const hf__zone *hf__zone_join(hf__zones *z, const hf__zone *a, const hf__zone *b);
const hf__zone *hf__zone_meet(hf__zones *z, const hf__zone *a, const hf__zone *b);

/* Makes a zone of pieces in order, which may touch and are copied. */
const hf__zone *hf__zone_of(hf__zones *z, const hf__zone_piece *pieces, size_t count);

/* The values that have those of a zone from the path of this number (from 0 on) on, and anything before. */
const hf__zone *hf__zone_from(hf__zones *z, const hf__zone *zone, unsigned number);

/* Values as ranges. */
typedef struct hf__zone_ranges {
  hf_index_range *ranges;
  bool *is_sure;
  size_t count, capacity;
} hf__zone_ranges;

/* Adds ranges that have all values of a zone; those that have no others, and none of another zone, are sure.  False:
 * out of memory. */
bool hf__zone_write(hf__zones *z, const hf__zone *zone, const hf__zone *doubt, hf__zone_ranges *out);

#endif
