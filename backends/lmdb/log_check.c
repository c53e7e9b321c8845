/* SPDX-License-Identifier: MIT
 *
 * Checking the log of changes: see log_check.h.  The walk comes to our own trees in the order of their names, and to
 * those of collections after them: to the history before the names of its numbers, and to the log before the records.
 */
#include "log_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "history_store.h"
#include "meta.h"
#include "page_file.h"
#include "page_node.h"
#include "page_walk.h"
#include "quarantine.h"
#include "record.h"

enum { TEXT_MOST = 200 };

/* ---- sets of hashes */

/* Of a change, by the hashes of its entity name and id. */
static uint64_t mix(uint64_t name, uint64_t id, uint64_t revision) {
  uint64_t h = (id ^ name * 0x9E3779B97F4A7C15U) + revision * 0xBF58476D1CE4E5B9U;
  h = (h ^ h >> 30) * 0x94D049BB133111EBU;
  return h ^ h >> 31;
}

static uint64_t hash_of(uint64_t name, hf_slice id, uint64_t revision) {
  return mix(name, hf__lmdb_name_hash(id), revision);
}

static void add(struct hf__lmdb_log_check *x, struct hf__lmdb_hashes *set, uint64_t hash) {
  if (hf__lmdb_grow((void **)&set->list, set->count, &set->capacity, sizeof *set->list))
    set->list[set->count++] = hash;
  else
    x->out_of_memory = true;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* Sorts it, and leaves one of equal ones. */
static void sort(struct hf__lmdb_hashes *set) {
  size_t n = 0;
  if (set->count > 1) qsort(set->list, set->count, sizeof *set->list, compare);
  for (size_t i = 0; i < set->count; i++)
    if (!n || set->list[n - 1] != set->list[i]) set->list[n++] = set->list[i];
  set->count = n;
}

static bool has(const struct hf__lmdb_hashes *set, uint64_t hash) {
  return set->count && bsearch(&hash, set->list, set->count, sizeof hash, compare);
}

/* How many of the first the second has not. */
static uint64_t missing(const struct hf__lmdb_hashes *of, const struct hf__lmdb_hashes *in) {
  uint64_t n = 0;
  for (size_t i = 0; i < of->count; i++) n += !has(in, of->list[i]);
  return n;
}

/* ---- what is in one leaf */

static void take_log(struct hf__lmdb_log_check *x, const struct hf__lmdb_node *node) {
  MDB_val k = hf__lmdb_val(node->key), v = hf__lmdb_val(node->value);
  hf__lmdb_log_entry e;
  if (hf__lmdb_log_is_head(&k)) {
    x->has_head = hf__lmdb_log_head_read(&v, &x->head);
    return;
  }
  if (!hf__lmdb_log_read(&k, &v, &e)) {
    x->damaged_entries++;
    return;
  }
  if (!x->has_head || e.revision < x->head.from) return;
  x->went_back += e.at < x->newest_at;
  x->newest_at = e.at;
  x->newest = e.revision;
  uint64_t hash = hash_of(hf__lmdb_name_hash(e.entity_name), e.id, e.revision);
  if (e.what == HF_CHANGE_WRITE) add(x, &x->written, hash);
  if (e.keeps && e.revision >= x->head.history_from) add(x, &x->kept, hash);
}

/* The value of a node; NULL: it cannot be read.  *copy is to be freed. */
static const unsigned char *value_of(struct hf__lmdb_log_check *x, const struct hf__lmdb_node *node,
                                     unsigned char **copy) {
  *copy = NULL;
  if (!(node->flags & HF__LMDB_NODE_BIG)) return (const unsigned char *)node->value.data;
  *copy = malloc(HF__LMDB_PAGE_HEAD + node->size);
  if (!*copy) {
    x->out_of_memory = true;
    return NULL;
  }
  bool read = hf__lmdb_read_pages(x->walk->file, node->big, *copy, HF__LMDB_PAGE_HEAD + node->size) == 0;
  return read ? *copy + HF__LMDB_PAGE_HEAD : NULL;
}

static bool is_sound(const hf__lmdb_replaced *r, hf_slice id) {
  hf_slice text;
  hf_info info;
  if (!r->record.mv_size || r->what == HF_CHANGE_QUARANTINE) return true;
  return hf__lmdb_record_read(&r->record, id, &text, &info) == NULL;
}

static hf_slice id_at_end(hf_slice order) {
  const char *cut = memchr(order.data, 0, order.size);
  return cut ? (hf_slice){cut + 1, order.size - (size_t)(cut + 1 - order.data)} : (hf_slice){NULL, 0};
}

/* Of what is kept, the name is known later; until then its number is in the place of the hash. */
static void take_history(struct hf__lmdb_log_check *x, const struct hf__lmdb_node *node) {
  unsigned char *copy;
  const unsigned char *value = value_of(x, node, &copy);
  hf__lmdb_replaced r;
  MDB_val k = hf__lmdb_val(node->key), v = {node->size, (void *)(uintptr_t)value};
  bool is_read = value && hf__lmdb_history_read(&k, &v, &r);
  hf_slice id = is_read ? id_at_end(r.order) : (hf_slice){NULL, 0};
  if (!id.size) {
    x->damaged_values++;
  } else {
    x->damaged_values += !is_sound(&r, id);
    add(x, &x->found, r.number);
    add(x, &x->found, hf__lmdb_name_hash(id));
    add(x, &x->found, r.revision);
  }
  free(copy);
}

static void take_meta(struct hf__lmdb_log_check *x, const struct hf__lmdb_node *node) {
  x->has_setting |= hf__lmdb_is_named(node->key, META_SETTING SETTING_CHANGES);
  if (!hf__lmdb_begins_with(node->key, META_NUMBER) || !node->value.data) return;
  size_t prefix = sizeof META_NUMBER - 1;
  char text[16] = "";
  memcpy(text, node->value.data, node->value.size < sizeof text ? node->value.size : sizeof text - 1);
  if (!hf__lmdb_grow((void **)&x->numbers, x->numbers_count, &x->numbers_capacity, sizeof *x->numbers)) {
    x->out_of_memory = true;
    return;
  }
  x->numbers[x->numbers_count++] = (struct hf__lmdb_numbered){
      strtoull(text, NULL, 10), hf__lmdb_name_hash((hf_slice){node->key.data + prefix, node->key.size - prefix})};
}

static void note_unlogged(struct hf__lmdb_log_check *x, hf_slice name) {
  struct hf__lmdb_unlogged *u = x->unlogged_count ? &x->unlogged[x->unlogged_count - 1] : NULL;
  if (u && u->name_size == name.size && memcmp(u->name, name.data, name.size) == 0) {
    u->count++;
  } else if (name.size > HF_ID_MAX ||
             !hf__lmdb_grow((void **)&x->unlogged, x->unlogged_count, &x->unlogged_capacity, sizeof *x->unlogged)) {
    x->out_of_memory = true;
  } else {
    u = &x->unlogged[x->unlogged_count++];
    u->name_size = name.size;
    u->count = 1;
    memcpy(u->name, name.data, name.size);
  }
}

static void take_record(struct hf__lmdb_log_check *x, hf_slice name, const struct hf__lmdb_node *node) {
  unsigned char bytes[HF__LMDB_PAGE_HEAD + RECORD_HEADER];
  MDB_val key = hf__lmdb_val(node->key), record = hf__lmdb_val(node->value);
  if (node->flags & HF__LMDB_NODE_BIG) {
    if (hf__lmdb_read_pages(x->walk->file, node->big, bytes, sizeof bytes)) return;
    record = (MDB_val){RECORD_HEADER, bytes + HF__LMDB_PAGE_HEAD};
  }
  uint64_t revision = hf__lmdb_record_revision(&record);
  hf_slice id = hf__lmdb_record_id(&key, &record);
  if (revision < x->head.from || revision <= x->head.purged || !id.data) return;
  if (!x->is_sorted) sort(&x->written);
  x->is_sorted = true;
  if (!has(&x->written, hash_of(hf__lmdb_name_hash(name), id, revision))) note_unlogged(x, name);
}

typedef void take_fn(struct hf__lmdb_log_check *x, const struct hf__lmdb_node *node);

/* What takes the nodes of a database of our own; NULL: it is none of those that matter. */
static take_fn *take_of(hf_slice name) {
  if (hf__lmdb_is_named(name, LOG_DB)) return take_log;
  if (hf__lmdb_is_named(name, HISTORY_DB)) return take_history;
  return hf__lmdb_is_named(name, META_DB) ? take_meta : NULL;
}

void hf__lmdb_log_check_visit(struct hf__lmdb_log_check *x, const struct hf__lmdb_visit *v) {
  if (!v->leaf || v->kind != HF__LMDB_NAMED || v->soundness != HF__LMDB_SOUND || !v->name.size) return;
  bool is_own = v->name.data[0] == META_DB[0];
  take_fn *take = is_own ? take_of(v->name) : NULL;
  if (is_own ? !take : !x->has_head) return;
  uint32_t count = hf__lmdb_node_count(v->content);
  for (uint32_t i = 0; i < count && !x->out_of_memory; i++) {
    struct hf__lmdb_node node;
    if (hf__lmdb_node_at(v->content, i, false, &node)) continue;
    if (take)
      take(x, &node);
    else
      take_record(x, v->name, &node);
  }
}

/* ---- comparing */

/* Makes hashes of what is kept: those of names come in the place of their numbers.  How many have no name. */
static uint64_t name_found(struct hf__lmdb_log_check *x) {
  size_t n = 0;
  uint64_t nameless = 0;
  for (size_t i = 0; i + 2 < x->found.count; i += 3) {
    uint64_t number = x->found.list[i], id = x->found.list[i + 1], revision = x->found.list[i + 2];
    if (revision < x->head.history_from) continue;
    size_t at = 0;
    while (at < x->numbers_count && x->numbers[at].number != number) at++;
    nameless += at == x->numbers_count;
    if (at == x->numbers_count) continue;
    x->found.list[n++] = mix(x->numbers[at].hash, id, revision);
  }
  x->found.count = n;
  return nameless;
}

struct telling {
  hf__lmdb_sums_tell *tell;
  void *arg;
  bool stopped;
};

static void tell(struct telling *t, hf_slice name, const char *text, uint64_t count) {
  char out[TEXT_MOST];
  if (!count || t->stopped) return;
  snprintf(out, sizeof out, text, (unsigned long long)count);
  t->stopped = !t->tell(t->arg, name, out, true);
}

void hf__lmdb_log_check_end(struct hf__lmdb_log_check *x, uint64_t commit, hf__lmdb_sums_tell *fn, void *arg) {
  struct telling t = {fn, arg, false};
  const hf_slice none = {NULL, 0};
  if (!x->has_head) {
    tell(&t, none, "the settings say that a log of changes is kept, and it does not say from where on", x->has_setting);
    return;
  }
  bool is_beyond = x->head.from > commit + 1 || x->newest > commit;
  tell(&t, none, "the log of changes goes beyond the newest commit", is_beyond);
  tell(&t, none, "%llu changes in the log are damaged", x->damaged_entries);
  tell(&t, none, "times of changes in the log go back %llu times", x->went_back);
  for (size_t i = 0; i < x->unlogged_count; i++)
    tell(&t, (hf_slice){x->unlogged[i].name, x->unlogged[i].name_size},
         "%llu entities were written since the log of changes begins, and it does not have that", x->unlogged[i].count);
  tell(&t, none, "%llu values in the history are damaged", x->damaged_values);
  if (x->head.history_from == UINT64_MAX) return;
  tell(&t, none, "%llu values in the history are of no entity name", name_found(x));
  sort(&x->found);
  sort(&x->kept);
  tell(&t, none, "%llu values that were replaced are missing in the history", missing(&x->kept, &x->found));
  tell(&t, none, "%llu values in the history were replaced by no change in the log", missing(&x->found, &x->kept));
}

void hf__lmdb_log_check_free(struct hf__lmdb_log_check *x) {
  free(x->written.list);
  free(x->kept.list);
  free(x->found.list);
  free(x->numbers);
  free(x->unlogged);
  *x = (struct hf__lmdb_log_check){.walk = NULL};
}
