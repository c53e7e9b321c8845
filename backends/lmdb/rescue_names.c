/* SPDX-License-Identifier: MIT
 *
 * A list of names: see rescue_names.h.
 */
#include "rescue_names.h"

#include <stdlib.h>
#include <string.h>

bool hf__lmdb_is_entity_name(hf_slice name) {
  unsigned char unused[HF_ORDER_KEY_MAX];
  return hf_order_key(name, unused) != 0; /* the rules for names are those for ids */
}

bool hf__lmdb_names_number(hf__lmdb_names *names, hf_slice name, uint32_t *number) {
  for (*number = 1; *number <= names->count; ++*number) {
    hf_slice text = names->list[*number].text;
    if (text.size == name.size && memcmp(text.data, name.data, name.size) == 0) return true;
  }
  *number = 0;
  if (names->count + 1 == HF__LMDB_NAMES_MOST) return true;
  if (!names->list) names->list = calloc(HF__LMDB_NAMES_MOST, sizeof *names->list);
  char *copy = names->list ? malloc(name.size + 1) : NULL;
  if (!copy) return false;
  if (name.size) memcpy(copy, name.data, name.size);
  *number = ++names->count;
  names->list[*number] = (hf__lmdb_rescue_name){{copy, name.size}, hf__lmdb_is_entity_name(name), 0};
  return true;
}

void hf__lmdb_names_free(hf__lmdb_names *names) {
  for (uint32_t i = 1; i <= names->count; i++) free((void *)(uintptr_t)names->list[i].text.data);
  free(names->list);
  *names = (hf__lmdb_names){NULL, 0};
}
