/* SPDX-License-Identifier: MIT
 *
 * Changes on their way into another store: see change_group.h.
 */
#include "core/change_group.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/change.h"
#include "core/persist.h"
#include "core/transaction.h"

/* What is to become of an entity.  Slices are offsets into the texts until they are used. */
struct step {
  size_t id, id_size, json, json_size;
  int64_t expires_at;
  hf_change_kind what;
};

/* What the group has of one entity name. */
struct part {
  size_t name, name_size;
  bool cleared; /* first all of them are removed */
  struct step *steps;
  size_t count, capacity;
};

struct hf__change_group {
  hf_buffer texts;
  struct part *parts;
  size_t count, capacity;
  hf_buffer wanted; /* names, each with a 0 after it; of no size: all */
  /* while it is read */
  size_t added, most, most_bytes;
  bool ends_commit; /* nothing after the commit that is being read */
  bool has_last, out_of_memory, has_current;
  int64_t at;
};

hf__change_group *hf__change_group_new(void) { return calloc(1, sizeof(hf__change_group)); }

static void empty(hf__change_group *g) {
  for (size_t i = 0; i < g->count; i++) free(g->parts[i].steps);
  g->count = g->texts.size = g->added = 0;
  g->has_last = g->out_of_memory = g->has_current = false;
  g->at = 0;
}

void hf__change_group_free(hf__change_group *g) {
  if (!g) return;
  empty(g);
  free(g->parts);
  hf_buffer_free(&g->texts);
  hf_buffer_free(&g->wanted);
  free(g);
}

hf_status hf__change_group_want(hf__change_group *g, hf_slice name, hf_error *err) {
  return hf_buffer_add(&g->wanted, name.data, name.size) && hf_buffer_add(&g->wanted, "", 1) ? HF_OK
                                                                                             : hf__no_memory(err);
}

static bool is_wanted(const hf__change_group *g, hf_slice name) {
  if (!g->wanted.size) return true;
  for (size_t at = 0; at < g->wanted.size; at += strlen(g->wanted.data + at) + 1)
    if (strlen(g->wanted.data + at) == name.size && memcmp(g->wanted.data + at, name.data, name.size) == 0) return true;
  return false;
}

/* Copies a text; false: out of memory. */
static bool keep(hf__change_group *g, hf_slice text, size_t *at) {
  *at = g->texts.size;
  return !text.size || hf_buffer_add(&g->texts, text.data, text.size);
}

static struct part *part_of(hf__change_group *g, hf_slice name) {
  for (size_t i = g->count; i-- > 0;) {
    struct part *p = &g->parts[i];
    if (p->name_size == name.size && memcmp(g->texts.data + p->name, name.data, name.size) == 0) return p;
  }
  if (g->count == g->capacity) {
    size_t capacity = g->capacity ? g->capacity * 2 : 16;
    struct part *parts = realloc(g->parts, capacity * sizeof *parts);
    if (!parts) return NULL;
    g->parts = parts;
    g->capacity = capacity;
  }
  struct part *p = &g->parts[g->count];
  *p = (struct part){.name_size = name.size};
  if (!keep(g, name, &p->name)) return NULL;
  g->count++;
  return p;
}

static bool add_step(hf__change_group *g, struct part *p, const hf_change *c) {
  if (p->count == p->capacity) {
    size_t capacity = p->capacity ? p->capacity * 2 : 64;
    struct step *steps = realloc(p->steps, capacity * sizeof *steps);
    if (!steps) return false;
    p->steps = steps;
    p->capacity = capacity;
  }
  struct step *s = &p->steps[p->count];
  bool is_there = c->what != HF_CHANGE_WRITE || c->json.data; /* otherwise it is gone by now */
  *s = (struct step){.id_size = c->id.size, .what = is_there ? c->what : HF_CHANGE_REMOVE};
  if (s->what == HF_CHANGE_EXPIRE) s->what = HF_CHANGE_REMOVE;
  if (!keep(g, c->id, &s->id)) return false;
  if (s->what == HF_CHANGE_WRITE) {
    s->json_size = c->json.size;
    s->expires_at = c->expires_at;
    if (!keep(g, c->json, &s->json)) return false;
  }
  p->count++;
  return true;
}

static bool add(hf__change_group *g, const hf_change *c) {
  struct part *p = part_of(g, c->entity_name);
  if (!p) return false;
  if (c->what != HF_CHANGE_CLEAR) return add_step(g, p, c);
  p->cleared = true;
  p->count = 0; /* what came before does not matter any more */
  return true;
}

hf_status hf__change_group_add(hf__change_group *g, const hf_change *c, hf_error *err) {
  if (is_wanted(g, c->entity_name) && !add(g, c)) return hf__no_memory(err);
  return HF_OK;
}

static bool take(void *arg, const hf_change *c) {
  hf__change_group *g = arg;
  if (g->ends_commit && g->has_last) return false;
  if (g->added >= g->most || g->texts.size >= g->most_bytes) return false;
  if (is_wanted(g, c->entity_name)) {
    if (!add(g, c)) {
      g->out_of_memory = true;
      return false;
    }
    g->has_current |= c->is_current;
    g->added++;
  }
  g->at = c->at;
  g->has_last |= c->is_last;
  return true;
}

hf_status hf__change_group_read(hf__change_group *g, hf_store *store, uint64_t from, uint64_t skip, size_t most,
                                size_t most_bytes, hf__group_read *read, hf_error *err) {
  const hf_backend *b = store->backend;
  hf_changes_scan scan = {.from = from, .skip = skip};
  hf_changes_reach reach = {0};
  empty(g);
  g->most = most;
  g->most_bytes = most_bytes;
  g->ends_commit = skip != 0;
  *read = (hf__group_read){.next = from, .skip = skip};
  if (hf__store_is_inherited(store)) return hf__store_inherited(store, err);
  if (!b->changes_read) return hf__fail(err, HF_UNSUPPORTED, "%s stores keep no log of changes", b->name);
  hf_status status = b->changes_read(store->impl, &scan, take, g, &reach, err);
  if (status == HF_OK && g->out_of_memory) status = hf__no_memory(err);
  bool has_all = status == HF_OK && reach.next > reach.newest && reach.skip == 0;
  *read = (hf__group_read){.count = g->added,
                           .next = reach.next,
                           .skip = reach.skip,
                           .revision = reach.next ? reach.next - 1 : 0,
                           .newest = reach.newest,
                           .at = g->at,
                           .is_whole = has_all || reach.skip == 0,
                           .is_exact = has_all || !g->has_current};
  return hf__store_name_backend(store, status, err);
}

static bool take_none(void *arg, const hf_change *change) {
  (void)arg;
  (void)change;
  return false;
}

hf_status hf__changes_reach(hf_persist *p, hf_changes_reach *reach, hf_error *err) {
  hf_changes_scan scan = {.from = 1, .without_values = true};
  *reach = (hf_changes_reach){.from = UINT64_MAX, .history_from = UINT64_MAX};
  hf_status status = hf_persist_init(p, err);
  if (status || !hf__is_innermost(p) || !p->store->backend->changes_read) return status;
  status = p->store->backend->changes_read(p->store->impl, &scan, take_none, NULL, reach, err);
  return status == HF_COMPACTED || status == HF_UNSUPPORTED ? HF_OK : hf__store_name_backend(p->store, status, err);
}

hf_slice hf__change_group_name(const hf__change_group *g, size_t place) {
  if (place >= g->count) return (hf_slice){NULL, 0};
  return (hf_slice){g->texts.data + g->parts[place].name, g->parts[place].name_size};
}

/* ---- applying */

/* The steps of a part as they are applied: each id once. */
struct work {
  struct sorted {
    hf_slice id;
    const struct step *step;
  } * sorted;
  hf_item *items;
  hf_slice *removed;
  size_t count;
};

static int compare(const void *a, const void *b) {
  const struct sorted *x = a, *y = b;
  size_t n = x->id.size < y->id.size ? x->id.size : y->id.size;
  int c = memcmp(x->id.data, y->id.data, n);
  if (c == 0) c = (x->id.size > y->id.size) - (x->id.size < y->id.size);
  return c ? c : (x->step > y->step) - (x->step < y->step);
}

static bool has_id(const struct sorted *a, const struct sorted *b) {
  return a->id.size == b->id.size && memcmp(a->id.data, b->id.data, a->id.size) == 0;
}

static void sort(const hf__change_group *g, const struct part *p, struct work *w) {
  for (size_t i = 0; i < p->count; i++)
    w->sorted[i] = (struct sorted){{g->texts.data + p->steps[i].id, p->steps[i].id_size}, &p->steps[i]};
  if (p->count) qsort(w->sorted, p->count, sizeof *w->sorted, compare);
  for (size_t i = 0; i < p->count; i++) {
    if (w->count && has_id(&w->sorted[w->count - 1], &w->sorted[i])) w->count--;
    w->sorted[w->count++] = w->sorted[i];
  }
}

static hf_status clear(hf_persist *to, hf_error *err) {
  void *txn;
  hf__change change = {.kind = HF__CHANGE_CLEAR};
  hf_status status = hf__persist_enter(to, true, &txn, err);
  if (status) return status;
  status = hf__change_apply(to, txn, &change, err);
  return status ? hf__persist_fail(to, txn, status, NULL, "", err) : HF_OK;
}

/* What is damaged in the source is so here, unless here it is sound: that stays. */
static hf_status put_damaged(hf_persist *to, hf_slice id, hf__group_applied *applied, hf_error *err) {
  static const char problem[] = "it was found unreadable in the store that is followed";
  hf_status status = hf_persist_quarantine(to, id, problem, (hf_slice){NULL, 0}, err);
  applied->damaged++;
  if (status == HF_CONFLICT) applied->kept++;
  return status == HF_CONFLICT || status == HF_UNSUPPORTED ? HF_OK : status;
}

static hf_status apply(const hf__change_group *g, const struct part *p, struct work *w, hf_persist *to,
                       hf__group_applied *applied, hf_error *err) {
  size_t writes = 0, removals = 0;
  uint64_t removed = 0;
  bool has_ttl = to->backend->capabilities & HF_CAP_TTL; /* elsewhere it goes when it has gone in the source */
  sort(g, p, w);
  for (size_t i = 0; i < w->count; i++) {
    const struct step *s = w->sorted[i].step;
    if (s->what == HF_CHANGE_WRITE)
      w->items[writes++] = (hf_item){.id = w->sorted[i].id,
                                     .json = {g->texts.data + s->json, s->json_size},
                                     .expires_at = has_ttl ? s->expires_at : 0};
    else if (s->what == HF_CHANGE_REMOVE)
      w->removed[removals++] = w->sorted[i].id;
  }
  hf_status status = p->cleared ? clear(to, err) : HF_OK;
  if (status == HF_OK && removals) status = hf_persist_remove_many(to, w->removed, removals, &removed, err);
  if (status == HF_OK && writes) status = hf__persist_write_many_trusted(to, w->items, writes, err);
  for (size_t i = 0; i < w->count && status == HF_OK; i++)
    if (w->sorted[i].step->what == HF_CHANGE_QUARANTINE) status = put_damaged(to, w->sorted[i].id, applied, err);
  applied->written += writes;
  applied->removed += removed;
  return status;
}

hf_status hf__change_group_apply(hf__change_group *g, size_t place, hf_persist *to, hf__group_applied *applied,
                                 hf_error *err) {
  const struct part *p = &g->parts[place];
  size_t n = p->count + 1;
  struct work w = {malloc(n * sizeof *w.sorted), malloc(n * sizeof *w.items), malloc(n * sizeof *w.removed), 0};
  hf_status status = w.sorted && w.items && w.removed ? apply(g, p, &w, to, applied, err) : hf__no_memory(err);
  free(w.sorted);
  free(w.items);
  free(w.removed);
  return status;
}
