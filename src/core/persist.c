/* SPDX-License-Identifier: MIT
 *
 * The operations of PersistBase on one entity: every call validates its
 * arguments, opens the store if that has not happened, joins the thread's
 * transaction, calls one slot, and names the entity in what went wrong.
 */
#include "core/persist.h"
#include "base/redact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/layout.h"
#include "core/change.h"
#include "core/expiry.h"
#include "core/follows.h"
#include "core/revisions.h"
#include "core/transaction.h"
#include "core/url.h"

/* ---- handles */

static bool set_url(hf_persist *p, const char *base) {
  p->url = hf__url_redact(base);
  p->secret = hf__url_keep_secret(base);
  return p->url && (p->secret || strcmp(p->url, base) == 0);
}

/* A handle with nothing but its name, and one reference.  NULL: out of memory. */
/* The group that the changes of a collection are counted in: the same for all handles on it. */
static uint8_t change_group(hf_slice entity_name) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < entity_name.size; i++) hash = (hash ^ (unsigned char)entity_name.data[i]) * 16777619u;
  return (hash ^ hash >> 16) % HF__CHANGE_GROUPS;
}

static hf_persist *new_handle(hf_slice entity_name) {
  hf_persist *p = calloc(1, sizeof *p);
  char *name = malloc(entity_name.size + 1);
  if (!p || !name) {
    free(p);
    free(name);
    return NULL;
  }
  memcpy(name, entity_name.data, entity_name.size);
  name[entity_name.size] = '\0';
  p->name = (hf_slice){name, entity_name.size};
  p->change_group = change_group(p->name);
  p->refs = 1;
  return p;
}

static void free_handle(hf_persist *p) {
  if (!p) return;
  free((char *)p->name.data);
  free(p->base);
  free(p->directory);
  free(p->url);
  free(p->secret);
  free(p);
}

hf_status hf_persist_open(hf_slice entity_name, const char *base, const hf_options *options, hf_persist **out,
                          hf_error *err) {
  *out = NULL;
  hf_status status = hf__entity_name_check(entity_name, err);
  if (status) return status;
  hf__url url;
  status = hf__url_parse(base, options, &url, err);
  if (status) {
    hf__error_entity(err, entity_name, (hf_slice){NULL, 0});
    return status;
  }
  const hf_backend *backend = hf__url_backend(&url);
  if (backend->handle_open) {
    hf_error own;
    if (!err) err = &own;
    status = backend->handle_open(&url.at, entity_name, out, err);
    if (status) {
      hf__error_entity(err, entity_name, (hf_slice){NULL, 0});
      hf__error_redact(err, base);
    }
    hf__url_free(&url);
    return status;
  }
  hf_persist *p = new_handle(entity_name);
  if (p && (p->base = strdup(base)) && set_url(p, base)) {
    p->options = url.options;
    p->backend = backend;
    if (p->backend->is_path && !(p->directory = getcwd(NULL, 0)) && errno == ENOMEM) {
      free_handle(p);
      p = NULL;
      status = hf__no_memory(err); /* and not: wherever the program is when it is opened */
    }
    *out = p;
  } else {
    status = hf__no_memory(err);
    free_handle(p);
  }
  hf__url_free(&url);
  return status;
}

hf_status hf__persist_on(hf_store *store, hf_slice entity_name, hf_persist **out, hf_error *err) {
  hf_persist *p = *out = new_handle(entity_name);
  if (!p || !(p->url = strdup(store->url)) || (store->secret && !(p->secret = strdup(store->secret)))) {
    free_handle(p);
    *out = NULL;
    return hf__no_memory(err);
  }
  p->options = store->options;
  p->backend = store->backend;
  p->impl = store->impl;
  p->store = store;
  hf__store_ref(store);
  return HF_OK;
}

static bool copy_text(char **out, const char *text) {
  *out = text ? strdup(text) : NULL;
  return *out || !text;
}

hf_status hf__persist_again(const hf_persist *like, hf_persist **out, hf_error *err) {
  hf_status status = hf__persist_on(like->store, like->name, out, err);
  if (status) return status;
  hf_persist *p = *out;
  free(p->url);
  free(p->secret);
  bool copied = copy_text(&p->url, like->url);
  copied &= copy_text(&p->secret, like->secret);
  copied &= copy_text(&p->base, like->base);
  copied &= copy_text(&p->directory, like->directory);
  p->options = like->options;
  if (copied) return HF_OK;
  hf__persist_unref(p);
  *out = NULL;
  return hf__no_memory(err);
}

hf_status hf__persist_attach(hf_slice entity_name, const char *url, const hf__attachment *attachment, hf_persist **out,
                             hf_error *err) {
  *out = NULL;
  hf_status status = hf__entity_name_check(entity_name, err);
  if (status) return status;
  hf_persist *p = new_handle(entity_name);
  if (!p || !set_url(p, url) || (attachment->base && !(p->base = strdup(attachment->base)))) {
    free_handle(p);
    return hf__no_memory(err);
  }
  if (!p->secret) p->secret = hf__url_keep_secret(attachment->base); /* the URL may have been without it already */
  p->options = (hf_options)HF_OPTIONS_INIT;
  p->backend = attachment->backend;
  p->impl = attachment->impl;
  p->collection = attachment->collection;
  p->store = attachment->store;
  p->wrapped = attachment->wrapped;
  if (p->wrapped) hf__persist_ref(p->wrapped);
  p->attached = true;
  *out = p;
  return HF_OK;
}

void hf__persist_make_read_only(hf_persist *p) {
  for (; p; p = p->wrapped) p->options.read_only = true;
}

void hf__persist_ref(hf_persist *p) { p->refs++; }

static void leave_store(hf_persist *p) {
  p->ready = false;
  if (p->collection && (p->attached || !hf__store_is_inherited(p->store)))
    p->backend->collection_close(p->impl, p->collection);
  p->collection = NULL;
  hf__store_release(p->store);
  p->store = NULL;
  if (p->wrapped) hf__persist_unref(p->wrapped);
  p->wrapped = NULL;
}

void hf__persist_unref(hf_persist *p) {
  if (--p->refs) return;
  leave_store(p);
  free_handle(p);
}

void hf_persist_close(hf_persist *p) {
  if (!p || p->closed) return;
  p->closed = true;
  leave_store(p);
  hf__persist_unref(p);
}

hf_slice hf_persist_entity_name(const hf_persist *p) { return p->name; }
const char *hf_persist_url(const hf_persist *p) { return p->url; }
uint32_t hf_persist_capabilities(const hf_persist *p) { return p->backend->capabilities; }

/* Opens store and entity, as far as that has not been done.  What was opened before a failure stays for the next try.
 */
static hf_status make_ready(hf_persist *p, hf_error *err) {
  hf_status status = HF_OK;
  if (!p->attached && !p->store) {
    hf_store *store;
    status = hf__store_acquire(p->base, &p->options, p->directory, &store, err);
    if (status) return status;
    p->store = store;
    p->impl = store->impl;
  }
  if (!p->collection) status = p->backend->collection_open(p->impl, p->name, &p->collection, err);
  if (status == HF_OK && p->backend->collection_init) {
    status = p->backend->collection_init(p->impl, p->collection, err); /* a script may close the handle in it */
    if (status == HF_OK && p->closed) status = hf__fail(err, HF_CLOSED, "%s was closed meanwhile", p->name.data);
  }
  if (status == HF_OK && p->wrapped && !p->store) {
    status = hf_persist_init(p->wrapped, err);
    if (status) return status;
    p->store = p->wrapped->store;
    hf__store_ref(p->store);
    p->options.read_only |= p->wrapped->options.read_only;
  }
  p->ready = status == HF_OK;
  return status;
}

hf_status hf_persist_init(hf_persist *p, hf_error *err) {
  if (p->closed) {
    hf__fail(err, HF_CLOSED, "%s is closed: make a new one", p->name.data);
    hf__error_entity(err, p->name, (hf_slice){NULL, 0});
    return HF_CLOSED;
  }
  hf_error own;
  if (!err) err = &own;
  hf_status status = HF_OK;
  if (p->store && hf__store_is_inherited(p->store))
    status = hf__store_inherited(p->store, err);
  else if (p->ready)
    return HF_OK;
  else
    status = make_ready(p, err);
  if (status == HF_OK && (status = hf__follows_learn(p, err))) p->ready = false;
  if (status) {
    hf__error_entity(err, p->name, (hf_slice){NULL, 0});
    hf__error_redact(err, p->secret);
  }
  return status;
}

/* ---- what the operations share */

static hf_status check_id(hf_slice entity_name, const char *what, hf__id_problem problem, hf_slice id, size_t bad,
                          hf_error *err) {
  const char *of = entity_name.data ? entity_name.data : "";
  const char *space = entity_name.data ? " " : "";
  switch (problem) {
  case HF__ID_OK: return HF_OK;
  case HF__ID_EMPTY:
    hf__fail(err, HF_INVALID_ARGUMENT, "%s%s%s is empty: give 1 to %d bytes", of, space, what, HF_ID_MAX);
    break;
  case HF__ID_TOO_LONG:
    hf__fail(err, HF_INVALID_ARGUMENT, "%s%s%s is %zu bytes long: at most %d are allowed", of, space, what, id.size,
             HF_ID_MAX);
    break;
  case HF__ID_CONTROL:
    hf__fail(err, HF_INVALID_ARGUMENT, "%s%s%s has a control character (byte 0x%02x at offset %zu)", of, space, what,
             (unsigned)(unsigned char)id.data[bad], bad);
    break;
  case HF__ID_UTF8:
    hf__fail(err, HF_INVALID_ARGUMENT, "%s%s%s is not valid UTF-8 (byte 0x%02x at offset %zu)", of, space, what,
             (unsigned)(unsigned char)id.data[bad], bad);
    break;
  }
  hf__error_entity(err, entity_name, (hf_slice){NULL, 0});
  return HF_INVALID_ARGUMENT;
}

hf_status hf__key_init(hf_slice entity_name, hf_slice id, hf__key *out, hf_error *err) {
  size_t size = 0, bad = 0;
  hf__id_problem problem = hf__order_key(id, out->order, &size, &bad);
  if (__builtin_expect(problem != HF__ID_OK, 0)) return check_id(entity_name, "id", problem, id, bad, err);
  out->key.id = id;
  out->key.order = (hf_slice){(const char *)out->order, size};
  return HF_OK;
}

hf_status hf__entity_name_check(hf_slice name, hf_error *err) {
  unsigned char order[HF__ORDER_KEY_MAX];
  size_t size, bad = 0;
  hf__id_problem problem = hf__order_key(name, order, &size, &bad);
  return check_id((hf_slice){NULL, 0}, "the entity name", problem, name, bad, err);
}

/* A class around a store may say that it cannot take part in the store's transactions. */
static hf_status check_kind(const hf_persist *p, hf_error *err) {
  uint32_t has = p->backend->capabilities;
  if (!(has & HF_CAP_TRANSACTION) && hf__txn_is(HF_TXN_WRITE) && !hf__txn_may_be_loose())
    return hf__fail(err, HF_UNSUPPORTED, "%s declares that it has no transactions", p->url);
  if (!(has & HF_CAP_SNAPSHOT) && hf__txn_is(HF_TXN_READ))
    return hf__fail(err, HF_UNSUPPORTED, "%s declares that it has no snapshots", p->url);
  return HF_OK;
}

hf_status hf__persist_enter(hf_persist *p, bool writing, void **txn, hf_error *err) {
  if (__builtin_expect(!p->ready || hf__store_is_inherited(p->store), 0)) {
    hf_status status = hf_persist_init(p, err);
    if (status) return hf__txn_note_failure(status, false, err);
  }
  if (__builtin_expect(writing && p->options.read_only, 0)) {
    hf__follows_refuse(p, err);
    hf__error_entity(err, p->name, (hf_slice){NULL, 0});
    return HF_READONLY;
  }
  hf_status status = __builtin_expect(p->wrapped != NULL, 0) ? check_kind(p, err) : HF_OK;
  if (status == HF_OK) status = hf__txn_join(p->store, p->backend->capabilities, writing, txn, err);
  if (__builtin_expect(status != HF_OK, 0)) {
    hf__error_entity(err, p->name, (hf_slice){NULL, 0});
    hf__error_redact(err, p->secret);
    hf__txn_note_failure(status, false, err);
  }
  return status;
}

/* Says in the error that the record is corrupt, and moves it to quarantine where that is possible now.  HF_BUSY: it may
 * become readable, and stays. */
static hf_status report_corrupt(hf_persist *p, void *txn, const hf_key *key, hf_error *err) {
  char problem[256];
  hf__copy_text(problem, sizeof problem, err->message, strlen(err->message));
  const hf_backend *b = p->backend;
  const char *outcome = "";
  hf__change change = {.kind = HF__CHANGE_QUARANTINE, .keys = key, .problem = problem};
  bool in_quarantine = err->in_quarantine;
  hf_error why;
  why.message[0] = '\0';
  if (!b->quarantine || in_quarantine)
    outcome = "";
  else if (!p->store || p->options.read_only)
    outcome = "; it stays where it is, since the store was opened read-only";
  else if (txn && hf__txn_looks_back())
    outcome = "";
  else if (txn)
    outcome = "; it stays where it is until it is read outside a transaction";
  else
    switch (hf__change_apply(p, NULL, &change, &why)) {
    case HF_OK:
      outcome = "; its bytes were moved to quarantine";
      in_quarantine = true;
      break;
    case HF_NOT_FOUND: break;
    case HF_BUSY: *err = why; return HF_BUSY;
    default: outcome = "; it could not be moved to quarantine";
    }
  hf__fail(err, HF_CORRUPT, "Entity %s:%.*s is corrupt: %s%s", p->name.data, (int)key->id.size, key->id.data, problem,
           outcome);
  hf_error_cause(err, "%s", why.message);
  err->in_quarantine = in_quarantine;
  return HF_CORRUPT;
}

hf_status hf__persist_fail(hf_persist *p, void *txn, hf_status status, const hf_key *key, const char *verb,
                           hf_error *err) {
  hf_slice id = key ? key->id : (hf_slice){NULL, 0};
  if (status == HF_NOT_FOUND && key)
    hf__fail(err, HF_NOT_FOUND, "Entity %s:%.*s not found%s", p->name.data, (int)id.size, id.data, verb);
  else if (status == HF_CORRUPT && key && !*err->entity_name) /* else a wrapped store has reported it already */
    status = report_corrupt(p, txn, key, err);
  const char *name = p->backend->name;
  if (!*err->backend) hf__copy_text(err->backend, sizeof err->backend, name, strlen(name));
  if (status != HF_NOT_FOUND) hf__error_redact(err, p->secret); /* those words are ours */
  hf__error_entity(err, p->name, id);
  return hf__txn_note_failure(status, false, err);
}

/* ---- one entity */

hf_status hf_persist_read(hf_persist *p, hf_slice id, hf_buffer *json, hf_info *info, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__key k;
  void *txn;
  if (info) *info = (hf_info){0};
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status || (status = hf__persist_enter(p, false, &txn, err))) return status;
  status = p->backend->get(p->impl, txn, p->collection, &k.key, json, info, err);
  if (__builtin_expect(txn != NULL, 0) && status == HF_OK && info) hf__revisions_hide(p, &k.key, info);
  return __builtin_expect(status == HF_OK, 1) ? HF_OK : hf__persist_fail(p, txn, status, &k.key, "", err);
}

hf_status hf_persist_has(hf_persist *p, hf_slice id, bool *found, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__key k;
  void *txn;
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status || (status = hf__persist_enter(p, false, &txn, err))) return status;
  status = p->backend->has(p->impl, txn, p->collection, &k.key, err);
  *found = status == HF_OK;
  if (status == HF_OK || status == HF_NOT_FOUND) return HF_OK;
  return hf__persist_fail(p, txn, status, &k.key, "", err);
}

/* For those of a program that was compiled against another version. */
static hf_status take_write_options(const hf_persist *p, const hf_write_options *given, hf_write_options *out,
                                    hf_error *err) {
  static const hf__layout layout = HF__LAYOUT(hf_write_options, "HF_WRITE_OPTIONS_INIT", revision);
  hf_status status = hf__layout_take(&layout, out, given, err);
  if (status) hf__error_entity(err, p->name, (hf_slice){NULL, 0});
  return status;
}

/* Whether anything can be done at this revision. */
static hf_status check_revision(const hf_persist *p, const hf_key *key, uint64_t revision, hf_info *present,
                                hf_error *err) {
  if (revision != HF_REVISION_UNKNOWN) return HF_OK;
  present->revision = HF_REVISION_UNKNOWN;
  return hf__fail(err, HF_CONFLICT,
                  "Entity %s:%.*s: the revision that was given is unknown, that of what a commit had written before it "
                  "was done: read the entity again",
                  p->name.data, (int)key->id.size, key->id.data);
}

static hf_status check_conditions(hf_persist *p, const hf_key *key, const hf_write_options *o, hf_info *info,
                                  hf_error *err) {
  const hf_backend *b = p->backend;
  if (o->if_absent && o->if_revision)
    return hf__fail(err, HF_INVALID_ARGUMENT, "give ifAbsent or ifRevision, not both");
  if (o->if_absent && !(b->capabilities & HF_CAP_IF_ABSENT))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores cannot write ifAbsent", b->name);
  if (!o->if_revision) return HF_OK;
  if (!(b->capabilities & HF_CAP_REVISION))
    return hf__fail(err, HF_UNSUPPORTED, "%s stores keep no revisions: ifRevision cannot be honoured", b->name);
  return check_revision(p, key, o->revision, info, err);
}

static hf_status fail_conflict(hf_persist *p, const hf_key *key, const hf_write_options *o, const hf_info *info,
                               hf_error *err) {
  int size = (int)key->id.size;
  const char *id = key->id.data;
  if (o->if_absent) return hf__fail(err, HF_CONFLICT, "Entity %s:%.*s exists already", p->name.data, size, id);
  if (info->revision == HF_REVISION_UNKNOWN)
    return hf__fail(err, HF_CONFLICT, "Entity %s:%.*s is not at revision %llu%s", p->name.data, size, id,
                    (unsigned long long)o->revision,
                    hf__revisions_are_hidden() ? ": what a commit has written has no revision before it is done" : "");
  if (info->revision == 0)
    return hf__fail(err, HF_CONFLICT, "Entity %s:%.*s does not exist, so it is not at revision %llu", p->name.data,
                    size, id, (unsigned long long)o->revision);
  return hf__fail(err, HF_CONFLICT, "Entity %s:%.*s is at revision %llu, not %llu", p->name.data, size, id,
                  (unsigned long long)info->revision, (unsigned long long)o->revision);
}

hf_status hf__persist_write_trusted(hf_persist *p, hf_slice id, hf_slice json, const hf_write_options *options,
                                    hf_info *info, hf_error *err) {
  static const hf_write_options always = HF_WRITE_OPTIONS_INIT;
  hf_error own;
  if (!err) err = &own;
  hf__key k;
  void *txn;
  hf_info unused;
  hf_write_options taken;
  if (!options) options = &always;
  if (!info) info = &unused;
  *info = (hf_info){0};
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status == HF_OK && __builtin_expect(options->struct_size != sizeof *options, 0)) {
    status = take_write_options(p, options, &taken, err);
    options = &taken;
  }
  if (status || (status = hf__persist_enter(p, true, &txn, err))) return status;
  status = check_conditions(p, &k.key, options, info, err);
  if (status == HF_OK) {
    hf_put put = {.key = k.key, .json = json};
    hf__change change = {.kind = HF__CHANGE_PUT, .puts = &put, .options = options, .info = info};
    if (__builtin_expect((options->ttl | options->expires_at) != 0, 0))
      status = hf__expiry_take(p, options->ttl, options->expires_at, &put.expires_at, err);
    if (status == HF_OK) status = hf__change_apply(p, txn, &change, err);
    if (__builtin_expect(status == HF_OK, 1)) return HF_OK;
    if (status == HF_CONFLICT && (options->if_absent || options->if_revision))
      fail_conflict(p, &k.key, options, info, err);
  }
  return hf__persist_fail(p, txn, status, &k.key, "", err);
}

hf_status hf_persist_write(hf_persist *p, hf_slice id, hf_slice json, const hf_write_options *options, hf_info *info,
                           hf_error *err) {
  hf_status status = hf_json_validate(json, err);
  if (status) {
    hf__error_entity(err, p->name, id);
    return status;
  }
  return hf__persist_write_trusted(p, id, json, options, info, err);
}

hf_status hf_persist_remove(hf_persist *p, hf_slice id, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__key k;
  void *txn;
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status || (status = hf__persist_enter(p, true, &txn, err))) return status;
  status = hf__change_apply(p, txn, &(hf__change){.kind = HF__CHANGE_REMOVE, .keys = &k.key}, err);
  return status ? hf__persist_fail(p, txn, status, &k.key, " for deletion", err) : HF_OK;
}

hf_status hf_persist_remove_if(hf_persist *p, hf_slice id, uint64_t revision, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__key k;
  void *txn;
  hf_info present = {0};
  const hf_write_options asked = {sizeof asked, .if_revision = true, .revision = revision};
  hf__change change = {.kind = HF__CHANGE_REMOVE_IF, .keys = &k.key, .revision = revision, .info = &present};
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status || (status = hf__persist_enter(p, true, &txn, err))) return status;
  if (!(p->backend->capabilities & HF_CAP_REMOVE_IF)) {
    status = hf__fail(err, HF_UNSUPPORTED, "%s stores cannot remove at a revision: ifRevision cannot be honoured",
                      p->backend->name);
  } else if ((status = check_revision(p, &k.key, revision, &present, err)) == HF_OK) {
    status = hf__change_apply(p, txn, &change, err);
    if (status == HF_CONFLICT) fail_conflict(p, &k.key, &asked, &present, err);
  }
  return status ? hf__persist_fail(p, txn, status, &k.key, " for deletion", err) : HF_OK;
}

/* The problem as one line that fits into reports and messages. */
static void copy_problem(const char *problem, char out[251]) {
  size_t size = strnlen(problem, 250);
  if (problem[size])
    while (size && ((unsigned char)problem[size] & 0xC0) == 0x80) size--; /* no half of a character */
  for (size_t i = 0; i < size; i++) out[i] = (unsigned char)problem[i] < ' ' || problem[i] == 127 ? ' ' : problem[i];
  out[size] = '\0';
}

hf_status hf_persist_quarantine(hf_persist *p, hf_slice id, const char *problem, hf_slice bytes, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  hf__key k;
  void *txn;
  char line[251];
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status || (status = hf__persist_enter(p, true, &txn, err))) return status;
  copy_problem(problem, line);
  hf__change change = {.kind = HF__CHANGE_DAMAGE, .keys = &k.key, .problem = line, .bytes = bytes};
  if (p->backend->quarantine_put)
    status = hf__change_apply(p, txn, &change, err);
  else
    status =
        hf__fail(err, HF_UNSUPPORTED, "%s stores have no quarantine for what is damaged elsewhere", p->backend->name);
  if (status == HF_CONFLICT)
    hf__fail(err, HF_CONFLICT, "Entity %s:%.*s is sound here and stays: what is damaged elsewhere does not replace it",
             p->name.data, (int)id.size, id.data);
  return status ? hf__persist_fail(p, txn, status, &k.key, "", err) : HF_OK;
}

/* ---- the collection */

hf_status hf_persist_remove_all(hf_persist *p, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  void *txn;
  hf_status status = hf__persist_enter(p, true, &txn, err);
  if (status) return status;
  status = hf__change_apply(p, txn, &(hf__change){.kind = HF__CHANGE_CLEAR}, err);
  return status ? hf__txn_note_failure(hf__persist_fail(p, txn, status, NULL, "", err), true, err) : HF_OK;
}

hf_status hf_persist_count(hf_persist *p, uint64_t *count, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  void *txn;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  status = p->backend->count(p->impl, txn, p->collection, count, err);
  return status ? hf__persist_fail(p, txn, status, NULL, "", err) : HF_OK;
}

hf_status hf_persist_stat(hf_persist *p, hf_buffer *json, hf_error *err) {
  hf_error own;
  if (!err) err = &own;
  void *txn;
  hf_status status = hf__persist_enter(p, false, &txn, err);
  if (status) return status;
  status = p->backend->stat(p->impl, txn, p->collection, json, err);
  return status ? hf__persist_fail(p, txn, status, NULL, "", err) : HF_OK;
}
