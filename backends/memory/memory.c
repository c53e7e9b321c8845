/* SPDX-License-Identifier: MIT
 *
 * The backend in memory: the oracle that others are compared with, so simple
 * rather than fast.  A collection is two sorted lists of pointers to immutable,
 * reference-counted items: its entities, and what is in quarantine, which is only what was
 * put there from other stores, since nothing is damaged here.  A snapshot copies the arrays; a transaction notes what
 * it changes, and an abort goes back.  One lock a store; a transaction holds it from begin to end.
 *
 * "memory:NAME" is one store per name and process, and lasts while a handle on it
 * is open.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "items.h"
#include "undo.h"

#define NOTE "note" /* the setting that makes sense for what is gone with the process */

struct type {
  struct type *next;
  size_t name_size;
  hf__memory_list sound, damaged;
  char name[HF_ID_MAX];
};

struct store {
  pthread_mutex_t lock;
  struct type *types; /* never removed while the store is open: entity handles point to them */
  uint64_t revision;
  hf_buffer note; /* the setting, as JSON text; empty: nobody set it */
};

struct txn {
  hf_txn_kind kind;
  struct txn *parent;
  struct type *types;   /* what a snapshot sees: copies, in the order of the store's list when it began */
  hf__memory_undo undo; /* what a transaction has changed */
};

/* ---- collections and their copies */

static void types_free(struct type *t) {
  for (struct type *next; t; t = next) {
    next = t->next;
    hf__memory_list_free(&t->sound);
    hf__memory_list_free(&t->damaged);
    free(t);
  }
}

static struct type *type_copy(const struct type *from) {
  struct type *t = malloc(sizeof *t);
  if (!t) return NULL;
  *t = *from;
  t->next = NULL;
  t->damaged = (hf__memory_list){0, 0, NULL};
  if (hf__memory_list_copy(&from->sound, &t->sound) && hf__memory_list_copy(&from->damaged, &t->damaged)) return t;
  types_free(t);
  return NULL;
}

static struct type *types_copy(const struct type *from, bool *ok) {
  struct type *first = NULL, **link = &first;
  *ok = true;
  for (; from; from = from->next) {
    *link = type_copy(from);
    if (!*link) {
      *ok = false;
      types_free(first);
      return NULL;
    }
    link = &(*link)->next;
  }
  return first;
}

static struct type *find_type(struct type *t, const char *name, size_t size) {
  while (t && (t->name_size != size || memcmp(t->name, name, size) != 0)) t = t->next;
  return t;
}

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
  struct store *s = calloc(1, sizeof *s);
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
  struct store *s = store;
  types_free(s->types);
  pthread_mutex_destroy(&s->lock);
  hf_buffer_free(&s->note);
  free(s);
}

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  struct store *s = store;
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  struct type *t = find_type(s->types, name.data, name.size);
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

/* ---- transactions */

static hf_status begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  struct store *s = store;
  struct txn *t = calloc(1, sizeof *t);
  bool ok = t != NULL;
  if (!parent) pthread_mutex_lock(&s->lock);
  if (t) {
    t->kind = kind;
    t->parent = parent;
    if (kind == HF_TXN_READ) t->types = types_copy(s->types, &ok);
  }
  if (!parent && (!ok || kind == HF_TXN_READ)) pthread_mutex_unlock(&s->lock);
  if (ok) {
    *txn = t;
    return HF_OK;
  }
  free(t);
  return hf_error_no_memory(err);
}

static void end(struct store *s, struct txn *t) {
  types_free(t->types);
  if (t->kind == HF_TXN_WRITE && !t->parent) pthread_mutex_unlock(&s->lock);
  free(t);
}

static hf_status commit(void *store, void *txn, hf_error *err) {
  struct txn *t = txn;
  (void)err;
  hf__memory_undo_commit(&t->undo, t->parent ? &t->parent->undo : NULL);
  end(store, t);
  return HF_OK;
}

static void abort_txn(void *store, void *txn) {
  struct txn *t = txn;
  hf__memory_undo_all(&t->undo);
  end(store, t);
}

/* Where changes are noted; NULL: they are not, since they cannot be undone. */
static hf__memory_undo *undo_of(struct txn *txn) { return txn ? &txn->undo : NULL; }

/* What an operation works on: the live type, locked unless a transaction holds the lock, or a snapshot's copy. */
static struct type *enter(struct store *s, struct txn *txn, struct type *live) {
  static struct type nothing;
  if (txn && txn->kind == HF_TXN_READ) {
    struct type *t = find_type(txn->types, live->name, live->name_size);
    return t ? t : &nothing;
  }
  if (!txn) pthread_mutex_lock(&s->lock);
  return live;
}

static void leave(struct store *s, const struct txn *txn) {
  if (!txn) pthread_mutex_unlock(&s->lock);
}

/* ---- entities */

/* HF_CORRUPT if the id is in quarantine, HF_NOT_FOUND if not. */
static hf_status check_quarantine(const struct type *t, const hf_key *key, hf_error *err) {
  bool found;
  size_t at = hf__memory_list_find(&t->damaged, key->order, &found);
  if (!found) return HF_NOT_FOUND;
  return hf_error_quarantined(err, hf__memory_item_problem(t->damaged.items[at]));
}

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  bool found;
  hf_status status;
  struct type *t = enter(store, txn, collection);
  size_t i = hf__memory_list_find(&t->sound, key->order, &found);
  if (!found) {
    status = check_quarantine(t, key, err);
  } else {
    const hf__memory_item *it = t->sound.items[i];
    json->size = 0;
    if (info) *info = it->info;
    status = hf_buffer_add(json, it->data + it->order_size, it->json_size) ? HF_OK : hf_error_no_memory(err);
  }
  leave(store, txn);
  return status;
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  bool found;
  const struct type *t = enter(store, txn, collection);
  hf__memory_list_find(&t->sound, key->order, &found);
  hf_status status = found ? HF_OK : check_quarantine(t, key, err);
  leave(store, txn);
  return status;
}

static hf_status put(void *store, void *txn, void *collection, const hf_put *p, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  struct store *s = store;
  bool found;
  struct type *t = enter(s, txn, collection);
  hf__memory_undo *undo = undo_of(txn);
  size_t at = hf__memory_list_find(&t->sound, p->key.order, &found);
  uint64_t present = found ? t->sound.items[at]->info.revision : 0;
  hf_status status = options->if_absent && !found ? check_quarantine(t, &p->key, err) : HF_OK;
  if (status == HF_NOT_FOUND) status = HF_OK;
  if ((options->if_absent && found) || (options->if_revision && (!found || present != options->revision))) {
    info->revision = present;
    status = HF_CONFLICT;
  } else if (status == HF_OK) {
    info->revision = ++s->revision;
    info->updated_at = hf_now_ms();
    hf__memory_item *it = hf__memory_item_new(&p->key, p->json, (hf_slice){NULL, 0}, info);
    bool settled, is_in = it && hf__memory_undo_put(undo, &t->sound, at, found, it);
    if (!is_in) free(it);
    if (!is_in || !hf__memory_undo_take(undo, &t->damaged, p->key.order, &settled)) status = hf_error_no_memory(err);
  }
  leave(s, txn);
  return status;
}

static hf_status remove_one(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  bool found, settled = false;
  struct type *t = enter(store, txn, collection);
  bool ok = hf__memory_undo_take(undo_of(txn), &t->sound, key->order, &found) &&
            (found || hf__memory_undo_take(undo_of(txn), &t->damaged, key->order, &settled));
  leave(store, txn);
  if (!ok) return hf_error_no_memory(err);
  return found || settled ? HF_OK : HF_NOT_FOUND;
}

static hf_status remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                           hf_info *info, hf_error *err) {
  bool found;
  struct type *t = enter(store, txn, collection);
  size_t at = hf__memory_list_find(&t->sound, key->order, &found);
  hf_status status = found ? HF_OK : check_quarantine(t, key, err);
  if (found) info->revision = t->sound.items[at]->info.revision;
  if (found && info->revision != revision) status = HF_CONFLICT;
  if (status == HF_OK && !hf__memory_undo_take(undo_of(txn), &t->sound, key->order, &found))
    status = hf_error_no_memory(err);
  leave(store, txn);
  return status;
}

static hf_status clear(void *store, void *txn, void *collection, hf_error *err) {
  struct type *t = enter(store, txn, collection);
  bool ok = hf__memory_undo_clear(undo_of(txn), &t->damaged) && hf__memory_undo_clear(undo_of(txn), &t->sound);
  leave(store, txn);
  return ok ? HF_OK : hf_error_no_memory(err);
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  (void)err;
  *n = enter(store, txn, collection)->sound.count;
  leave(store, txn);
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
  const struct type *t = enter(store, txn, collection);
  hf_status status = scan_list(&t->sound, false, s, page, more, err);
  leave(store, txn);
  return status;
}

/* ---- quarantine */

/* Nothing is ever found unreadable. */
static hf_status quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err) {
  (void)store, (void)collection, (void)key, (void)problem, (void)err;
  return HF_NOT_FOUND;
}

static hf_status quarantined(void *store, void *collection, uint64_t *n, hf_error *err) {
  struct store *s = store;
  (void)err;
  *n = 0;
  pthread_mutex_lock(&s->lock);
  for (const struct type *t = collection ? collection : s->types; t; t = collection ? NULL : t->next)
    *n += t->damaged.count;
  pthread_mutex_unlock(&s->lock);
  return HF_OK;
}

static hf_status quarantine_scan(void *store, void *txn, void *collection, const hf_scan *s, hf_page *page, bool *more,
                                 hf_error *err) {
  const struct type *t = enter(store, txn, collection);
  hf_status status = scan_list(&t->damaged, true, s, page, more, err);
  leave(store, txn);
  return status;
}

static hf_status quarantine_put(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                                hf_slice bytes, hf_error *err) {
  bool found;
  hf_status status = HF_OK;
  struct type *t = enter(store, txn, collection);
  hf__memory_list_find(&t->sound, key->order, &found);
  if (found) {
    status = HF_CONFLICT;
  } else {
    size_t at = hf__memory_list_find(&t->damaged, key->order, &found);
    hf_info info = {.updated_at = hf_now_ms()};
    hf__memory_item *it = NULL;
    bool same = found && hf__memory_item_has(t->damaged.items[at], bytes);
    if (!same) it = hf__memory_item_new(key, bytes, (hf_slice){problem, strlen(problem) + 1}, &info);
    if (!same && (!it || !hf__memory_undo_put(undo_of(txn), &t->damaged, at, found, it))) {
      free(it);
      status = hf_error_no_memory(err);
    }
  }
  leave(store, txn);
  return status;
}

/* ---- the store as a whole */

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  struct store *s = store;
  const struct txn *in = txn;
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  for (struct type *t = in && in->kind == HF_TXN_READ ? in->types : s->types; t && status == HF_OK; t = t->next)
    if (t->sound.count + t->damaged.count && !hf_page_add(page, (hf_slice){t->name, t->name_size}, NULL, 0))
      status = hf_error_no_memory(err);
  pthread_mutex_unlock(&s->lock);
  return status;
}

static hf_status stat_store(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  (void)txn;
  struct store *s = store;
  json->size = 0;
  pthread_mutex_lock(&s->lock);
  const struct type *t = collection;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"memory\",\"revision\":%llu", (unsigned long long)s->revision);
  if (ok && t)
    ok = hf_buffer_printf(json, ",\"entityName\":") && hf_buffer_quote(json, (hf_slice){t->name, t->name_size}) &&
         hf_buffer_printf(json, ",\"entities\":%zu", t->sound.count);
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
  struct store *s = store;
  pthread_mutex_lock(&s->lock);
  bool ok = !s->note.size || hf_page_add(page, hf_text(NOTE), s->note.data, s->note.size);
  pthread_mutex_unlock(&s->lock);
  return ok ? HF_OK : hf_error_no_memory(err);
}

static hf_status settings_put(void *store, const hf_setting_change *changes, size_t n, unsigned format, hf_error *err) {
  struct store *s = store;
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
    .name = "memory",
    .capabilities = HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT | HF_CAP_NESTED | HF_CAP_REVISION | HF_CAP_IF_ABSENT |
                    HF_CAP_ATOMIC_BATCH | HF_CAP_QUARANTINE | HF_CAP_SETTINGS | HF_CAP_REMOVE_IF,
    .settings = (const char *const[]){NOTE, NULL},
    .resolve = resolve,
    .open = open_store,
    .close = close_store,
    .collection_open = collection_open,
    .collection_close = collection_close,
    .begin = begin,
    .commit = commit,
    .abort = abort_txn,
    .get = get,
    .has = has,
    .put = put,
    .remove = remove_one,
    .clear = clear,
    .count = count,
    .scan = scan,
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
};
