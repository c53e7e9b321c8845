/* SPDX-License-Identifier: MIT
 *
 * Pages of entries.  See page.h.
 */
#include "core/page.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64 * 1024 };

struct hf__block {
  struct hf__block *next;
  size_t used;
  size_t size;
  char data[];
};

hf_page *hf_page_new(void) { return calloc(1, sizeof(hf_page)); }

void hf_page_free(hf_page *page) {
  if (!page) return;
  for (struct hf__block *b = page->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(page->entries);
  free(page);
}

const hf_entry *hf_page_entries(const hf_page *page, size_t *count) {
  *count = page->count;
  return page->entries;
}

void hf__page_reset(hf_page *page) {
  page->count = 0;
  struct hf__block *keep = page->blocks;
  if (!keep) return;
  for (struct hf__block *b = keep->next, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  keep->next = NULL;
  keep->used = 0;
  if (keep->size > 4 * BLOCK_SIZE) {
    free(keep);
    page->blocks = NULL;
  }
}

char *hf__page_alloc(hf_page *page, size_t size) {
  struct hf__block *b = page->blocks;
  if (!b || b->size - b->used < size) {
    size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
    b = malloc(sizeof *b + room);
    if (!b) return NULL;
    b->next = page->blocks;
    b->used = 0;
    b->size = room;
    page->blocks = b;
  }
  char *p = b->data + b->used;
  b->used += size;
  return p;
}

hf_entry *hf_page_add(hf_page *page, hf_slice id, const char *json, size_t json_size) {
  if (page->count == page->capacity) {
    size_t capacity = page->capacity ? page->capacity * 2 : 64;
    hf_entry *entries = realloc(page->entries, capacity * sizeof *entries);
    if (!entries) return NULL;
    page->entries = entries;
    page->capacity = capacity;
  }
  char *copy = hf__page_alloc(page, id.size + json_size + 1);
  if (!copy) return NULL;
  hf_entry *e = &page->entries[page->count++];
  memcpy(copy, id.data, id.size);
  e->id.data = copy;
  e->id.size = id.size;
  copy += id.size;
  if (json) memcpy(copy, json, json_size);
  copy[json_size] = '\0';
  e->json.data = json || json_size ? copy : NULL;
  e->json.size = json_size;
  e->info = (hf_info){0, 0};
  e->status = HF_OK;
  return e;
}
