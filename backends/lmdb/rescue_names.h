/* SPDX-License-Identifier: MIT
 *
 * The entity names that a rescue has met, by number.  A name in a damaged store may be damaged itself.
 */
#ifndef HF_BACKENDS_LMDB_RESCUE_NAMES_H
#define HF_BACKENDS_LMDB_RESCUE_NAMES_H

#include "holdfast/backend.h"

/* How many there may be; numbers are below. */
enum { HF__LMDB_NAMES_MOST = 65536 };

typedef struct hf__lmdb_rescue_name {
  hf_slice text;
  bool is_valid;  /* an entity may be called so */
  uint64_t apart; /* of one that is not: the number under which its records are apart; 0: none yet */
} hf__lmdb_rescue_name;

typedef struct hf__lmdb_names {
  hf__lmdb_rescue_name *list; /* from 1 on */
  uint32_t count;
} hf__lmdb_names;

/* Whether entities may be called so. */
bool hf__lmdb_is_entity_name(hf_slice name);

/* The number of the name, from now on; 0: there is no room for more.  False: out of memory. */
bool hf__lmdb_names_number(hf__lmdb_names *names, hf_slice name, uint32_t *number);
void hf__lmdb_names_free(hf__lmdb_names *names);

#endif
