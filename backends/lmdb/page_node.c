/* SPDX-License-Identifier: MIT
 *
 * Nodes of a page: see page_node.h.  LMDB keeps the nodes of a page together at its end, without gaps, in whatever
 * order; the array of their places grows from the other side.  So the bytes from `upper` on belong to one node each,
 * which finds a flipped bit in nearly every size and place.
 */
#include "page_node.h"

#include <string.h>

#include "bytes.h"

struct hf__lmdb_page_head hf__lmdb_head_of(struct hf__lmdb_page page) {
  struct hf__lmdb_page_head head;
  memset(&head, 0, sizeof head);
  if (page.size >= sizeof head) memcpy(&head, page.bytes, sizeof head);
  return head;
}

static uint16_t u16_at(struct hf__lmdb_page page, uint32_t at) {
  uint16_t n;
  memcpy(&n, page.bytes + at, sizeof n);
  return n;
}

uint32_t hf__lmdb_node_count(struct hf__lmdb_page page) {
  uint32_t lower = hf__lmdb_head_of(page).lower;
  if (lower > page.size) lower = page.size;
  return lower <= HF__LMDB_PAGE_HEAD ? 0 : (lower - HF__LMDB_PAGE_HEAD) / 2;
}

static uint32_t even(uint32_t n) { return (n + 1) & ~1U; }

const char *hf__lmdb_node_read(struct hf__lmdb_page page, uint32_t begin, bool branch, struct hf__lmdb_node *out) {
  *out = (struct hf__lmdb_node){.begin = begin};
  if (begin < HF__LMDB_PAGE_HEAD || begin % 2 || begin + HF__LMDB_NODE_HEAD > page.size)
    return "has a place outside of it";
  uint32_t low = u16_at(page, begin), high = u16_at(page, begin + 2), key_size = u16_at(page, begin + 6);
  uint16_t flags = u16_at(page, begin + 4);
  uint32_t key = begin + HF__LMDB_NODE_HEAD, end = key + key_size;
  if (key_size > HF__LMDB_KEY_MOST || end > page.size) return "has a key that is too long";
  out->key = (hf_slice){(const char *)page.bytes + key, key_size};
  if (branch) {
    out->child = low | (uint64_t)high << 16 | (uint64_t)flags << 32;
  } else {
    out->flags = flags;
    out->size = low | (uint64_t)high << 16;
    if (flags & ~(HF__LMDB_NODE_BIG | HF__LMDB_NODE_TREE | HF__LMDB_NODE_DUP)) return "has a node of an unknown kind";
    bool big = flags & HF__LMDB_NODE_BIG;
    uint64_t room = big ? sizeof out->big : out->size;
    if (room > page.size - end) return "has a value that is too long";
    if (big)
      memcpy(&out->big, page.bytes + end, sizeof out->big);
    else
      out->value = (hf_slice){(const char *)page.bytes + end, out->size};
    end += (uint32_t)room;
  }
  out->beyond = even(end);
  return NULL;
}

const char *hf__lmdb_node_at(struct hf__lmdb_page page, uint32_t place, bool branch, struct hf__lmdb_node *out) {
  *out = (struct hf__lmdb_node){0};
  uint32_t at = HF__LMDB_PAGE_HEAD + 2 * place;
  if (at + 2 > page.size) return "has a place outside of it";
  return hf__lmdb_node_read(page, u16_at(page, at), branch, out);
}

hf_slice hf__lmdb_leaf2_at(struct hf__lmdb_page page, uint32_t place) {
  uint32_t size = hf__lmdb_head_of(page).pad;
  uint64_t at = HF__LMDB_PAGE_HEAD + (uint64_t)place * size;
  if (at + size > page.size) return (hf_slice){NULL, 0};
  return (hf_slice){(const char *)page.bytes + at, size};
}

static const char *leaf2_problem(struct hf__lmdb_page page, const struct hf__lmdb_page_head *head) {
  uint64_t used = (uint64_t)hf__lmdb_node_count(page) * head->pad;
  if (!head->pad || used > page.size - HF__LMDB_PAGE_HEAD) return "has values that do not fit";
  return NULL;
}

/* Whether the nodes, of which lengths[] has one for each place where one begins, follow each other from `upper` to the
 * end of the page.  There are `count` of them, so that none begins where another does. */
static bool fill_their_room(const uint16_t *lengths, uint32_t upper, uint32_t size, uint32_t count) {
  uint32_t at = upper;
  for (; at < size && count; count--) {
    uint32_t length = lengths[(at - upper) / 2];
    if (!length) return false;
    at += length;
  }
  return at == size && !count;
}

const char *hf__lmdb_nodes_problem(struct hf__lmdb_page page) {
  struct hf__lmdb_page_head head = hf__lmdb_head_of(page);
  if (head.lower < HF__LMDB_PAGE_HEAD || head.lower > head.upper || head.upper > page.size || head.lower % 2)
    return "has bounds that cannot be";
  if (head.flags & HF__LMDB_LEAF2) return leaf2_problem(page, &head);
  if (head.upper % 2) return "has bounds that cannot be";
  bool branch = head.flags & HF__LMDB_BRANCH;
  uint16_t lengths[HF__LMDB_PAGE_SIZE_MOST / 2];
  memset(lengths, 0, page.size - head.upper);
  uint32_t count = hf__lmdb_node_count(page);
  for (uint32_t i = 0; i < count; i++) {
    struct hf__lmdb_node node;
    const char *problem = hf__lmdb_node_at(page, i, branch, &node);
    if (problem) return problem;
    if (node.begin < head.upper || node.beyond > page.size) return "has a place outside of it";
    lengths[(node.begin - head.upper) / 2] = (uint16_t)(node.beyond - node.begin);
  }
  return fill_their_room(lengths, head.upper, page.size, count) ? NULL : "has nodes that do not fill their room";
}

static int compare_backwards(hf_slice a, hf_slice b) {
  size_t n = a.size < b.size ? a.size : b.size;
  for (size_t i = 1; i <= n; i++) {
    int c = (unsigned char)a.data[a.size - i] - (unsigned char)b.data[b.size - i];
    if (c) return c;
  }
  return (a.size > b.size) - (a.size < b.size);
}

static uint64_t integer_of(hf_slice s) {
  uint64_t wide;
  uint32_t narrow;
  if (s.size == sizeof wide) {
    memcpy(&wide, s.data, sizeof wide);
    return wide;
  }
  memcpy(&narrow, s.data, sizeof narrow);
  return narrow;
}

int hf__lmdb_compare(uint16_t tree_flags, bool values, hf_slice a, hf_slice b) {
  bool integer = tree_flags & (values ? HF__LMDB_INTEGER_DUP : HF__LMDB_INTEGER_KEY);
  if (integer && a.size == b.size && (a.size == sizeof(uint64_t) || a.size == sizeof(uint32_t))) {
    uint64_t x = integer_of(a), y = integer_of(b);
    return (x > y) - (x < y);
  }
  if (tree_flags & (values ? HF__LMDB_REVERSE_DUP : HF__LMDB_REVERSE_KEY)) return compare_backwards(a, b);
  return hf__lmdb_compare_bytes(a, b);
}
