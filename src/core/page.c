/* SPDX-License-Identifier: MIT
 *
 * Pages of entries.  See page.h.
 */
#include "core/page.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SIZE = 960, BLOCK_SIZE = 64 * 1024 }; /* the first block is for one entity: malloc has such at hand */

struct hf__block {
  struct hf__block *next;
  size_t used;
  size_t size;
  char data[];
};

hf_page *hf_page_new(void) {
  hf_page *page = malloc(sizeof *page);
  if (page) memset(page, 0, offsetof(hf_page, failed_id));
  return page;
}

void hf_page_free(hf_page *page) {
  if (!page) return;
  for (struct hf__block *b = page->blocks, *next; b; b = next) {
    next = b->next;
    free(b);
  }
  free(page->entries);
  free(page->judged);
  free(page);
}

const hf_entry *hf_page_entries(const hf_page *page, size_t *count) {
  *count = page->count;
  return page->entries;
}

const hf_entry *hf_page_entry(const hf_page *page, size_t index) {
  return index < page->count ? &page->entries[index] : NULL;
}

void hf__page_reset(hf_page *page) {
  page->count = 0;
  page->counted = page->looked_at = 0;
  page->resume = page->failed_at = (hf_slice){NULL, 0};
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

/* Begins a new block with room for `size` bytes. */
__attribute__((noinline)) static char *alloc_block(hf_page *page, size_t size) {
  size_t usual = page->blocks ? BLOCK_SIZE : FIRST_SIZE, room = size > usual ? size : usual;
  struct hf__block *b = malloc(sizeof *b + room);
  if (!b) return NULL;
  b->next = page->blocks;
  b->used = size;
  b->size = room;
  page->blocks = b;
  return b->data;
}

static inline char *alloc(hf_page *page, size_t size) {
  struct hf__block *b = page->blocks;
  if (!b || b->size - b->used < size) return alloc_block(page, size);
  char *p = b->data + b->used;
  b->used += size;
  return p;
}

char *hf__page_alloc(hf_page *page, size_t size) { return alloc(page, size); }

__attribute__((noinline)) static bool grow_entries(hf_page *page) {
  size_t capacity = page->capacity ? page->capacity * 4 : 8;
  hf_entry *entries = realloc(page->entries, capacity * sizeof *entries);
  if (!entries) return false;
  page->entries = entries;
  page->capacity = capacity;
  return true;
}

bool hf_page_resume(hf_page *page, hf_slice order) {
  char *copy = alloc(page, order.size);
  if (!copy) return false;
  memcpy(copy, order.data, order.size);
  page->resume = (hf_slice){copy, order.size};
  return true;
}

void hf_page_fail_at(hf_page *page, hf_slice id) {
  size_t size = id.size < sizeof page->failed_id ? id.size : sizeof page->failed_id;
  if (size) memcpy(page->failed_id, id.data, size);
  page->failed_at = (hf_slice){page->failed_id, size};
}

/* Ids are short: most are copied as two words, which overlap. */
static inline void copy_id(char *to, hf_slice id) {
  uint64_t first, last;
  if (id.size < 8 || id.size > 16) {
    memcpy(to, id.data, id.size);
    return;
  }
  memcpy(&first, id.data, 8);
  memcpy(&last, id.data + id.size - 8, 8);
  memcpy(to, &first, 8);
  memcpy(to + id.size - 8, &last, 8);
}

hf_entry *hf_page_add(hf_page *page, hf_slice id, const char *json, size_t json_size) {
  if (__builtin_expect(page->count == page->capacity, 0) && !grow_entries(page)) return NULL;
  char *copy = alloc(page, id.size + json_size + 1);
  if (__builtin_expect(!copy, 0)) return NULL;
  char *text = copy + id.size;
  copy_id(copy, id);
  if (json) memcpy(text, json, json_size);
  text[json_size] = '\0';
  hf_entry *e = &page->entries[page->count++];
  /* Member by member: for a struct of this size compilers clear it by `rep stos`, which takes longer than the rest. */
  e->id.data = copy;
  e->id.size = id.size;
  e->json.data = json || json_size ? text : NULL;
  e->json.size = json_size;
  e->info.updated_at = 0;
  e->info.revision = 0;
  e->info.expires_at = 0;
  memset(e->info.reserved, 0, sizeof e->info.reserved);
  e->status = HF_OK;
  memset(e->reserved, 0, sizeof e->reserved);
  return e;
}

hf_entry *hf_page_add_damaged(hf_page *page, hf_slice id, hf_slice bytes, hf_slice problem) {
  hf_entry *e = hf_page_add(page, id, NULL, bytes.size + problem.size + 1);
  if (!e) return NULL;
  char *text = (char *)(uintptr_t)e->json.data;
  if (bytes.size) memcpy(text, bytes.data, bytes.size);
  text[bytes.size] = '\0';
  if (problem.size) memcpy(text + bytes.size + 1, problem.data, problem.size);
  e->json = (hf_slice){bytes.data ? text : NULL, bytes.size};
  e->status = HF_CORRUPT;
  return e;
}

/* hf_page_add_damaged() has put it after the bytes, and those are after the id. */
const char *hf_entry_problem(const hf_entry *entry) { return entry->id.data + entry->id.size + entry->json.size + 1; }
