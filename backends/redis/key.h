/* SPDX-License-Identifier: MIT
 *
 * The keys of entities: "{entityName}:{id}", where the entity name's ":" and "%" are written %3A and %25, or "a:b" and
 * an id would be taken for "a" and another id.
 */
#ifndef HF_BACKENDS_REDIS_KEY_H
#define HF_BACKENDS_REDIS_KEY_H

#include "holdfast/backend.h"

enum { REDIS_KEY_MAX = 4 * HF_ID_MAX + 8 };

/* An entity name as it stands in keys.  Returns the size. */
size_t hf__redis_escape(hf_slice name, char out[REDIS_KEY_MAX]);
/* The entity name of a key, ended by a NUL.  False: the key is not one that Holdfast would write. */
bool hf__redis_key_name(hf_slice key, char out[REDIS_KEY_MAX]);

/* A collection of a store. */
typedef struct hf__redis_collection {
  struct hf__redis_store *store;
  hf_slice prefix;  /* of its keys: the escaped name and ":" */
  hf_slice pattern; /* of its keys, for SCAN */
} hf__redis_collection;

/* Ended by hf__redis_collection_end().  False: out of memory. */
bool hf__redis_collection_init(hf__redis_collection *e, struct hf__redis_store *store, hf_slice name);
void hf__redis_collection_end(hf__redis_collection *e);
/* The key of an id; it is in `out`. */
hf_slice hf__redis_key(const hf__redis_collection *e, hf_slice id, char out[REDIS_KEY_MAX]);

#endif
