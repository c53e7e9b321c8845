/* SPDX-License-Identifier: MIT
 *
 * The settings that a store can keep: what there are, and what their values may be.
 */
#ifndef HF_CORE_SETTINGS_H
#define HF_CORE_SETTINGS_H

#include "holdfast/backend.h"

/* How many settings there are: hf_setting_at() has those below. */
enum { HF__SETTINGS = 6 };

/* The setting that is the format of the store, which rises and never goes down. */
#define HF__SETTING_FORMAT "format"

/* The row of a setting; NULL: there is none of this name. */
const hf_setting *hf__setting_find(hf_slice name);

/* Which row it is: the index for hf_setting_at(). */
size_t hf__setting_index(const hf_setting *setting);

/* Replaces *json by the JSON text of a value that is written as in a URL.
 * HF_INVALID_ARGUMENT says what it can be. */
hf_status hf__setting_parse(const hf_setting *setting, const char *text, hf_buffer *json, hf_error *err);

#endif
