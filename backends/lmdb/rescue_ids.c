/* SPDX-License-Identifier: MIT
 *
 * A table of ids: see rescue_ids.h.  Open addressing; a hash of 0 is an empty slot.
 */
#include "rescue_ids.h"

#include <stdlib.h>

struct hf__lmdb_id_slot {
  uint64_t hash, number;
};

enum { FIRST_CAPACITY = 1024 };

static uint64_t hash_of(uint32_t tag, hf_slice id) {
  uint64_t h = 14695981039346656037U ^ tag; /* FNV-1a, 64 bits */
  h *= 1099511628211U;
  for (size_t i = 0; i < id.size; i++) h = (h ^ (unsigned char)id.data[i]) * 1099511628211U;
  h ^= h >> 29;
  return h ? h : 1;
}

static struct hf__lmdb_id_slot *find(const hf__lmdb_ids *ids, uint64_t hash) {
  size_t i = (size_t)hash & (ids->capacity - 1);
  while (ids->slots[i].hash && ids->slots[i].hash != hash) i = (i + 1) & (ids->capacity - 1);
  return &ids->slots[i];
}

static bool grow(hf__lmdb_ids *ids) {
  hf__lmdb_ids larger = {NULL, ids->capacity ? ids->capacity * 2 : FIRST_CAPACITY, ids->count};
  larger.slots = calloc(larger.capacity, sizeof *larger.slots);
  if (!larger.slots) return false;
  for (size_t i = 0; i < ids->capacity; i++)
    if (ids->slots[i].hash) *find(&larger, ids->slots[i].hash) = ids->slots[i];
  free(ids->slots);
  *ids = larger;
  return true;
}

uint64_t *hf__lmdb_ids_at(hf__lmdb_ids *ids, uint32_t tag, hf_slice id) {
  if (ids->count * 2 >= ids->capacity && !grow(ids)) return NULL;
  struct hf__lmdb_id_slot *slot = find(ids, hash_of(tag, id));
  if (!slot->hash) {
    slot->hash = hash_of(tag, id);
    ids->count++;
  }
  return &slot->number;
}

uint64_t hf__lmdb_ids_get(const hf__lmdb_ids *ids, uint32_t tag, hf_slice id) {
  return ids->capacity ? find(ids, hash_of(tag, id))->number : 0;
}

void hf__lmdb_ids_free(hf__lmdb_ids *ids) {
  free(ids->slots);
  *ids = (hf__lmdb_ids){NULL, 0, 0};
}
