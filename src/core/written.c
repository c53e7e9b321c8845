/* SPDX-License-Identifier: MIT
 *
 * The entities that the parts of one commit have written: see written.h.  A list in the order in which they came, and
 * a hash table into it with open addressing.  Only the last one is ever taken out, over whose place no other was
 * looked for: so its place can simply be free again.
 */
#include "core/written.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_PLACES = 256 };

uint64_t hf__written_hash(hf_slice entity_name, hf_slice order) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (size_t i = 0; i < entity_name.size; i++) hash = (hash ^ (unsigned char)entity_name.data[i]) * 1099511628211u;
  hash *= 1099511628211u; /* as a byte 0, which no name has */
  for (size_t i = 0; i < order.size; i++) hash = (hash ^ (unsigned char)order.data[i]) * 1099511628211u;
  return hash ^ hash >> 32;
}

/* Where the hash is, or would be. */
static size_t place_of(const hf__written *w, uint64_t hash) {
  size_t place = (size_t)hash & (w->place_count - 1);
  while (w->places[place] && w->hashes[w->places[place] - 1] != hash) place = (place + 1) & (w->place_count - 1);
  return place;
}

bool hf__written_reserve(hf__written *w, size_t more) {
  size_t wanted = w->place_count ? w->place_count : FIRST_PLACES;
  if (more > UINT32_MAX / 4 - w->count) return false;
  while (wanted / 2 < w->count + more) wanted *= 2;
  if (wanted == w->place_count) return true;
  uint64_t *hashes = realloc(w->hashes, wanted / 2 * sizeof *hashes);
  if (!hashes) return false;
  w->hashes = hashes;
  uint32_t *places = calloc(wanted, sizeof *places);
  if (!places) return false;
  free(w->places);
  w->places = places;
  w->place_count = wanted;
  for (size_t i = 0; i < w->count; i++) places[place_of(w, hashes[i])] = (uint32_t)i + 1;
  return true;
}

void hf__written_add(hf__written *w, uint64_t hash) {
  size_t place = place_of(w, hash);
  if (w->places[place]) return;
  w->hashes[w->count++] = hash;
  w->places[place] = (uint32_t)w->count;
}

bool hf__written_has(const hf__written *w, uint64_t hash) { return w->count && w->places[place_of(w, hash)]; }

void hf__written_cut(hf__written *w, size_t count) {
  for (; w->count > count; w->count--) w->places[place_of(w, w->hashes[w->count - 1])] = 0;
}

void hf__written_free(hf__written *w) {
  free(w->hashes);
  free(w->places);
  *w = (hf__written){NULL, 0, NULL, 0};
}
