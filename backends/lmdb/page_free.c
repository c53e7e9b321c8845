/* SPDX-License-Identifier: MIT
 *
 * The free list: see page_free.h.  A key is the number of a commit, or a smaller one; its value says how many pages
 * follow, and has their numbers, the largest first.  It may have room for more.
 */
#include "page_free.h"

#include <stdlib.h>
#include <string.h>

static uint64_t u64_at(const char *bytes, uint64_t place) {
  uint64_t n;
  memcpy(&n, bytes + place * sizeof n, sizeof n);
  return n;
}

static void check_pages(struct hf__lmdb_tree_walk *t, uint64_t page, const char *bytes, uint64_t size) {
  uint64_t count = size >= sizeof count ? u64_at(bytes, 0) : 1;
  if (size < sizeof count || count > size / sizeof count - 1) {
    hf__lmdb_tell(t, page, "has a list that is longer than its room");
    return;
  }
  for (uint64_t i = 1, last = UINT64_MAX; i <= count; i++) {
    uint64_t free_page = u64_at(bytes, i);
    const char *problem = free_page < last ? hf__lmdb_take_free(t->state, free_page) : "out of order";
    if (problem) {
      hf__lmdb_tell(t, page, "lists page %llu %s", (unsigned long long)free_page, problem);
      return;
    }
    last = free_page;
  }
}

void hf__lmdb_check_free_record(struct hf__lmdb_tree_walk *t, uint64_t page, const struct hf__lmdb_node *node) {
  struct hf__lmdb_state *s = t->state;
  if (node->key.size != sizeof(uint64_t) || node->flags & ~HF__LMDB_NODE_BIG) {
    hf__lmdb_tell(t, page, "has a node that is no list of free pages");
    return;
  }
  uint64_t commit = u64_at(node->key.data, 0);
  if (!commit || commit > s->walk->view->commit)
    hf__lmdb_tell(t, page, "lists pages that commit %llu gave back, which has not been", (unsigned long long)commit);
  if (!(node->flags & HF__LMDB_NODE_BIG)) {
    check_pages(t, page, node->value.data, node->size);
    return;
  }
  if (!hf__lmdb_take_overflow(t, page, node)) return;
  size_t size = HF__LMDB_PAGE_HEAD + node->size; /* the file has as much, or it would not have been taken */
  char *bytes = malloc(size);
  if (!bytes) {
    s->stopped = s->out_of_memory = true;
    return;
  }
  const char *problem = hf__lmdb_walk_read(s, node->big, bytes, size);
  if (problem)
    hf__lmdb_tell(t, page, "refers to overflow page %llu, which %s", (unsigned long long)node->big, problem);
  else
    check_pages(t, page, bytes + HF__LMDB_PAGE_HEAD, node->size);
  free(bytes);
}
