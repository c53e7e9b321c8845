/* SPDX-License-Identifier: MIT
 *
 * The settings of stores.  One table has a row for each, in the order of their names: what it is called, what it can
 * be, what it is where nobody set it, and which format of the store it needs.  Command, Lua, C and documents read it; a
 * further setting is one more row, and whatever obeys it.  A setting that stands for an option of hf_options has the
 * same name as in a URL, and comes into force by hf_setting_take().
 *
 * Values are JSON texts in the store, and texts as in a URL where a person writes them.
 */
#include "core/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "core/options.h"

enum { NOTE_MAX = 500, FORMAT_MAX = 2 };

/* Parses a text and writes the value as JSON.  False: it is none. */
typedef bool parse_fn(const char *text, hf_buffer *json);

static parse_fn parse_changes, parse_durability, parse_format, parse_boolean, parse_bytes, parse_note;

static const struct row {
  hf_setting setting;
  parse_fn *parse;
} rows[] = {
    {{"changes",
      "off, how long to keep them such as 90s, 12h or 7d, or how many revisions such as 100000",
      "\"off\"",
      "Whether the store keeps a log of changes, and how much of it: what can be watched and followed.",
      "changes",
      2,
      {0}},
     parse_changes},
    {{"durability",
      "sync, nometasync or nosync",
      "\"sync\"",
      "What a write has survived when it returns, for processes that say nothing else when they open the store.",
      NULL,
      2,
      {0}},
     parse_durability},
    {{HF__SETTING_FORMAT,
      "1 or 2",
      "1",
      "The format of the store.  It is raised by what needs a newer one and never goes down; an older Holdfast refuses "
      "the store from then on.",
      NULL,
      1,
      {0}},
     parse_format},
    {{"history",
      "true or false",
      "false",
      "Whether the log also keeps the values that were replaced, so that the store can be read as it was.",
      "changes",
      2,
      {0}},
     parse_boolean},
    {{"maxsize",
      "bytes such as 1048576, 64m or 4g; 0: no limit",
      "0",
      "How large the store may grow; then writes raise `full`.  For processes that say nothing else when they open it.",
      NULL,
      2,
      {0}},
     parse_bytes},
    {{"note",
      "a line of at most 500 bytes",
      "\"\"",
      "A word to whoever comes upon the store: whose it is, what to beware of.  Shown by stat.",
      NULL,
      2,
      {0}},
     parse_note},
};
_Static_assert(sizeof rows / sizeof *rows == HF__SETTINGS, "a row more or less: say so in settings.h");

const hf_setting *hf_setting_at(size_t index) { return index < HF__SETTINGS ? &rows[index].setting : NULL; }

static bool is_named(hf_slice text, const char *name) {
  return strlen(name) == text.size && memcmp(text.data, name, text.size) == 0;
}

const hf_setting *hf__setting_find(hf_slice name) {
  for (size_t i = 0; i < HF__SETTINGS; i++)
    if (is_named(name, rows[i].setting.name)) return &rows[i].setting;
  return NULL;
}

/* ---- values */

static bool durability_named(hf_slice text, hf_durability *out) {
  const char *name;
  for (int i = 0; (name = hf_durability_name((hf_durability)i)); i++)
    if (is_named(text, name)) {
      *out = (hf_durability)i;
      return true;
    }
  return false;
}

static bool parse_durability(const char *text, hf_buffer *json) {
  hf_durability d;
  return durability_named(hf_text(text), &d) && hf_buffer_quote(json, hf_text(text));
}

static bool parse_format(const char *text, hf_buffer *json) {
  return text[0] >= '1' && text[0] <= '0' + FORMAT_MAX && !text[1] && hf_buffer_add(json, text, 1);
}

static bool parse_boolean(const char *text, hf_buffer *json) {
  bool is_one = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
  return is_one && hf_buffer_add(json, text, strlen(text));
}

static bool parse_changes(const char *text, hf_buffer *json) {
  hf_changes_kept kept;
  bool is_off = strcmp(text, "off") == 0;
  return (is_off || hf_changes_kept_parse(hf_text(text), &kept)) && hf_buffer_quote(json, hf_text(text));
}

static bool parse_bytes(const char *text, hf_buffer *json) {
  uint64_t n;
  return hf__size_parse(text, &n) && n <= (uint64_t)1 << 53 && hf_buffer_printf(json, "%llu", (unsigned long long)n);
}

static bool parse_note(const char *text, hf_buffer *json) {
  hf_slice t = hf_text(text);
  if (t.size > NOTE_MAX || hf__utf8_valid_prefix(t) != t.size) return false;
  for (const char *c = text; *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7F) return false;
  return hf_buffer_quote(json, t);
}

size_t hf__setting_index(const hf_setting *setting) {
  size_t i = 0;
  while (&rows[i].setting != setting) i++;
  return i;
}

hf_status hf__setting_parse(const hf_setting *setting, const char *text, hf_buffer *json, hf_error *err) {
  json->size = 0;
  if (!hf_buffer_reserve(json, HF__JSON_QUOTED_MAX((size_t)NOTE_MAX))) return hf__no_memory(err); /* room for any */
  if (rows[hf__setting_index(setting)].parse(text, json)) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT, "the setting %s must be %s, not '%.100s'", setting->name, setting->values,
                  text);
}

bool hf_changes_kept_parse(hf_slice text, hf_changes_kept *out) {
  static const struct unit {
    char name;
    int64_t ms;
  } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
  enum { DIGITS_MAX = 9 };
  uint64_t n = 0;
  size_t i = 0;
  *out = (hf_changes_kept){0};
  while (i < text.size && text.data[i] >= '0' && text.data[i] <= '9') n = n * 10 + (uint64_t)(text.data[i++] - '0');
  if (!i || i > DIGITS_MAX || !n) return false;
  if (i == text.size) out->revisions = n;
  for (size_t u = 0; u < sizeof units / sizeof *units && i + 1 == text.size; u++)
    if (units[u].name == text.data[i]) out->age = (int64_t)n * units[u].ms;
  return out->revisions || out->age;
}

void hf_setting_take(hf_slice name, hf_slice json, hf_options *options) {
  char text[32];
  if (!json.size || json.size >= sizeof text) return;
  memcpy(text, json.data, json.size);
  text[json.size] = '\0';
  hf_durability durability;
  uint64_t bytes;
  if (is_named(name, "durability") && json.size > 2 &&
      durability_named((hf_slice){json.data + 1, json.size - 2}, &durability))
    options->durability = durability;
  else if (is_named(name, "maxsize") && hf__size_parse(text, &bytes))
    options->max_size = bytes;
}

hf_options hf_options_in_force(const hf_options *said, const hf_options *settings) {
  hf_options o = *said;
  if (!(o.given & HF_GIVEN_DURABILITY)) o.durability = settings->durability;
  if (!(o.given & HF_GIVEN_MAX_SIZE)) o.max_size = settings->max_size;
  return o;
}
