/* SPDX-License-Identifier: MIT
 *
 * Collections in memory, in lists.
 */
#ifndef HF_BACKENDS_MEMORY_COLLECTION_H
#define HF_BACKENDS_MEMORY_COLLECTION_H

#include "indexes.h"
#include "items.h"

/* A collection, or what a snapshot sees of it. */
typedef struct hf__memory_type {
  struct hf__memory_type *next;
  size_t name_size;
  hf__memory_list sound, damaged;
  hf__memory_list expiring; /* of `sound`, those that expire, by when: see expiry.h */
  hf__memory_indexes indexes;
  char name[HF_ID_MAX];
} hf__memory_type;

/* Frees a list of collections. */
void hf__memory_types_free(hf__memory_type *t);
/* Finds a collection in a list; NULL: it is not there. */
hf__memory_type *hf__memory_types_find(hf__memory_type *t, const char *name, size_t size);
/* Makes a copy of a list, which shares the items.  *ok false: out of memory. */
hf__memory_type *hf__memory_types_copy(const hf__memory_type *from, bool with_indexes, bool *ok);

#endif
