/* SPDX-License-Identifier: MIT
 *
 * Looking at a store's structure, without opening it: hf_store_check() and hf_store_rescue().
 */
#include <string.h>

#include "base/error.h"
#include "base/redact.h"
#include "core/open_stores.h"
#include "core/url.h"

struct check {
  hf_check_fn fn;
  void *arg;
  hf_check_report *report;
};

static hf_status check(const hf_backend *backend, const hf_location *at, hf_store *store, void *arg, hf_error *err) {
  const struct check *c = arg;
  if (!backend->check)
    return hf__fail(err, HF_UNSUPPORTED, "%s stores have no structure that can be checked without their own means",
                    backend->name);
  if (store && hf__store_is_inherited(store)) return hf__store_inherited(store, err);
  return backend->check(at, store ? store->impl : NULL, c->fn, c->arg, c->report, err);
}

hf_status hf_store_check(const char *base, const hf_options *options, hf_check_fn fn, void *arg,
                         hf_check_report *report, hf_error *err) {
  hf_error own;
  hf_check_report unused;
  if (!err) err = &own;
  if (!report) report = &unused;
  *report = (hf_check_report){0};
  struct check c = {fn, arg, report};
  return hf__store_look(base, options, check, &c, err);
}

hf_status hf_store_rescue(const char *base, hf_rescue_fn fn, void *arg, hf_rescue_report *report, hf_error *err) {
  hf_error own;
  hf_rescue_report unused;
  hf__url url;
  if (!err) err = &own;
  if (!report) report = &unused;
  *report = (hf_rescue_report){0};
  hf_status status = hf__url_parse(base, NULL, &url, err);
  if (status) return status;
  const hf_backend *backend = hf__url_backend(&url);
  if (backend->rescue)
    status = backend->rescue(&url.at, fn, arg, report, err);
  else
    status = hf__fail(err, HF_UNSUPPORTED, "%s stores have no pages to rescue records from", backend->name);
  if (status) {
    hf__copy_text(err->backend, sizeof err->backend, url.at.scheme, strlen(url.at.scheme));
    hf__error_redact(err, base);
  }
  hf__url_free(&url);
  return status;
}
