/* SPDX-License-Identifier: MIT
 *
 * Places in an entity that a condition looks at: the paths of the condition as a tree,
 * whose root is the entity itself.  One pass over a text finds them all.
 */
#ifndef HF_CONDITION_PLACES_H
#define HF_CONDITION_PLACES_H

#include "condition/condition.h"

/* A step of a path.  Places are called by their number; that of a place is larger than that of the one that it is
 * in. */
typedef struct hf__place {
  char *key;        /* the field's name, quoted; NULL: an item of an array */
  size_t size;      /* of key, with both quotes */
  uint64_t head;    /* its first eight bytes, where it has as many */
  uint64_t tail;    /* its last eight, as they lie in memory; of fewer the ones before are 0 */
  unsigned ignore;  /* how many bits of the tail those are */
  uint32_t item;    /* its number, from 1 on */
  uint32_t parent;  /* the place that it is in */
  uint32_t child;   /* the first place in it; 0: none */
  uint32_t sibling; /* the next one in the same; 0: none */
} hf__place;

/* Different last bytes of names that a search by vectors tells apart. */
#define HF__PLACES_LASTS 3

typedef struct hf__places {
  hf__place *at; /* at[0] is the root */
  uint32_t count;
  uint32_t capacity;
  bool has_items;              /* one of them is an item of an array */
  unsigned lasts;              /* how many; more than HF__PLACES_LASTS: too many */
  char last[HF__PLACES_LASTS]; /* the bytes before the closing quotes of the names */
} hf__places;

/* The place to which the steps lead, made where it was not there; -1: out of memory. */
int64_t hf__places_add(hf__places *places, const hf_step *steps, size_t count);
void hf__places_free(hf__places *places);

#endif
