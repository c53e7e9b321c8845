/* SPDX-License-Identifier: MIT
 *
 * What one comparison of a path with a value says of entities, by what they have at a path of an index: the same one,
 * or one that has steps in common with it.
 */
#ifndef HF_INDEX_SAYS_H
#define HF_INDEX_SAYS_H

#include "condition/node.h"
#include "index/zone.h"

/* The three zones of each node of a condition: which values have all entities for which it
 *   is not surely false    true, or neither
 *   is not surely true     false, or neither
 *   is neither             raises, or is not known */
enum hf__unless { HF__NOT_FALSE, HF__NOT_TRUE, HF__NEITHER, HF__UNLESS_COUNT };

/* A comparison: of what a path leads to, its type, or the id, with a value that is known. */
typedef struct hf__test {
  uint8_t code; /* an operator, as if the path were to the left of it; HF__NODE_PATH: whether it is true */
  bool of_type; /* type(path) */
  bool of_id;
  uint32_t place;             /* of the path, in the condition's tree */
  const hf__value *given;     /* NULL for HF__NODE_PATH */
  const hf__value *otherwise; /* what stands for nil and false: `path or 0`; may be NULL */
} hf__test;

/* Whether a node is one.  Fills it in. */
bool hf__test_of(const hf_condition *c, unsigned node, hf__test *test);

/* A path of an index, and how the condition's paths lie to it. */
typedef struct hf__axis {
  const hf__places *places; /* the index's tree */
  uint32_t place;           /* of the path in it */
  size_t most;              /* bytes that its part of a value takes */
  const hf__places *asked;  /* the condition's tree */
  const uint32_t *twin;     /* for each of its places, the same one in `places`; HF__NO_TWIN: it is not there */
} hf__axis;

#define HF__NO_TWIN UINT32_MAX

/* Where `count` places of one tree are in another. */
void hf__find_twins(const hf__places *from, const hf__places *to, uint32_t *twin);

/* Values at the axis that have all entities for which the test is not surely false, and so on. */
const hf__zone *hf__test_zone(hf__zones *z, const hf__test *test, const hf__axis *axis, enum hf__unless unless);

#endif
