/* SPDX-License-Identifier: MIT
 *
 * A store that is nothing but a log, which the test writes: for watches, whose part of the bargain can be seen on it
 * alone.  `log:NAME`; there is one at a time.
 */
#ifndef HF_TESTS_UNIT_CORE_WATCH_LOG_H
#define HF_TESTS_UNIT_CORE_WATCH_LOG_H

#include <pthread.h>
#include <stdatomic.h>

#include "holdfast/backend.h"
#include "unit/support.h"

extern const hf_backend hf__backend_null;

enum { LOG_MAX = 16384 };

static struct the_log {
  pthread_mutex_t lock;
  hf_change changes[LOG_MAX];
  size_t count, first; /* first: the oldest that is kept */
  uint64_t newest;
  bool is_off;
  _Atomic uint64_t commits;    /* what others can see */
  _Atomic int published_after; /* looks from now on, the commit that is waiting can be seen; 0: none is waiting */
  _Atomic unsigned reads;
  const char *file; /* what commits_file() gives */
} the_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint64_t log_from(void) {
  if (the_log.is_off) return UINT64_MAX;
  return the_log.first < the_log.count ? the_log.changes[the_log.first].revision : the_log.newest + 1;
}

static bool log_wants(const hf_changes_scan *scan, const hf_change *c) {
  hf_slice name = scan->entity_name, prefix = scan->id_prefix;
  if (name.data && (name.size != c->entity_name.size || memcmp(name.data, c->entity_name.data, name.size) != 0))
    return false;
  return c->what == HF_CHANGE_CLEAR || (c->id.size >= prefix.size && memcmp(c->id.data, prefix.data, prefix.size) == 0);
}

static hf_status log_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg, hf_changes_reach *reach,
                          hf_error *err) {
  (void)store;
  atomic_fetch_add(&the_log.reads, 1);
  pthread_mutex_lock(&the_log.lock);
  *reach = (hf_changes_reach){log_from(), UINT64_MAX, the_log.newest, the_log.newest + 1, 0};
  hf_status status = scan->from < reach->from ? hf_error_compacted(err, scan->from, reach) : HF_OK;
  uint64_t revision = 0, nth = 0;
  for (size_t i = the_log.first; i < the_log.count && status == HF_OK; i++) {
    hf_change c = the_log.changes[i];
    nth = c.revision == revision ? nth + 1 : 0;
    revision = c.revision;
    if (revision < scan->from || (revision == scan->from && nth < scan->skip) || !log_wants(scan, &c)) continue;
    if (scan->without_values) c.json = (hf_slice){NULL, 0};
    if (!fn(arg, &c)) {
      reach->next = revision;
      reach->skip = nth;
      break;
    }
  }
  pthread_mutex_unlock(&the_log.lock);
  return status;
}

static hf_status log_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                 hf_error *err) {
  (void)store;
  (void)time;
  (void)err;
  pthread_mutex_lock(&the_log.lock);
  *reach = (hf_changes_reach){log_from(), UINT64_MAX, the_log.newest, the_log.newest + 1, 0};
  *revision = the_log.newest;
  pthread_mutex_unlock(&the_log.lock);
  return HF_OK;
}

static uint64_t log_commits_seen(void *store) {
  (void)store;
  if (atomic_load(&the_log.published_after) && atomic_fetch_sub(&the_log.published_after, 1) == 1)
    atomic_fetch_add(&the_log.commits, 1);
  return atomic_load(&the_log.commits);
}

static const char *log_file(void *store) {
  (void)store;
  return the_log.file;
}

/* Adds a change; of the newest commit, or of a new one, which can be seen once log_publish() is called. */
static void log_add(bool is_new, hf_change_kind what, const char *name, const char *id, hf_slice json) {
  pthread_mutex_lock(&the_log.lock);
  the_log.newest += is_new;
  the_log.changes[the_log.count++] = (hf_change){.revision = the_log.newest,
                                                 .at = 1000 + (int64_t)the_log.newest,
                                                 .what = what,
                                                 .entity_name = {strdup(name), strlen(name)},
                                                 .id = {strdup(id), strlen(id)},
                                                 .json = json};
  pthread_mutex_unlock(&the_log.lock);
}

static void log_publish(void) { atomic_fetch_add(&the_log.commits, 1); }

static hf_status log_put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                         hf_info *info, hf_error *err) {
  (void)store;
  (void)txn;
  (void)options;
  (void)err;
  const char *id = strndup(put->key.id.data, put->key.id.size), *json = strndup(put->json.data, put->json.size);
  log_add(true, HF_CHANGE_WRITE, collection, id, (hf_slice){json, put->json.size});
  free((char *)id);
  log_publish();
  info->revision = the_log.newest;
  return HF_OK;
}

static hf_status log_collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  (void)store;
  *collection = strndup(name.data, name.size);
  return *collection ? HF_OK : hf_error_no_memory(err);
}

static void log_collection_close(void *store, void *collection) {
  (void)store;
  free(collection);
}

static hf_backend log_backend;

static int setup_log(void **state) {
  (void)state;
  hf_error err;
  if (!log_backend.name) {
    log_backend = hf__backend_null;
    log_backend.struct_size = sizeof log_backend;
    log_backend.name = "log";
    log_backend.capabilities = HF_CAP_CHANGES | HF_CAP_DURABLE;
    log_backend.put = log_put;
    log_backend.collection_open = log_collection_open;
    log_backend.collection_close = log_collection_close;
    log_backend.changes_read = log_read;
    log_backend.changes_revision_at = log_revision_at;
    log_backend.commits_seen = log_commits_seen;
    log_backend.commits_file = log_file;
    OK(hf_backend_register(&log_backend, &err));
  }
  return 0;
}

static int teardown_log(void **state) {
  (void)state;
  for (size_t i = 0; i < the_log.count; i++) {
    free((char *)the_log.changes[i].entity_name.data);
    free((char *)the_log.changes[i].id.data);
    free((char *)the_log.changes[i].json.data);
  }
  the_log.count = the_log.first = 0;
  the_log.newest = 0;
  the_log.is_off = false;
  the_log.file = NULL;
  return 0;
}

#endif
