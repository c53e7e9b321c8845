/* SPDX-License-Identifier: MIT
 *
 * Keeping the log of changes in memory: see log.h.
 */
#include "log.h"

#include <stdlib.h>
#include <string.h>

enum { TRIM_MORE = 16 }; /* a commit lets go so many more than twice what it has added */

static void entry_free(hf__memory_log_entry *e) {
  hf__memory_item_unref(e->key);
  hf__memory_item_unref(e->old);
  hf__memory_item_unref(e->damaged);
}

static hf__memory_item *share(hf__memory_item *it) {
  if (it) __atomic_add_fetch(&it->refs, 1, __ATOMIC_RELAXED);
  return it;
}

static bool make_room(hf__memory_log *log) {
  if (log->count < log->capacity) return true;
  size_t capacity = log->capacity ? log->capacity * 2 : 64;
  hf__memory_log_entry *entries = realloc(log->entries, capacity * sizeof *entries);
  if (!entries) return false;
  log->entries = entries;
  log->capacity = capacity;
  return true;
}

bool hf__memory_log_add(hf__memory_log *log, const hf__memory_logged *c) {
  hf__memory_item *key = NULL;
  if (!log->is_on) return true;
  if (c->what == HF_CHANGE_WRITE && c->old && c->old->info.revision == c->revision) return true;
  if (!make_room(log)) return false;
  if (c->order.data) {
    const char *id = (const char *)memrchr(c->order.data, 0, c->order.size) + 1;
    hf_key k = {{id, c->order.size - (size_t)(id - c->order.data)}, c->order};
    if (!(key = hf__memory_item_new(&k, (hf_slice){NULL, 0}, (hf_slice){NULL, 0}, &(hf_info){0}))) return false;
  }
  log->entries[log->count++] = (hf__memory_log_entry){
      .revision = c->revision,
      .what = c->what,
      .is_part = c->is_part,
      .type = c->type,
      .key = key,
      .old = log->keeps_history ? share(c->old) : NULL,
      .damaged = log->keeps_history ? share(c->damaged) : NULL,
  };
  return true;
}

void hf__memory_log_cut(hf__memory_log *log, size_t count) {
  while (log->count > count) entry_free(&log->entries[--log->count]);
}

/* Takes the first out, and says what is complete from then on. */
static void drop_oldest(hf__memory_log *log, size_t count) {
  if (!count) return;
  uint64_t next = log->entries[count - 1].revision + 1;
  log->since = log->entries[count - 1].at;
  for (size_t i = 0; i < count; i++) entry_free(&log->entries[i]);
  log->count -= count;
  memmove(log->entries, log->entries + count, log->count * sizeof *log->entries);
  log->from = next;
  if (log->keeps_history && log->history_from < next) log->history_from = next;
}

bool hf__memory_log_is_old(const hf__memory_log *log, int64_t now) {
  return log->kept.age && log->count && log->entries->at && log->entries->at < now - log->kept.age;
}

/* Whether an entry, which is committed, is not to be kept. */
static bool may_go(const hf__memory_log *log, const hf__memory_log_entry *e, uint64_t newest, int64_t now,
                   bool by_age) {
  if (log->kept.revisions) return e->revision + log->kept.revisions <= newest;
  return by_age && e->at < now - log->kept.age;
}

void hf__memory_log_commit(hf__memory_log *log, uint64_t revision, int64_t now, bool by_age) {
  size_t added = 0, gone = 0;
  if (log->time < now) log->time = now;
  for (; added < log->count && !log->entries[log->count - 1 - added].at; added++)
    log->entries[log->count - 1 - added].at = log->time;
  while (gone < 2 * added + TRIM_MORE && gone < log->count && may_go(log, &log->entries[gone], revision, now, by_age))
    gone++;
  drop_oldest(log, added ? gone : 0);
}

/* Forgets what was there before each change. */
static void forget_history(hf__memory_log *log) {
  for (size_t i = 0; i < log->count; i++) {
    hf__memory_item_unref(log->entries[i].old);
    hf__memory_item_unref(log->entries[i].damaged);
    log->entries[i].old = log->entries[i].damaged = NULL;
  }
}

void hf__memory_log_set(hf__memory_log *log, const hf_changes_kept *kept, bool history, uint64_t revision,
                        int64_t now) {
  bool on = kept->age || kept->revisions;
  if (!on) hf__memory_log_cut(log, 0);
  if (on && !log->is_on) {
    log->from = revision + 1;
    log->since = log->time < now ? now : log->time;
  }
  if (!history) forget_history(log);
  if (history && !log->keeps_history) log->history_from = revision + 1;
  log->is_on = on;
  log->keeps_history = history;
  log->kept = *kept;
}

uint64_t hf__memory_log_purge(hf__memory_log *log, const struct hf__memory_type *type, hf_slice order) {
  size_t left = 0;
  uint64_t purged;
  for (size_t i = 0; i < log->count; i++)
    if (hf__memory_log_is_of(&log->entries[i], type, order))
      entry_free(&log->entries[i]);
    else
      log->entries[left++] = log->entries[i];
  purged = log->count - left;
  log->count = left;
  return purged;
}

void hf__memory_log_free(hf__memory_log *log) {
  hf__memory_log_cut(log, 0);
  free(log->entries);
  *log = (hf__memory_log){0};
}

/* ---- reading */

size_t hf__memory_log_find(const hf__memory_log *log, uint64_t revision) {
  size_t low = 0, high = log->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (log->entries[middle].revision < revision)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool hf__memory_log_is_of(const hf__memory_log_entry *e, const struct hf__memory_type *type, hf_slice order) {
  return e->type == type && e->key && hf__memory_item_compare(order, e->key) == 0;
}

int64_t hf__memory_log_time(const hf__memory_log *log, uint64_t revision) {
  size_t after = hf__memory_log_find(log, revision + 1);
  return after ? log->entries[after - 1].at : log->since;
}

void hf__memory_log_reach(const hf__memory_log *log, uint64_t newest, hf_changes_reach *reach) {
  *reach = (hf_changes_reach){
      .from = log->is_on ? log->from : UINT64_MAX,
      .history_from = log->keeps_history ? log->history_from : UINT64_MAX,
      .newest = newest,
      .next = newest + 1,
  };
}
