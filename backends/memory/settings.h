/* SPDX-License-Identifier: MIT
 *
 * The slots for the settings of stores in memory, and for notes.
 */
#ifndef HF_BACKENDS_MEMORY_SETTINGS_H
#define HF_BACKENDS_MEMORY_SETTINGS_H

#include "store.h"

/* hf_backend.settings, settings_get and settings_put */
extern const char *const hf__memory_setting_names[];
hf_status hf__memory_settings_get(void *store, hf_page *page, hf_error *err);
hf_status hf__memory_settings_put(void *store, const hf_setting_change *changes, size_t n, unsigned format,
                                  hf_error *err);
/* Adds a member of a JSON object, unless nobody set any. */
bool hf__memory_settings_describe(const hf__memory_settings *settings, hf_buffer *json);
void hf__memory_settings_free(hf__memory_settings *settings);

/* hf_backend.note_get and note_put */
hf_status hf__memory_note_get(void *store, void *txn, hf_slice name, hf_buffer *text, hf_error *err);
hf_status hf__memory_note_put(void *store, void *txn, hf_slice name, hf_slice text, hf_error *err);

#endif
