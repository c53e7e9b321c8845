/* SPDX-License-Identifier: MIT
 *
 * Iteration in the order of an index: see index_order.h.
 */
#include "core/index_order.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "core/fetch.h"
#include "core/id_list.h"
#include "core/lookup.h"
#include "core/order.h"
#include "core/page.h"
#include "core/persist.h"
#include "core/transaction.h"

/* Entries that are looked at for one page, wanted or not, and those that are read for it at most. */
enum { PASSED_MAX = 4096, PAGE_MAX = 128 };

/* Entities that are not what their entries say for which is looked why, in one loop. */
enum { CHECKS_MAX = 8 };

/* Of the values that can be ordered: from null to texts. */
#define FIRST_ORDERED "\x10"
#define AFTER_ORDERED "\x60"

struct hf__index_order {
  hf_index_set *set;
  size_t place;       /* of the index in it */
  hf_buffer position; /* of the entry after which it goes on; empty: from the first */
  unsigned checks;    /* that may still be made */
};

/* The entries of one page, while they are collected: an arena has their bytes. */
struct entries {
  const hf_scan *scan;
  hf_page *arena;
  hf_index_set *set;
  size_t place, passed, count, wanted;
  hf_slice last;     /* position of the last one that was passed */
  hf_slice nameless; /* and of one that names no entity, at which it ends */
  bool is_cut;       /* what comes after these cannot be read: the next page fails at it */
  bool no_memory;
  hf_key keys[PAGE_MAX];
  hf_slice positions[PAGE_MAX];
};

hf_status hf__index_order_check(const hf_persist *p, hf_error *err) {
  if (p->backend->capabilities & HF_CAP_INDEX_ORDER) return HF_OK;
  hf__fail(err, HF_UNSUPPORTED,
           "%s stores cannot iterate in the order of an index (range.index): take all that fits, and sort it",
           p->backend->name);
  hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return HF_UNSUPPORTED;
}

/* The names of the indexes that there are, for people. */
static void list_names(const hf_index_set *set, char *out, size_t capacity) {
  size_t used = 0;
  *out = '\0';
  for (size_t i = 0; set && i < hf_index_set_size(set) && used < capacity; i++) {
    hf_slice name = hf_index_set_at(set, i)->name;
    int n = snprintf(out + used, capacity - used, "%s%.*s", i ? ", " : "", (int)name.size, name.data);
    used += n > 0 ? (size_t)n : 0;
  }
}

static hf_status fail_no_index(const hf_persist *p, const hf_index_set *set, hf_slice name, hf_error *err) {
  char names[400];
  const hf_index *index = set ? hf_index_set_find(set, name) : NULL;
  list_names(set, names, sizeof names);
  if (index)
    hf__fail(err, HF_NOT_FOUND, "the index %.*s of %s is not built yet", (int)name.size, name.data, p->name.data);
  else if (*names)
    hf__fail(err, HF_NOT_FOUND, "%s has no index %.*s: there are %s", p->name.data, (int)name.size, name.data, names);
  else
    hf__fail(err, HF_NOT_FOUND, "%s has no index %.*s, and no other: make it first", p->name.data, (int)name.size,
             name.data);
  hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return HF_NOT_FOUND;
}

hf_status hf__index_order_begin(hf_persist *p, void *txn, hf_slice name, hf__index_order **out, hf_error *err) {
  hf_index_set *set = NULL;
  *out = NULL;
  hf_status status = hf__index_order_check(p, err);
  if (status == HF_OK && hf__txn_looks_back()) {
    status =
        hf__fail(err, HF_UNSUPPORTED, "indexes are of the present: in a snapshot of the past leave range.index out");
    hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  }
  if (status) return status;
  status = p->backend->index_set(p->impl, txn, p->collection, &set, err);
  if (status) return hf__persist_fail(p, txn, status, NULL, "", err);
  const hf_index *index = set ? hf_index_set_find(set, name) : NULL;
  hf__index_order *o = index && index->ready ? calloc(1, sizeof *o) : NULL;
  if (!o) {
    status = index && index->ready ? hf__no_memory(err) : fail_no_index(p, set, name, err);
    hf_index_set_free(set);
    return status;
  }
  o->set = set;
  o->checks = CHECKS_MAX;
  while (hf_index_set_at(set, o->place) != index) o->place++;
  *out = o;
  return HF_OK;
}

hf_slice hf__index_order_name(const hf__index_order *o) { return hf_index_set_at(o->set, o->place)->name; }

void hf__index_order_free(hf__index_order *o) {
  if (!o) return;
  hf_index_set_free(o->set);
  hf_buffer_free(&o->position);
  free(o);
}

static hf_slice copy(struct entries *e, hf_slice bytes) {
  char *to = hf__page_alloc(e->arena, bytes.size);
  e->no_memory |= !to;
  if (to) memcpy(to, bytes.data, bytes.size);
  return (hf_slice){to, bytes.size};
}

static bool take(hf_slice position, hf_slice order, void *arg) {
  struct entries *e = arg;
  hf_slice id = hf__order_key_id(order);
  if (!id.data) {
    e->nameless = copy(e, position);
    return false;
  }
  bool wanted = hf__scan_wants(e->scan, order, id);
  bool is_last = ++e->passed == PASSED_MAX;
  if (!wanted && !is_last) return true;
  e->last = copy(e, position);
  if (!wanted) return false;
  hf_slice key = copy(e, order);
  if (e->no_memory) return false;
  e->keys[e->count] = (hf_key){{key.data + key.size - id.size, id.size}, key};
  e->positions[e->count] = e->last;
  return ++e->count < e->wanted && !is_last;
}

/* Leaves out entities whose value is no longer what the entry says. */
static hf_status judge(const hf_entry *entry, size_t i, hf__fetched *what, void *arg, hf_error *err) {
  (void)err;
  const struct entries *e = arg;
  hf_index_value values[HF_INDEXES_MAX];
  hf_index_values(e->set, entry->json, values);
  const hf_index_value *v = &values[e->place];
  hf_slice position = e->positions[i];
  bool is_there = position.size >= v->size && memcmp(position.data, v->bytes, v->size) == 0;
  *what = is_there ? HF__FETCHED_KEPT : HF__FETCHED_ODD;
  return HF_OK;
}

/* Goes on after this entry. */
static hf_status set_position(hf__index_order *o, hf_slice position, hf_error *err) {
  if (!hf_buffer_reserve(&o->position, position.size)) return hf__no_memory(err);
  memcpy(o->position.data, position.data, position.size);
  o->position.size = position.size;
  return HF_OK;
}

/* Fails since no more entries can be read. */
static hf_status fail_unreadable(const hf_persist *p, const hf_index *index, hf_status status, hf_error *err) {
  char reason[256];
  if (status == HF_NOT_FOUND)
    return hf__fail(err, HF_NOT_FOUND, "the index %.*s of %s was dropped meanwhile", (int)index->name.size,
                    index->name.data, p->name.data);
  if (status != HF_CORRUPT) return status;
  hf__copy_text(reason, sizeof reason, err->message, strlen(err->message));
  return hf__fail(err, HF_CORRUPT, "the index %.*s of %s cannot be read: %s; verify --repair builds it again",
                  (int)index->name.size, index->name.data, p->name.data, reason);
}

/* Fails at an entry that names no entity.  *more: the next page goes on after it. */
static hf_status fail_nameless(hf__index_order *o, const hf_persist *p, const struct entries *e, bool *more,
                               hf_error *err) {
  hf_slice name = hf_index_set_at(o->set, o->place)->name;
  hf_status status = set_position(o, e->nameless, err);
  if (status) return status;
  *more = true;
  return hf__fail(err, HF_CORRUPT,
                  "the index %.*s of %s is damaged: an entry names no entity; verify --repair builds it again",
                  (int)name.size, name.data, p->name.data);
}

/* Whether an index of the name is there, after the one that was gone over was dropped: verify has built it again, or
 * somebody has.  The loop goes over that then, from where it is: positions tell values and ids. */
static bool find_again(hf__index_order *o, hf_persist *p, void *txn) {
  hf_error unused;
  hf_index_set *set = NULL;
  const hf_index *gone = hf_index_set_at(o->set, o->place);
  if (p->backend->index_set(p->impl, txn, p->collection, &set, &unused) || !set) return false;
  const hf_index *index = hf_index_set_find(set, gone->name);
  if (!index || !index->ready) {
    hf_index_set_free(set);
    return false;
  }
  hf_index_set_free(o->set);
  o->set = set;
  o->place = 0;
  while (hf_index_set_at(set, o->place) != index) o->place++;
  return true;
}

/* Has entries handed to take(). */
static hf_status walk(hf__index_order *o, hf_persist *p, void *txn, struct entries *e, hf_error *err) {
  const hf_index_range ordered = {{FIRST_ORDERED, 1}, {AFTER_ORDERED, 1}};
  const hf_index_walk asked = {&ordered, 1, {o->position.data, o->position.size}, e->scan->reverse};
  const hf_index *index = hf_index_set_at(o->set, o->place);
  return p->backend->index_each(p->impl, txn, p->collection, index, &asked, take, e, err);
}

/* Reads entries.  What comes before one that cannot be read is a page of its own. */
static hf_status collect(hf__index_order *o, hf_persist *p, void *txn, struct entries *e, bool *more, hf_error *err) {
  hf_status status = walk(o, p, txn, e, err);
  if (status == HF_NOT_FOUND && find_again(o, p, txn)) status = walk(o, p, txn, e, err);
  e->set = o->set;
  e->place = o->place;
  if (e->no_memory) return hf__no_memory(err);
  e->is_cut = e->count && (status || e->nameless.data);
  if (e->is_cut) return HF_OK;
  if (status) return fail_unreadable(p, hf_index_set_at(o->set, o->place), status, err);
  return e->nameless.data ? fail_nameless(o, p, e, more, err) : HF_OK;
}

/* Looks whether an entry is there that is not true.  One whose value cannot be told from its position, of which a very
 * long id is a part, is not looked at. */
static bool is_damaged(hf__index_order *o, hf_persist *p, void *txn, hf_slice position, const hf_key *key) {
  size_t size = position.size - key->order.size;
  if (!o->checks || position.size < key->order.size || size >= HF_INDEX_VALUE_MAX ||
      memcmp(position.data + size, key->order.data, key->order.size) != 0)
    return false;
  char end[HF_INDEX_VALUE_MAX];
  memcpy(end, position.data, size);
  end[size] = '\0'; /* the next thing after the value */
  hf_index_range range = {{position.data, size}, {end, size + 1}};
  bool is_sure = false;
  const hf__cover_part part = {o->place, &range, &is_sure, 1};
  const hf__lookup in = {.persist = p, .txn = txn, .set = o->set};
  bool damaged = hf__lookup_is_damaged(&in, &part, 1, key);
  o->checks -= !damaged;
  return damaged;
}

/* The place of the first entry that is not true; SIZE_MAX: there is none. */
static size_t find_damaged(hf__index_order *o, hf_persist *p, void *txn, const hf__fetch *fetch) {
  const struct entries *e = fetch->arg;
  for (size_t i = 0; i < fetch->odd_count; i++) {
    size_t at = fetch->odd[i];
    if (is_damaged(o, p, txn, e->positions[at], &e->keys[at])) return at;
  }
  return SIZE_MAX;
}

/* Fails at an entry that is not true, after the entities before it. */
static hf_status fail_damaged(hf__index_order *o, hf_persist *p, void *txn, hf__fetch *fetch, size_t at, hf_page *page,
                              hf_error *err) {
  const struct entries *e = fetch->arg;
  fetch->count = at;
  hf_slice name = hf_index_set_at(o->set, o->place)->name, id = e->keys[at].id;
  hf__page_reset(page);
  hf_status status = hf__fetch_entities(p, txn, fetch, page, err);
  if (status || fetch->done < at) return status;
  hf__fail(err, HF_CORRUPT,
           "the index %.*s of %s is damaged: what it says of %.*s is not so; verify --repair builds it "
           "again",
           (int)name.size, name.data, p->name.data, (int)id.size, id.data);
  hf__error_entity(err, p->name, id);
  return HF_CORRUPT;
}

/* Reads the entities of the entries that were collected. */
static hf_status read_entities(hf__index_order *o, hf_persist *p, void *txn, struct entries *e, hf_page *page,
                               bool *more, hf_error *err) {
  hf__fetch fetch = {.keys = e->keys, .count = e->count, .max_bytes = e->scan->max_bytes, .judge = judge, .arg = e};
  hf_error other;
  hf_status status = hf__fetch_entities(p, txn, &fetch, page, err);
  if (status && status != HF_CORRUPT) return status;
  size_t damaged = find_damaged(o, p, txn, &fetch);
  if (damaged != SIZE_MAX) status = fail_damaged(o, p, txn, &fetch, damaged, page, err);
  if (status && status != HF_CORRUPT) return status;
  hf_slice last = fetch.done < e->count ? e->positions[status ? fetch.done : fetch.done - 1] : e->last;
  if (status == HF_CORRUPT) hf_page_fail_at(page, e->keys[fetch.done].id);
  if (set_position(o, last, status ? &other : err)) return status ? status : HF_NO_MEMORY;
  *more = status || e->is_cut || fetch.done < e->count || e->count == e->wanted || e->passed >= PASSED_MAX;
  return status;
}

hf_status hf__index_order_page(hf__index_order *o, hf_persist *p, void *txn, const hf_scan *scan, hf_page *page,
                               bool *more, hf_error *err) {
  struct entries *e = calloc(1, sizeof *e);
  hf_page *arena = hf_page_new();
  hf_status status = e && arena ? HF_OK : hf__no_memory(err);
  *more = false;
  if (status == HF_OK) {
    e->scan = scan;
    e->arena = arena;
    e->wanted = scan->limit < PAGE_MAX ? scan->limit : PAGE_MAX;
    status = collect(o, p, txn, e, more, err);
  }
  if (status == HF_OK && e->last.data) status = read_entities(o, p, txn, e, page, more, err);
  for (size_t i = 0; scan->keys_only && i < page->count; i++) page->entries[i].json = (hf_slice){NULL, 0};
  hf_page_free(arena);
  free(e);
  return status;
}
