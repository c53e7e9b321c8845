/* SPDX-License-Identifier: MIT
 *
 * Keeping passwords out of what people read.  A URL is looked at for the places of its secrets; they are
 * replaced in it, and searched for in other texts.  It need not be a URL that can be opened: the messages about those
 * that cannot are what leaks.  So nothing here relies on it being well-formed.
 */
#include "base/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { SECRETS_MAX = 64, NESTED_MAX = 4, SHORT = 4, PIECE = 3 };

static const char stars[] = "***";

/* From a place in a URL up to another. */
typedef struct span {
  const char *from, *to;
} span;

static size_t size_of(span s) { return (size_t)(s.to - s.from); }

/* ---- the login */

/* After "scheme://"; NULL: it does not begin so. */
static const char *authority_of(const char *url) {
  while (isspace((unsigned char)*url)) url++;
  if (!isalpha((unsigned char)*url)) return NULL;
  while (isalnum((unsigned char)*url) || (*url && strchr("+.-_", *url))) url++;
  return strncmp(url, "://", 3) == 0 ? url + 3 : NULL;
}

/* Whether hosts with their ports stand there, as they do after a login, or alone. */
static bool is_hosts(const char *p) {
  for (;; p++) {
    size_t name = *p == '[' ? strcspn(p, "]/?#@") + 1 : strcspn(p, ":,/?#@[]");
    for (size_t i = 0; *p != '[' && i < name; i++)
      if (!isalnum((unsigned char)p[i]) && !strchr("._-%", p[i]) && !((unsigned char)p[i] & 0x80)) return false;
    p += name;
    if (*p == ':') {
      size_t digits = strspn(++p, "0123456789");
      if (!digits) return false;
      p += digits;
    }
    if (*p != ',') return !*p || strchr("/?#", *p);
  }
}

/* Whether up to `end` everything is name=value. */
static bool is_query(const char *p, const char *end) {
  do {
    size_t name = 0;
    while (isalnum((unsigned char)p[name]) || (p[name] && strchr("._-%", p[name]))) name++;
    if (!name || p[name] != '=') return false;
    p += strcspn(p, "&");
    if (*p) p++;
  } while (p < end);
  return true;
}

/* The "@" that ends the login; NULL: there is none.  Passwords may have one that is not escaped, and so may paths and
 * values: it is the last one with hosts after it. */
static const char *login_end(const char *authority) {
  if (*authority == '/') return NULL;
  const char *query = authority + strcspn(authority, "?"), *last = NULL, *best = NULL;
  for (const char *p = authority; p < query; p++) {
    if (*p != '@') continue;
    last = p;
    if (is_hosts(p + 1)) best = p;
  }
  if (!best) best = last;
  const char *beyond = strrchr(query, '@');
  bool in_value = beyond && is_query(query + 1, beyond) && (best || is_hosts(authority));
  return beyond && !in_value ? beyond : best;
}

/* Where a login is secret.  False: nothing of it is. */
static bool find_password(const char *url, const char *authority, const char *end, span *out) {
  const char *colon = memchr(authority, ':', (size_t)(end - authority));
  while (isspace((unsigned char)*url)) url++;
  if (!colon && strncasecmp(url, "redis", 5) != 0) return false;
  *out = (span){colon ? colon + 1 : authority, end};
  return true;
}

/* ---- parameters */

static char *copy_of(span s) {
  char *text = malloc(size_of(s) + 1);
  if (!text) return NULL;
  memcpy(text, s.from, size_of(s));
  text[size_of(s)] = '\0';
  return text;
}

/* Decoded as far as it can be: a "%" that begins no escape stays.  NULL: out of memory. */
static char *decoded(span s) {
  char *text = copy_of(s), *to = text;
  for (const char *p = text; p && *p; p++, to++) {
    char digits[3] = {p[1], p[1] ? p[2] : '\0', '\0'};
    bool escape = *p == '%' && isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]);
    *to = escape ? (char)strtol(digits, NULL, 16) : *p;
    if (escape) p += 2;
  }
  if (to) *to = '\0';
  return text;
}

static bool is_secret_name(span name) {
  static const char *const words[] = {
      "password", "passwd", "passphrase", "secret", "token", "credential", "authmechanismproperties"};
  char *text = decoded(name);
  bool secret = !text || strcasecmp(text, "pwd") == 0 || strcasecmp(text, "pass") == 0;
  for (size_t i = 0; !secret && i < sizeof words / sizeof *words; i++) secret = strcasestr(text, words[i]) != NULL;
  free(text);
  return secret;
}

/* ---- all secrets of a URL */

typedef struct found {
  span spans[SECRETS_MAX];
  bool nested[SECRETS_MAX]; /* a URL with secrets in it, rather than one */
  size_t count;
} found;

static void add(found *f, span s, bool nested) {
  if (size_of(s) == sizeof stars - 1 && memcmp(s.from, stars, sizeof stars - 1) == 0) return; /* it was hidden before */
  if (f->count == SECRETS_MAX) { /* the last one takes all that is left */
    f->spans[SECRETS_MAX - 1].to = s.to;
    f->nested[SECRETS_MAX - 1] = false;
    return;
  }
  f->spans[f->count] = s;
  f->nested[f->count++] = nested;
}

static void find_secrets(const char *url, int depth, found *out);

static bool has_secrets(const char *url, int depth) {
  found f = {.count = 0};
  find_secrets(url, depth, &f);
  return f.count != 0;
}

static void add_parameter(span name, span value, int depth, found *out) {
  if (is_secret_name(name)) {
    add(out, value, false);
    return;
  }
  char *inner = depth ? decoded(value) : NULL;
  bool unread = depth && !inner; /* out of memory: then it counts as one */
  if (unread || (inner && has_secrets(inner, depth - 1))) add(out, value, !unread);
  free(inner);
}

/* Parameters, each from one separator to the next; one without "=" after a secret is more of that. */
static void find_in_parameters(const char *p, const char *separators, int depth, found *out) {
  bool after_secret = false;
  while (*p) {
    const char *end = p + strcspn(p, separators), *equals = memchr(p, '=', (size_t)(end - p));
    size_t before = out->count;
    if (equals)
      add_parameter((span){p, equals}, (span){equals + 1, end}, depth, out);
    else if (after_secret)
      add(out, (span){p, end}, false);
    after_secret = equals ? out->count > before : after_secret;
    p = *end ? end + 1 : end;
  }
}

static void find_secrets(const char *url, int depth, found *out) {
  const char *authority = authority_of(url);
  const char *end = authority ? login_end(authority) : NULL;
  span password;
  if (end && find_password(url, authority, end, &password)) add(out, password, false);
  size_t scheme = strspn(url, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
  const char *query = strchr(end ? end : url, '?');
  if (url[scheme] != ':' && !authority) return; /* a path */
  if (query) find_in_parameters(query + 1, "&", depth, out);
  if (strncmp(url, "postgres", 8) == 0 && !authority) find_in_parameters(url + scheme + 1, " \t\n", depth, out);
}

bool hf__url_has_secret(const char *url) { return has_secrets(url, NESTED_MAX); }

char *hf__url_keep_secret(const char *url) { return url && hf__url_has_secret(url) ? strdup(url) : NULL; }

/* ---- texts */

static char *take(hf_buffer *text, bool ok) {
  if (ok && hf_buffer_add(text, "", 1)) return text->data;
  hf_buffer_free(text);
  return NULL;
}

static char *redact(const char *url, int depth) {
  found f = {.count = 0};
  hf_buffer out = HF_BUFFER_INIT;
  const char *at = url;
  bool ok = true;
  find_secrets(url, depth, &f);
  for (size_t i = 0; i < f.count && ok; i++) {
    if (f.spans[i].from < at) continue;
    ok = hf_buffer_add(&out, at, (size_t)(f.spans[i].from - at));
    char *inner = f.nested[i] ? decoded(f.spans[i]) : NULL, *shown = inner ? redact(inner, depth - 1) : NULL;
    ok = ok && hf_buffer_add(&out, shown ? shown : stars, shown ? strlen(shown) : sizeof stars - 1);
    free(inner);
    free(shown);
    at = f.spans[i].to;
  }
  ok = ok && hf_buffer_add(&out, at, strlen(at));
  return take(&out, ok);
}

char *hf__url_redact(const char *url) { return redact(url, NESTED_MAX); }

static bool is_word(char c) { return isalnum((unsigned char)c) || (unsigned char)c & 0x80; }

/* Whether the secret is meant at this place: a short one is no part of a word. */
static bool is_here(const char *text, const char *at, const char *secret, size_t size) {
  if (strncmp(at, secret, size) != 0) return false;
  return size >= SHORT || ((at == text || !is_word(at[-1])) && !is_word(at[size]));
}

/* How many bytes at this place are the beginning of a secret that was cut off there. */
static size_t cut_here(const char *at, const char *secret) {
  size_t left = strlen(at);
  if (left > 3 && strcmp(at + left - 3, "...") == 0) left -= 3;
  return left >= SHORT && left < strlen(secret) && strncmp(at, secret, left) == 0 ? left : 0;
}

/* Replaces a secret in *text, which is malloc'ed and NULL when memory ran out. */
static void hide(char **text, const char *secret, const char *shown) {
  hf_buffer out = HF_BUFFER_INIT;
  size_t size = strlen(secret);
  bool ok = true;
  if (!*text || !size) return;
  for (const char *p = *text; *p && ok;) {
    size_t part = is_here(*text, p, secret, size) ? size : cut_here(p, secret);
    ok = part ? hf_buffer_add(&out, shown, strlen(shown)) : hf_buffer_add(&out, p, 1);
    p += part ? part : 1;
  }
  free(*text);
  *text = take(&out, ok);
}

/* What is left of a password that was taken apart at characters which should have been escaped. */
static void hide_pieces(char **text, span secret) {
  static const char marks[] = "/?#@&,";
  char *copy = copy_of(secret), *rest = NULL;
  if (copy && strpbrk(copy, marks))
    for (char *piece = strtok_r(copy, marks, &rest); piece; piece = strtok_r(NULL, marks, &rest))
      if (strlen(piece) >= PIECE) hide(text, piece, stars);
  free(copy);
}

static void hide_secrets(char **text, const char *url, int depth) {
  found f = {.count = 0};
  find_secrets(url, depth, &f);
  for (size_t i = 0; i < f.count; i++) {
    char *raw = copy_of(f.spans[i]), *plain = decoded(f.spans[i]);
    if (!raw || !plain) {
      free(*text);
      *text = NULL;
    } else if (f.nested[i]) {
      hide_secrets(text, plain, depth - 1);
    } else {
      hide(text, raw, stars);
      hide(text, plain, stars);
      hide_pieces(text, f.spans[i]);
    }
    free(raw);
    free(plain);
  }
}

char *hf__text_redact(const char *text, const char *url) {
  char *out = strdup(text), *shown = hf__url_redact(url);
  if (shown && strcmp(shown, url) != 0) {
    hide(&out, url, shown);
    hide_secrets(&out, url, NESTED_MAX);
  } else if (!shown) {
    free(out);
    out = NULL;
  }
  free(shown);
  return out;
}

static void redact_field(char *field, size_t capacity, const char *url) {
  if (!*field) return;
  char *text = hf__text_redact(field, url);
  if (!text || strcmp(text, field) != 0)
    hf__copy_text(field, capacity, text ? text : stars, strlen(text ? text : stars));
  free(text);
}

void hf__error_redact(hf_error *err, const char *url) {
  if (!err || !url || !hf__url_has_secret(url)) return;
  redact_field(err->message, sizeof err->message, url);
  redact_field(err->cause, sizeof err->cause, url);
}
