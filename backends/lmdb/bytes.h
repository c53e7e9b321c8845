/* SPDX-License-Identifier: MIT
 *
 * The order of bytes, as LMDB's trees have it.
 */
#ifndef HF_BACKENDS_LMDB_BYTES_H
#define HF_BACKENDS_LMDB_BYTES_H

#include <string.h>

#include "holdfast/backend.h"

/* Compares as memcmp does; the shorter of two with one beginning comes first. */
static inline int hf__lmdb_compare_bytes(hf_slice a, hf_slice b) {
  size_t n = a.size < b.size ? a.size : b.size;
  int c = n ? memcmp(a.data, b.data, n) : 0;
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

#endif
