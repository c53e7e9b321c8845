/* SPDX-License-Identifier: MIT
 *
 * The slots for indexes: see index_slots.h.  Indexes are made and forgotten while no transaction holds the lock, so
 * that none has noted changes of a list that goes.
 */
#include "index_slots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expiry.h"
#include "indexes.h"
#include "store.h"

/* Whether the index is there already, and the same. */
static hf_status look(const hf__memory_type *t, const hf__memory_building *b, bool *is_there) {
  const hf_index *index = hf_index_set_at(b->set, 0);
  int place = hf__memory_indexes_find(&t->indexes, index->name);
  *is_there = place >= 0;
  if (place < 0 || hf_index_set_at(t->indexes.set, (size_t)place)->unique == index->unique) return HF_OK;
  return HF_CONFLICT;
}

/* Builds it from what was seen under the lock, and makes up under it for what was changed meanwhile. */
static hf_status build(hf__memory_store *s, hf__memory_type *t, hf__memory_building *b, hf_error *err) {
  bool is_there = false;
  hf_status status = hf__memory_building_sort(b, err);
  if (status) return status;
  hf__memory_enter(s, NULL, t);
  status = look(t, b, &is_there);
  if (status == HF_OK && !is_there)
    status = hf__memory_building_catch_up(b, &(hf__memory_holders){&t->sound, hf_now_ms()}, err);
  if (status == HF_OK && !is_there) status = hf__memory_indexes_add(&t->indexes, b, err);
  hf__memory_leave(s, NULL);
  return status;
}

hf_status hf__memory_index_make(void *store, void *collection, hf_slice definition, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_building b;
  bool is_there = false;
  hf__memory_type *t = hf__memory_enter(s, NULL, collection);
  hf_status status = hf__memory_building_start(&b, &t->sound, definition, ++s->last_index, err);
  if (status == HF_OK) status = look(t, &b, &is_there);
  hf__memory_leave(s, NULL);
  if (status == HF_OK && !is_there) status = build(s, t, &b, err);
  hf__memory_building_free(&b);
  return status;
}

hf_status hf__memory_index_drop(void *store, void *collection, hf_slice name, hf_error *err) {
  hf__memory_type *t = hf__memory_enter(store, NULL, collection);
  int place = hf__memory_indexes_find(&t->indexes, name);
  hf_status status = place < 0 ? HF_NOT_FOUND : hf__memory_indexes_drop(&t->indexes, (size_t)place, err);
  hf__memory_leave(store, NULL);
  return status;
}

/* Adds an index: its definition, and two members more. */
static bool add(hf_page *page, const hf_index *index, size_t entries) {
  char more[64];
  int size = snprintf(more, sizeof more, ",\"ready\":true,\"entries\":%zu}", entries);
  hf_buffer json = HF_BUFFER_INIT;
  bool ok = hf_buffer_add(&json, index->definition.data, index->definition.size - 1) &&
            hf_buffer_add(&json, more, (size_t)size) && hf_page_add(page, index->name, json.data, json.size);
  hf_buffer_free(&json);
  return ok;
}

hf_status hf__memory_index_list(void *store, void *txn, void *collection, hf_page *page, hf_error *err) {
  bool ok = true;
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  const hf__memory_indexes *ix = &t->indexes;
  for (size_t i = 0; ok && ix->set && i < hf_index_set_size(ix->set); i++)
    ok = add(page, hf_index_set_at(ix->set, i), ix->entries[i].count);
  hf__memory_leave(store, txn);
  return ok ? HF_OK : hf_error_no_memory(err);
}

hf_status hf__memory_index_set(void *store, void *txn, void *collection, hf_index_set **set, hf_error *err) {
  (void)err;
  *set = hf_index_set_share(hf__memory_enter(store, txn, collection)->indexes.set);
  hf__memory_leave(store, txn);
  return HF_OK;
}

/* Who wants the entries of entities that have not expired. */
struct wish {
  const hf__memory_type *type;
  int64_t now;
  hf_index_entry_fn *fn;
  void *arg;
};

static bool hand_out(hf_slice position, hf_slice order, void *arg) {
  const struct wish *w = arg;
  return !hf__memory_living(w->type, order, w->now) || w->fn(position, order, w->arg);
}

hf_status hf__memory_index_each(void *store, void *txn, void *collection, const hf_index *index,
                                const hf_index_walk *walk, hf_index_entry_fn *fn, void *arg, hf_error *err) {
  (void)err;
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  int place = hf__memory_indexes_find(&t->indexes, index->name);
  bool is_it = place >= 0 && hf_index_set_at(t->indexes.set, (size_t)place)->number == index->number;
  struct wish wish = {t, hf__memory_now(txn), fn, arg};
  if (is_it)
    hf__memory_indexes_each(&t->indexes, (size_t)place, walk, t->expiring.count ? hand_out : fn,
                            t->expiring.count ? (void *)&wish : arg);
  hf__memory_leave(store, txn);
  return is_it ? HF_OK : HF_NOT_FOUND;
}

/* ---- checking: what it has beside what it would have if it were built now */

/* Builds the index at a place again, under the lock. */
static hf_status build_again(hf__memory_type *t, size_t place, hf__memory_building *b, hf_error *err) {
  const hf_index *index = hf_index_set_at(t->indexes.set, place);
  hf_status status = hf__memory_building_start(b, &t->sound, index->definition, index->number, err);
  return status ? status : hf__memory_building_sort(b, err);
}

hf_status hf__memory_index_check(void *store, void *collection, hf_slice name, hf_index_problem_fn *fn, void *arg,
                                 hf_error *err) {
  hf__memory_building b = {0};
  hf__memory_type *t = hf__memory_enter(store, NULL, collection);
  int place = hf__memory_indexes_find(&t->indexes, name);
  hf_status status = place < 0 ? HF_NOT_FOUND : build_again(t, (size_t)place, &b, err);
  if (status == HF_OK) {
    const hf_index *index = hf_index_set_at(b.set, 0);
    char *text = strndup(index->name.data, index->name.size);
    if (text)
      hf__memory_indexes_compare(&t->indexes.entries[place], &b.entries, text, fn, arg);
    else
      status = hf_error_no_memory(err);
    free(text);
  }
  hf__memory_leave(store, NULL);
  hf__memory_building_free(&b);
  return status;
}

hf_status hf__memory_index_rebuild(void *store, void *collection, hf_slice name, hf_error *err) {
  hf__memory_building b = {0};
  hf__memory_type *t = hf__memory_enter(store, NULL, collection);
  int place = hf__memory_indexes_find(&t->indexes, name);
  hf_status status = place < 0 ? HF_NOT_FOUND : build_again(t, (size_t)place, &b, err);
  if (status == HF_OK) {
    hf__memory_list old = t->indexes.entries[place];
    t->indexes.entries[place] = b.entries;
    b.entries = old;
  }
  hf__memory_leave(store, NULL);
  hf__memory_building_free(&b);
  return status;
}
