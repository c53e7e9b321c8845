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

#include "expiry.h"
#include "index_slots.h"
#include "log_slots.h"
#include "past.h"
#include "settings.h"
#include "slots.h"

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
  hf__clocks_now(&s->clocks);
  *store = s;
  return HF_OK;
}

static void close_store(void *store) {
  hf__memory_store *s = store;
  hf__memory_types_free(s->types);
  pthread_mutex_destroy(&s->lock);
  hf__memory_log_free(&s->log);
  hf__memory_list_free(&s->notes);
  hf__memory_settings_free(&s->settings);
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

/* ---- the store as a whole */

/* Adds a member of a JSON object, where a log is kept: how far it reaches, and how much it has. */
static bool describe_log(const hf__memory_store *s, hf_buffer *json) {
  const hf__memory_log *log = &s->log;
  if (!log->is_on) return true;
  bool ok = hf_buffer_printf(json, ",\"changes\":{\"from\":%llu,\"newest\":%llu,\"entries\":%zu",
                             (unsigned long long)log->from, (unsigned long long)s->revision, log->count);
  if (ok && log->keeps_history)
    ok = hf_buffer_printf(json, ",\"historyFrom\":%llu", (unsigned long long)log->history_from);
  return ok && hf_buffer_add(json, "}", 1);
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
         hf_buffer_printf(json, ",\"entities\":%zu", t->sound.count - hf__memory_over_count(t, hf_now_ms())) &&
         hf__memory_indexes_describe(&t->indexes, json);
  ok = ok && hf__memory_settings_describe(&s->settings, json) && describe_log(s, json);
  pthread_mutex_unlock(&s->lock);
  uint64_t damaged = 0;
  ok = ok && hf__memory_quarantined(store, collection, &damaged, err) == HF_OK &&
       hf_buffer_printf(json, ",\"quarantined\":%llu}", (unsigned long long)damaged);
  return ok ? HF_OK : hf_error_no_memory(err);
}

const hf_backend hf__backend_memory = {
    .abi_version = HF_BACKEND_ABI,
    .struct_size = sizeof(struct hf_backend),
    .name = "memory",
    .capabilities = HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT | HF_CAP_NESTED | HF_CAP_REVISION | HF_CAP_IF_ABSENT |
                    HF_CAP_ATOMIC_BATCH | HF_CAP_QUARANTINE | HF_CAP_SETTINGS | HF_CAP_REMOVE_IF | HF_CAP_INDEX |
                    HF_CAP_INDEX_ORDER | HF_CAP_CHANGES | HF_CAP_HISTORY | HF_CAP_TTL,
    .settings = hf__memory_setting_names,
    .resolve = resolve,
    .open = open_store,
    .close = close_store,
    .collection_open = collection_open,
    .collection_close = collection_close,
    .begin = hf__memory_begin,
    .commit = hf__memory_commit,
    .abort = hf__memory_abort,
    .get = hf__memory_get,
    .has = hf__memory_has,
    .put = hf__memory_put,
    .remove = hf__memory_remove,
    .clear = hf__memory_clear,
    .count = hf__memory_count,
    .scan = hf__memory_scan,
    .get_many = hf__memory_get_many,
    .put_many = hf__memory_put_many,
    .entities = hf__memory_entities,
    .stat = stat_store,
    .quarantine = hf__memory_quarantine,
    .quarantined = hf__memory_quarantined,
    .quarantine_scan = hf__memory_quarantine_scan,
    .quarantine_put = hf__memory_quarantine_put,
    .settings_get = hf__memory_settings_get,
    .settings_put = hf__memory_settings_put,
    .evaluates_conditions = 1,
    .remove_if = hf__memory_remove_if,
    .index_make = hf__memory_index_make,
    .index_drop = hf__memory_index_drop,
    .index_list = hf__memory_index_list,
    .index_set = hf__memory_index_set,
    .index_each = hf__memory_index_each,
    .index_check = hf__memory_index_check,
    .index_rebuild = hf__memory_index_rebuild,
    .changes_read = hf__memory_changes_read,
    .changes_revision_at = hf__memory_changes_revision_at,
    .changes_purge = hf__memory_changes_purge,
    .commits_seen = hf__memory_commits_seen,
    .get_at = hf__memory_get_at,
    .begin_at = hf__memory_begin_at,
    .history = hf__memory_history,
    .note_get = hf__memory_note_get,
    .note_put = hf__memory_note_put,
};
