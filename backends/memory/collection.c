/* SPDX-License-Identifier: MIT
 *
 * Collections in memory: see collection.h.
 */
#include "collection.h"

#include <stdlib.h>
#include <string.h>

void hf__memory_types_free(hf__memory_type *t) {
  for (hf__memory_type *next; t; t = next) {
    next = t->next;
    hf__memory_list_free(&t->sound);
    hf__memory_list_free(&t->damaged);
    hf__memory_list_free(&t->expiring);
    hf__memory_indexes_free(&t->indexes);
    free(t);
  }
}

static hf__memory_type *type_copy(const hf__memory_type *from, bool with_indexes) {
  hf__memory_type *t = malloc(sizeof *t);
  if (!t) return NULL;
  *t = *from;
  t->next = NULL;
  t->damaged = t->expiring = (hf__memory_list){0, 0, NULL};
  t->indexes = (hf__memory_indexes){0};
  if (hf__memory_list_copy(&from->sound, &t->sound) && hf__memory_list_copy(&from->damaged, &t->damaged) &&
      hf__memory_list_copy(&from->expiring, &t->expiring) &&
      (!with_indexes || hf__memory_indexes_copy(&from->indexes, &t->indexes)))
    return t;
  hf__memory_types_free(t);
  return NULL;
}

hf__memory_type *hf__memory_types_copy(const hf__memory_type *from, bool with_indexes, bool *ok) {
  hf__memory_type *first = NULL, **link = &first;
  *ok = true;
  for (; from; from = from->next) {
    *link = type_copy(from, with_indexes);
    if (!*link) {
      *ok = false;
      hf__memory_types_free(first);
      return NULL;
    }
    link = &(*link)->next;
  }
  return first;
}

hf__memory_type *hf__memory_types_find(hf__memory_type *t, const char *name, size_t size) {
  while (t && (t->name_size != size || memcmp(t->name, name, size) != 0)) t = t->next;
  return t;
}
