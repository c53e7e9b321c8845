/* SPDX-License-Identifier: MIT
 *
 * Counting by a walk: see tally.h.  The walk comes to the main tree's leaf before it comes to the trees in it, and to
 * our own trees before those of collections, since no name of theirs begins with a control character.
 */
#include "tally.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "meta.h"
#include "quarantine.h"
#include "record.h"
#include "sums.h"

/* Where the name is, or where it belongs. */
static size_t place_of(const struct hf__lmdb_tally *t, hf_slice name) {
  size_t low = 0, high = t->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (hf__lmdb_compare_bytes(t->collections[middle].name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The collection of this name, from now on; NULL: out of memory. */
static struct hf__lmdb_counted *find(struct hf__lmdb_tally *t, hf_slice name) {
  if (t->at < t->count && hf__lmdb_compare_bytes(t->collections[t->at].name, name) == 0) return &t->collections[t->at];
  size_t at = place_of(t, name);
  struct hf__lmdb_counted *c = &t->collections[at];
  t->at = at;
  if (at < t->count && hf__lmdb_compare_bytes(c->name, name) == 0) return c;
  char *copy = malloc(name.size + 1);
  if (!copy || !hf__lmdb_grow((void **)&t->collections, t->count, &t->capacity, sizeof *c)) {
    free(copy);
    t->out_of_memory = true;
    return NULL;
  }
  memcpy(copy, name.data, name.size);
  c = &t->collections[at];
  memmove(c + 1, c, (t->count++ - at) * sizeof *c);
  *c = (struct hf__lmdb_counted){.name = {copy, name.size},
                                 .name_hash = hf__lmdb_name_hash((hf_slice){copy, name.size})};
  return c;
}

/* ---- what is in one leaf */

static void take_main(struct hf__lmdb_tally *t, const struct hf__lmdb_node *node) {
  struct hf__lmdb_counted *c;
  bool tree = node->flags & HF__LMDB_NODE_TREE;
  if (!tree && hf__lmdb_is_named(node->key, MARK_KEY) && node->value.size >= MARK_SIZE) {
    memcpy(&t->mark, node->value.data, sizeof t->mark);
    t->mark = le64toh(t->mark);
    hf__lmdb_sums_read(node->value, &t->marked);
  } else if (!tree && hf__lmdb_begins_with(node->key, SUM_KEY) && node->value.data) {
    size_t prefix = sizeof SUM_KEY - 1;
    c = find(t, (hf_slice){node->key.data + prefix, node->key.size - prefix});
    if (c) c->written = hf__lmdb_sum_read(node->value);
  } else if (tree && node->key.size && node->key.data[0] != META_DB[0]) {
    c = find(t, node->key);
    if (c) c->is_there = true;
  }
}

static void add_record(struct hf__lmdb_counted *c, const MDB_val *record, hf_slice id) {
  c->found.count++;
  c->found.hash += hf__lmdb_record_hash(record, id);
}

static void take_record(struct hf__lmdb_tally *t, struct hf__lmdb_counted *c, const struct hf__lmdb_node *node) {
  unsigned char bytes[HF__LMDB_PAGE_HEAD + RECORD_HEADER];
  MDB_val key = hf__lmdb_val(node->key), record = hf__lmdb_val(node->value);
  if (node->flags & HF__LMDB_NODE_BIG) { /* of which only the header is looked at */
    bool read = hf__lmdb_read_pages(t->walk->file, node->big, bytes, sizeof bytes) == 0;
    record = (MDB_val){read ? RECORD_HEADER : 0, bytes + HF__LMDB_PAGE_HEAD};
  }
  add_record(c, &record, hf__lmdb_record_id(&key, &record));
}

static void take_quarantine(struct hf__lmdb_tally *t, const struct hf__lmdb_node *node) {
  uint64_t hash = hf__lmdb_quarantine_name(node->key);
  if (!hash || hf__lmdb_tally_doubts(t, hash)) return;
  if (hf__lmdb_grow((void **)&t->in_doubt, t->doubts, &t->doubts_capacity, sizeof *t->in_doubt))
    t->in_doubt[t->doubts++] = hash;
  else
    t->out_of_memory = true;
}

static void take_node(struct hf__lmdb_tally *t, const struct hf__lmdb_visit *v, struct hf__lmdb_counted *c,
                      const struct hf__lmdb_node *node) {
  if (v->kind == HF__LMDB_MAIN)
    take_main(t, node);
  else if (c)
    take_record(t, c, node);
  else if (hf__lmdb_is_named(v->name, QUARANTINE_DB))
    take_quarantine(t, node);
  else if (hf__lmdb_is_named(v->name, META_DB))
    t->keeps_sums |= hf__lmdb_is_named(node->key, META_FEATURE FEATURE_SUMS);
}

void hf__lmdb_tally_visit(struct hf__lmdb_tally *t, const struct hf__lmdb_visit *v) {
  bool is_named_tree = v->kind == HF__LMDB_NAMED;
  if (!v->leaf || v->soundness > HF__LMDB_MISNAMED || !(is_named_tree || v->kind == HF__LMDB_MAIN)) return;
  struct hf__lmdb_counted *c = NULL;
  if (is_named_tree && v->name.size && v->name.data[0] != META_DB[0] && !(c = find(t, v->name))) return;
  uint32_t count = hf__lmdb_node_count(v->content);
  for (uint32_t i = 0; i < count && !t->out_of_memory; i++) {
    struct hf__lmdb_node node;
    if (!hf__lmdb_node_at(v->content, i, false, &node)) take_node(t, v, c, &node);
  }
}

void hf__lmdb_tally_add(struct hf__lmdb_tally *t, hf_slice name, const MDB_val *record, hf_slice id) {
  struct hf__lmdb_counted *c = find(t, name);
  if (c) add_record(c, record, id);
}

/* The collection that a sum in the mark is of; NULL: none that is there. */
static struct hf__lmdb_counted *find_hash(struct hf__lmdb_tally *t, uint64_t name_hash) {
  for (size_t i = 0; i < t->count; i++)
    if (t->collections[i].name_hash == name_hash) return &t->collections[i];
  return NULL;
}

void hf__lmdb_tally_end(struct hf__lmdb_tally *t) {
  for (size_t i = 0; i < t->marked.count && !t->out_of_memory; i++) {
    const struct hf__lmdb_marked_sum *s = &t->marked.list[i];
    struct hf__lmdb_counted *c = find_hash(t, s->name_hash);
    if (c) {
      c->written.count += s->sum.count; /* none is stored in both places, unless there is damage */
      c->written.hash += s->sum.hash;
    } else if (hf__lmdb_grow((void **)&t->collections, t->count, &t->capacity, sizeof *c)) {
      t->collections[t->count++] = (struct hf__lmdb_counted){.name_hash = s->name_hash, .written = s->sum};
    } else {
      t->out_of_memory = true;
    }
  }
}

bool hf__lmdb_tally_doubts(const struct hf__lmdb_tally *t, uint64_t name_hash) {
  for (size_t i = 0; i < t->doubts; i++)
    if (t->in_doubt[i] == name_hash) return true;
  return false;
}

void hf__lmdb_tally_free(struct hf__lmdb_tally *t) {
  for (size_t i = 0; i < t->count; i++) free((void *)(uintptr_t)t->collections[i].name.data);
  free(t->collections);
  free(t->in_doubt);
  *t = (struct hf__lmdb_tally){.walk = NULL};
}
