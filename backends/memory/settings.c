/* SPDX-License-Identifier: MIT
 *
 * Settings of stores in memory, which are gone with the process as the stores are, and notes: see settings.h.
 */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#define FOLLOWS "follows" /* the note of a store that follows another one */

const char *const hf__memory_setting_names[] = {"changes", "history", "note", NULL};
enum { SETTINGS = sizeof hf__memory_setting_names / sizeof *hf__memory_setting_names - 1 };

/* Where the text of each is, in the order of their names. */
static hf_buffer *text_of(hf__memory_settings *s, size_t i) {
  hf_buffer *const texts[SETTINGS] = {&s->changes, &s->history, &s->note};
  return texts[i];
}

static bool equals(hf_slice a, const char *b) { return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0; }

hf_status hf__memory_settings_get(void *store, hf_page *page, hf_error *err) {
  hf__memory_store *s = store;
  bool ok = true;
  pthread_mutex_lock(&s->lock);
  for (size_t i = 0; ok && i < SETTINGS; i++) {
    const hf_buffer *text = text_of(&s->settings, i);
    ok = !text->size || hf_page_add(page, hf_text(hf__memory_setting_names[i]), text->data, text->size);
  }
  pthread_mutex_unlock(&s->lock);
  return ok ? HF_OK : hf_error_no_memory(err);
}

bool hf__memory_settings_describe(const hf__memory_settings *settings, hf_buffer *json) {
  bool ok = true, any = false;
  for (size_t i = 0; ok && i < SETTINGS; i++) {
    const hf_buffer *text = text_of((hf__memory_settings *)settings, i);
    if (!text->size) continue;
    ok = hf_buffer_printf(json, "%s\"%s\":", any ? "," : ",\"settings\":{", hf__memory_setting_names[i]) &&
         hf_buffer_add(json, text->data, text->size);
    any = true;
  }
  return ok && (!any || hf_buffer_add(json, "}", 1));
}

void hf__memory_settings_free(hf__memory_settings *settings) {
  for (size_t i = 0; i < SETTINGS; i++) hf_buffer_free(text_of(settings, i));
}

/* Makes *to what the settings will be.  False: out of memory. */
static bool change(hf__memory_settings *from, const hf_setting_change *changes, size_t n, hf__memory_settings *to) {
  bool ok = true;
  *to = (hf__memory_settings){HF_BUFFER_INIT, HF_BUFFER_INIT, HF_BUFFER_INIT};
  for (size_t i = 0; ok && i < SETTINGS; i++) {
    hf_slice text = {text_of(from, i)->data, text_of(from, i)->size};
    for (size_t c = 0; c < n; c++)
      if (equals(changes[c].name, hf__memory_setting_names[i])) text = changes[c].json;
    ok = !text.size || hf_buffer_add(text_of(to, i), text.data, text.size);
  }
  return ok;
}

/* What the log is to be by these settings; off where they are not of this version. */
static hf_changes_kept kept_by(const hf__memory_settings *s) {
  hf_changes_kept kept = {0, 0};
  if (s->changes.size > 2) hf_changes_kept_parse((hf_slice){s->changes.data + 1, s->changes.size - 2}, &kept);
  return kept;
}

hf_status hf__memory_settings_put(void *store, const hf_setting_change *changes, size_t n, unsigned format,
                                  hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_settings next;
  (void)format;
  if (!n) return HF_OK;
  pthread_mutex_lock(&s->lock);
  hf_status status = change(&s->settings, changes, n, &next) ? HF_OK : hf_error_no_memory(err);
  hf_changes_kept kept = kept_by(&next);
  bool on = kept.age || kept.revisions, history = equals((hf_slice){next.history.data, next.history.size}, "true");
  if (status == HF_OK && history && !on)
    status = hf_error_set(err, HF_INVALID_ARGUMENT,
                          "history is kept with the log of changes: set changes=7d with it, or history=false");
  if (status == HF_OK) {
    hf__memory_settings old = s->settings;
    hf__memory_log_set(&s->log, &kept, history, hf__memory_next(s), hf_now_ms());
    s->settings = next;
    next = old;
    s->is_changed = true;
  }
  hf__memory_leave(s, NULL);
  hf__memory_settings_free(&next);
  return status;
}

/* ---- notes */

hf_status hf__memory_note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err) {
  hf__memory_store *s = store;
  const hf__memory_txn *t = txn;
  unsigned char order[HF_ORDER_KEY_MAX];
  bool found;
  hf_status status = HF_NOT_FOUND;
  hf_slice key = {(const char *)order, hf_order_key(name, order)};
  if (!t) pthread_mutex_lock(&s->lock);
  const hf__memory_list *notes = t && t->kind == HF_TXN_READ ? &t->notes : &s->notes;
  size_t at = hf__memory_list_find(notes, key, &found);
  text->size = 0;
  if (found) {
    hf_slice note = hf__memory_item_json(notes->items[at]);
    status = hf_buffer_add(text, note.data, note.size) ? HF_OK : hf_error_no_memory(err);
  }
  if (!t) pthread_mutex_unlock(&s->lock);
  return status;
}

/* That of a follower comes and goes by itself, so that a transaction of one that is none any more fails. */
static hf_status check_note(hf_slice name, const void *txn, bool found, bool goes, hf_error *err) {
  if (!txn || !equals(name, FOLLOWS) || (found && !goes)) return HF_OK;
  return hf_error_set(err, HF_CONFLICT, "the store does not follow another store any more, and nothing was written");
}

hf_status hf__memory_note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err) {
  hf__memory_store *s = store;
  hf__memory_undo *undo = hf__memory_undo_of(txn);
  unsigned char order[HF_ORDER_KEY_MAX];
  bool found, ok = true;
  hf_key key = {name, {(const char *)order, hf_order_key(name, order)}};
  if (!key.order.size) return hf_error_set(err, HF_INVALID_ARGUMENT, "the name of a note is not valid");
  if (!txn) pthread_mutex_lock(&s->lock);
  size_t at = hf__memory_list_find(&s->notes, key.order, &found);
  hf_status status = check_note(name, txn, found, !text.size, err);
  if (status == HF_OK && !text.size) {
    ok = hf__memory_undo_take(undo, &s->notes, key.order, &found);
  } else if (status == HF_OK) {
    hf__memory_item *it = hf__memory_item_new(&key, text, (hf_slice){NULL, 0}, &(hf_info){0});
    ok = it && hf__memory_undo_put(undo, &s->notes, at, found, it);
    if (!ok) free(it);
  }
  if (!ok) status = hf_error_no_memory(err);
  s->is_changed |= status == HF_OK;
  if (!txn) hf__memory_leave(s, NULL);
  return status;
}
