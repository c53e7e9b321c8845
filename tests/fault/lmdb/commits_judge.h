/* SPDX-License-Identifier: MIT
 *
 * Reads a store whole and compares it with the model of commits.h.
 */
#ifndef HF_TESTS_FAULT_LMDB_COMMITS_JUDGE_H
#define HF_TESTS_FAULT_LMDB_COMMITS_JUDGE_H

#include <stdarg.h>
#include <stdlib.h>

#include "fault/lmdb/commits.h"

enum { JUDGE_WHY = 2000 };

/* Says what is wrong, and is false. */
__attribute__((format(printf, 2, 3))) static inline bool judge_wrong(char *why, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(why, JUDGE_WHY, format, args);
  va_end(args);
  return false;
}

static inline bool judge_failed(char *why, const char *doing, const hf_error *err) {
  return judge_wrong(why, "cannot %s: %s %s (%s)", doing, hf_status_name(err->status), err->message, err->cause);
}

/* Takes an entity that an iteration found; it must be one that a step wrote, whole, and met once. */
static inline bool judge_take(const struct commits_plan *plan, unsigned type, const hf_entry *entry,
                              struct commits_state *is, char *why) {
  unsigned id, step;
  char text[HF_ID_MAX + 1], json[COMMITS_JSON_MAX];
  snprintf(text, sizeof text, "%.*s", (int)entry->id.size, entry->id.data);
  if (sscanf(text, "BTC/USDT:%u", &id) != 1 || id >= COMMITS_IDS ||
      sscanf(entry->json.data, "{\"step\":%u,", &step) != 1 || !step)
    return judge_wrong(why, "a stranger: %s", text);
  hf_slice expected = commits_json(plan, step, type, id, json);
  if (is->wrote[type][id]) return judge_wrong(why, "%s is there twice", text);
  if (entry->json.size != expected.size || memcmp(entry->json.data, expected.data, expected.size) != 0)
    return judge_wrong(why, "%s is not what step %u wrote", text, step);
  is->wrote[type][id] = step;
  return true;
}

/* Reads one name: by an iteration, and each id that it did not give. */
static inline bool judge_read_type(const struct commits_plan *plan, hf_persist *p, unsigned type,
                                   struct commits_state *is, char *why) {
  hf_error err;
  hf_iter *iter;
  const hf_entry *entry = NULL;
  if (hf_iter_open(p, NULL, &iter, &err)) return judge_failed(why, "iterate", &err);
  hf_status status;
  bool good = true;
  do {
    status = hf_iter_next(iter, &entry, &err);
    if (status && status != HF_CORRUPT) good = judge_failed(why, "read on", &err);
    if (good && status == HF_OK && entry) good = judge_take(plan, type, entry, is, why);
  } while (good && (status || entry));
  hf_iter_close(iter);
  hf_buffer json = HF_BUFFER_INIT;
  for (unsigned id = 0; id < COMMITS_IDS && good; id++) {
    char text[32];
    if (is->wrote[type][id]) continue;
    status = hf_persist_read(p, commits_id(id, text), &json, NULL, &err);
    if (status == HF_OK) good = judge_wrong(why, "%s is there, and no iteration gives it", text);
    if (status != HF_OK && status != HF_CORRUPT && status != HF_NOT_FOUND) good = judge_failed(why, "read", &err);
    is->damaged[type][id] = status == HF_CORRUPT;
  }
  hf_buffer_free(&json);
  return good;
}

/* The names that the store has, and its settings. */
static inline bool judge_read_whole(hf_store *store, struct commits_state *is, char *why) {
  hf_error err;
  hf_buffer json = HF_BUFFER_INIT;
  hf_page *page = hf_page_new();
  if (hf_store_entities(store, page, &err)) return judge_failed(why, "list names", &err);
  bool good = true;
  const hf_entry *e;
  for (size_t i = 0; good && (e = hf_page_entry(page, i)); i++) {
    int type = 0;
    while (type < COMMITS_TYPES &&
           (strlen(commits_types[type]) != e->id.size || memcmp(commits_types[type], e->id.data, e->id.size) != 0))
      type++;
    if (type == COMMITS_TYPES) good = judge_wrong(why, "a strange name: %.*s", (int)e->id.size, e->id.data);
  }
  hf_page_free(page);
  if (good && hf_store_settings_get(store, &json, &err)) good = judge_failed(why, "read the settings", &err);
  const char *note = good ? strstr(json.data, "\"note\":\"step ") : NULL;
  if (note) is->note = (uint32_t)strtoul(note + 13, NULL, 10);
  if (good && strstr(json.data, note ? "\"format\":2" : "\"format\":1") == NULL)
    good = judge_wrong(why, "half a raise: %.*s", (int)json.size, json.data);
  hf_buffer_free(&json);
  return good;
}

/* Everything that is in the store. */
static inline bool judge_read(const struct commits_plan *plan, struct commits_store *store, hf_store *whole,
                              struct commits_state *is, char *why) {
  memset(is, 0, sizeof *is);
  for (unsigned type = 0; type < COMMITS_TYPES; type++)
    if (!judge_read_type(plan, store->types[type], type, is, why)) return false;
  return judge_read_whole(whole, is, why);
}

/* The store can be written to, and that changes nothing else. */
static inline bool judge_probe(const struct commits_plan *plan, struct commits_store *store, hf_store *whole,
                               const struct commits_state *before, char *why) {
  hf_error err;
  struct commits_state after;
  hf_buffer json = HF_BUFFER_INIT;
  hf_persist *p = store->types[0];
  hf_status status = hf_persist_write(p, hf_text("probe"), hf_text("[\"written\"]"), NULL, NULL, &err);
  if (!status) status = hf_persist_read(p, hf_text("probe"), &json, NULL, &err);
  bool good = !status && json.size == 11;
  hf_buffer_free(&json);
  if (!good) return judge_failed(why, "write", &err);
  if (hf_persist_remove(p, hf_text("probe"), &err)) return judge_failed(why, "remove", &err);
  if (!judge_read(plan, store, whole, &after, why)) return false;
  return memcmp(before, &after, sizeof after) == 0 || judge_wrong(why, "a write changed what it did not write");
}

/* Its pages are sound, and all its records but those that are to be damaged. */
static inline bool judge_verify(hf_store *whole, const struct commits_state *is, char *why) {
  hf_error err;
  hf_verify_report report;
  uint64_t damaged = 0;
  for (size_t i = 0; i < COMMITS_TYPES * COMMITS_IDS; i++) damaged += (&is->damaged[0][0])[i];
  if (hf_store_verify(whole, (hf_slice){NULL, 0}, true, NULL, NULL, &report, &err))
    return judge_failed(why, "verify", &err);
  if (report.damaged || report.corrupt || report.quarantined != damaged)
    return judge_wrong(why, "verify finds %llu damaged pages, %llu records, and %llu of %llu in quarantine",
                       (unsigned long long)report.damaged, (unsigned long long)report.corrupt,
                       (unsigned long long)report.quarantined, (unsigned long long)damaged);
  return true;
}

#endif
