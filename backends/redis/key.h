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
size_t redis_escape(hf_slice name, char out[REDIS_KEY_MAX]);
/* The entity name of a key, ended by a NUL.  False: the key is not one that Holdfast would write. */
bool redis_key_name(hf_slice key, char out[REDIS_KEY_MAX]);

/* An entity type of a store. */
typedef struct redis_entity {
  struct redis_store *store;
  hf_slice prefix;  /* of its keys: the escaped name and ":" */
  hf_slice pattern; /* of its keys, for SCAN */
} redis_entity;

/* Ended by redis_entity_end().  False: out of memory. */
bool redis_entity_init(redis_entity *e, struct redis_store *store, hf_slice name);
void redis_entity_end(redis_entity *e);
/* The key of an id; it is in `out`. */
hf_slice redis_key(const redis_entity *e, hf_slice id, char out[REDIS_KEY_MAX]);

#endif
