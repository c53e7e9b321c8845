/* SPDX-License-Identifier: MIT
 *
 * Putting a store back to an earlier moment: see revert.h.  What an entity was then is compared with what it is by the
 * revisions.  First everything goes that was not there, then everything comes that was different.  Where a unique index
 * is in the way, since two entities have exchanged their values meanwhile, all that is different goes first.
 */
#include "core/revert.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/backends.h"
#include "core/moment.h"
#include "core/page.h"
#include "core/persist.h"
#include "core/transaction.h"

enum { PAGE = 256, PAGE_BYTES = 1 << 20 };

struct reverting {
  hf_store *store;
  void *past; /* the transaction that reads the moment */
  hf_page *names, *page;
  hf_persist **handles;
  bool all_first; /* whatever is different goes before anything comes */
};

/* ---- pages of a scan */

struct pages {
  hf_scan scan;
  unsigned char last[HF__ORDER_KEY_MAX];
  bool more;
};

static void begin_pages(struct pages *s, bool keys_only) {
  *s = (struct pages){
      .scan = {.limit = PAGE, .max_bytes = PAGE_BYTES, .keys_only = keys_only, .scan_id = hf__scan_id()}, .more = true};
}

/* Fills the page with the next entries: of the past, or as the transaction has them now. */
static hf_status next_page(struct pages *s, struct reverting *r, const hf_persist *p, void *txn, hf_error *err) {
  hf__page_reset(r->page);
  s->more = false;
  hf_status status = p->backend->scan(p->impl, txn, p->collection, &s->scan, r->page, &s->more, err);
  if (status || !r->page->count) return status;
  size_t size = hf_order_key(r->page->entries[r->page->count - 1].id, s->last);
  s->scan.lower = (hf_slice){(const char *)s->last, size};
  s->scan.lower_open = true;
  return HF_OK;
}

/* ---- one collection */

/* Removes what is now and was not then; or also what was different. */
static hf_status remove_new(struct reverting *r, hf_persist *p, hf_error *err) {
  struct pages s;
  hf_buffer json = {0};
  void *txn;
  hf_status status = hf__txn_join(r->store, p->backend->capabilities, false, &txn, err);
  for (begin_pages(&s, true); s.more && status == HF_OK;) {
    status = next_page(&s, r, p, txn, err);
    for (size_t i = 0; i < r->page->count && status == HF_OK; i++) {
      const hf_entry *e = &r->page->entries[i];
      unsigned char order[HF__ORDER_KEY_MAX];
      hf_key key = {e->id, {(const char *)order, hf_order_key(e->id, order)}};
      hf_info then = {0};
      status = p->backend->get(p->impl, r->past, p->collection, &key, &json, &then, err);
      bool differs = status == HF_NOT_FOUND || (status == HF_OK && r->all_first && then.revision != e->info.revision);
      if (status == HF_NOT_FOUND) status = HF_OK;
      if (differs) status = hf_persist_remove(p, e->id, err);
    }
  }
  hf_buffer_free(&json);
  return status;
}

/* Writes what was then and is different now. */
static hf_status write_old(struct reverting *r, hf_persist *p, hf_error *err) {
  struct pages s;
  hf_buffer json = {0};
  hf_status status = HF_OK;
  for (begin_pages(&s, false); s.more && status == HF_OK;) {
    status = next_page(&s, r, p, r->past, err);
    for (size_t i = 0; i < r->page->count && status == HF_OK; i++) {
      const hf_entry *e = &r->page->entries[i];
      hf_info now = {0};
      hf_write_options options = HF_WRITE_OPTIONS_INIT;
      options.expires_at = e->info.expires_at;
      status = hf_persist_read(p, e->id, &json, &now, err);
      if (status == HF_OK && now.revision == e->info.revision) continue;
      if (status == HF_OK || status == HF_NOT_FOUND || status == HF_CORRUPT)
        status = hf_persist_write(p, e->id, e->json, &options, NULL, err);
    }
  }
  hf_buffer_free(&json);
  return status;
}

/* ---- the store */

static hf_status add_names(struct reverting *r, void *txn, hf_error *err) {
  hf_page *more = hf_page_new();
  if (!more) return hf__no_memory(err);
  hf_status status = r->store->backend->entities(r->store->impl, txn, more, err);
  for (size_t i = 0; i < more->count && status == HF_OK; i++) {
    hf_slice name = more->entries[i].id;
    bool is_there = false;
    for (size_t k = 0; k < r->names->count && !is_there; k++)
      is_there =
          r->names->entries[k].id.size == name.size && memcmp(r->names->entries[k].id.data, name.data, name.size) == 0;
    if (!is_there && !hf_page_add(r->names, name, NULL, 0)) status = hf__no_memory(err);
  }
  hf_page_free(more);
  return status;
}

static hf_status open_handles(struct reverting *r, hf_error *err) {
  hf_status status = HF_OK;
  r->handles = calloc(r->names->count + 1, sizeof(hf_persist *));
  if (!r->handles) return hf__no_memory(err);
  for (size_t i = 0; i < r->names->count && status == HF_OK; i++) {
    status = hf__persist_on(r->store, r->names->entries[i].id, &r->handles[i], err);
    if (status == HF_OK) status = hf_persist_init(r->handles[i], err);
  }
  return status;
}

/* Has the past come to know all collections: a backend may have to open some first, which must not wait for the
 * transaction that is begun next. */
static hf_status look_at_all(struct reverting *r, hf_error *err) {
  hf_status status = HF_OK;
  for (size_t i = 0; r->handles[i] && status == HF_OK; i++) {
    const hf_persist *p = r->handles[i];
    hf__key any;
    status = hf__key_init(p->name, hf_text("any"), &any, err);
    if (status == HF_OK) status = p->backend->has(p->impl, r->past, p->collection, &any.key, err);
    if (status == HF_NOT_FOUND || status == HF_CORRUPT) status = HF_OK;
  }
  return status;
}

/* All of it, in one transaction. */
static hf_status change(struct reverting *r, hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin(HF_TXN_WRITE, &txn, err);
  if (status) return status;
  for (size_t i = 0; r->handles[i] && status == HF_OK; i++) status = remove_new(r, r->handles[i], err);
  for (size_t i = 0; r->handles[i] && status == HF_OK; i++) status = write_old(r, r->handles[i], err);
  if (status == HF_OK) return hf_txn_commit(txn, err);
  hf_txn_abort(txn);
  return status;
}

static hf_status revert(struct reverting *r, uint64_t revision, hf_error *err) {
  const hf_backend *b = r->store->backend;
  r->names = hf_page_new();
  r->page = hf_page_new();
  if (!r->names || !r->page) return hf__no_memory(err);
  hf_status status = add_names(r, NULL, err);
  if (status == HF_OK) status = open_handles(r, err);
  if (status == HF_OK) status = b->begin_at(r->store->impl, revision, &r->past, err);
  if (status) return status;
  status = look_at_all(r, err);
  if (status == HF_OK) status = change(r, err);
  if (status == HF_DUPLICATE) {
    r->all_first = true;
    status = change(r, err);
  }
  b->abort(r->store->impl, r->past);
  return status;
}

static hf_status revert_open(struct hf__reverting *how, hf_store *store, hf_error *err) {
  struct reverting r = {.store = store};
  uint64_t revision;
  if (!hf__can_look_back(store->backend))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores cannot be read as they were", store->backend->name);
  hf_status status = hf__moment_revision(store, how->at, &revision, err);
  if (status == HF_OK) status = revert(&r, revision, err);
  for (size_t i = 0; r.handles && r.handles[i]; i++) hf_persist_close(r.handles[i]);
  free(r.handles);
  hf_page_free(r.names);
  hf_page_free(r.page);
  return status ? status : hf_store_revision(store, NULL, &how->revision, err);
}

hf_status hf__revert(void *arg, const hf_location *at, hf_error *err) {
  const hf_backend *backend = hf__backend_find(at->scheme);
  char identity[HF_IDENTITY_MAX];
  hf_store *store;
  void *impl;
  hf_status status = backend->resolve(at, identity, err);
  if (status == HF_OK) status = backend->open(at, &impl, err);
  if (status == HF_OK) status = hf__store_adopt(backend, identity, at->path, impl, &store, err);
  if (status) return status;
  status = revert_open(arg, store, err);
  hf__store_release(store);
  return status;
}
