/* SPDX-License-Identifier: MIT
 *
 * The indexes of a collection, parsed: their paths are one tree of places, so that one pass over an entity finds what
 * it has in all of them.
 */
#ifndef HF_INDEX_SET_H
#define HF_INDEX_SET_H

#include "condition/find.h"
#include "index/index.h"

/* Places of all paths, and the root. */
#define HF__INDEX_PLACES_MAX (HF_INDEXES_MAX * HF_INDEX_PATHS_MAX * HF_CONDITION_STEPS_MAX + 1)

/* Classes of what an entity has at a path, in the order of the index: the first byte of each part of a value. */
enum hf__index_class {
  HF__INDEX_NULL = 0x10,
  HF__INDEX_FALSE = 0x20,
  HF__INDEX_TRUE = 0x30,
  HF__INDEX_NUMBER = 0x40,
  HF__INDEX_TEXT = 0x50,
  HF__INDEX_TABLE = 0x60,      /* an array or object */
  HF__INDEX_MISSING = 0x70,    /* the path is nil there */
  HF__INDEX_NOWHERE = 0x80,    /* it raises, since what it would be in is nil, or is in what is nil */
  HF__INDEX_IN_NULL = 0x90,    /* it raises, since what it would be in, within the entity, is null, or is in null */
  HF__INDEX_UNWALKABLE = 0xA0, /* it raises otherwise, or goes into a text, which has to be asked */
  HF__INDEX_CLASS_STEP = 0x10
};

/* What follows a text in a value, after a 0 (which in a text is written 0x00 0xFF). */
enum { HF__INDEX_TEXT_ENDS = 1, HF__INDEX_TEXT_CUT = 2 };

/* An index, and where its paths are in the tree. */
typedef struct hf__indexed {
  hf_index index; /* the first: programs have pointers to it */
  unsigned count; /* of paths */
  uint32_t place[HF_INDEX_PATHS_MAX];
  _Atomic uint64_t note;
} hf__indexed;

struct hf_index_set {
  _Atomic unsigned owners; /* more than the first */
  size_t count;
  hf__indexed at[HF_INDEXES_MAX];
  hf__places places;
  hf__finder *find;
};

/* The most bytes that a part of a value takes, in an index of so many paths. */
static inline size_t hf__index_part_max(unsigned paths) {
  static const uint8_t most[HF_INDEX_PATHS_MAX + 1] = {0, 190, 94, 62, 46};
  return most[paths];
}

/* Write a part of a value for a number, or a text of which `size` bytes are at `text` (at most as many as make it too
 * long are looked at).  Return its end.  *is_cut becomes true where the text was too long for `most` bytes. */
unsigned char *hf__index_put_number(unsigned char *out, double number);
unsigned char *hf__index_put_text(unsigned char *out, size_t most, hf_slice text, bool *is_cut);

#endif
