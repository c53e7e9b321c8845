/* SPDX-License-Identifier: MIT
 *
 * Adapters: which store each uses, and reading and writing through them.
 *
 * Invariants.  An adapter's store changes only while it is not in use: before its first read or write (`since`)
 * and while no host runs (`holds`).  Adapters live as long as their set.  Opening, initialising and every
 * operation may run scripts, which may come back here: so the handle is kept by a reference for as long as it is worked
 * on, and everything else is looked at again afterwards.
 */
#include "adapters/adapters.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/layout.h"
#include "base/redact.h"
#include "core/url.h"

void hf__adapter_blame(const hf__adapter *a, hf_error *err) {
  hf__error_entity(err, hf_text(a->spec.entity_name), (hf_slice){NULL, 0});
}

hf__adapter *hf__adapter_find(const hf_adapters *set, const char *name, hf_error *err) {
  for (hf__adapter *a = set->first; a; a = a->next)
    if (strcmp(a->spec.name, name) == 0) return a;
  char known[512] = "";
  for (const hf__adapter *a = set->first; a; a = a->next) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", a->spec.name);
  }
  hf__fail(err, HF_INVALID_ARGUMENT, "there is no adapter %.100s; there are %s", name, known);
  return NULL;
}

bool hf_adapters_at(const hf_adapters *set, size_t index, hf_adapter_info *out) {
  const hf__adapter *a = set->first;
  while (a && index--) a = a->next;
  if (a) *out = (hf_adapter_info){.spec = &a->spec, .store = a->store, .since = a->since};
  return a != NULL;
}

/* ---- which store */

/* Lets go of the handle without running scripts. */
static void drop_handle(hf__adapter *a) {
  hf_persist *p = a->persist;
  a->persist = NULL;
  free(a->since);
  a->since = NULL;
  if (!p) return;
  if (a->source.open)
    hf__persist_unref(p);
  else
    hf_persist_close(p);
}

static void drop_store(hf__adapter *a) {
  drop_handle(a);
  if (a->source.open) a->source.free(a->source.arg);
  a->source = (hf__adapter_source){.open = NULL};
  free(a->base);
  free(a->directory);
  free(a->store);
  a->base = a->directory = a->store = NULL;
}

/* How a store is called: with its scheme, without its password. */
static char *describe(const char *base, const hf__url *url) {
  char *text = hf__url_redact(base), *with;
  size_t scheme = strlen(url->at.scheme);
  if (!text || (strncmp(base, url->at.scheme, scheme) == 0 && base[scheme] == ':')) return text;
  size_t size = scheme + strlen(text) + 2;
  with = malloc(size);
  if (with) snprintf(with, size, "%s:%s", url->at.scheme, text);
  free(text);
  return with;
}

static hf_status set_url(hf__adapter *a, const char *base, const hf_options *options, hf_error *err) {
  hf__url url;
  hf_options taken = HF_OPTIONS_INIT;
  hf_status status = options ? hf__options_take(options, &taken, err) : HF_OK;
  if (status == HF_OK) status = hf__url_parse(base, &taken, &url, err);
  if (status) {
    hf__adapter_blame(a, err);
    return status;
  }
  char *copy = strdup(base), *store = describe(base, &url);
  hf__url_free(&url);
  if (!copy || !store) {
    free(copy);
    free(store);
    return hf__no_memory(err);
  }
  drop_store(a);
  a->base = copy;
  a->store = store;
  a->options = taken;
  return HF_OK;
}

static hf_status set_source(hf__adapter *a, const hf__adapter_source *source, const char *base, const char *store,
                            hf_error *err) {
  char *copy = strdup(base), *shown = hf__url_redact(store);
  if (!copy || !shown) {
    free(copy);
    free(shown);
    return hf__no_memory(err);
  }
  drop_store(a);
  a->source = *source;
  a->base = copy;
  a->store = shown;
  return HF_OK;
}

hf_status hf__adapter_use_default(hf__adapter *a, hf_error *err) { return set_url(a, a->spec.base, NULL, err); }

/* ---- following */

static bool follows(const hf__adapter *a, const hf__adapter *leader) { return !a->registered && a->leader == leader; }

static hf_status follow(hf__adapter *a, hf_error *err) {
  const hf__adapter *leader = a->leader;
  if (!leader->source.open) return set_url(a, leader->base, &leader->options, err);
  hf__adapter_source source;
  hf_status status = leader->source.copy(leader->source.arg, &source, err);
  if (status) return status;
  status = set_source(a, &source, leader->base, leader->store, err);
  if (status) source.free(source.arg);
  return status;
}

hf_status hf__adapter_join(hf__adapter *a, hf__adapter *leader, hf_error *err) {
  a->leader = leader;
  return follow(a, err);
}

/* Has all that follow an adapter follow it to where it is now. */
static hf_status lead(const hf__adapter *leader, hf_error *err) {
  hf_status status = HF_OK;
  for (hf__adapter *a = leader->set->first; a && status == HF_OK; a = a->next)
    if (follows(a, leader)) status = follow(a, err);
  return status;
}

/* ---- registering */

/* Whether the store of this one may change now. */
static hf_status check_one(const hf__adapter *a, hf_error *err) {
  hf_status status = HF_OK;
  if (a->set->holds)
    status = hf__fail(err, HF_BUSY, "%s cannot change its store while %.400s runs: register before it starts",
                      a->spec.name, a->set->holds->what);
  else if (a->since)
    status = hf__fail(err, HF_BUSY, "%s is in use (since %.300s) with %.300s: register before the first read or write",
                      a->spec.name, a->since, a->store);
  else if (a->opening)
    status = hf__fail(err, HF_BUSY, "%s is just being opened, with %.300s: register before the first read or write",
                      a->spec.name, a->store);
  if (status == HF_OK) return HF_OK;
  err->retryable = false; /* trying again will not help: the script is to be changed */
  hf__adapter_blame(a, err);
  return status;
}

/* Whether a store may be registered now: also those that follow would change theirs. */
static hf_status check_unused(const hf__adapter *a, hf_error *err) {
  hf_status status = check_one(a, err);
  for (const hf__adapter *f = a->set->first; f && status == HF_OK; f = f->next)
    if (follows(f, a)) status = check_one(f, err);
  return status;
}

static hf_status open_url(hf__adapter *a, const char *base, const hf_options *options, hf_persist **out,
                          hf_error *err) {
  hf_slice name = hf_text(a->spec.entity_name);
  const hf_adapters *set = a->set;
  return set->open ? set->open(set->open_arg, name, base, options, out, err)
                   : hf_persist_open(name, base, options, out, err);
}

/* Makes a handle on what is registered, or, with `base`, on another store; touches no store that is written in C. */
static hf_status make_handle(hf__adapter *a, const char *base, const hf_options *options, hf_persist **out,
                             hf_error *err) {
  if (a->opening) {
    hf__fail(err, HF_BUSY, "%s is just being opened, with %.300s: its constructor cannot use it", a->spec.name,
             a->store);
    err->retryable = false;
    hf__adapter_blame(a, err);
    return HF_BUSY;
  }
  a->opening = true;
  hf_status status = base             ? open_url(a, base, options, out, err)
                     : a->source.open ? a->source.open(a->source.arg, a->spec.entity_name, out, err)
                                      : open_url(a, a->base, &a->options, out, err);
  a->opening = false;
  if (status) hf__adapter_blame(a, err);
  return status;
}

/* The place that a relative path was relative to at first is kept: it must not move when the handle is opened again. */
static void keep_directory(hf__adapter *a, hf_persist *p) {
  hf__adapter *home = hf__adapter_home(a);
  if (a->source.open || !p->directory) return;
  char *copy = strdup(home->directory ? home->directory : p->directory);
  if (!copy) return;
  if (home->directory) {
    free(p->directory);
    p->directory = copy;
  } else {
    home->directory = copy;
  }
}

hf_status hf_adapter_use(hf_adapters *set, const char *name, const char *base, const hf_options *options,
                         hf_error *err) {
  hf_error own;
  hf_persist *p;
  if (!err) err = &own;
  hf__adapter *a = hf__adapter_find(set, name, err);
  if (!a) return HF_INVALID_ARGUMENT;
  hf_status status = check_unused(a, err);
  if (!base) base = "";
  if (status || (status = make_handle(a, base, options, &p, err)) != HF_OK) return status;
  status = set_url(a, base, options, err);
  if (status) {
    hf_persist_close(p);
    return status;
  }
  a->persist = p;
  a->registered = true;
  keep_directory(a, p);
  return lead(a, err);
}

hf_status hf__adapter_use_source(hf__adapter *a, const hf__adapter_source *source, const char *base, const char *store,
                                 hf_error *err) {
  hf_status status = check_unused(a, err);
  if (status == HF_OK) status = set_source(a, source, base, store, err);
  if (status) return status;
  a->registered = true;
  /* Without memory for it the followers stay where they are; the source is the adapter's all the same. */
  hf_error unused;
  lead(a, &unused);
  return HF_OK;
}

static hf_status close_one(hf__adapter *a, hf_error *err) {
  const hf_adapters *set = a->set;
  if (!a->persist) return HF_OK;
  if (set->holds) /* its state may be nowhere else, as in a memory store */
    return hf__fail(err, HF_BUSY, "%s cannot be closed while %s runs: end that first", a->spec.name, set->holds->what);
  hf_persist *p = a->persist;
  hf__persist_ref(p);
  drop_handle(a);
  hf_status status = a->source.open ? a->source.close(a->source.arg, err) : HF_OK;
  hf__persist_unref(p);
  if (status) hf__adapter_blame(a, err);
  return status;
}

hf_status hf_adapter_close(hf_adapters *set, const char *name, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__adapter *a = hf__adapter_find(set, name, err);
  if (!a) return HF_INVALID_ARGUMENT;
  hf_status status = close_one(a, err);
  /* Closing runs scripts, but no adapter ever leaves its set. */
  for (hf__adapter *f = set->first; f; f = f->next) {
    hf_error other;
    hf_status closed = follows(f, a) ? close_one(f, &other) : HF_OK;
    if (status == HF_OK && closed) {
      *err = other;
      status = closed;
    }
  }
  return status;
}

void hf_adapters_free(hf_adapters *set) {
  if (!set) return;
  while (set->first) {
    hf__adapter *a = set->first;
    set->first = a->next;
    drop_store(a);
    hf__adapter_row_free(a);
  }
  while (set->holds) hf_adapters_release(set, set->holds->number);
  free(set);
}

/* ---- hosts that run */

hf_status hf_adapters_hold(hf_adapters *set, const char *what, uint64_t *hold, hf_error *err) {
  size_t size = strlen(what) + 1;
  if (size == 1) return hf__fail(err, HF_INVALID_ARGUMENT, "hold: say what runs, such as \"Live.run BTCUSDT main\"");
  hf__adapter_hold *h = malloc(sizeof *h + size);
  if (!h) return hf__no_memory(err);
  memcpy(h->what, what, size);
  h->number = *hold = ++set->holds_made;
  h->next = set->holds;
  set->holds = h;
  return HF_OK;
}

void hf_adapters_release(hf_adapters *set, uint64_t hold) {
  hf__adapter_hold **link = &set->holds;
  while (*link && (*link)->number != hold) link = &(*link)->next;
  hf__adapter_hold *h = *link;
  if (!h) return;
  *link = h->next;
  free(h);
}

/* ---- ids */

/* Says which part is unusable. */
static __attribute__((noinline, cold)) hf_status refuse_parts(const hf__adapter *a, const hf_slice *parts, size_t count,
                                                              hf_error *err) {
  hf_status status = HF_OK;
  if (count != a->part_count)
    status = hf__fail(err, HF_INVALID_ARGUMENT, "%s: the id \"%s\" has %zu part%s, and %zu were given", a->spec.name,
                      a->spec.id, a->part_count, a->part_count == 1 ? "" : "s", count);
  for (size_t i = 0; status == HF_OK && i < count; i++) {
    unsigned char order[HF__ORDER_KEY_MAX];
    size_t size, bad = 0;
    int length = (int)a->parts[i].size;
    const char *part = a->parts[i].data;
    switch (parts[i].data ? hf__order_key(parts[i], order, &size, &bad) : HF__ID_EMPTY) {
    case HF__ID_OK: break;
    case HF__ID_EMPTY:
      status =
          hf__fail(err, HF_INVALID_ARGUMENT, "%.*s is empty: give a text, since it is part of the id", length, part);
      break;
    case HF__ID_TOO_LONG:
      status = hf__fail(err, HF_INVALID_ARGUMENT,
                        "%.*s is too long (%zu bytes): shorten it, since the id \"%s\" takes "
                        "at most %d bytes",
                        length, part, parts[i].size, a->spec.id, HF_ID_MAX);
      break;
    case HF__ID_CONTROL:
      status =
          hf__fail(err, HF_INVALID_ARGUMENT, "%.*s has a control character (byte 0x%02x at offset %zu): take it out",
                   length, part, (unsigned)(unsigned char)parts[i].data[bad], bad);
      break;
    case HF__ID_UTF8:
      status = hf__fail(err, HF_INVALID_ARGUMENT, "%.*s is not valid UTF-8 (byte 0x%02x at offset %zu): convert it",
                        length, part, (unsigned)(unsigned char)parts[i].data[bad], bad);
      break;
    }
  }
  if (status == HF_OK) {
    char names[256] = "";
    for (size_t i = 0; i < count; i++) {
      size_t used = strlen(names);
      snprintf(names + used, sizeof names - used, "%s%.*s", i ? " or " : "", (int)a->parts[i].size, a->parts[i].data);
    }
    status = hf__fail(err, HF_INVALID_ARGUMENT,
                      "the id made of %s is too long: shorten %s, since it takes at most %d "
                      "bytes, where each %% and / in a part counts as three",
                      a->spec.id, names, HF_ID_MAX);
  }
  hf__adapter_blame(a, err);
  return status;
}

/* Appends a part that has something to encode or to refuse.  False: it is unusable, or there is no room. */
static __attribute__((noinline)) bool add_odd_part(hf__adapter_key *out, hf_slice part) {
  unsigned char order[HF__ORDER_KEY_MAX];
  size_t size;
  if (hf__order_key(part, order, &size, NULL) != HF__ID_OK) return false;
  for (size_t i = 0; i < part.size; i++) {
    char c = part.data[i];
    bool encoded = c == '%' || c == '/';
    if (HF_ID_MAX - out->size < (encoded ? 3 : 1)) return false;
    if (encoded)
      memcpy(out->text + out->size, c == '%' ? "%25" : "%2F", 3);
    else
      out->text[out->size] = c;
    out->size += encoded ? 3 : 1;
  }
  return true;
}

#define EACH_BYTE(x) (UINT64_C(0x0101010101010101) * (uint64_t)(x))

/* Not 0 if one of eight bytes is beyond ASCII, a control character, % or /. */
static inline uint64_t find_odd(uint64_t word) {
  uint64_t percent = word ^ EACH_BYTE('%'), slash = word ^ EACH_BYTE('/'), delete = word ^ EACH_BYTE(0x7f);
  return (word | (word - EACH_BYTE(0x20)) | (percent - EACH_BYTE(1)) | (slash - EACH_BYTE(1)) |
          (delete - EACH_BYTE(1))) &
         EACH_BYTE(0x80);
}

/* Appends a part.  Ordinary ones are copied and looked at eight bytes at a time; the last eight may overlap. */
static inline bool add_part(hf__adapter_key *out, hf_slice part) {
  if (!part.size || part.size > HF_ID_MAX - out->size) return false;
  char *to = out->text + out->size;
  uint64_t odd = 0, word = EACH_BYTE('a');
  if (part.size < sizeof word) {
    memcpy(to, &word, sizeof word);
    for (size_t i = 0; i < part.size; i++) to[i] = part.data[i];
    memcpy(&word, to, sizeof word);
    odd = find_odd(word);
  } else {
    for (size_t i = 0;; i = part.size - i < 2 * sizeof word ? part.size - sizeof word : i + sizeof word) {
      memcpy(&word, part.data + i, sizeof word);
      memcpy(to + i, &word, sizeof word);
      odd |= find_odd(word);
      if (i == part.size - sizeof word) break;
    }
  }
  if (__builtin_expect(odd != 0, 0)) return add_odd_part(out, part);
  out->size += part.size;
  return true;
}

static inline bool add_literal(hf__adapter_key *out, hf_slice literal) {
  if (literal.size > HF_ID_MAX - out->size) return false;
  for (size_t i = 0; i < literal.size; i++) out->text[out->size++] = literal.data[i];
  return true;
}

hf_status hf__adapter_id(const hf__adapter *a, const hf_slice *parts, size_t count, hf__adapter_key *out,
                         hf_error *err) {
  out->size = 0;
  bool good = count == a->part_count;
  for (size_t i = 0; good && i < count; i++) good = add_literal(out, a->literals[i]) && add_part(out, parts[i]);
  if (good && add_literal(out, a->literals[count])) return HF_OK;
  return refuse_parts(a, parts, count, err);
}

/* ---- reading and writing */

static char *note_use(const char *function, const char *where) {
  size_t size = strlen(function) + strlen(where) + sizeof " at ";
  char *text = malloc(size);
  if (text) snprintf(text, size, *where ? "%s at %s" : "%s", function, where);
  return text;
}

hf_status hf__adapter_make(hf__adapter *a, hf_error *err) {
  hf_persist *p;
  if (a->persist) return HF_OK;
  hf_status status = make_handle(a, NULL, NULL, &p, err);
  if (status) return status;
  a->persist = p;
  keep_directory(a, p);
  return HF_OK;
}

hf_status hf__adapter_open_again(hf__adapter *a, hf_persist **out, hf_error *err) {
  hf_status status = hf__adapter_make(a, err); /* a relative base has its place from now on */
  const hf_persist *p = a->persist;
  if (status == HF_OK && p && p->ready && !p->attached && !hf__store_is_inherited(p->store))
    return hf__persist_again(p, out, err); /* finding the store by its URL looks at folders and files */
  if (status == HF_OK) status = make_handle(a, NULL, NULL, out, err);
  if (status == HF_OK) keep_directory(a, *out);
  return status;
}

hf_status hf__adapter_enter(hf__adapter *a, const char *function, const char *where, hf_error *err) {
  hf_persist *p = a->persist;
  if (__builtin_expect(p && a->since && p->ready && !p->closed, 1)) return HF_OK;
  hf_status status = hf__adapter_make(a, err);
  if (status) return status;
  p = a->persist;
  hf__persist_ref(p);
  status = hf_persist_init(p, err);
  hf__persist_unref(p);
  if (status == HF_OK && a->persist != p) {
    hf__fail(err, HF_CLOSED, "%s was closed while it was opened", a->spec.name);
    hf__adapter_blame(a, err);
    return HF_CLOSED;
  }
  if (status == HF_OK && !a->since && !(a->since = note_use(function, where))) return hf__no_memory(err);
  return status;
}

/* The handle, with a reference, if it was not closed since hf__adapter_enter(). */
static hf_persist *hold_handle(hf__adapter *a, hf_error *err) {
  if (a->persist) {
    hf__persist_ref(a->persist);
  } else {
    hf__fail(err, HF_CLOSED, "%s was closed in the middle of the operation", a->spec.name);
    hf__adapter_blame(a, err);
  }
  return a->persist;
}

static const char *skip_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) at++;
  return at;
}

static bool is_null(hf_slice json) {
  const char *end = json.data + json.size, *at = skip_space(json.data, end);
  return end - at >= 4 && memcmp(at, "null", 4) == 0 && skip_space(at + 4, end) == end;
}

/* Where the needle next is, from `at` on; NULL: nowhere. */
static const char *find_needle(const struct hf__adapter_needle *needle, const hf_buffer *json, size_t at) {
  size_t size = needle->text.size;
  const char *rare = json->data + at + needle->rare, *end = json->data + json->size;
  while (end - rare >= (ptrdiff_t)(size - needle->rare)) {
    rare = memchr(rare, needle->text.data[needle->rare], (size_t)(end - rare) - (size - needle->rare - 1));
    if (!rare) return NULL;
    if (memcmp(rare - needle->rare, needle->text.data, size) == 0) return rare - needle->rare;
    rare++;
  }
  return NULL;
}

/* The field's `null`, from `at` on; NULL: there is none.  A quote after a backslash is inside a string; any other one
 * in front of the field's name opens a string, which is a key if a colon follows. */
static const char *find_null(const struct hf__adapter_needle *needle, const hf_buffer *json, size_t at) {
  const char *hit, *end = json->data + json->size;
  while ((hit = find_needle(needle, json, at))) {
    const char *value = hit + needle->text.size;
    at = (size_t)(value - json->data);
    if (hit > json->data && hit[-1] == '\\') continue;
    value = skip_space(value, end);
    if (value == end || *value != ':') continue;
    value = skip_space(value + 1, end);
    if (end - value >= 4 && memcmp(value, "null", 4) == 0) return value;
  }
  return NULL;
}

/* Makes the `null` that others write for infinity infinity again.  That is a byte longer, so the text is written again
 * from the first one on: moving the rest for each would take forever where there are thousands. */
static bool restore_infinite(const struct hf__adapter_needle *needle, hf_buffer *json) {
  hf_buffer out = HF_BUFFER_INIT;
  size_t done = 0;
  bool ok = true;
  for (const char *null; ok && (null = find_null(needle, json, done)) != NULL; done = (size_t)(null - json->data) + 4)
    ok = hf_buffer_add(&out, json->data + done, (size_t)(null - json->data) - done) && hf_buffer_add(&out, "1e999", 5);
  if (!done) return ok;
  ok = ok && hf_buffer_add(&out, json->data + done, json->size - done);
  hf_buffer_free(ok ? json : &out);
  if (ok) *json = out;
  return ok;
}

hf_status hf__adapter_get(hf__adapter *a, const hf__adapter_key *key, hf_buffer *json, bool *found, hf_error *err) {
  hf_persist *p = hold_handle(a, err);
  *found = false;
  if (!p) return HF_CLOSED;
  hf_status status = hf_persist_read(p, (hf_slice){key->text, key->size}, json, NULL, err);
  hf__persist_unref(p);
  if (status) return status == HF_NOT_FOUND ? HF_OK : status;
  if (is_null((hf_slice){json->data, json->size})) return HF_OK;
  for (size_t i = 0; i < a->needle_count; i++)
    if (!restore_infinite(&a->needles[i], json)) return hf__no_memory(err);
  *found = true;
  return HF_OK;
}

hf_status hf__adapter_put(hf__adapter *a, const hf__adapter_key *key, hf_slice json, hf_error *err) {
  hf_persist *p = hold_handle(a, err);
  if (!p) return HF_CLOSED;
  hf_status status = hf__persist_write_trusted(p, (hf_slice){key->text, key->size}, json, NULL, NULL, err);
  hf__persist_unref(p);
  return status;
}

hf_status hf__adapter_clear(hf__adapter *a, const hf__adapter_key *key, hf_error *err) {
  hf_persist *p = hold_handle(a, err);
  if (!p) return HF_CLOSED;
  hf_status status = hf_persist_remove(p, (hf_slice){key->text, key->size}, err);
  hf__persist_unref(p);
  return status == HF_NOT_FOUND ? HF_OK : status;
}

hf_status hf_adapter_read(hf_adapters *set, const char *name, const hf_slice *parts, size_t count, hf_buffer *json,
                          bool *found, hf_error *err) {
  hf_error own;
  hf__adapter_key key;
  if (!err) err = &own;
  *found = false;
  hf__adapter *a = hf__adapter_find(set, name, err);
  if (!a) return HF_INVALID_ARGUMENT;
  hf_status status = hf__adapter_id(a, parts, count, &key, err);
  if (status == HF_OK) status = hf__adapter_enter(a, "hf_adapter_read()", "", err);
  return status ? status : hf__adapter_get(a, &key, json, found, err);
}

hf_status hf_adapter_write(hf_adapters *set, const char *name, const hf_slice *parts, size_t count, hf_slice json,
                           hf_error *err) {
  hf_error own;
  hf__adapter_key key;
  if (!err) err = &own;
  hf__adapter *a = hf__adapter_find(set, name, err);
  if (!a) return HF_INVALID_ARGUMENT;
  hf_status status = hf__adapter_id(a, parts, count, &key, err);
  bool clears = !json.data || is_null(json);
  if (status == HF_OK && !clears && (status = hf_json_validate(json, err)) != HF_OK)
    hf__error_entity(err, hf_text(a->spec.entity_name), (hf_slice){key.text, key.size});
  if (status == HF_OK) status = hf__adapter_enter(a, "hf_adapter_write()", "", err);
  if (status) return status;
  return clears ? hf__adapter_clear(a, &key, err) : hf__adapter_put(a, &key, json, err);
}
