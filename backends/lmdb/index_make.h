/* SPDX-License-Identifier: MIT
 *
 * Making and forgetting indexes: the slots.  A definition is committed first, as not ready: from then on every writer
 * keeps the index up, and nobody reads it.  Then it is built of what is there (index_build.h), and committed as ready.
 * Whoever is killed in between leaves it not ready, and who makes it again goes on.
 *
 * Forgetting takes the definition away first, and then what it had.  Entries of a number that no index has are of one
 * who was killed meanwhile: they are taken away by whoever makes or forgets an index next.
 */
#ifndef HF_BACKENDS_LMDB_INDEX_MAKE_H
#define HF_BACKENDS_LMDB_INDEX_MAKE_H

#include "env.h"

/* The slots of backend.h. */
hf_status hf__lmdb_index_make(void *store, void *collection, hf_slice definition, hf_error *err);
hf_status hf__lmdb_index_drop(void *store, void *collection, hf_slice name, hf_error *err);
hf_status hf__lmdb_index_rebuild(void *store, void *collection, hf_slice name, hf_error *err);

#endif
