/* SPDX-License-Identifier: MIT
 *
 * Bytes: their order, as LMDB's trees have it; keys beside names; arrays that grow.
 */
#ifndef HF_BACKENDS_LMDB_BYTES_H
#define HF_BACKENDS_LMDB_BYTES_H

#include <stdlib.h>
#include <string.h>

#include "holdfast/backend.h"

/* Compares as memcmp does; the shorter of two with one beginning comes first. */
static inline int hf__lmdb_compare_bytes(hf_slice a, hf_slice b) {
  size_t n = a.size < b.size ? a.size : b.size;
  int c = n ? memcmp(a.data, b.data, n) : 0;
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* Whether a key is exactly this name. */
static inline bool hf__lmdb_is_named(hf_slice key, const char *name) {
  return key.size == strlen(name) && memcmp(key.data, name, key.size) == 0;
}

/* Whether a key begins so, and goes on. */
static inline bool hf__lmdb_begins_with(hf_slice key, const char *prefix) {
  return key.size > strlen(prefix) && memcmp(key.data, prefix, strlen(prefix)) == 0;
}

/* Room for one more of a growing array, each of so many bytes.  False: out of memory. */
static inline bool hf__lmdb_grow(void **array, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return true;
  size_t more = *capacity ? *capacity * 2 : 16;
  void *p = realloc(*array, more * size);
  if (!p) return false;
  *array = p;
  *capacity = more;
  return true;
}

#endif
