/* SPDX-License-Identifier: MIT
 *
 * Places in an entity that a condition looks at: see places.h.
 */
#include "condition/places.h"

#include <stdlib.h>

static bool same_step(const hf__place *place, const hf_step *step) {
  if (!step->field.data) return !place->key && place->item == step->place;
  return place->key && place->size == step->field.size + 2 &&
         memcmp(place->key + 1, step->field.data, step->field.size) == 0;
}

static bool make_room(hf__places *places) {
  if (places->count < places->capacity) return true;
  uint32_t capacity = places->capacity ? places->capacity * 2 : 8;
  hf__place *at = realloc(places->at, capacity * sizeof *at);
  if (!at) return false;
  places->at = at;
  places->capacity = capacity;
  return true;
}

static void note_last(hf__places *places, char last) {
  unsigned known = places->lasts < HF__PLACES_LASTS ? places->lasts : HF__PLACES_LASTS;
  for (unsigned i = 0; i < known; i++)
    if (places->last[i] == last) return;
  if (known < HF__PLACES_LASTS) places->last[known] = last;
  places->lasts = known + 1;
}

static void note_ends(hf__place *place) {
  char tail[8] = {0};
  size_t size = place->size < 8 ? place->size : 8;
  memcpy(tail + 8 - size, place->key + place->size - size, size);
  memcpy(&place->tail, tail, 8);
  place->ignore = 64 - 8 * (unsigned)size;
  if (size == 8) memcpy(&place->head, place->key, 8);
}

static int64_t add_step(hf__places *places, uint32_t parent, const hf_step *step) {
  hf__place place = {.parent = parent, .item = step->place};
  if (!make_room(places)) return -1;
  if (step->field.data) {
    place.size = step->field.size + 2;
    place.key = malloc(place.size);
    if (!place.key) return -1;
    place.key[0] = place.key[place.size - 1] = '"';
    memcpy(place.key + 1, step->field.data, step->field.size);
    note_last(places, place.key[place.size - 2]);
    note_ends(&place);
  } else {
    places->has_items = true;
  }
  uint32_t number = places->count++;
  place.sibling = places->at[parent].child;
  places->at[parent].child = number;
  places->at[number] = place;
  return number;
}

int64_t hf__places_add(hf__places *places, const hf_step *steps, size_t count) {
  if (places->count == 0) {
    if (!make_room(places)) return -1;
    places->at[places->count++] = (hf__place){0};
  }
  int64_t here = 0;
  for (size_t i = 0; i < count && here >= 0; i++) {
    uint32_t child = places->at[here].child;
    while (child && !same_step(&places->at[child], &steps[i])) child = places->at[child].sibling;
    here = child ? child : add_step(places, (uint32_t)here, &steps[i]);
  }
  return here;
}

void hf__places_free(hf__places *places) {
  for (uint32_t i = 0; i < places->count; i++) free(places->at[i].key);
  free(places->at);
}
