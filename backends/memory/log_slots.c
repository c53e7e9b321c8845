/* SPDX-License-Identifier: MIT
 *
 * The slots for the log of changes: see log_slots.h.
 */
#include "log_slots.h"

#include <string.h>

#include "expiry.h"
#include "past.h"

/* ---- handing out changes */

static bool begins(hf_slice text, hf_slice prefix) {
  return text.size >= prefix.size && (!prefix.size || memcmp(text.data, prefix.data, prefix.size) == 0);
}

static hf_slice id_of(const hf__memory_log_entry *e) {
  if (!e->key) return (hf_slice){NULL, 0};
  return (hf_slice){e->key->data + e->key->id_offset, e->key->order_size - e->key->id_offset};
}

static bool is_wanted(const hf_changes_scan *scan, const hf__memory_log_entry *e) {
  hf_slice name = {e->type->name, e->type->name_size};
  if (scan->entity_name.data && (name.size != scan->entity_name.size || !begins(name, scan->entity_name))) return false;
  return !e->key || begins(id_of(e), scan->id_prefix);
}

/* Whether it is the last that its commit did. */
static bool is_last(const hf__memory_log *log, size_t i) {
  uint64_t revision = log->entries[i].revision;
  for (i++; i < log->count && log->entries[i].revision == revision; i++)
    if (!log->entries[i].is_part) return false;
  return true;
}

/* The value that a commit wrote; without history the present one.  False: the commit did not leave it. */
static bool add_value(const hf__memory_store *s, const hf__memory_log_entry *e, hf_change *c) {
  bool found;
  hf_slice order = {e->key->data, e->key->order_size};
  const hf__memory_item *it;
  if (s->log.keeps_history && e->revision + 1 >= s->log.history_from) {
    it = hf__memory_at(s, e->type, order, e->revision);
    if (!it) return false;
  } else {
    size_t at = hf__memory_list_find(&e->type->sound, order, &found);
    it = found && !hf__memory_item_is_over(e->type->sound.items[at], hf_now_ms()) ? e->type->sound.items[at] : NULL;
    c->is_current = !it || it->info.revision != e->revision;
  }
  if (!it) return true;
  c->json = hf__memory_item_json(it);
  c->expires_at = it->info.expires_at;
  return true;
}

/* Hands out an entry.  False: it was enough. */
static bool tell(const hf__memory_store *s, const hf_changes_scan *scan, size_t i, hf_change_fn fn, void *arg) {
  const hf__memory_log_entry *e = &s->log.entries[i];
  hf_change c = {
      .revision = e->revision,
      .at = e->at,
      .what = e->what,
      .is_last = is_last(&s->log, i),
      .entity_name = {e->type->name, e->type->name_size},
      .id = id_of(e),
  };
  if (e->what == HF_CHANGE_WRITE && !add_value(s, e, &c)) return true;
  if (scan->without_values) c.json = (hf_slice){NULL, 0};
  return fn(arg, &c);
}

static void read_entries(const hf__memory_store *s, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                         hf_changes_reach *reach) {
  uint64_t revision = 0, nth = 0;
  for (size_t i = hf__memory_log_find(&s->log, scan->from); i < s->log.count && s->log.entries[i].at; i++) {
    const hf__memory_log_entry *e = &s->log.entries[i];
    if (e->revision != revision) nth = 0;
    revision = e->revision;
    if (e->is_part) continue;
    bool is_taken = revision == scan->from && nth < scan->skip;
    if (!is_taken && is_wanted(scan, e) && !tell(s, scan, i, fn, arg)) {
      reach->next = revision;
      reach->skip = nth;
      return;
    }
    nth++;
  }
}

hf_status hf__memory_changes_read(void *store, const hf_changes_scan *scan, hf_change_fn fn, void *arg,
                                  hf_changes_reach *reach, hf_error *err) {
  hf__memory_store *s = store;
  hf_status status = HF_OK;
  pthread_mutex_lock(&s->lock);
  hf__memory_log_reach(&s->log, s->revision, reach);
  if (scan->from < reach->from)
    status = hf_error_compacted(err, scan->from, reach);
  else
    read_entries(s, scan, fn, arg, reach);
  pthread_mutex_unlock(&s->lock);
  return status;
}

/* ---- times, purging */

hf_status hf__memory_changes_revision_at(void *store, int64_t time, uint64_t *revision, hf_changes_reach *reach,
                                         hf_error *err) {
  hf__memory_store *s = store;
  const hf__memory_log *log = &s->log;
  hf_status status = HF_OK;
  size_t after = 0;
  pthread_mutex_lock(&s->lock);
  hf__memory_log_reach(log, s->revision, reach);
  while (after < log->count && log->entries[after].at && log->entries[after].at <= time) after++;
  if (!log->is_on || (!after && time < log->since))
    status = hf_error_compacted(err, 0, reach);
  else if (after == log->count)
    *revision = s->revision;
  else
    *revision = after ? log->entries[after - 1].revision : log->from - 1;
  pthread_mutex_unlock(&s->lock);
  return status;
}

hf_status hf__memory_changes_purge(void *store, void *collection, const hf_key *key, uint64_t *purged, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_type *t = hf__memory_enter(s, NULL, collection);
  hf_changes_reach reach;
  hf_status status = HF_OK;
  hf__memory_log_reach(&s->log, s->revision, &reach);
  if (!s->log.is_on)
    status = hf_error_compacted(err, 0, &reach);
  else
    *purged = hf__memory_log_purge(&s->log, t, key->order);
  s->is_changed = *purged > 0;
  hf__memory_leave(s, NULL);
  return status;
}

uint64_t hf__memory_commits_seen(void *store) {
  return __atomic_load_n(&((hf__memory_store *)store)->revision, __ATOMIC_ACQUIRE);
}
