/* SPDX-License-Identifier: MIT
 *
 * A store as a whole: its entity names, its statistics, and the scan that
 * verifies every record.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/redact.h"
#include "core/change.h"
#include "core/persist.h"
#include "core/transaction.h"
#include "core/watch_hub.h"

enum { VERIFY_PAGE = 256, VERIFY_BYTES = 1024 * 1024 };

hf_status hf_store_open(const char *base, const hf_options *options, hf_store **out, hf_error *err) {
  *out = NULL;
  return hf__store_acquire(base, options, NULL, out, err);
}

void hf_store_close(hf_store *store) { hf__store_release(store); }

/* What every operation on the store does first. */
static hf_status enter(hf_store *s, void **txn, hf_error *err) {
  if (hf__store_is_inherited(s)) return hf__store_inherited(s, err);
  return hf__txn_note_failure(hf__txn_join(s, s->backend->capabilities, false, txn, err), false, err);
}

static int compare_entries(const void *a, const void *b) {
  unsigned char x[HF__ORDER_KEY_MAX], y[HF__ORDER_KEY_MAX];
  size_t n = 0, m = 0;
  hf__order_key(((const hf_entry *)a)->id, x, &n, NULL);
  hf__order_key(((const hf_entry *)b)->id, y, &m, NULL);
  int c = memcmp(x, y, n < m ? n : m);
  return c ? c : (n > m) - (n < m);
}

hf_status hf_store_entities(hf_store *s, hf_page *page, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__page_reset(page);
  void *txn = NULL;
  hf_status status = enter(s, &txn, err);
  if (status == HF_OK) status = s->backend->entities(s->impl, txn, page, err);
  if (status == HF_OK && page->count) qsort(page->entries, page->count, sizeof *page->entries, compare_entries);
  return hf__store_name_backend(s, status, err);
}

/* Adds why this process, which watches the store, has to look again and again for what others write. */
static hf_status say_polling(const hf_store *s, hf_buffer *json, hf_error *err) {
  int problem = hf__hub_polls(s);
  if (!problem || json->size < 2) return HF_OK;
  json->size--; /* the brace */
  bool ok = hf_buffer_printf(json, "%s\"watching\":", json->size > 1 ? "," : "") &&
            hf_buffer_quote(json, hf_text(strerror(problem))) && hf_buffer_add(json, "}", 1);
  return ok ? HF_OK : hf__no_memory(err);
}

hf_status hf_store_stat(hf_store *s, hf_buffer *json, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  void *txn = NULL;
  hf_status status = enter(s, &txn, err);
  if (status == HF_OK) status = s->backend->stat(s->impl, txn, NULL, json, err);
  if (status == HF_OK) status = say_polling(s, json, err);
  return hf__store_name_backend(s, status, err);
}

/* ---- verifying */

/* Whether this thread is in hf_store_verify(): its callback must not begin another scan, and another, ... */
static _Thread_local bool verifying __attribute__((tls_model("initial-exec")));

struct verification {
  hf_store *store;
  bool dry_run;
  hf_verify_fn fn;
  void *arg;
  hf_verify_report *report;
  bool stopped;
};

/*   order  the order key of the record, if its key may be damaged; otherwise {NULL, 0} */
static hf_status verify_entry(struct verification *w, hf_persist *p, const hf_entry *e, hf_slice order, hf_error *err) {
  hf_verify_report *r = w->report;
  r->entities++;
  if (e->status == HF_OK) r->bytes += e->json.size;
  hf_error problem;
  if (e->status == HF_OK && hf_json_validate(e->json, &problem) == HF_OK) return HF_OK;
  r->corrupt++;
  const char *text = e->status ? e->json.data : problem.message;
  hf_entry shown = *e;
  shown.status = HF_CORRUPT;
  if (!w->dry_run && p->backend->quarantine) {
    unsigned char own[HF__ORDER_KEY_MAX];
    hf_key key = {e->id, order.data ? order : (hf_slice){(const char *)own, hf_order_key(e->id, own)}};
    hf__change change = {.kind = HF__CHANGE_QUARANTINE, .keys = &key, .problem = text};
    hf_status status = hf__change_apply(p, NULL, &change, err);
    if (status && status != HF_NOT_FOUND) return status;
  }
  if (w->fn && !w->fn(w->arg, p->name, &shown, text, r)) w->stopped = true;
  return HF_OK;
}

static hf_status verify_collection(struct verification *w, hf_slice name, hf_page *page, hf_error *err) {
  const hf_backend *b = w->store->backend;
  hf_persist *p;
  hf_status status = hf__persist_on(w->store, name, &p, err);
  if (status) return status;
  status = hf_persist_init(p, err);
  hf_scan scan = {.limit = VERIFY_PAGE, .max_bytes = VERIFY_BYTES, .report_corrupt = true, .scan_id = hf__scan_id()};
  unsigned char last[HF__ORDER_KEY_MAX];
  bool more = true;
  while (more && status == HF_OK && !w->stopped) {
    hf__page_reset(page);
    more = false;
    status = b->scan(p->impl, NULL, p->collection, &scan, page, &more, err);
    for (size_t i = 0; i < page->count && status == HF_OK && !w->stopped; i++)
      status = verify_entry(w, p, &page->entries[i], i + 1 == page->count ? page->resume : (hf_slice){NULL, 0}, err);
    if (status == HF_OK && page->count) {
      hf_slice end = page->resume;
      if (!end.data) end = (hf_slice){NULL, hf_order_key(page->entries[page->count - 1].id, last)};
      if (end.size > sizeof last) {
        status = hf__fail(err, HF_CORRUPT, "a key of %zu bytes is no order key: what is after it was not verified",
                          end.size);
        break;
      }
      if (end.data) memcpy(last, end.data, end.size);
      scan.lower = (hf_slice){(const char *)last, end.size};
      scan.lower_open = true;
    }
    if (w->fn && !w->stopped && !w->fn(w->arg, p->name, NULL, NULL, w->report)) w->stopped = true;
  }
  uint64_t quarantined = 0;
  if (status == HF_OK && b->quarantined) status = b->quarantined(p->impl, p->collection, &quarantined, err);
  w->report->quarantined += quarantined;
  hf_persist_close(p);
  return status;
}

static hf_status verify_all(struct verification *w, hf_page *names, hf_page *page, hf_error *err) {
  hf_status status = hf_store_entities(w->store, names, err);
  for (size_t i = 0; i < names->count && status == HF_OK && !w->stopped; i++)
    status = verify_collection(w, names->entries[i].id, page, err);
  return status;
}

static bool pass_finding(void *arg, const hf_finding *f) {
  struct verification *w = arg;
  if (!f->is_damage) return true;
  w->report->damaged++;
  w->report->incomplete += f->is_incomplete;
  hf_slice name = f->entity_name.data ? f->entity_name : (hf_slice){"", 0};
  if (w->fn && !w->fn(w->arg, name, NULL, f->problem, w->report)) w->stopped = true;
  return !w->stopped;
}

/* The storage's own structure first: through a damaged one, reading may end the process, or never end. */
static hf_status verify_structure(struct verification *w, hf_error *err) {
  const hf_backend *b = w->store->backend;
  hf_check_report report = {0};
  return b->check ? b->check(NULL, w->store->impl, pass_finding, w, &report, err) : HF_OK;
}

hf_status hf_store_verify(hf_store *store, hf_slice entity_name, bool dry_run, hf_verify_fn fn, void *arg,
                          hf_verify_report *report, hf_error *err) {
  hf_error own;
  hf_verify_report unused;
  if (!err) err = &own;
  if (!report) report = &unused;
  *report = (hf_verify_report){0};
  if (hf__store_is_inherited(store)) return hf__store_inherited(store, err);
  if (hf__txn_is_open()) return hf__fail(err, HF_UNSUPPORTED, "verify cannot run inside a transaction");
  if (verifying) return hf__fail(err, HF_UNSUPPORTED, "verify cannot run inside the callback of verify");
  struct verification w = {store, dry_run || store->options.read_only, fn, arg, report, false};
  hf__key name;
  hf_status status = entity_name.data ? hf__key_init((hf_slice){NULL, 0}, entity_name, &name, err) : HF_OK;
  if (status) return status;
  hf_page *names = hf_page_new(), *page = hf_page_new();
  verifying = true;
  hf__store_ref(store); /* the callback may close the caller's handle */
  if (!names || !page)
    status = hf__no_memory(err);
  else if ((status = verify_structure(&w, err)) == HF_OK && w.report->damaged == w.report->incomplete && !w.stopped)
    status = entity_name.data ? verify_collection(&w, entity_name, page, err) : verify_all(&w, names, page, err);
  status = hf__store_name_backend(store, status, err);
  verifying = false;
  hf__store_release(store);
  hf_page_free(names);
  hf_page_free(page);
  return status;
}
