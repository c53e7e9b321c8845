/* SPDX-License-Identifier: MIT
 *
 * Where a scan begins and ends, by order keys.
 */
#ifndef HF_BACKENDS_LMDB_SCAN_BOUNDS_H
#define HF_BACKENDS_LMDB_SCAN_BOUNDS_H

#include <lmdb.h>
#include <string.h>

#include "holdfast/backend.h"

/* Compares an order key with that of a record, as LMDB does. */
static inline int hf__lmdb_compare_key(hf_slice a, const MDB_val *b) {
  int c = memcmp(a.data, b->mv_data, a.size < b->mv_size ? a.size : b->mv_size);
  return c ? c : (a.size > b->mv_size) - (a.size < b->mv_size);
}

/* Whether a key begins with a prefix. */
static inline bool hf__lmdb_key_has_prefix(const MDB_val *k, hf_slice prefix) {
  return k->mv_size >= prefix.size && memcmp(k->mv_data, prefix.data, prefix.size) == 0;
}

/* The smallest key that the scan may want; data NULL: it has no bound there.  *open: that one itself is not wanted. */
hf_slice hf__lmdb_scan_first(const hf_scan *scan, bool *open);

/* The largest likewise; `end` is room for one. */
hf_slice hf__lmdb_scan_last(const hf_scan *scan, unsigned char end[HF_ID_MAX], bool *open);

/* Whether the scan ends before this key. */
static inline bool hf__lmdb_scan_is_beyond(const hf_scan *s, const MDB_val *k) {
  if (!s->lower.data && !s->upper.data && !s->order_prefix.size) return false;
  if (s->order_prefix.size && !hf__lmdb_key_has_prefix(k, s->order_prefix)) return true;
  if (s->reverse) {
    if (!s->lower.data) return false;
    int c = hf__lmdb_compare_key(s->lower, k);
    return c > 0 || (c == 0 && s->lower_open);
  }
  if (!s->upper.data) return false;
  int c = hf__lmdb_compare_key(s->upper, k);
  return c < 0 || (c == 0 && s->upper_open);
}

#endif
