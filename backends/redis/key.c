/* SPDX-License-Identifier: MIT
 *
 * The keys of entities, both ways: to them from names and ids, and from them to names.
 */
#include "key.h"

#include <stdlib.h>
#include <string.h>

size_t hf__redis_escape(hf_slice name, char out[REDIS_KEY_MAX]) {
  size_t n = 0;
  for (size_t i = 0; i < name.size; i++) {
    char c = name.data[i];
    if (c == ':' || c == '%') {
      memcpy(out + n, c == ':' ? "%3A" : "%25", 3);
      n += 3;
    } else {
      out[n++] = c;
    }
  }
  return n;
}

bool hf__redis_key_name(hf_slice key, char out[REDIS_KEY_MAX]) {
  char again[REDIS_KEY_MAX];
  const char *colon = memchr(key.data, ':', key.size);
  size_t size = colon ? (size_t)(colon - key.data) : REDIS_KEY_MAX;
  if (!size || size >= REDIS_KEY_MAX) return false;
  memcpy(out, key.data, size);
  out[size] = '\0';
  if (strlen(out) != size || !hf_url_decode(out)) return false;
  size_t written = strlen(out) <= HF_ID_MAX ? hf__redis_escape(hf_text(out), again) : 0;
  return written == size && memcmp(again, key.data, size) == 0;
}

bool hf__redis_collection_init(hf__redis_collection *e, struct hf__redis_store *store, hf_slice name) {
  char prefix[REDIS_KEY_MAX], *copy, *pattern = NULL;
  size_t size = hf__redis_escape(name, prefix), n = 0;
  prefix[size++] = ':';
  copy = malloc(size);
  if (copy) pattern = malloc(2 * size + 1);
  if (!pattern) {
    free(copy);
    return false;
  }
  memcpy(copy, prefix, size);
  for (size_t i = 0; i < size; i++) {
    if (strchr("*?[]\\", prefix[i])) pattern[n++] = '\\';
    pattern[n++] = prefix[i];
  }
  pattern[n++] = '*';
  *e = (hf__redis_collection){store, {copy, size}, {pattern, n}};
  return true;
}

void hf__redis_collection_end(hf__redis_collection *e) {
  free((char *)(uintptr_t)e->prefix.data);
  free((char *)(uintptr_t)e->pattern.data);
}

hf_slice hf__redis_key(const hf__redis_collection *e, hf_slice id, char out[REDIS_KEY_MAX]) {
  memcpy(out, e->prefix.data, e->prefix.size);
  memcpy(out + e->prefix.size, id.data, id.size);
  return (hf_slice){out, e->prefix.size + id.size};
}
