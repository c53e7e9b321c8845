/* SPDX-License-Identifier: MIT
 *
 * Indexes over paths of entities: what they are, what an entity has in them, and which entries a condition leads to.
 * What storages use of it is in backend.h.  Knows no store and no Lua; uses src/base and src/condition.
 */
#ifndef HF_INDEX_INDEX_H
#define HF_INDEX_INDEX_H

#include "condition/condition.h"
#include "holdfast/backend.h"

/* Makes the definition and the name of an index of what a caller gave: each path in its shortest spelling.  Replaces
 * both.  HF_INVALID_ARGUMENT says which path is wrong, where, and what to write instead; HF_NO_MEMORY. */
hf_status hf__index_define(const char *const *paths, size_t count, bool unique, hf_buffer *definition, hf_buffer *name,
                           hf_error *err);

/* Copies a text for a message: cut where it is too long, and what is not UTF-8 in it as question marks. */
void hf__index_say(char *out, size_t capacity, hf_slice text);

/* A path into entities, as it was read. */
typedef struct hf__index_path {
  hf_step steps[HF_CONDITION_STEPS_MAX];
  size_t count;
  hf_condition *owner; /* of the steps' names */
} hf__index_path;

/* Reads a path, which the caller frees, also after a failure.  Errors are as those of hf__index_define(). */
hf_status hf__index_path_read(hf_slice text, hf__index_path *path, hf_error *err);
void hf__index_path_free(hf__index_path *path);

#endif
