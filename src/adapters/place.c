/* SPDX-License-Identifier: MIT
 *
 * What hosts ask of the stores of adapters: whether one transaction covers two of them, and where they are.
 *
 * Transactions bind to the hf_store under a handle (transaction.c): two handles on it are covered together.  A
 * class that extends a store has that one's; instances of a class of its own share one for each base, on which its
 * begin is called.
 *
 * A place is found without opening the store, since what a host does there (a lock) comes first.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapters/adapters.h"
#include "base/error.h"
#include "base/redact.h"
#include "core/url.h"

/* ---- one transaction */

static bool has_transactions(const hf_persist *p) {
  return p->backend->capabilities & p->store->backend->capabilities & HF_CAP_TRANSACTION;
}

hf_status hf__adapter_share(const hf__adapter *a, const hf__adapter *b, bool *share, hf_error *err) {
  const hf__adapter *closed = !a->persist ? a : !b->persist ? b : NULL;
  *share = false;
  if (closed) {
    hf__fail(err, HF_CLOSED, "%s was closed in the middle of the operation", closed->spec.name);
    hf__adapter_blame(closed, err);
    return HF_CLOSED;
  }
  const hf_persist *p = a->persist, *q = b->persist;
  *share = p->store && p->store == q->store && has_transactions(p) && has_transactions(q);
  return HF_OK;
}

hf_status hf_adapters_share_store(hf_adapters *set, const char *name, const char *other, bool *share, hf_error *err) {
  static const char function[] = "hf_adapters_share_store()";
  hf_error own;
  if (!err) err = &own;
  *share = false;
  hf__adapter *a = hf__adapter_find(set, name, err), *b = a ? hf__adapter_find(set, other, err) : NULL;
  if (!b) return HF_INVALID_ARGUMENT;
  hf_status status = hf__adapter_enter(a, function, "", err);
  if (status == HF_OK) status = hf__adapter_enter(b, function, "", err);
  return status ? status : hf__adapter_share(a, b, share, err);
}

/* ---- places */

static hf_status fail_long(hf_error *err) {
  return hf__fail(err, HF_INVALID_ARGUMENT, "the place of the store is longer than %zu bytes: choose a shorter one",
                  sizeof((hf_adapter_place *)0)->directory - 1);
}

static bool append(char *text, size_t capacity, const char *more, size_t size) {
  size_t used = strlen(text);
  if (size >= capacity - used) return false;
  memcpy(text + used, more, size);
  text[used + size] = '\0';
  return true;
}

static hf_status fail_here(hf_error *err) {
  return hf__fail(err, errno == ENOMEM ? HF_NO_MEMORY : HF_IO, "cannot find the working directory: %s",
                  strerror(errno));
}

/* An absolute path without symbolic links, "." and "..", as far as it exists; the rest of it without the latter. */
static hf_status resolve_path(const char *path, char *out, size_t capacity, hf_error *err) {
  *out = '\0';
  while (*(path += strspn(path, "/"))) {
    size_t size = strcspn(path, "/");
    if (size == 2 && memcmp(path, "..", 2) == 0) {
      char *last = strrchr(out, '/');
      if (last) *last = '\0';
    } else if (size != 1 || *path != '.') {
      if (!append(out, capacity, "/", 1) || !append(out, capacity, path, size)) return fail_long(err);
      char *real = realpath(out, NULL);
      if (!real && (errno == ENOMEM || errno == EIO)) /* a link that was not seen would make another place of it */
        return hf__fail(err, errno == ENOMEM ? HF_NO_MEMORY : HF_IO, "cannot look at %s: %s", out, strerror(errno));
      if (real) *out = '\0';
      bool fits = !real || strcmp(real, "/") == 0 || append(out, capacity, real, strlen(real));
      free(real);
      if (!fits) return fail_long(err);
    }
    path += size;
  }
  return *out || append(out, capacity, "/", 1) ? HF_OK : fail_long(err);
}

/* What tells the store of a URL from others. */
static char *resolve(const hf__url *url) {
  char *text = NULL, *shown = NULL;
  if (asprintf(&text, "%s:%s%s%s", url->at.scheme, url->at.rest, *url->at.query ? "?" : "", url->at.query) < 0)
    return NULL;
  shown = hf__url_redact(text);
  free(text);
  return shown;
}

/* Whoever asks goes on to make files there: that must not make a store of a directory that was mistyped. */
static hf_status check_exists(const hf_options *options, const char *directory, hf_error *err) {
  if (!(options->must_exist || options->read_only) || access(directory, F_OK) == 0 || errno != ENOENT) return HF_OK;
  return hf__fail(err, HF_NOT_FOUND, "there is no store at %s", directory);
}

/* Where the store is that is given by a URL, or by any other text.
 *   options    for it; NULL: unknown
 *   directory  what a relative path is relative to */
static hf_status find_place(const char *base, const hf_options *options, const char *directory, hf_adapter_place *out,
                            hf_error *err) {
  hf__url url;
  char *identity = NULL;
  hf_status status = HF_OK;
  hf_status parsed = hf__url_parse(base, options, &url, err);
  bool is_url = parsed == HF_OK; /* what a class has need not be one */
  if (parsed == HF_NO_MEMORY) return parsed;
  if (is_url && hf__url_backend(&url)->is_path && *url.at.path) {
    status = hf__url_resolve(&url, directory, err);
    if (status == HF_OK) status = resolve_path(url.at.path, out->directory, sizeof out->directory, err);
    if (status == HF_OK) status = check_exists(&url.options, out->directory, err);
    if (status == HF_OK) memcpy(out->identity, out->directory, sizeof out->identity);
  } else {
    identity = is_url ? resolve(&url) : hf__url_redact(base);
    if (!identity)
      status = hf__no_memory(err);
    else if (!append(out->identity, sizeof out->identity, identity, strlen(identity)))
      status = fail_long(err);
  }
  free(identity);
  if (is_url) hf__url_free(&url);
  return status;
}

/* Whether the URL stands for an instance of a class, of which only the handle knows where it is. */
static hf_status needs_handle(const hf__adapter *a, bool *needs, hf_error *err) {
  hf__url url;
  *needs = false;
  if (a->source.open) return HF_OK;
  hf_status status = hf__url_parse(a->base, NULL, &url, err);
  if (status) return status == HF_NO_MEMORY ? status : HF_OK;
  *needs = hf__url_backend(&url)->handle_open != NULL;
  hf__url_free(&url);
  return HF_OK;
}

hf_status hf__adapter_place_of(const hf_persist *p, hf_adapter_place *out, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  *out = (hf_adapter_place){.directory = ""};
  while (p->wrapped) p = p->wrapped;
  char *here = p->directory ? NULL : getcwd(NULL, 0);
  if (!p->directory && !here) return fail_here(err);
  const char *base = p->base && *p->base ? p->base : p->url;
  hf_status status = find_place(base, &p->options, p->directory ? p->directory : here, out, err);
  free(here);
  return status;
}

hf_status hf_adapter_find_place(hf_adapters *set, const char *name, hf_adapter_place *out, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  *out = (hf_adapter_place){.directory = ""};
  hf__adapter *a = hf__adapter_find(set, name, err);
  if (!a) return HF_INVALID_ARGUMENT;
  bool by_handle;
  hf_status status = needs_handle(a, &by_handle, err);
  if (status == HF_OK && by_handle) status = hf__adapter_make(a, err);
  if (status) return status;
  hf__adapter *home = hf__adapter_home(a);
  if (!home->directory) home->directory = getcwd(NULL, 0);
  if (!home->directory) {
    fail_here(err);
    hf__adapter_blame(a, err);
    return err->status;
  }
  const hf_persist *p = a->persist;
  while (p && p->wrapped) p = p->wrapped;
  const char *base = a->base, *directory = p && p->directory ? p->directory : home->directory;
  const hf_options *options = a->source.open ? NULL : &a->options; /* a class has its own */
  if (by_handle && p) {
    base = p->base;
    options = &p->options;
  }
  status = find_place(base && *base ? base : a->store, options, directory, out, err);
  if (status) hf__adapter_blame(a, err);
  return status;
}
