/* SPDX-License-Identifier: MIT
 *
 * The bounds of a scan: see scan_bounds.h.
 */
#include "scan_bounds.h"

static MDB_val as_key(hf_slice s) { return (MDB_val){s.size, (void *)(uintptr_t)s.data}; }

hf_slice hf__lmdb_scan_first(const hf_scan *s, bool *open) {
  hf_slice start = s->lower;
  *open = s->lower.data && s->lower_open;
  MDB_val prefix = as_key(s->order_prefix);
  if (s->order_prefix.size && (!start.data || hf__lmdb_compare_key(start, &prefix) < 0)) {
    start = s->order_prefix;
    *open = false;
  }
  return start;
}

hf_slice hf__lmdb_scan_last(const hf_scan *s, unsigned char end[HF_ID_MAX], bool *open) {
  hf_slice start = s->upper;
  *open = s->upper_open;
  MDB_val key = as_key(start);
  if (!s->order_prefix.size || (start.data && hf__lmdb_key_has_prefix(&key, s->order_prefix))) return start;
  /* The first key after all those with the prefix; the codes never reach 0xFF at the end of valid UTF-8. */
  size_t n = s->order_prefix.size;
  memcpy(end, s->order_prefix.data, n);
  while (n > 0 && end[n - 1] == 0xFF) n--;
  if (n == 0) return start;
  end[n - 1]++;
  MDB_val after = {n, end};
  if (start.data && hf__lmdb_compare_key(start, &after) <= 0) return start;
  *open = true;
  return (hf_slice){(const char *)end, n};
}
