/* SPDX-License-Identifier: MIT
 *
 * Collecting and sorting entries: see index_run.h.  They lie one after the other: a head, the value, the order key.
 */
#include "index_run.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

size_t hf__lmdb_run_most = 64 << 20;

enum { ROOM_AT_FIRST = 1 << 16 };

/* What is before the bytes of an entry. */
struct head {
  uint64_t record;
  uint16_t order_size;
  uint8_t value_size;
  bool is_unique, is_cut;
};

/* An entry, and what decides most comparisons without a look at it. */
struct hf__lmdb_run_item {
  uint64_t first; /* bytes of value and order key, as a number */
  const char *bytes;
};

static uint64_t first_of(const char *bytes, size_t size) {
  uint64_t first = 0;
  memcpy(&first, bytes, size < sizeof first ? size : sizeof first);
  return be64toh(first);
}

static bool make_room(void **array, size_t needed, size_t *capacity, size_t size) {
  size_t more = *capacity ? *capacity : ROOM_AT_FIRST;
  while (more < needed) more *= 2;
  if (more == *capacity) return true;
  void *p = realloc(*array, more * size);
  if (!p) return false;
  *array = p;
  *capacity = more;
  return true;
}

bool hf__lmdb_run_add(hf__lmdb_run *r, const hf_index_value *value, hf_slice order, uint64_t record) {
  struct head head = {record, (uint16_t)order.size, value->size, value->is_unique, value->is_cut};
  size_t size = sizeof head + value->size + order.size;
  if (!make_room((void **)&r->bytes, r->size + size, &r->capacity, 1) ||
      !make_room((void **)&r->items, r->count + 1, &r->items_capacity, sizeof *r->items))
    return false;
  char *out = r->bytes + r->size;
  memcpy(out, &head, sizeof head);
  memcpy(out + sizeof head, value->bytes, value->size);
  memcpy(out + sizeof head + value->size, order.data, order.size);
  r->items[r->count++].first = first_of(out + sizeof head, value->size + order.size);
  r->size += size;
  return true;
}

static hf__lmdb_run_entry read_entry(const char *bytes) {
  struct head head;
  memcpy(&head, bytes, sizeof head);
  bytes += sizeof head;
  return (hf__lmdb_run_entry){.value = {bytes, head.value_size},
                              .order = {bytes + head.value_size, head.order_size},
                              .record = head.record,
                              .is_unique = head.is_unique,
                              .is_cut = head.is_cut};
}

static int compare(const void *a, const void *b) {
  const struct hf__lmdb_run_item *x = a, *y = b;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  hf__lmdb_run_entry e = read_entry(x->bytes), f = read_entry(y->bytes); /* value and order key are in one piece */
  size_t n = e.value.size + e.order.size, m = f.value.size + f.order.size;
  int c = memcmp(e.value.data, f.value.data, n < m ? n : m);
  return c ? c : (n > m) - (n < m);
}

void hf__lmdb_run_sort(hf__lmdb_run *r) {
  const char *at = r->bytes;
  for (size_t i = 0; i < r->count; i++) { /* only now, since the bytes may have moved while they grew */
    hf__lmdb_run_entry e = read_entry(at);
    r->items[i].bytes = at;
    at = e.order.data + e.order.size;
  }
  if (r->count) qsort(r->items, r->count, sizeof *r->items, compare);
}

hf__lmdb_run_entry hf__lmdb_run_at(const hf__lmdb_run *r, size_t place) { return read_entry(r->items[place].bytes); }

void hf__lmdb_run_clear(hf__lmdb_run *r) { r->size = r->count = 0; }

void hf__lmdb_run_free(hf__lmdb_run *r) {
  free(r->bytes);
  free(r->items);
  *r = (hf__lmdb_run){.bytes = NULL};
}
