/* SPDX-License-Identifier: MIT
 *
 * The backend in memory: the oracle that others are compared with, so simple
 * rather than fast.  An entity type is a sorted array of pointers to immutable,
 * reference-counted items.  A snapshot copies the arrays; so does a transaction
 * when it begins, and an abort puts the copy back.  One lock a store; a
 * transaction holds it from begin to end.
 *
 * "memory:NAME" is one store per name and process, and lasts while a handle on it
 * is open.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast/backend.h"

struct item {
  size_t refs;
  hf_info info;
  size_t order_size, id_offset, json_size;
  char data[]; /* order key, which ends in the id; then the JSON text */
};

struct type {
  struct type *next;
  size_t name_size;
  size_t count, capacity;
  struct item **items;
  char name[HF_ID_MAX];
};

struct store {
  pthread_mutex_t lock;
  struct type *types; /* never removed while the store is open: entity handles point to them */
  uint64_t revision;
};

/* A snapshot's own view, or what an aborted transaction puts back. */
struct txn {
  hf_txn_kind kind;
  struct txn *parent;
  struct type *types; /* copies, in the order of the store's list when it began */
};

/* ---- items and types */

static void item_unref(struct item *i) {
  if (i && __atomic_sub_fetch(&i->refs, 1, __ATOMIC_ACQ_REL) == 0) free(i);
}

static void type_clear(struct type *t) {
  for (size_t i = 0; i < t->count; i++) item_unref(t->items[i]);
  t->count = 0;
}

static void types_free(struct type *t) {
  for (struct type *next; t; t = next) {
    next = t->next;
    type_clear(t);
    free(t->items);
    free(t);
  }
}

static struct type *type_copy(const struct type *from) {
  struct type *t = malloc(sizeof *t);
  if (!t) return NULL;
  *t = *from;
  t->next = NULL;
  t->capacity = t->count;
  t->items = malloc((t->count ? t->count : 1) * sizeof(struct item *));
  if (!t->items) {
    free(t);
    return NULL;
  }
  for (size_t i = 0; i < t->count; i++) {
    t->items[i] = from->items[i];
    __atomic_add_fetch(&t->items[i]->refs, 1, __ATOMIC_RELAXED);
  }
  return t;
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

static int compare(hf_slice a, const struct item *b) {
  int c = memcmp(a.data, b->data, a.size < b->order_size ? a.size : b->order_size);
  return c ? c : (a.size > b->order_size) - (a.size < b->order_size);
}

/* Index of the first item not before the order key; *found: it is that one. */
static size_t position(const struct type *t, hf_slice order, bool *found) {
  size_t low = 0, high = t->count;
  *found = false;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int c = compare(order, t->items[middle]);
    if (c == 0) *found = true;
    if (c > 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* ---- stores */

static hf_status identify(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  if (strlen(at->path) >= HF_IDENTITY_MAX)
    return hf_error_set(err, HF_INVALID_ARGUMENT, "the name in memory:NAME is longer than %d bytes",
                        HF_IDENTITY_MAX - 1);
  strcpy(identity, at->path);
  return HF_OK;
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  (void)at;
  struct store *s = calloc(1, sizeof *s);
  if (!s) return hf_error_set(err, HF_IO, "out of memory");
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
  free(s);
}

static hf_status entity_open(void *store, hf_slice name, void **entity, hf_error *err) {
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
  if (!t) status = hf_error_set(err, HF_IO, "out of memory");
  pthread_mutex_unlock(&s->lock);
  *entity = t;
  return status;
}

static void entity_close(void *store, void *entity) {
  (void)store;
  (void)entity;
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
    t->types = types_copy(s->types, &ok);
  }
  if (!parent && (!ok || kind == HF_TXN_READ)) pthread_mutex_unlock(&s->lock);
  if (ok) {
    *txn = t;
    return HF_OK;
  }
  free(t);
  return hf_error_set(err, HF_IO, "out of memory");
}

static void end(struct store *s, struct txn *t) {
  types_free(t->types);
  if (t->kind == HF_TXN_WRITE && !t->parent) pthread_mutex_unlock(&s->lock);
  free(t);
}

static hf_status commit(void *store, void *txn, hf_error *err) {
  (void)err;
  end(store, txn);
  return HF_OK;
}

static void abort_txn(void *store, void *txn) {
  struct store *s = store;
  struct txn *t = txn;
  if (t->kind == HF_TXN_WRITE)
    for (struct type *now = s->types; now; now = now->next) {
      struct type *then = find_type(t->types, now->name, now->name_size), left = *now;
      now->items = then ? then->items : NULL;
      now->count = then ? then->count : 0;
      now->capacity = then ? then->capacity : 0;
      if (then) {
        then->items = NULL;
        then->count = 0;
      }
      type_clear(&left);
      free(left.items);
    }
  end(s, t);
}

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

static hf_status get(void *store, void *txn, void *entity, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  bool found;
  hf_status status = HF_NOT_FOUND;
  struct type *t = enter(store, txn, entity);
  size_t i = position(t, key->order, &found);
  if (found) {
    const struct item *it = t->items[i];
    json->size = 0;
    *info = it->info;
    status = hf_buffer_add(json, it->data + it->order_size, it->json_size) ? HF_OK
                                                                           : hf_error_set(err, HF_IO, "out of memory");
  }
  leave(store, txn);
  return status;
}

static hf_status has(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  (void)err;
  bool found;
  position(enter(store, txn, entity), key->order, &found);
  leave(store, txn);
  return found ? HF_OK : HF_NOT_FOUND;
}

static struct item *item_new(const hf_put *put, const hf_info *info) {
  const hf_key *k = &put->key;
  struct item *it = malloc(sizeof *it + k->order.size + put->json.size);
  if (!it) return NULL;
  *it = (struct item){1, *info, k->order.size, k->order.size - k->id.size, put->json.size};
  memcpy(it->data, k->order.data, k->order.size);
  memcpy(it->data + k->order.size, put->json.data, put->json.size);
  return it;
}

/* Puts the item at its place; takes the reference. */
static bool insert(struct type *t, size_t at, bool replace, struct item *it) {
  if (replace) {
    item_unref(t->items[at]);
    t->items[at] = it;
    return true;
  }
  if (t->count == t->capacity) {
    size_t capacity = t->capacity ? t->capacity * 2 : 16;
    struct item **items = realloc(t->items, capacity * sizeof(struct item *));
    if (!items) return false;
    t->items = items;
    t->capacity = capacity;
  }
  memmove(t->items + at + 1, t->items + at, (t->count - at) * sizeof(struct item *));
  t->items[at] = it;
  t->count++;
  return true;
}

static hf_status put(void *store, void *txn, void *entity, const hf_put *p, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  struct store *s = store;
  bool found;
  hf_status status = HF_OK;
  struct type *t = enter(s, txn, entity);
  size_t at = position(t, p->key.order, &found);
  uint64_t present = found ? t->items[at]->info.revision : 0;
  if ((options->if_absent && found) || (options->if_revision && (!found || present != options->revision))) {
    info->revision = present;
    status = HF_CONFLICT;
  } else {
    info->revision = ++s->revision;
    info->updated_at = hf_now_ms();
    struct item *it = item_new(p, info);
    if (!it || !insert(t, at, found, it)) {
      free(it);
      status = hf_error_set(err, HF_IO, "out of memory");
    }
  }
  leave(s, txn);
  return status;
}

static hf_status remove_one(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  (void)err;
  bool found;
  struct type *t = enter(store, txn, entity);
  size_t at = position(t, key->order, &found);
  if (found) {
    item_unref(t->items[at]);
    t->count--;
    memmove(t->items + at, t->items + at + 1, (t->count - at) * sizeof(struct item *));
  }
  leave(store, txn);
  return found ? HF_OK : HF_NOT_FOUND;
}

static hf_status clear(void *store, void *txn, void *entity, hf_error *err) {
  (void)err;
  type_clear(enter(store, txn, entity));
  leave(store, txn);
  return HF_OK;
}

static hf_status count(void *store, void *txn, void *entity, uint64_t *n, hf_error *err) {
  (void)err;
  *n = enter(store, txn, entity)->count;
  leave(store, txn);
  return HF_OK;
}

/* Whether the item is inside the scan's bounds; `before`: it lies before the first wanted one in walking direction. */
static bool inside(const hf_scan *s, const struct item *it, bool *before) {
  int c = s->lower.data ? compare(s->lower, it) : -1;
  bool above_lower = c < 0 || (c == 0 && !s->lower_open);
  c = s->upper.data ? compare(s->upper, it) : 1;
  bool below_upper = c > 0 || (c == 0 && !s->upper_open);
  *before = s->reverse ? !below_upper : !above_lower;
  return above_lower && below_upper;
}

static hf_status scan(void *store, void *txn, void *entity, const hf_scan *s, hf_page *page, bool *more,
                      hf_error *err) {
  hf_status status = HF_OK;
  struct type *t = enter(store, txn, entity);
  size_t taken = 0, bytes = 0, first = 0;
  bool found;
  *more = false;
  if (s->reverse)
    first = s->upper.data ? t->count - position(t, s->upper, &found) - (found ? 1 : 0) : 0;
  else
    first = s->lower.data ? position(t, s->lower, &found) : 0;
  for (size_t n = first; n < t->count && status == HF_OK; n++) {
    const struct item *it = t->items[s->reverse ? t->count - 1 - n : n];
    bool before;
    if (!inside(s, it, &before)) {
      if (before) continue;
      break;
    }
    hf_slice id = {it->data + it->id_offset, it->order_size - it->id_offset};
    if (s->id_prefix.size &&
        (id.size < s->id_prefix.size || memcmp(id.data, s->id_prefix.data, s->id_prefix.size) != 0))
      continue;
    if (taken == s->limit || (taken && bytes > s->max_bytes)) {
      *more = true;
      break;
    }
    hf_entry *e =
        hf_page_add(page, id, s->keys_only ? NULL : it->data + it->order_size, s->keys_only ? 0 : it->json_size);
    if (!e) {
      status = hf_error_set(err, HF_IO, "out of memory");
      break;
    }
    e->info = it->info;
    bytes += it->json_size;
    taken++;
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
    if (t->count && !hf_page_add(page, (hf_slice){t->name, t->name_size}, NULL, 0))
      status = hf_error_set(err, HF_IO, "out of memory");
  pthread_mutex_unlock(&s->lock);
  return status;
}

static hf_status stat_store(void *store, void *txn, void *entity, hf_buffer *json, hf_error *err) {
  (void)txn;
  struct store *s = store;
  json->size = 0;
  pthread_mutex_lock(&s->lock);
  const struct type *t = entity;
  bool ok = hf_buffer_printf(json, "{\"backend\":\"memory\",\"revision\":%llu", (unsigned long long)s->revision);
  if (ok && t)
    ok = hf_buffer_printf(json, ",\"entityName\":") && hf_buffer_quote(json, (hf_slice){t->name, t->name_size}) &&
         hf_buffer_printf(json, ",\"entities\":%zu", t->count);
  ok = ok && hf_buffer_add(json, "}", 1);
  pthread_mutex_unlock(&s->lock);
  return ok ? HF_OK : hf_error_set(err, HF_IO, "out of memory");
}

const hf_backend hf__backend_memory = {
    .abi_version = HF_BACKEND_ABI,
    .name = "memory",
    .capabilities =
        HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT | HF_CAP_NESTED | HF_CAP_REVISION | HF_CAP_IF_ABSENT | HF_CAP_ATOMIC_BATCH,
    .identify = identify,
    .open = open_store,
    .close = close_store,
    .entity_open = entity_open,
    .entity_close = entity_close,
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
};
