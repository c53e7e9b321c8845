/* SPDX-License-Identifier: MIT
 *
 * Keeping and reading indexes in memory: see indexes.h.
 */
#include "indexes.h"

#include <stdlib.h>
#include <string.h>

/* Where an entry is in its index. */
struct position {
  size_t size;
  char bytes[HF_INDEX_VALUE_MAX + HF_ORDER_KEY_MAX];
};

static hf_slice position_of(struct position *p, const hf_index_value *value, hf_slice order) {
  memcpy(p->bytes, value->bytes, value->size);
  memcpy(p->bytes + value->size, order.data, order.size);
  return (hf_slice){p->bytes, value->size + order.size};
}

/* Of an entity, or the position of an entry. */
static hf_slice order_of(const hf__memory_item *it) { return (hf_slice){it->data, it->order_size}; }

/* Of an entry: its value, and the order key of its entity. */
static hf_slice value_of(const hf__memory_item *entry) { return (hf_slice){entry->data, entry->id_offset}; }
static hf_slice entity_of(const hf__memory_item *entry) {
  return (hf_slice){entry->data + entry->id_offset, entry->order_size - entry->id_offset};
}

static int compare(hf_slice a, hf_slice b) {
  int c = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
  return c ? c : (a.size > b.size) - (a.size < b.size);
}

/* Whether an entity that had a has the same with b.  Of what is cut that is not said here. */
static bool same(const hf_index_value *a, const hf_index_value *b) {
  return !a->is_cut && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

static size_t size_of(const hf__memory_indexes *ix) { return ix->set ? hf_index_set_size(ix->set) : 0; }

/* ---- copies */

void hf__memory_indexes_free(hf__memory_indexes *ix) {
  for (size_t i = 0; i < size_of(ix); i++) hf__memory_list_free(&ix->entries[i]);
  hf_index_set_free(ix->set);
  *ix = (hf__memory_indexes){0};
}

bool hf__memory_indexes_copy(const hf__memory_indexes *from, hf__memory_indexes *to) {
  bool ok = true;
  *to = (hf__memory_indexes){.set = hf_index_set_share(from->set)};
  for (size_t i = 0; ok && i < size_of(from); i++) ok = hf__memory_list_copy(&from->entries[i], &to->entries[i]);
  if (!ok) hf__memory_indexes_free(to);
  return ok;
}

/* ---- changes of entities */

bool hf__memory_indexes_take(hf__memory_indexes *ix, hf__memory_undo *undo, const hf__memory_item *it, hf_slice next) {
  hf_index_value old[HF_INDEXES_MAX], now[HF_INDEXES_MAX];
  struct position at;
  bool found;
  if (!ix->set) return true;
  hf_index_values(ix->set, hf__memory_item_json(it), old);
  if (next.data) hf_index_values(ix->set, next, now);
  for (size_t i = 0; i < size_of(ix); i++)
    if (!(next.data && same(&old[i], &now[i])) &&
        !hf__memory_undo_take(undo, &ix->entries[i], position_of(&at, &old[i], order_of(it)), &found))
      return false;
  return true;
}

/* The first entry at or after a value. */
static size_t find_value(const hf__memory_list *l, hf_slice value) {
  size_t low = 0, high = l->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare(value_of(l->items[middle]), value) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Another entity that has the value, which only one may have; NULL: there is none. */
static const hf__memory_item *holder(const hf_index_set *set, size_t place, const hf__memory_list *entries,
                                     const hf__memory_holders *others, const hf_index_value *value, hf_slice order,
                                     hf_slice json) {
  hf_slice wanted = {(const char *)value->bytes, value->size};
  for (size_t i = find_value(entries, wanted); i < entries->count; i++) {
    bool found;
    const hf__memory_item *entry = entries->items[i];
    if (compare(value_of(entry), wanted) != 0) break;
    if (compare(entity_of(entry), order) == 0) continue;
    size_t at = hf__memory_list_find(others->sound, entity_of(entry), &found);
    const hf__memory_item *it = found ? others->sound->items[at] : NULL;
    if (it && !hf__memory_item_is_over(it, others->now) &&
        (!value->is_cut || hf_index_same(set, place, json, hf__memory_item_json(it))))
      return it;
  }
  return NULL;
}

/* Sets the error of an entity whose values another one has. */
static hf_status fail_unique(const hf_index *index, const hf__memory_item *other, hf_error *err) {
  return hf_index_fail_unique(err, index,
                              (hf_slice){other->data + other->id_offset, other->order_size - other->id_offset});
}

/* Puts an entry in, unless it is there.  False: out of memory. */
static bool put_entry(hf__memory_list *l, hf__memory_undo *undo, const hf_index_value *value, hf_slice order) {
  struct position buffer;
  bool found;
  hf_slice position = position_of(&buffer, value, order);
  size_t at = hf__memory_list_find(l, position, &found);
  if (found) return true;
  hf__memory_item *entry = hf__memory_item_new(&(hf_key){.id = order, .order = position}, (hf_slice){NULL, 0},
                                               (hf_slice){NULL, 0}, &(hf_info){0});
  if (entry && hf__memory_undo_put(undo, l, at, false, entry)) return true;
  free(entry);
  return false;
}

hf_status hf__memory_indexes_put(hf__memory_indexes *ix, hf__memory_undo *undo, const hf__memory_holders *others,
                                 const hf_put *put, hf_error *err) {
  hf_index_value values[HF_INDEXES_MAX];
  if (!ix->set) return HF_OK;
  hf_index_values(ix->set, put->json, values);
  for (size_t i = 0; i < size_of(ix); i++) {
    const hf__memory_item *other = NULL;
    if (values[i].is_unique) other = holder(ix->set, i, &ix->entries[i], others, &values[i], put->key.order, put->json);
    if (other) return fail_unique(hf_index_set_at(ix->set, i), other, err);
  }
  for (size_t i = 0; i < size_of(ix); i++)
    if (!put_entry(&ix->entries[i], undo, &values[i], put->key.order)) return hf_error_no_memory(err);
  return HF_OK;
}

bool hf__memory_indexes_clear(hf__memory_indexes *ix, hf__memory_undo *undo) {
  bool ok = true;
  for (size_t i = 0; ok && i < size_of(ix); i++) ok = hf__memory_undo_clear(undo, &ix->entries[i]);
  return ok;
}

/* ---- building */

hf_status hf__memory_building_start(hf__memory_building *b, const hf__memory_list *sound, hf_slice definition,
                                    uint32_t number, hf_error *err) {
  *b = (hf__memory_building){.set = hf_index_set_new()};
  if (!b->set || !hf__memory_list_copy(sound, &b->items)) return hf_error_no_memory(err);
  return hf_index_set_add(b->set, definition, number, true, err);
}

static int compare_entries(const void *a, const void *b) {
  hf__memory_item *const *x = a, *const *y = b;
  return compare(order_of(*x), order_of(*y));
}

hf_status hf__memory_building_sort(hf__memory_building *b, hf_error *err) {
  hf__memory_list *l = &b->entries;
  for (size_t i = 0; i < b->items.count; i++) {
    hf_index_value value;
    struct position at;
    hf_slice order = order_of(b->items.items[i]);
    hf_index_values(b->set, hf__memory_item_json(b->items.items[i]), &value);
    hf_key key = {.id = order, .order = position_of(&at, &value, order)};
    hf__memory_item *entry = hf__memory_item_new(&key, (hf_slice){NULL, 0}, (hf_slice){NULL, 0}, &(hf_info){0});
    if (!entry || !hf__memory_list_put(l, l->count, false, entry)) {
      free(entry);
      return hf_error_no_memory(err);
    }
  }
  if (l->count) qsort(l->items, l->count, sizeof *l->items, compare_entries);
  return HF_OK;
}

/* Takes out the entry of an entity that was looked at, which is gone or another one. */
static void take_old(hf__memory_building *b, const hf__memory_item *old) {
  hf_index_value value;
  struct position at;
  hf_index_values(b->set, hf__memory_item_json(old), &value);
  hf__memory_list_take(&b->entries, position_of(&at, &value, order_of(old)));
}

static bool put_new(hf__memory_building *b, const hf__memory_item *now) {
  hf_index_value value;
  hf_index_values(b->set, hf__memory_item_json(now), &value);
  return put_entry(&b->entries, NULL, &value, order_of(now));
}

/* Where the index is unique: no two entities have the same values. */
static hf_status check_unique(const hf__memory_building *b, const hf__memory_holders *all, hf_error *err) {
  const hf_index *index = hf_index_set_at(b->set, 0);
  for (size_t i = 0; index->unique && i < all->sound->count; i++) {
    hf_index_value value;
    const hf__memory_item *it = all->sound->items[i], *other = NULL;
    if (hf__memory_item_is_over(it, all->now)) continue;
    hf_index_values(b->set, hf__memory_item_json(it), &value);
    if (value.is_unique) other = holder(b->set, 0, &b->entries, all, &value, order_of(it), hf__memory_item_json(it));
    if (!other) continue;
    hf_slice id = {it->data + it->id_offset, it->order_size - it->id_offset};
    hf_error found;
    fail_unique(index, other, &found);
    hf_error_set(err, HF_DUPLICATE, "%.*s: %s", (int)id.size, id.data, found.message);
    hf_error_id(err, id);
    return HF_DUPLICATE;
  }
  return HF_OK;
}

hf_status hf__memory_building_catch_up(hf__memory_building *b, const hf__memory_holders *entities, hf_error *err) {
  const hf__memory_list *sound = entities->sound;
  for (size_t i = 0, n = 0; i < b->items.count || n < sound->count;) {
    const hf__memory_item *old = i < b->items.count ? b->items.items[i] : NULL;
    const hf__memory_item *now = n < sound->count ? sound->items[n] : NULL;
    int c = !old ? 1 : !now ? -1 : compare(order_of(old), order_of(now));
    if (old != now && c <= 0) take_old(b, old);
    if (old != now && c >= 0 && !put_new(b, now)) return hf_error_no_memory(err);
    i += c <= 0;
    n += c >= 0;
  }
  return check_unique(b, entities, err);
}

void hf__memory_building_free(hf__memory_building *b) {
  hf__memory_list_free(&b->items);
  hf__memory_list_free(&b->entries);
  hf_index_set_free(b->set);
}

/* ---- the indexes themselves */

/* Makes a set of the indexes but that at a place; below 0: of all. */
static hf_status set_without(const hf__memory_indexes *ix, int place, hf_index_set **set, hf_error *err) {
  hf_status status = HF_OK;
  *set = hf_index_set_new();
  if (!*set) return hf_error_no_memory(err);
  for (int i = 0; status == HF_OK && i < (int)size_of(ix); i++) {
    const hf_index *index = hf_index_set_at(ix->set, (size_t)i);
    if (i != place) status = hf_index_set_add(*set, index->definition, index->number, true, err);
  }
  return status;
}

static void exchange(hf__memory_indexes *ix, hf_index_set *set) {
  hf_index_set_free(ix->set);
  ix->set = set;
}

hf_status hf__memory_indexes_add(hf__memory_indexes *ix, hf__memory_building *b, hf_error *err) {
  hf_index_set *set;
  size_t place = size_of(ix);
  const hf_index *index = hf_index_set_at(b->set, 0);
  hf_status status = set_without(ix, -1, &set, err);
  if (status == HF_OK) status = hf_index_set_add(set, index->definition, index->number, true, err);
  if (status) {
    hf_index_set_free(set);
    return status;
  }
  ix->entries[place] = b->entries;
  b->entries = (hf__memory_list){0, 0, NULL};
  exchange(ix, set);
  return HF_OK;
}

hf_status hf__memory_indexes_drop(hf__memory_indexes *ix, size_t place, hf_error *err) {
  hf_index_set *set = NULL;
  size_t left = size_of(ix) - 1;
  hf_status status = left ? set_without(ix, (int)place, &set, err) : HF_OK;
  if (status) {
    hf_index_set_free(set);
    return status;
  }
  hf__memory_list_free(&ix->entries[place]);
  memmove(&ix->entries[place], &ix->entries[place + 1], (left - place) * sizeof *ix->entries);
  ix->entries[left] = (hf__memory_list){0, 0, NULL};
  exchange(ix, set);
  return HF_OK;
}

/* ---- reading */

int hf__memory_indexes_find(const hf__memory_indexes *ix, hf_slice name) {
  for (size_t i = 0; i < size_of(ix); i++)
    if (compare(hf_index_set_at(ix->set, i)->name, name) == 0) return (int)i;
  return -1;
}

bool hf__memory_indexes_describe(const hf__memory_indexes *ix, hf_buffer *json) {
  bool ok = hf_buffer_add(json, ",\"indexes\":{", 12);
  for (size_t i = 0; ok && i < size_of(ix); i++)
    ok = (i == 0 || hf_buffer_add(json, ",", 1)) && hf_buffer_quote(json, hf_index_set_at(ix->set, i)->name) &&
         hf_buffer_printf(json, ":%zu", ix->entries[i].count);
  return ok && hf_buffer_add(json, "}", 1);
}

/* Calls fn for the entries from `first` up to before `end`.  False: it was enough. */
static bool each_between(const hf__memory_list *l, size_t first, size_t end, bool reverse, hf_index_entry_fn *fn,
                         void *arg) {
  for (size_t n = 0; first + n < end; n++) {
    const hf__memory_item *entry = l->items[reverse ? end - 1 - n : first + n];
    if (!fn(order_of(entry), entity_of(entry), arg)) return false;
  }
  return true;
}

void hf__memory_indexes_each(const hf__memory_indexes *ix, size_t place, const hf_index_walk *walk,
                             hf_index_entry_fn *fn, void *arg) {
  const hf__memory_list *l = &ix->entries[place];
  size_t from = 0, to = l->count;
  bool found, goes_on = true;
  if (walk->after.size) {
    size_t after = hf__memory_list_find(l, walk->after, &found);
    if (walk->reverse)
      to = after;
    else
      from = after + found;
  }
  for (size_t i = 0; goes_on && i < walk->count; i++) {
    const hf_index_range *range = &walk->ranges[walk->reverse ? walk->count - 1 - i : i];
    size_t first = find_value(l, range->lower), end = range->upper.data ? find_value(l, range->upper) : l->count;
    goes_on = each_between(l, first > from ? first : from, end < to ? end : to, walk->reverse, fn, arg);
  }
}

/* Tells of an entry. */
static void tell(const hf__memory_item *entry, const char *name, const char *sentence, hf_index_problem_fn *fn,
                 void *arg) {
  hf_slice order = entity_of(entry); /* ends in 0 and the id, which has none */
  const char *id = (const char *)memrchr(order.data, 0, order.size) + 1;
  hf_index_problem problem = {.index = name, .id = {id, order.size - (size_t)(id - order.data)}, .sentence = sentence};
  fn(&problem, arg);
}

void hf__memory_indexes_compare(const hf__memory_list *entries, const hf__memory_list *wanted, const char *name,
                                hf_index_problem_fn *fn, void *arg) {
  for (size_t i = 0, n = 0; i < entries->count || n < wanted->count;) {
    const hf__memory_item *a = i < entries->count ? entries->items[i] : NULL;
    const hf__memory_item *b = n < wanted->count ? wanted->items[n] : NULL;
    int c = !a ? 1 : !b ? -1 : compare(order_of(a), order_of(b));
    if (c < 0) tell(a, name, "has an entry that the entity does not have", fn, arg);
    if (c > 0) tell(b, name, "has no entry for the entity", fn, arg);
    i += c <= 0;
    n += c >= 0;
  }
}
