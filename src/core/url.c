/* SPDX-License-Identifier: MIT
 *
 * Parsing store URLs.  One allocation holds every decoded piece.  Options that
 * all stores share (options.h) go into hf_options; others are passed to the backend if it
 * lists them, and refused otherwise, so that a misspelt one is never ignored.
 */
#include "core/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/layout.h"
#include "base/redact.h"
#include "core/backends.h"
#include "core/options.h"

/* Length of "scheme" in "scheme:...", or 0 if the text does not begin so. */
static size_t scheme_length(const char *s) {
  if (!islower((unsigned char)s[0])) return 0;
  size_t n = 1;
  while (islower((unsigned char)s[n]) || isdigit((unsigned char)s[n]) || (s[n] && strchr("+.-", s[n]))) n++;
  return s[n] == ':' ? n : 0;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool hf_url_decode(char *text) {
  char *to = text;
  for (const char *from = text; *from; from++, to++) {
    *to = *from;
    if (*from != '%') continue;
    int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
    if (low < 0 || (high == 0 && low == 0)) return false;
    *to = (char)(high * 16 + low);
    from += 2;
  }
  *to = '\0';
  return true;
}

static bool has_parameter(const hf_backend *backend, const char *wanted) {
  const char *const *name = backend->parameters;
  while (name && *name && strcmp(*name, wanted) != 0 && strcmp(*name, "*") != 0) name++;
  return name && *name;
}

static hf_status fail_unknown_option(const hf_backend *backend, const char *unknown, hf_error *err) {
  char known[HF__OPTIONS_TEXT];
  hf__options_names(known);
  for (const char *const *name = backend->parameters; name && *name; name++) hf__options_list(known, *name);
  return hf__fail(err, HF_INVALID_ARGUMENT, "store URL: %s stores have no option '%s'; the options are %s",
                  backend->name, unknown, known);
}

static hf_status parse_query(hf__url *url, const hf_backend *backend, char *query, char *rest, hf_error *err) {
  char *keep = rest;
  *keep = '\0';
  for (char *next, *p = query; p && *p; p = next) {
    next = strchr(p, '&');
    if (next) *next++ = '\0';
    char *value = strchr(p, '=');
    if (!value) return hf__fail(err, HF_INVALID_ARGUMENT, "store URL: '%s' needs a value, as in %s=1", p, p);
    *value++ = '\0';
    const hf__option *option = hf__option_by_name(p);
    if (option && hf__option_parse(option, value, &url->options, err)) return HF_INVALID_ARGUMENT;
    if (option) continue;
    if (!has_parameter(backend, p)) return fail_unknown_option(backend, p, err);
    if (keep != rest) *keep++ = '&';
    size_t n = strlen(p), m = strlen(value);
    memmove(keep, p, n);
    keep[n] = '=';
    memmove(keep + n + 1, value, m + 1);
    keep += n + 1 + m;
  }
  return HF_OK;
}

static hf_status fail_unknown(const char *base, const char *scheme, hf_error *err) {
  char known[512];
  const char *absent = hf__backend_absent(scheme);
  hf__backend_names(known, sizeof known);
  if (absent)
    return hf__fail(
        err, HF_UNSUPPORTED,
        "this build of Holdfast has no %s backend, which %s: URLs need (there are: %s); build it with %s in "
        "HOLDFAST_BACKENDS, or with -DHOLDFAST_BACKENDS=all",
        absent, scheme, known, absent);
  return hf__fail(err, HF_INVALID_ARGUMENT,
                  "there is no '%s' store (there are: %s); for a directory of that name write ./%s", scheme, known,
                  base);
}

/* Whether a text that begins with no scheme means a path.  "Redis://..." would make a directory of that name, with the
 * password in it. */
static hf_status check_scheme(const char *base, hf_error *err) {
  char scheme[32];
  size_t n = 0;
  for (; isalnum((unsigned char)base[n]) || (base[n] && strchr("+.-", base[n])); n++) {
    if (n + 1 == sizeof scheme) return HF_OK;
    scheme[n] = (char)tolower((unsigned char)base[n]);
  }
  scheme[n] = '\0';
  if (strncmp(base + n, "://", 3) != 0 || (!hf__backend_find(scheme) && !hf__backend_absent(scheme))) return HF_OK;
  return hf__fail(err, HF_INVALID_ARGUMENT,
                  "store URL: write the scheme in small letters: %s%s; for a directory of that name write ./%s", scheme,
                  base + n, base);
}

/* What hf__url_parse() does; on failure *out is as far as it came, and the message may have the password. */
static hf_status parse(const char *base, const hf_options *options, hf__url *out, hf_error *err) {
  memset(out, 0, sizeof *out);
  out->options = (hf_options)HF_OPTIONS_INIT;
  if (options) {
    hf_status status = hf__options_take(options, &out->options, err);
    if (status) return status;
    char modes[HF__OPTIONS_TEXT];
    if (!hf_durability_name(out->options.durability))
      return hf__fail(err, HF_INVALID_ARGUMENT, "durability must be one of %s", hf__durability_names(modes));
    if (out->options.durability != HF_DURABILITY_SYNC) out->options.given |= HF_GIVEN_DURABILITY;
    if (out->options.max_size) out->options.given |= HF_GIVEN_MAX_SIZE;
  }
  if (!base || !*base)
    return hf__fail(err, HF_INVALID_ARGUMENT, "the base is empty: give a directory such as ./data, or a store URL");

  size_t size = strlen(base) + 1, scheme = scheme_length(base);
  if (!scheme && check_scheme(base, err)) return HF_INVALID_ARGUMENT;
  char *m = out->memory = malloc(5 * size + 8);
  if (!m) return hf__no_memory(err);
  char *scheme_text = m, *rest = m + size + 8, *path = rest + size, *query = path + size, *kept = query + size;
  *query = *kept = '\0';
  bool is_url = scheme > 0;
  if (is_url) {
    memcpy(scheme_text, base, scheme);
    scheme_text[scheme] = '\0';
    memcpy(rest, base + scheme + 1, size - scheme - 1);
  } else {
    memcpy(scheme_text, "lmdb", 5);
    memcpy(rest, base, size);
  }
  const hf_backend *backend = hf__backend_find(scheme_text);
  if (!backend) return fail_unknown(base, scheme_text, err);
  if (is_url) {
    char *mark = strchr(rest, '?');
    if (mark) {
      *mark = '\0';
      memcpy(query, mark + 1, strlen(mark + 1) + 1);
    }
    const char *plain = strncmp(rest, "//", 2) == 0 && rest[2] == '/' ? rest + 2 : rest;
    memcpy(path, plain, strlen(plain) + 1);
    if (!hf_url_decode(path))
      return hf__fail(err, HF_INVALID_ARGUMENT, "store URL: bad %%-escape in '%s': a %% itself is %%25", base);
  } else {
    memcpy(path, rest, size);
  }
  out->at = (hf_location){scheme_text, rest, path, kept, &out->options};
  return parse_query(out, backend, query, kept, err);
}

hf_status hf__url_parse(const char *base, const hf_options *options, hf__url *out, hf_error *err) {
  hf_status status = parse(base, options, out, err);
  if (status) {
    hf__url_free(out);
    hf__error_redact(err, base);
  }
  return status;
}

hf_status hf__url_resolve(hf__url *url, const char *directory, hf_error *err) {
  const char *path = url->at.path;
  if (!hf__url_backend(url)->is_path || !directory || !*directory || !*path || *path == '/') return HF_OK;
  size_t n = strlen(directory), m = strlen(path) + 1;
  url->absolute = malloc(n + 1 + m);
  if (!url->absolute) return hf__no_memory(err);
  memcpy(url->absolute, directory, n);
  url->absolute[n] = '/';
  memcpy(url->absolute + n + 1, path, m);
  url->at.path = url->absolute;
  return HF_OK;
}

void hf__url_free(hf__url *url) {
  free(url->memory);
  free(url->absolute);
  url->memory = url->absolute = NULL;
}

const hf_backend *hf__url_backend(const hf__url *url) { return url->memory ? hf__backend_find(url->at.scheme) : NULL; }
