/* SPDX-License-Identifier: MIT
 *
 * The options of a store: see options.h.  A new one is a member of hf_options and a row here; what cannot be made of
 * the row, a test compares (tests/spec/meta_spec.lua).
 */
#include "core/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define OPTION(name, key, type, inverted, member, given, fallback, backends, meaning)                                  \
  { name, key, HF__OPTION_##type, inverted, offsetof(hf_options, member), given, fallback, backends, meaning }

const hf__option hf__options[] = {
    OPTION("durability", "durability", DURABILITY, false, durability, HF_GIVEN_DURABILITY, "\"sync\"", "lmdb, file",
           "what a write has survived when it returns"),
    OPTION("mapsize", "mapSize", BYTES, false, map_size, 0, "2 ^ 36", "lmdb",
           "bytes of address space mapped at first; grows by itself"),
    OPTION("maxsize", "maxSize", BYTES, false, max_size, HF_GIVEN_MAX_SIZE, "0", "lmdb",
           "bytes the store may grow to, at least 65536; then writes raise `full`. 0: no limit"),
    OPTION("readonly", "readOnly", FLAG, false, read_only, 0, "false", "all", "refuse every write, create nothing"),
    OPTION("create", "create", FLAG, true, must_exist, 0, "true", "lmdb, file",
           "`false`: raise `not_found` where there is no store"),
    OPTION("networkfs", "networkFs", FLAG, false, allow_network_fs, 0, "false", "lmdb",
           "open LMDB on a network filesystem; only if one machine alone uses it"),
    {NULL, NULL, HF__OPTION_FLAG, false, 0, 0, NULL, NULL, NULL},
};

/* ---- the table */

const hf__option *hf__option_by_name(const char *name) {
  const hf__option *o = hf__options;
  while (o->name && strcmp(o->name, name) != 0) o++;
  return o->name ? o : NULL;
}

const hf__option *hf__option_by_key(const char *key) {
  const hf__option *o = hf__options;
  while (o->name && strcmp(o->key, key) != 0) o++;
  return o->name ? o : NULL;
}

const char *hf_durability_name(hf_durability durability) {
  static const char *const names[] = {"sync", "nometasync", "nosync"};
  return (unsigned)durability < sizeof names / sizeof *names ? names[durability] : NULL;
}

/* ---- values in URLs */

bool hf__size_parse(const char *text, uint64_t *out) {
  char *end;
  errno = 0;
  if (!isdigit((unsigned char)*text)) return false;
  unsigned long long n = strtoull(text, &end, 10);
  if (errno) return false;
  const char *units = "kmgt", *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
  if (unit) {
    unsigned shift = 10 * (unsigned)(unit - units + 1);
    if (n > UINT64_MAX >> shift) return false;
    n <<= shift;
    end++;
  }
  *out = n;
  return *end == '\0';
}

bool hf_duration_parse(const char *text, int64_t *ms) {
  static const struct {
    const char *name;
    double ms;
  } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}, {"d", 86400e3}};
  char *end;
  if (!isdigit((unsigned char)*text)) return false;
  double n = strtod(text, &end);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp(end, units[i].name) == 0 && n * units[i].ms >= 1 && n * units[i].ms < 1e13) {
      *ms = (int64_t)(n * units[i].ms);
      return true;
    }
  return false;
}

static bool parse_bool(const char *text, bool *out) {
  *out = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
  return *out || strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
}

/* ---- setting */

static void *member_of(const hf__option *option, hf_options *out) { return (char *)out + option->member; }

void hf__option_set_bytes(const hf__option *option, uint64_t bytes, hf_options *out) {
  *(uint64_t *)member_of(option, out) = bytes;
  out->given |= option->given;
}

void hf__option_set_flag(const hf__option *option, bool flag, hf_options *out) {
  *(bool *)member_of(option, out) = flag != option->is_inverted;
}

bool hf__option_set_durability(const hf__option *option, const char *mode, hf_options *out) {
  const char *name;
  for (int i = 0; (name = hf_durability_name((hf_durability)i)); i++) {
    if (strcmp(name, mode) != 0) continue;
    *(hf_durability *)member_of(option, out) = (hf_durability)i;
    out->given |= option->given;
    return true;
  }
  return false;
}

hf_status hf__option_parse(const hf__option *option, const char *text, hf_options *out, hf_error *err) {
  uint64_t bytes;
  bool flag;
  char modes[HF__OPTIONS_TEXT];
  switch (option->type) {
  case HF__OPTION_DURABILITY:
    if (hf__option_set_durability(option, text, out)) return HF_OK;
    return hf__fail(err, HF_INVALID_ARGUMENT, "%s must be one of %s, not '%s'", option->name,
                    hf__durability_names(modes), text);
  case HF__OPTION_BYTES:
    if (!hf__size_parse(text, &bytes))
      return hf__fail(err, HF_INVALID_ARGUMENT, "%s must be bytes such as 1048576, 64m or 4g, not '%s'", option->name,
                      text);
    hf__option_set_bytes(option, bytes, out);
    return HF_OK;
  case HF__OPTION_FLAG: break;
  }
  if (!parse_bool(text, &flag))
    return hf__fail(err, HF_INVALID_ARGUMENT, "%s must be 0 or 1, not '%s'", option->name, text);
  hf__option_set_flag(option, flag, out);
  return HF_OK;
}

/* ---- lists */

void hf__options_list(char out[HF__OPTIONS_TEXT], const char *name) {
  size_t used = strlen(out);
  if (used + strlen(name) + 3 > HF__OPTIONS_TEXT) return;
  if (used) strcat(out, ", ");
  strcat(out, name);
}

const char *hf__options_names(char out[HF__OPTIONS_TEXT]) {
  out[0] = '\0';
  for (const hf__option *o = hf__options; o->name; o++) hf__options_list(out, o->name);
  return out;
}

const char *hf__options_keys(char out[HF__OPTIONS_TEXT]) {
  out[0] = '\0';
  for (const hf__option *o = hf__options; o->name; o++) hf__options_list(out, o->key);
  return out;
}

const char *hf__durability_names(char out[HF__OPTIONS_TEXT]) {
  const char *name;
  out[0] = '\0';
  for (int i = 0; (name = hf_durability_name((hf_durability)i)); i++) hf__options_list(out, name);
  return out;
}
