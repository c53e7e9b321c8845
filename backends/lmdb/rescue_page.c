/* SPDX-License-Identifier: MIT
 *
 * Records of a damaged leaf: see rescue_page.h.  LMDB keeps the nodes of a page together, from `upper` to its end, and
 * nothing but those that are there; what was deleted may still be readable in the room before them.  So the nodes are
 * read one after the other from where they begin, which the array of places says as well, and what is no whole node is
 * searched for a record's header with its id before it.
 */
#include "rescue_page.h"

#include <stdlib.h>
#include <string.h>

#include "record.h"

struct salvage {
  const struct hf__lmdb_page_file *file;
  struct hf__lmdb_page page;
  hf__lmdb_found_fn fn;
  void *arg;
  bool go_on;
  bool out_of_memory;
};

/* ---- where the nodes begin */

/* How many nodes follow each other from a place to the end of the page; 0: they do not. */
static uint32_t chain(struct hf__lmdb_page page, uint32_t at) {
  uint32_t count = 0;
  for (struct hf__lmdb_node node; at < page.size; at = node.beyond, count++)
    if (hf__lmdb_node_read(page, at, false, &node) || node.beyond <= at || node.beyond > page.size) return 0;
  return at == page.size ? count : 0;
}

/* What the array has in a place; 0 beyond the page. */
static uint32_t place_at(struct hf__lmdb_page page, uint32_t i) {
  uint16_t place = 0;
  uint32_t from = HF__LMDB_PAGE_HEAD + 2 * i;
  if (from + sizeof place <= page.size) memcpy(&place, page.bytes + from, sizeof place);
  return place;
}

/* The first of the places in the array's first `count` that can be one. */
static uint32_t first_place(struct hf__lmdb_page page, uint32_t count) {
  uint32_t first = page.size;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t place = place_at(page, i);
    if (place % 2 == 0 && place >= HF__LMDB_PAGE_HEAD + 2 * count && place < first) first = place;
  }
  return first;
}

/* Where the nodes begin, by what agrees of the two bounds, the array and the nodes.  Where nothing does, the later of
 * two places: what lies before it may have been deleted. */
static uint32_t find_begin(struct hf__lmdb_page page) {
  struct hf__lmdb_page_head head = hf__lmdb_head_of(page);
  uint32_t upper = head.upper, count = hf__lmdb_node_count(page), first = first_place(page, count);
  bool possible = upper >= HF__LMDB_PAGE_HEAD && upper <= page.size && upper % 2 == 0;
  if (possible && first == upper) return upper;
  if (first < page.size && chain(page, first) == count) return first; /* `upper` is damaged */
  uint32_t chained = possible ? chain(page, upper) : 0;
  if (chained && first_place(page, chained) == upper) return upper; /* `lower` is */
  return possible && upper > first ? upper : first;
}

/* ---- records */

/* Whether the checksum holds; then *found has what the record says. */
static bool record_holds(hf_slice id, hf_slice record, hf__lmdb_found *found) {
  MDB_val value = {record.size, (void *)(uintptr_t)record.data};
  *found = (hf__lmdb_found){.id = id, .record = record};
  found->is_sound = id.data && record.data && !hf__lmdb_record_read(&value, id, &found->json, &found->info);
  return found->is_sound;
}

/* Looks between two places for a record that ends with the later one, or a byte before. */
static bool carve(const struct salvage *s, uint32_t begin, uint32_t end, hf__lmdb_found *found) {
  const char *bytes = (const char *)s->page.bytes;
  for (uint32_t at = begin + 1; at + RECORD_HEADER <= end; at++) {
    const unsigned char *p = s->page.bytes + at;
    uint32_t id_size = p[1];
    size_t header = p[0] == RECORD_EXPIRING ? RECORD_HEADER_EXPIRING : RECORD_HEADER;
    bool is_header = p[0] <= RECORD_EXPIRING && p[0] && p[2] == header && !p[3];
    if (!is_header || !id_size || id_size > HF_ID_MAX || id_size > at - begin) continue;
    hf_slice id = {bytes + at - id_size, id_size};
    if (record_holds(id, (hf_slice){bytes + at, end - at}, found)) return true;
    if (end - at > header && record_holds(id, (hf_slice){bytes + at, end - at - 1}, found)) return true;
  }
  return false;
}

/* The value that a node has on other pages, after a page's head; NULL: it cannot be read.  To be freed. */
static char *read_big(const struct hf__lmdb_page_file *file, const struct hf__lmdb_node *node, bool *out_of_memory) {
  size_t size = HF__LMDB_PAGE_HEAD + node->size;
  if (node->big < HF__LMDB_FIRST_PAGE || node->big >= file->pages || size > (file->pages - node->big) * file->page_size)
    return NULL;
  char *bytes = malloc(size);
  if (bytes && hf__lmdb_read_pages(file, node->big, bytes, size) == 0) return bytes;
  *out_of_memory |= !bytes;
  free(bytes);
  return NULL;
}

/* Hands out what begins at a place of the page; `limit` is where the next node does, by the array.  Returns where to go
 * on. */
static uint32_t take(struct salvage *s, uint32_t at, uint32_t limit) {
  struct hf__lmdb_node node;
  hf__lmdb_found found, carved;
  if (hf__lmdb_node_read(s->page, at, false, &node)) {
    if (carve(s, at, limit, &found)) s->go_on = s->fn(s->arg, &found);
    return limit;
  }
  bool is_big = node.flags & HF__LMDB_NODE_BIG;
  char *big = is_big ? read_big(s->file, &node, &s->out_of_memory) : NULL;
  hf_slice value = big ? (hf_slice){big + HF__LMDB_PAGE_HEAD, node.size} : node.value;
  MDB_val k = {node.key.size, (void *)(uintptr_t)node.key.data}, v = {value.size, (void *)(uintptr_t)value.data};
  hf_slice id = hf__lmdb_record_id(&k, &v);
  uint32_t next = node.beyond;
  bool is_there = record_holds(id, value, &found);
  found.overflow = is_big ? node.big : 0;
  if (!is_there && carve(s, at, limit, &carved)) {
    found = carved;
    next = limit;
    is_there = true;
  }
  if (is_there || (id.data && hf__lmdb_record_key_is_sound(&k, id))) s->go_on = s->fn(s->arg, &found);
  free(big);
  return next;
}

/* The next place after one that the array has; the page's end where there is none. */
static uint32_t next_place(struct hf__lmdb_page page, uint32_t at, uint32_t count) {
  uint32_t next = page.size;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t place = place_at(page, i);
    if (place > at && place < next && place % 2 == 0) next = place;
  }
  return next;
}

bool hf__lmdb_salvage(const struct hf__lmdb_page_file *file, struct hf__lmdb_page page, hf__lmdb_found_fn fn, void *arg,
                      bool *out_of_memory) {
  struct salvage s = {file, page, fn, arg, true, false};
  uint32_t count = hf__lmdb_node_count(page);
  for (uint32_t at = find_begin(page); at < page.size && s.go_on && !s.out_of_memory;)
    at = take(&s, at, next_place(page, at, count));
  *out_of_memory = s.out_of_memory;
  return s.go_on && !s.out_of_memory;
}

bool hf__lmdb_each_value(const struct hf__lmdb_page_file *file, struct hf__lmdb_page page, hf__lmdb_value_fn fn,
                         void *arg, bool *out_of_memory) {
  bool go_on = true;
  *out_of_memory = false;
  for (uint32_t i = 0, count = hf__lmdb_node_count(page); i < count && go_on && !*out_of_memory; i++) {
    struct hf__lmdb_node node;
    if (hf__lmdb_node_at(page, i, false, &node)) continue;
    bool is_big = node.flags & HF__LMDB_NODE_BIG;
    char *big = is_big ? read_big(file, &node, out_of_memory) : NULL;
    if (!is_big)
      go_on = fn(arg, node.key, node.value);
    else if (big)
      go_on = fn(arg, node.key, (hf_slice){big + HF__LMDB_PAGE_HEAD, node.size});
    free(big);
  }
  return go_on && !*out_of_memory;
}
