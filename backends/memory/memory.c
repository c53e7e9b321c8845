/* SPDX-License-Identifier: MIT
 *
 * The backend in memory: the oracle that others are compared with, so simple rather than fast.  A collection is sorted
 * lists of pointers to immutable, reference-counted items: its entities, what is in quarantine, which is only what was
 * put there from other stores, since nothing is damaged here, and its indexes.  A snapshot copies the arrays; a
 * transaction notes what it changes, and an abort goes back.  One lock a store; a transaction holds it from begin to
 * end.
 *
 * "memory:NAME" is one store per name and process, and lasts while a handle on it is open.
 */
#include <stdlib.h>
#include <string.h>

#include "index_slots.h"
#include "store.h"

#define NOTE "note" /* the setting that makes sense for what is gone with the process */

/* ---- stores */

static hf_status resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  if (strlen(at->path) >= HF_IDENTITY_MAX)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "the name in memory:NAME is longer than %d bytes",
                        HF_IDENTITY_MAX - 1);
  strcpy(identity, at->path);
  return HF_OK;
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  (void)at;
  hf__memory_store *s = calloc(1, sizeof *s);
  if (!s) return hf_error_no_memory(err);
  pthread_mutexattr_t recursive; /* operations inside a transaction find the lock held by their own thread */
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&s->lock, &recursive);
  pthread_mutexattr_destroy(&recursive);
  *store = s;
  return HF_OK;
}

static void close_store(void *store) {
  hf__memory_store *s = store;
  hf__memory_types_free(s->types);
  pthread_mutex_destroy(&s->lock);
  hf_buffer_free(&s->note);
  free(s);
}

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  hf__memory_store *s = store;
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  hf__memory_type *t = hf__memory_types_find(s->types, name.data, name.size);
  if (!t && (t = calloc(1, sizeof *t))) {
    memcpy(t->name, name.data, name.size);
    t->name_size = name.size;
    t->next = s->types;
    s->types = t;
  }
  if (!t) status = hf_error_no_memory(err);
  pthread_mutex_unlock(&s->lock);
  *collection = t;
  return status;
}

static void collection_close(void *store, void *collection) {
  (void)store;
  (void)collection;
}

/* ---- entities */

/* HF_CORRUPT if the id is in quarantine, HF_NOT_FOUND if not. */
static hf_status check_quarantine(const hf__memory_type *t, const hf_key *key, hf_error *err) {
  bool found;
  size_t at = hf__memory_list_find(&t->damaged, key->order, &found);
  if (!found) return HF_NOT_FOUND;
  return hf_error_quarantined(err, hf__memory_item_problem(t->damaged.items[at]));
}

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  bool found;
  hf_status status;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  size_t i = hf__memory_list_find(&t->sound, key->order, &found);
  if (!found) {
    status = check_quarantine(t, key, err);
  } else {
    const hf__memory_item *it = t->sound.items[i];
    json->size = 0;
    if (info) *info = it->info;
    status = hf_buffer_add(json, it->data + it->order_size, it->json_size) ? HF_OK : hf_error_no_memory(err);
  }
  hf__memory_leave(store, txn);
  return status;
}

static hf_status get_into(const hf__memory_type *t, const hf_key *key, hf_page *page, hf_error *err) {
  bool found;
  size_t i = hf__memory_list_find(&t->sound, key->order, &found);
  hf_status status = found ? HF_OK : check_quarantine(t, key, err);
  if (status && status != HF_NOT_FOUND) return status;
  hf_slice text = found ? hf__memory_item_json(t->sound.items[i]) : (hf_slice){NULL, 0};
  hf_entry *e = hf_page_add(page, key->id, text.data, text.size);
  if (!e) return hf_error_no_memory(err);
  e->status = status;
  if (found) e->info = t->sound.items[i]->info;
  return HF_OK;
}

static hf_status get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t n, hf_page *page,
                          hf_error *err) {
  hf_status status = HF_OK;
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  for (size_t i = 0; status == HF_OK && i < n; i++) status = get_into(t, &keys[i], page, err);
  hf__memory_leave(store, txn);
  return status;
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  bool found;
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf__memory_list_find(&t->sound, key->order, &found);
  hf_status status = found ? HF_OK : check_quarantine(t, key, err);
  hf__memory_leave(store, txn);
  return status;
}

/* Writes an entity, after what it had in indexes was taken out.
 *   at, found  where it is, or comes */
static hf_status put_at(hf__memory_store *s, hf__memory_type *t, hf__memory_undo *undo, size_t at, bool found,
                        const hf_put *p, hf_info *info, hf_error *err) {
  bool settled;
  hf_status status = hf__memory_indexes_put(&t->indexes, undo, &t->sound, p, err);
  if (status) return status;
  info->revision = ++s->revision;
  info->updated_at = hf_now_ms();
  hf__memory_item *it = hf__memory_item_new(&p->key, p->json, (hf_slice){NULL, 0}, info);
  bool is_in = it && hf__memory_undo_put(undo, &t->sound, at, found, it);
  if (!is_in) free(it);
  if (!is_in || !hf__memory_undo_take(undo, &t->damaged, p->key.order, &settled)) return hf_error_no_memory(err);
  return HF_OK;
}

/* Takes out what they had in indexes, so that values may change places among them. */
static hf_status take_old(hf__memory_type *t, hf__memory_undo *undo, const hf_put *puts, size_t n, hf_error *err) {
  for (size_t i = 0; t->indexes.set && i < n; i++) {
    bool found;
    size_t at = hf__memory_list_find(&t->sound, puts[i].key.order, &found);
    if (found && !hf__memory_indexes_take(&t->indexes, undo, t->sound.items[at], puts[i].json))
      return hf_error_no_memory(err);
  }
  return HF_OK;
}

/* Writes all of them, or nothing. */
static hf_status put_all(hf__memory_store *s, hf__memory_type *t, hf__memory_undo *undo, const hf_put *puts, size_t n,
                         hf_info *info, hf_error *err) {
  hf__memory_undo step = {NULL, NULL};
  uint64_t revision = s->revision;
  hf_status status = take_old(t, &step, puts, n, err);
  for (size_t i = 0; status == HF_OK && i < n; i++) {
    bool found;
    size_t at = hf__memory_list_find(&t->sound, puts[i].key.order, &found);
    status = put_at(s, t, &step, at, found, &puts[i], info, err);
    if (status) hf_error_id(err, puts[i].key.id);
  }
  if (status == HF_OK) {
    hf__memory_undo_commit(&step, undo);
  } else {
    hf__memory_undo_all(&step);
    s->revision = revision;
  }
  return status;
}

static hf_status put(void *store, void *txn, void *collection, const hf_put *p, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  bool found;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf__memory_undo *undo = hf__memory_undo_of(txn);
  size_t at = hf__memory_list_find(&t->sound, p->key.order, &found);
  uint64_t present = found ? t->sound.items[at]->info.revision : 0;
  hf_status status = options->if_absent && !found ? check_quarantine(t, &p->key, err) : HF_OK;
  if (status == HF_NOT_FOUND) status = HF_OK;
  if ((options->if_absent && found) || (options->if_revision && (!found || present != options->revision))) {
    info->revision = present;
    status = HF_CONFLICT;
  } else if (status == HF_OK) {
    status =
        t->indexes.set ? put_all(store, t, undo, p, 1, info, err) : put_at(store, t, undo, at, found, p, info, err);
  }
  hf__memory_leave(store, txn);
  return status;
}

static hf_status put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t n, hf_error *err) {
  hf_info info;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf_status status = put_all(store, t, hf__memory_undo_of(txn), puts, n, &info, err);
  hf__memory_leave(store, txn);
  return status;
}

/* Takes a sound entity out, and what it has in indexes. */
static bool take(hf__memory_type *t, hf__memory_undo *undo, hf_slice order, bool *found) {
  hf__memory_undo step = {NULL, NULL};
  if (!t->indexes.set) return hf__memory_undo_take(undo, &t->sound, order, found);
  size_t at = hf__memory_list_find(&t->sound, order, found);
  if (!*found) return true;
  bool ok = hf__memory_indexes_take(&t->indexes, &step, t->sound.items[at], (hf_slice){NULL, 0}) &&
            hf__memory_undo_take(&step, &t->sound, order, found);
  if (ok)
    hf__memory_undo_commit(&step, undo);
  else
    hf__memory_undo_all(&step);
  return ok;
}

static hf_status remove_one(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  bool found, settled = false;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  bool ok = take(t, hf__memory_undo_of(txn), key->order, &found) &&
            (found || hf__memory_undo_take(hf__memory_undo_of(txn), &t->damaged, key->order, &settled));
  hf__memory_leave(store, txn);
  if (!ok) return hf_error_no_memory(err);
  return found || settled ? HF_OK : HF_NOT_FOUND;
}

static hf_status remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                           hf_info *info, hf_error *err) {
  bool found;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  size_t at = hf__memory_list_find(&t->sound, key->order, &found);
  hf_status status = found ? HF_OK : check_quarantine(t, key, err);
  if (found) info->revision = t->sound.items[at]->info.revision;
  if (found && info->revision != revision) status = HF_CONFLICT;
  if (status == HF_OK && !take(t, hf__memory_undo_of(txn), key->order, &found)) status = hf_error_no_memory(err);
  hf__memory_leave(store, txn);
  return status;
}

static hf_status clear(void *store, void *txn, void *collection, hf_error *err) {
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf__memory_undo *undo = hf__memory_undo_of(txn);
  bool ok = hf__memory_undo_clear(undo, &t->damaged) && hf__memory_indexes_clear(&t->indexes, undo) &&
            hf__memory_undo_clear(undo, &t->sound);
  hf__memory_leave(store, txn);
  return ok ? HF_OK : hf_error_no_memory(err);
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  (void)err;
  *n = hf__memory_enter(store, txn, collection)->sound.count;
  hf__memory_leave(store, txn);
  return HF_OK;
}

/* Whether the item is inside the scan's bounds; `before`: it lies before the first wanted one, as the scan goes. */
static bool inside(const hf_scan *s, const hf__memory_item *it, bool *before) {
  int c = s->lower.data ? hf__memory_item_compare(s->lower, it) : -1;
  bool above_lower = c < 0 || (c == 0 && !s->lower_open);
  c = s->upper.data ? hf__memory_item_compare(s->upper, it) : 1;
  bool below_upper = c > 0 || (c == 0 && !s->upper_open);
  *before = s->reverse ? !below_upper : !above_lower;
  return above_lower && below_upper;
}

/* Adds an item to the page.  False: out of memory. */
static bool add_item(const hf_scan *s, const hf__memory_item *it, hf_slice id, bool damaged, hf_page *page) {
  hf_slice text = s->keys_only ? (hf_slice){NULL, 0} : hf__memory_item_json(it);
  hf_entry *e = damaged ? hf_page_add_damaged(page, id, text, hf_text(hf__memory_item_problem(it)))
                        : hf_page_add(page, id, text.data, text.size);
  if (e) e->info = it->info;
  return e != NULL;
}

static hf_status scan_list(const hf__memory_list *l, bool damaged, const hf_scan *s, hf_page *page, bool *more,
                           hf_error *err) {
  size_t taken = 0, bytes = 0, looked_at = 0, first = 0;
  hf_slice last = {NULL, 0};
  bool found;
  *more = false;
  if (s->reverse)
    first = s->upper.data ? l->count - hf__memory_list_find(l, s->upper, &found) - (found ? 1 : 0) : 0;
  else
    first = s->lower.data ? hf__memory_list_find(l, s->lower, &found) : 0;
  for (size_t n = first; n < l->count; n++) {
    const hf__memory_item *it = l->items[s->reverse ? l->count - 1 - n : n];
    bool before;
    if (!inside(s, it, &before)) {
      if (before) continue;
      break;
    }
    hf_slice id = {it->data + it->id_offset, it->order_size - it->id_offset};
    if (s->id_prefix.size &&
        (id.size < s->id_prefix.size || memcmp(id.data, s->id_prefix.data, s->id_prefix.size) != 0))
      continue;
    *more = taken == s->limit || (taken && bytes > s->max_bytes);
    if (*more) return HF_OK;
    *more = s->condition && looked_at++ == s->max_looked_at;
    if (*more) return hf_page_resume(page, last) ? HF_OK : hf_error_no_memory(err);
    last = (hf_slice){it->data, it->order_size};
    bool wanted = true;
    if (s->condition && hf_page_judge(page, s, id, hf__memory_item_json(it), &wanted, err)) return HF_NO_MEMORY;
    if (!wanted) continue;
    if (!add_item(s, it, id, damaged, page)) return hf_error_no_memory(err);
    bytes += it->json_size;
    taken++;
  }
  return HF_OK;
}

static hf_status scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                      hf_error *err) {
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf_status status = scan_list(&t->sound, false, s, page, more, err);
  hf__memory_leave(store, txn);
  return status;
}

/* ---- quarantine */

/* Nothing is ever found unreadable. */
static hf_status quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err) {
  (void)store, (void)collection, (void)key, (void)problem, (void)err;
  return HF_NOT_FOUND;
}

static hf_status quarantined(void *store, void *collection, uint64_t *n, hf_error *err) {
  hf__memory_store *s = store;
  (void)err;
  *n = 0;
  pthread_mutex_lock(&s->lock);
  for (const hf__memory_type *t = collection ? collection : s->types; t; t = collection ? NULL : t->next)
    *n += t->damaged.count;
  pthread_mutex_unlock(&s->lock);
  return HF_OK;
}

static hf_status quarantine_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                                 hf_error *err) {
  const hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf_status status = scan_list(&t->damaged, true, s, page, more, err);
  hf__memory_leave(store, txn);
  return status;
}

static hf_status quarantine_put(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                                hf_slice bytes, hf_error *err) {
  bool found;
  hf_status status = HF_OK;
  hf__memory_type *t = hf__memory_enter(store, txn, collection);
  hf__memory_list_find(&t->sound, key->order, &found);
  if (found) {
    status = HF_CONFLICT;
  } else {
    size_t at = hf__memory_list_find(&t->damaged, key->order, &found);
    hf_info info = {.updated_at = hf_now_ms()};
    hf__memory_item *it = NULL;
    bool same = found && hf__memory_item_has(t->damaged.items[at], bytes);
    if (!same) it = hf__memory_item_new(key, bytes, (hf_slice){problem, strlen(problem) + 1}, &info);
    if (!same && (!it || !hf__memory_undo_put(hf__memory_undo_of(txn), &t->damaged, at, found, it))) {
      free(it);
      status = hf_error_no_memory(err);
    }
  }
  hf__memory_leave(store, txn);
  return status;
}

/* ---- the store as a whole */

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  hf__memory_store *s = store;
  const hf__memory_txn *in = txn;
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  for (hf__memory_type *t = in && in->kind == HF_TXN_READ ? in->types : s->types; t && status == HF_OK; t = t->next)
    if (t->sound.count + t->damaged.count && !hf_page_add(page, (hf_slice){t->name, t->name_size}, NULL, 0))
      status = hf_error_no_memory(err);
  pthread_mutex_unlock(&s->lock);
  return status;
}

static hf_status stat_store(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  (void)txn;
  hf__memory_store *s = store;
  json->size = 0;
  pthread_mutex_lock(&s->lock);
  const hf__memory_type *t = collection;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"memory\",\"revision\":%llu", (unsigned long long)s->revision);
  if (ok && t)
    ok = hf_buffer_printf(json, ",\"entityName\":") && hf_buffer_quote(json, (hf_slice){t->name, t->name_size}) &&
         hf_buffer_printf(json, ",\"entities\":%zu", t->sound.count) && hf__memory_indexes_describe(&t->indexes, json);
  if (ok && s->note.size)
    ok = hf_buffer_printf(json, ",\"settings\":{\"" NOTE "\":") && hf_buffer_add(json, s->note.data, s->note.size) &&
         hf_buffer_add(json, "}", 1);
  pthread_mutex_unlock(&s->lock);
  uint64_t damaged = 0;
  ok = ok && quarantined(store, collection, &damaged, err) == HF_OK &&
       hf_buffer_printf(json, ",\"quarantined\":%llu}", (unsigned long long)damaged);
  return ok ? HF_OK : hf_error_no_memory(err);
}

/* ---- settings */

static hf_status settings_get(void *store, hf_page *page, hf_error *err) {
  hf__memory_store *s = store;
  pthread_mutex_lock(&s->lock);
  bool ok = !s->note.size || hf_page_add(page, hf_text(NOTE), s->note.data, s->note.size);
  pthread_mutex_unlock(&s->lock);
  return ok ? HF_OK : hf_error_no_memory(err);
}

static hf_status settings_put(void *store, const hf_setting_change *changes, size_t n, unsigned format, hf_error *err) {
  hf__memory_store *s = store;
  hf_buffer note = HF_BUFFER_INIT;
  (void)format;
  if (!n) return HF_OK;
  if (!hf_buffer_add(&note, changes->json.data ? changes->json.data : "", changes->json.size))
    return hf_error_no_memory(err);
  pthread_mutex_lock(&s->lock);
  hf_buffer old = s->note;
  s->note = note;
  pthread_mutex_unlock(&s->lock);
  hf_buffer_free(&old);
  return HF_OK;
}

const hf_backend hf__backend_memory = {
    .abi_version = HF_BACKEND_ABI,
    .struct_size = sizeof(struct hf_backend),
    .name = "memory",
    .capabilities = HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT | HF_CAP_NESTED | HF_CAP_REVISION | HF_CAP_IF_ABSENT |
                    HF_CAP_ATOMIC_BATCH | HF_CAP_QUARANTINE | HF_CAP_SETTINGS | HF_CAP_REMOVE_IF | HF_CAP_INDEX |
                    HF_CAP_INDEX_ORDER,
    .settings = (const char *const[]){NOTE, NULL},
    .resolve = resolve,
    .open = open_store,
    .close = close_store,
    .collection_open = collection_open,
    .collection_close = collection_close,
    .begin = hf__memory_begin,
    .commit = hf__memory_commit,
    .abort = hf__memory_abort,
    .get = get,
    .has = has,
    .put = put,
    .remove = remove_one,
    .clear = clear,
    .count = count,
    .scan = scan,
    .get_many = get_many,
    .put_many = put_many,
    .entities = entities,
    .stat = stat_store,
    .quarantine = quarantine,
    .quarantined = quarantined,
    .quarantine_scan = quarantine_scan,
    .quarantine_put = quarantine_put,
    .settings_get = settings_get,
    .settings_put = settings_put,
    .evaluates_conditions = 1,
    .remove_if = remove_if,
    .index_make = hf__memory_index_make,
    .index_drop = hf__memory_index_drop,
    .index_list = hf__memory_index_list,
    .index_set = hf__memory_index_set,
    .index_each = hf__memory_index_each,
    .index_check = hf__memory_index_check,
    .index_rebuild = hf__memory_index_rebuild,
};
