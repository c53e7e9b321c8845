/* SPDX-License-Identifier: MIT
 *
 * Reading and changing the settings that a store keeps: hf_store_settings_get() and hf_store_settings_set().  What
 * settings there are is settings.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/open_stores.h"
#include "core/page.h"
#include "core/settings.h"
#include "core/transaction.h"
#include "core/watch_hub.h"

static bool is_named(hf_slice text, const char *name) {
  return strlen(name) == text.size && memcmp(text.data, name, text.size) == 0;
}

static bool has_setting(const hf_backend *b, hf_slice name) {
  for (const char *const *s = b->settings; s && *s; s++)
    if (is_named(name, *s)) return true;
  return false;
}

/* Whether the store keeps settings, and may be asked for them here. */
static hf_status check_store(const hf_store *s, hf_error *err) {
  if (hf__store_is_inherited(s)) return hf__store_inherited(s, err);
  if (s->backend->capabilities & HF_CAP_SETTINGS) return HF_OK;
  return hf__fail(err, HF_UNSUPPORTED, "%s stores keep no settings: say what they should be when the store is opened",
                  s->backend->name);
}

/* The value that the store keeps for a setting; data NULL: none. */
static hf_slice kept(const hf_page *page, hf_slice name) {
  for (size_t i = 0; i < page->count; i++)
    if (page->entries[i].id.size == name.size && memcmp(page->entries[i].id.data, name.data, name.size) == 0)
      return page->entries[i].json;
  return (hf_slice){NULL, 0};
}

static bool add_member(hf_buffer *json, hf_slice name, hf_slice value) {
  return hf_buffer_add(json, json->size ? "," : "{", 1) && hf_buffer_quote(json, name) && hf_buffer_add(json, ":", 1) &&
         hf_buffer_add(json, value.data, value.size);
}

/* All settings as an object: those of the table, and then those of a newer version. */
static bool write_settings(const hf_backend *b, const hf_page *page, hf_buffer *json) {
  bool ok = true;
  json->size = 0;
  for (size_t i = 0; i < HF__SETTINGS && ok; i++) {
    hf_slice name = hf_text(hf_setting_at(i)->name), value = kept(page, name);
    if (has_setting(b, name)) ok = add_member(json, name, value.data ? value : hf_text(hf_setting_at(i)->standard));
  }
  for (size_t i = 0; i < page->count && ok; i++)
    if (!has_setting(b, page->entries[i].id)) ok = add_member(json, page->entries[i].id, page->entries[i].json);
  return ok && (json->size || hf_buffer_add(json, "{", 1)) && hf_buffer_add(json, "}", 1);
}

/* What the store keeps, in a new page. */
static hf_status read_kept(hf_store *s, hf_page **page, hf_error *err) {
  hf_status status = check_store(s, err);
  *page = NULL;
  if (status) return status;
  *page = hf_page_new();
  return *page ? s->backend->settings_get(s->impl, *page, err) : hf__no_memory(err);
}

hf_status hf_store_settings_get(hf_store *s, hf_buffer *json, hf_error *err) {
  hf_error own;
  hf_page *page;
  if (!err) err = &own;
  hf_status status = read_kept(s, &page, err);
  if (status == HF_OK && !write_settings(s->backend, page, json)) status = hf__no_memory(err);
  hf_page_free(page);
  return hf__store_name_backend(s, status, err);
}

/* Finds the row of a name that the caller gave. */
static hf_status find_row(const hf_store *s, const char *name, const hf_setting **row, hf_error *err) {
  char known[256] = "";
  if (name && has_setting(s->backend, hf_text(name)) && (*row = hf__setting_find(hf_text(name)))) return HF_OK;
  for (const char *const *n = s->backend->settings; *n; n++) {
    size_t used = strlen(known);
    hf__copy_text(known + used, sizeof known - used, *known ? ", " : "", *known ? 2 : 0);
    used = strlen(known);
    hf__copy_text(known + used, sizeof known - used, *n, strlen(*n));
  }
  if (name && hf__setting_find(hf_text(name)))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores do not have the setting '%s' (they have: %s)", s->backend->name,
                    name, known);
  return hf__fail(err, HF_INVALID_ARGUMENT, "there is no setting '%.100s' (%s stores have: %s)", name ? name : "",
                  s->backend->name, known);
}

/* A format that is asked for by its name: not below that of the store. */
static hf_status check_format(const hf_page *now, hf_slice json, unsigned *format, hf_error *err) {
  hf_slice present = kept(now, hf_text(HF__SETTING_FORMAT));
  unsigned long wanted = strtoul(json.data, NULL, 10), there = present.data ? strtoul(present.data, NULL, 10) : 1;
  if (wanted < there)
    return hf__fail(err, HF_INVALID_ARGUMENT,
                    "the store has format %lu, and a format never goes down: export it, and import that into a new "
                    "store",
                    there);
  if (wanted > *format) *format = (unsigned)wanted;
  return HF_OK;
}

/* What is to be kept, collected. */
struct changes {
  hf_setting_change list[HF__SETTINGS];
  hf_buffer values[HF__SETTINGS]; /* in the order of the rows */
  size_t count;
  unsigned format;
};

static hf_status add_change(struct changes *c, const hf_store *s, const hf_page *now, const hf_setting_value *v,
                            hf_error *err) {
  const hf_setting *row;
  if (v->reserved[0] || v->reserved[1])
    return hf__fail(err, HF_INVALID_ARGUMENT, "hf_setting_value.reserved must be 0");
  hf_status status = find_row(s, v->name, &row, err);
  if (status) return status;
  hf_buffer *json = &c->values[hf__setting_index(row)];
  if (json->data) return hf__fail(err, HF_INVALID_ARGUMENT, "the setting %s is given twice", row->name);
  if (v->value)
    status = hf__setting_parse(row, v->value, json, err);
  else if (!hf_buffer_add(json, row->standard, strlen(row->standard)))
    status = hf__no_memory(err);
  if (status) return status;
  hf_slice value = {json->data, json->size};
  if (strcmp(row->name, HF__SETTING_FORMAT) == 0) return check_format(now, value, &c->format, err);
  bool standard = is_named(value, row->standard);
  if (!standard && row->format > c->format) c->format = row->format;
  c->list[c->count++] =
      (hf_setting_change){hf_text(row->name), standard ? (hf_slice){NULL, 0} : value, standard ? NULL : row->feature};
  return HF_OK;
}

static hf_status set_all(hf_store *s, const hf_page *now, const hf_setting_value *values, size_t count, hf_error *err) {
  struct changes c = {.format = 1};
  hf_status status = HF_OK;
  for (size_t i = 0; i < count && status == HF_OK; i++) status = add_change(&c, s, now, &values[i], err);
  if (status == HF_OK) status = s->backend->settings_put(s->impl, c.list, c.count, c.format, err);
  for (size_t i = 0; i < HF__SETTINGS; i++) hf_buffer_free(&c.values[i]);
  return status;
}

hf_status hf_store_settings_set(hf_store *s, const hf_setting_value *values, size_t count, hf_error *err) {
  hf_error own;
  hf_page *now = NULL;
  if (!err) err = &own;
  hf_status status = check_store(s, err);
  if (status == HF_OK && hf__txn_is_open())
    status = hf__fail(err, HF_UNSUPPORTED,
                      "settings are changed by a commit of their own: not inside a transaction or "
                      "snapshot");
  if (status == HF_OK && s->options.read_only)
    status = hf__fail(err, HF_READONLY, "store %s was opened read-only", s->url);
  if (status == HF_OK) status = read_kept(s, &now, err);
  if (status == HF_OK) status = set_all(s, now, values, count, err);
  if (status == HF_OK) hf__hub_poke(s);
  hf_page_free(now);
  return hf__store_name_backend(s, status, err);
}
