/* SPDX-License-Identifier: MIT
 *
 * Batches: many ids in one call.  Keys are made once, in the page's or an own
 * arena; writes are sorted into natural order and freed of duplicates (the last
 * one wins) before the backend sees them, which makes its tree grow from one
 * side instead of everywhere.  Backends without batch slots get a loop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "core/change.h"
#include "core/expiry.h"
#include "core/persist.h"
#include "core/revisions.h"
#include "core/transaction.h"

/* Validates every id and lays out its order key in the arena. */
static hf_status make_key(hf_persist *p, hf_page *arena, hf_slice id, hf_key *out, hf_error *err) {
  hf__key k;
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status) return status;
  char *order = hf__page_alloc(arena, k.key.order.size);
  if (!order) return hf__no_memory(err);
  memcpy(order, k.order, k.key.order.size);
  out->id = id;
  out->order = (hf_slice){order, k.key.order.size};
  return HF_OK;
}

/* What is sorted: the first bytes of the order key as a number decide nearly every comparison without a cache miss. */
struct sorted {
  uint64_t head;
  size_t index;
  const hf_key *key;
};

static uint64_t key_head(hf_slice order) {
  unsigned char b[8] = {0};
  memcpy(b, order.data, order.size < 8 ? order.size : 8);
  uint64_t v;
  memcpy(&v, b, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  v = __builtin_bswap64(v);
#endif
  return v;
}

static int compare_sorted(const void *a, const void *b) {
  const struct sorted *x = a, *y = b;
  if (x->head != y->head) return x->head < y->head ? -1 : 1;
  int c = hf__order_compare(x->key->order, y->key->order);
  return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* Begins a transaction for a loop over single operations.  It is the thread's current one, so that a script whose
 * methods the loop calls joins it with whatever it does to the wrapped store. */
static hf_status begin_own(hf_persist *p, hf_txn_kind kind, hf_txn **own, void **txn, hf_error *err) {
  hf_status status = hf_txn_begin(kind, own, err);
  if (status) return status;
  status = hf__txn_join(p->store, p->backend->capabilities, kind == HF_TXN_WRITE, txn, err);
  if (status == HF_OK) return HF_OK;
  hf_txn_abort(*own);
  *own = NULL;
  return status;
}

/* ---- reading */

static hf_status get_one(hf_persist *p, void *txn, const hf_key *key, hf_buffer *json, hf_page *page, hf_error *err) {
  hf_info info = {0};
  hf_status status = p->backend->get(p->impl, txn, p->collection, key, json, &info, err);
  if (status && status != HF_NOT_FOUND) return hf__persist_fail(p, txn, status, key, "", err);
  hf_entry *e = hf_page_add(page, key->id, status ? NULL : json->data, status ? 0 : json->size);
  if (!e) return hf__no_memory(err);
  e->status = status;
  if (!status) e->info = info;
  return HF_OK;
}

hf_status hf_persist_read_many(hf_persist *p, const hf_slice *ids, size_t count, hf_page *page, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  void *txn;
  hf__page_reset(page);
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status || count == 0) return status;

  hf_page *arena = hf_page_new();
  hf_key *keys = malloc(count * sizeof *keys);
  if (!arena || !keys) status = hf__no_memory(err);
  for (size_t i = 0; i < count && status == HF_OK; i++) status = make_key(p, arena, ids[i], &keys[i], err);
  if (status == HF_OK) {
    const hf_backend *b = p->backend;
    if (b->get_many) {
      status = b->get_many(p->impl, txn, p->collection, keys, count, page, err);
      if (status == HF_CORRUPT && page->count < count)
        status = hf__persist_fail(p, txn, status, &keys[page->count], "", err);
      else if (status)
        status = hf__persist_fail(p, txn, status, NULL, "", err);
    } else {
      hf_buffer json = HF_BUFFER_INIT;
      hf_txn *snapshot = NULL; /* so that all of them are of one moment */
      if (!txn && (b->capabilities & HF_CAP_SNAPSHOT)) status = begin_own(p, HF_TXN_READ, &snapshot, &txn, err);
      for (size_t i = 0; i < count && status == HF_OK; i++) status = get_one(p, txn, &keys[i], &json, page, err);
      hf_txn_abort(snapshot);
      hf_buffer_free(&json);
    }
    if (txn && !status) hf__revisions_hide_entries(p, page, 0);
  }
  free(keys);
  hf_page_free(arena);
  return hf__txn_note_failure(status, false, err); /* also of what failed before the backend was asked */
}

/* ---- writing */

/* Runs the loop that replaces a missing batch slot: in the thread's transaction, in one of its own, or one by one. */
typedef hf_status (*step_fn)(hf_persist *p, void *txn, const void *what, size_t i, hf_error *err);

/* What a refusal of the system says of a batch that is not atomic and had begun: how far it came, and never that
 * nothing was changed. */
static hf_status fail_partly(hf_status status, size_t done, size_t count, hf_error *err) {
  char what[800];
  if (status != HF_BUSY && status != HF_FULL && status != HF_IO && status != HF_READONLY && status != HF_NO_MEMORY)
    return status;
  hf__copy_text(what, sizeof what, err->message, strlen(err->message));
  snprintf(err->message, sizeof err->message, "%s (%s, when %zu of the batch's %zu had been done)", what,
           hf_status_name(status), done, count);
  err->retryable = false;
  if (status == HF_BUSY || status == HF_FULL) err->status = HF_IO;
  return err->status;
}

static hf_status loop(hf_persist *p, void *txn, const void *what, size_t count, step_fn step, hf_error *err) {
  const hf_backend *b = p->backend;
  hf_txn *own = NULL;
  hf_status status = HF_OK;
  if (!txn && (b->capabilities & HF_CAP_TRANSACTION)) {
    status = begin_own(p, HF_TXN_WRITE, &own, &txn, err);
    if (status) return status;
  }
  size_t done = 0;
  while (done < count && (status = step(p, txn, what, done, err)) == HF_OK) done++;
  if (own && status)
    hf_txn_abort(own);
  else if (own)
    status = hf_txn_commit(own, err);
  else if (status && done && !txn)
    status = fail_partly(status, done, count, err);
  return status;
}

static hf_status put_step(hf_persist *p, void *txn, const void *what, size_t i, hf_error *err) {
  static const hf_write_options always = HF_WRITE_OPTIONS_INIT;
  hf_info info = {0};
  const hf_put *put = (const hf_put *)what + i;
  hf__change change = {.kind = HF__CHANGE_PUT, .puts = put, .options = &always, .info = &info};
  hf_status status = hf__change_apply(p, txn, &change, err);
  if (status) hf__error_entity(err, p->name, put->key.id); /* which of them it was */
  return status;
}

static hf_status write_sorted(hf_persist *p, void *txn, const hf_item *items, size_t count, hf_page *arena,
                              hf_key *keys, struct sorted *sorted, hf_put *puts, hf_error *err) {
  bool in_order = true;
  for (size_t i = 0; i < count; i++) {
    int64_t unused;
    hf_status status = make_key(p, arena, items[i].id, &keys[i], err);
    if (status == HF_OK) status = hf__expiry_take(p, 0, items[i].expires_at, &unused, err);
    if (status) {
      hf__error_entity(err, p->name, items[i].id);
      return status;
    }
    sorted[i] = (struct sorted){key_head(keys[i].order), i, &keys[i]};
    if (i && in_order) in_order = compare_sorted(&sorted[i - 1], &sorted[i]) < 0;
  }
  if (!in_order) qsort(sorted, count, sizeof *sorted, compare_sorted);
  size_t n = 0;
  for (size_t i = 0; i < count; i++) {
    const hf_key *key = sorted[i].key;
    if (n && hf__order_compare(puts[n - 1].key.order, key->order) == 0) n--;
    const hf_item *item = &items[sorted[i].index];
    puts[n++] = (hf_put){*key, item->json, item->expires_at};
  }
  hf__change change = {.kind = HF__CHANGE_PUT_MANY, .puts = puts, .count = n};
  hf_status status =
      p->backend->put_many ? hf__change_apply(p, txn, &change, err) : loop(p, txn, puts, n, put_step, err);
  return status ? hf__txn_note_failure(hf__persist_fail(p, txn, status, NULL, "", err), true, err) : HF_OK;
}

hf_status hf__persist_write_many_trusted(hf_persist *p, const hf_item *items, size_t count, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  void *txn;
  hf_status status = hf__persist_enter(p, true, &txn, err);
  if (status || count == 0) return status;
  hf_page *arena = hf_page_new();
  hf_key *keys = malloc(count * sizeof *keys);
  struct sorted *sorted = malloc(count * sizeof *sorted);
  hf_put *puts = malloc(count * sizeof *puts);
  status = arena && keys && sorted && puts ? write_sorted(p, txn, items, count, arena, keys, sorted, puts, err)
                                           : hf__no_memory(err);
  free(puts);
  free(sorted);
  free(keys);
  hf_page_free(arena);
  return hf__txn_note_failure(status, false, err); /* also of what failed before the backend was asked */
}

static hf_status check_item(const hf_item *item, hf_error *err) {
  if (item->reserved[0])
    return hf__fail(err, HF_INVALID_ARGUMENT, "hf_item.reserved must be 0: clear the item before you fill it");
  return hf_json_validate(item->json, err);
}

hf_status hf_persist_write_many(hf_persist *p, const hf_item *items, size_t count, hf_error *err) {
  for (size_t i = 0; i < count; i++) {
    hf_status status = check_item(&items[i], err);
    if (status) {
      hf__error_entity(err, p->name, items[i].id);
      return status;
    }
  }
  return hf__persist_write_many_trusted(p, items, count, err);
}

/* ---- removing */

struct removal {
  const hf_key *keys;
  uint64_t *removed;
};

static hf_status remove_step(hf_persist *p, void *txn, const void *what, size_t i, hf_error *err) {
  const struct removal *r = what;
  hf__change change = {.kind = HF__CHANGE_REMOVE, .keys = &r->keys[i]};
  hf_status status = hf__change_apply(p, txn, &change, err);
  if (status == HF_OK) ++*r->removed;
  return status == HF_NOT_FOUND ? HF_OK : status;
}

hf_status hf_persist_remove_many(hf_persist *p, const hf_slice *ids, size_t count, uint64_t *removed, hf_error *err) {
  hf_error own;
  uint64_t unused;
  if (!err) err = &own;
  if (!removed) removed = &unused;
  *removed = 0;
  void *txn;
  hf_status status = hf__persist_enter(p, true, &txn, err);
  if (status || count == 0) return status;
  hf_page *arena = hf_page_new();
  hf_key *keys = malloc(count * sizeof *keys);
  if (!arena || !keys) status = hf__no_memory(err);
  for (size_t i = 0; i < count && status == HF_OK; i++) status = make_key(p, arena, ids[i], &keys[i], err);
  if (status == HF_OK) {
    struct removal r = {keys, removed};
    hf__change change = {.kind = HF__CHANGE_REMOVE_MANY, .keys = keys, .count = count, .removed = removed};
    status =
        p->backend->remove_many ? hf__change_apply(p, txn, &change, err) : loop(p, txn, &r, count, remove_step, err);
    if (status) {
      *removed = 0;
      status = hf__txn_note_failure(hf__persist_fail(p, txn, status, NULL, "", err), true, err);
    }
  }
  free(keys);
  hf_page_free(arena);
  return hf__txn_note_failure(status, false, err); /* also of what failed before the backend was asked */
}
