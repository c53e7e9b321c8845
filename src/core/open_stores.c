/* SPDX-License-Identifier: MIT
 *
 * The registry of open stores.  Its lock is held while a store is opened or closed,
 * which is why backends must not wait for a network there.  After fork() the child
 * forgets the stores it inherited (it may neither use nor close them) and starts
 * with an empty registry.
 */
#include "core/open_stores.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/redact.h"
#include "core/url.h"

_Atomic unsigned hf__process_generation;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static hf_store *stores;

/* ---- fork */

static void after_fork_in_child(void) {
  atomic_fetch_add(&hf__process_generation, 1);
  pthread_mutex_init(&lock, NULL);
  stores = NULL;
}

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(NULL, NULL, after_fork_in_child); }

hf_status hf__store_inherited(const hf_store *store, hf_error *err) {
  return hf__fail(err, HF_CLOSED, "store %s was opened before fork(): open it again in the child process", store->url);
}

/* ---- stores */

hf_status hf__store_name_backend(const hf_store *s, hf_status status, hf_error *err) {
  if (!status) return status;
  hf__copy_text(err->backend, sizeof err->backend, s->backend->name, strlen(s->backend->name));
  hf__error_redact(err, s->secret);
  return status;
}

/* The store is opened once for all handles, so they must not say different things, nor say what its settings do not
 * where others go by those. */
static hf_status check_shared(const hf_store *s, const hf_options *said, hf_error *err) {
  hf_options settings = HF_OPTIONS_INIT;
  if (s->backend->settings_options) s->backend->settings_options(s->impl, &settings);
  hf_options there = hf_options_in_force(&s->options, &settings), here = hf_options_in_force(said, &settings);
  if (there.durability != here.durability)
    return hf__fail(err, HF_CONFLICT,
                    "store %s is open in this process with durability=%s, not %s: use the same everywhere, or close it "
                    "first",
                    s->url, hf_durability_name(there.durability), hf_durability_name(here.durability));
  if (there.read_only != here.read_only)
    return hf__fail(err, HF_CONFLICT, "store %s is open in this process %s: use the same everywhere, or close it first",
                    s->url, there.read_only ? "read-only" : "for writing");
  if (there.max_size != here.max_size)
    return hf__fail(err, HF_CONFLICT,
                    "store %s is open in this process with maxsize=%llu, not %llu: use the same everywhere, or close "
                    "it first",
                    s->url, (unsigned long long)there.max_size, (unsigned long long)here.max_size);
  return HF_OK;
}

static hf_store *find_store(const hf_backend *backend, const char *identity) {
  hf_store *s = stores;
  while (s && (s->backend != backend || strcmp(s->identity, identity) != 0)) s = s->next;
  return s;
}

/* Adds a store that is open, with one reference. */
static void add_store(hf_store *s, const hf_backend *backend, const char *identity) {
  s->backend = backend;
  hf__copy_text(s->identity, sizeof s->identity, identity, strlen(identity));
  s->refs = 1;
  s->generation = atomic_load(&hf__process_generation);
  s->next = stores;
  stores = s;
}

static void free_store(hf_store *s) {
  free(s->url);
  free(s->secret);
  free(s);
}

static hf_store *new_store(const char *base) {
  hf_store *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->url = hf__url_redact(base);
  s->secret = hf__url_keep_secret(base);
  if (s->url && (s->secret || strcmp(s->url, base) == 0)) return s;
  free_store(s);
  return NULL;
}

static hf_status acquire_locked(const char *base, const hf__url *url, hf_store **out, hf_error *err) {
  const hf_backend *backend = hf__url_backend(url);
  char identity[HF_IDENTITY_MAX];
  hf_status status = backend->resolve(&url->at, identity, err);
  if (status) return status;

  hf_store *s = find_store(backend, identity);
  if (s) {
    status = check_shared(s, &url->options, err);
    if (status) {
      err->retryable = false; /* unlike a revision that has moved on */
      return status;
    }
    s->refs++;
    *out = s;
    return HF_OK;
  }
  s = new_store(base);
  if (!s) return hf__no_memory(err);
  status = backend->open(&url->at, &s->impl, err);
  if (status) {
    free_store(s);
    return status;
  }
  s->options = url->options;
  add_store(s, backend, identity);
  *out = s;
  return HF_OK;
}

hf_status hf__store_adopt(const hf_backend *backend, const char *identity, const char *url, void *impl, hf_store **out,
                          hf_error *err) {
  hf_status status = HF_OK;
  pthread_mutex_lock(&lock);
  hf_store *s = find_store(backend, identity);
  if (s) {
    s->refs++;
    backend->close(impl);
  } else if ((s = new_store(url))) {
    s->impl = impl;
    s->options = (hf_options)HF_OPTIONS_INIT;
    add_store(s, backend, identity);
  } else {
    status = hf__no_memory(err);
  }
  pthread_mutex_unlock(&lock);
  *out = s;
  return status;
}

hf_status hf__store_acquire(const char *base, const hf_options *options, const char *directory, hf_store **out,
                            hf_error *err) {
  hf_error own; /* slots are promised a place for their errors */
  if (!err) err = &own;
  hf__url url;
  hf_status status = hf__url_parse(base, options, &url, err);
  if (status) return status;
  status = hf__url_resolve(&url, directory, err);
  if (status == HF_OK) {
    pthread_mutex_lock(&lock);
    status = acquire_locked(base, &url, out, err);
    pthread_mutex_unlock(&lock);
  }
  if (status) {
    hf__copy_text(err->backend, sizeof err->backend, url.at.scheme, strlen(url.at.scheme));
    hf__error_redact(err, base);
  }
  hf__url_free(&url);
  return status;
}

static hf_status look(const hf__url *url, hf__store_fn fn, void *arg, hf_error *err) {
  const hf_backend *backend = hf__url_backend(url);
  char identity[HF_IDENTITY_MAX];
  pthread_mutex_lock(&lock);
  hf_status status = backend->resolve(&url->at, identity, err);
  hf_store *s = status ? NULL : find_store(backend, identity);
  if (s) {
    s->refs++;
    pthread_mutex_unlock(&lock);
    status = fn(backend, &url->at, s, arg, err);
    hf__store_release(s);
    return status;
  }
  if (status == HF_OK) status = fn(backend, &url->at, NULL, arg, err);
  pthread_mutex_unlock(&lock);
  return status;
}

hf_status hf__store_look(const char *base, const hf_options *options, hf__store_fn fn, void *arg, hf_error *err) {
  hf__url url;
  hf_status status = hf__url_parse(base, options, &url, err);
  if (status) return status;
  url.options.must_exist = true;
  status = look(&url, fn, arg, err);
  if (status) {
    hf__copy_text(err->backend, sizeof err->backend, url.at.scheme, strlen(url.at.scheme));
    hf__error_redact(err, base);
  }
  hf__url_free(&url);
  return status;
}

void hf__store_ref(hf_store *store) {
  pthread_mutex_lock(&lock);
  store->refs++;
  pthread_mutex_unlock(&lock);
}

void hf__store_release(hf_store *store) {
  if (!store || hf__store_is_inherited(store)) return; /* the parent's: using or closing it would harm the parent */
  pthread_mutex_lock(&lock);
  if (--store->refs == 0) {
    hf_store **link = &stores;
    while (*link != store) link = &(*link)->next;
    *link = store->next;
    store->backend->close(store->impl);
    free_store(store);
  }
  pthread_mutex_unlock(&lock);
}
