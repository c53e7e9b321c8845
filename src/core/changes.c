/* SPDX-License-Identifier: MIT
 *
 * Looking back: a store's revisions and times, entities as they were, what is kept of one id.  Watching is watch.c.
 */
#include "base/error.h"
#include <string.h>

#include "base/error.h"
#include "core/moment.h"
#include "core/persist.h"
#include "core/transaction.h"

const char *hf_change_name(hf_change_kind what) {
  static const char *const names[] = {
#define NAME(id, name, meaning) name,
      HF_CHANGE_MAP(NAME)
#undef NAME
  };
  return (unsigned)what < HF_CHANGE_KINDS ? names[what] : NULL;
}

/* Storages look back beside whatever transaction the thread is in, and may have to wait for who writes: never for the
 * thread itself. */
static hf_status check_outside_writing(hf_error *err) {
  if (!hf__txn_is_writing()) return HF_OK;
  return hf__fail(err, HF_UNSUPPORTED, "a transaction sees no past: look back before it begins");
}

hf_status hf_store_revision(hf_store *s, const hf_moment *at, uint64_t *revision, hf_error *err) {
  static const hf_moment now = {0, INT64_MAX};
  hf_error own;
  if (!err) err = &own;
  *revision = 0;
  hf_status status = HF_OK;
  if (hf__store_is_inherited(s))
    status = hf__store_inherited(s, err);
  else if (!s->backend->changes_revision_at)
    status = hf__fail(err, HF_UNSUPPORTED, "%s stores keep no log of changes", s->backend->name);
  else if ((status = check_outside_writing(err)) == HF_OK)
    status = hf__moment_revision(s, at && (at->revision || at->time) ? at : &now, revision, err);
  return hf__store_name_backend(s, status, err);
}

/* Whether the handle's store can do it, and the handle sees what the store keeps: a class may keep other bytes than it
 * gives (see change.h). */
static hf_status check(const hf_persist *p, bool can, const char *what, hf_error *err) {
  if (!hf__is_innermost(p))
    return hf__fail(err, HF_UNSUPPORTED,
                    "%s: a class around a store may keep other values than it gives: ask the store itself for %s",
                    p->url, what);
  if (can) return HF_OK;
  return hf__fail(err, HF_UNSUPPORTED, "%s stores have no %s", p->backend->name, what);
}

static hf_status enter(hf_persist *p, hf_slice id, const char *what, hf__key *key, hf_error *err) {
  hf_status status = hf__key_init(p->name, id, key, err);
  if (status == HF_OK) status = hf_persist_init(p, err);
  if (status == HF_OK) status = check(p, hf__can_look_back(p->backend) && p->backend->history, what, err);
  if (status == HF_OK) status = check_outside_writing(err);
  if (status) hf__error_entity(err, p->name, id);
  return status;
}

/* Names the error of an id's past.  What is damaged there stays: quarantine is for what is there now. */
static hf_status fail(hf_persist *p, hf_status status, const hf_key *key, hf_error *err) {
  char problem[256];
  if (status == HF_OK) return HF_OK;
  if (status == HF_CORRUPT) {
    bool in_quarantine = err->in_quarantine;
    hf__copy_text(problem, sizeof problem, err->message, strlen(err->message));
    hf__fail(err, HF_CORRUPT, "Entity %s:%.*s cannot be read as it was: %s", p->name.data, (int)key->id.size,
             key->id.data, problem);
    err->in_quarantine = in_quarantine;
    hf__error_entity(err, p->name, key->id);
  }
  return hf__persist_fail(p, NULL, status, key, "", err);
}

/* A class is asked in a snapshot of the moment, in which its store gives what was there then. */
static hf_status read_in_snapshot(hf_persist *p, hf_slice id, const hf_moment *at, hf_buffer *json, hf_info *info,
                                  hf_error *err) {
  hf_txn *txn;
  hf_status status = hf_txn_begin_at(at, &txn, err);
  if (status) return status;
  status = hf_persist_read(p, id, json, info, err);
  hf_txn_abort(txn);
  return status;
}

hf_status hf_persist_read_at(hf_persist *p, hf_slice id, const hf_moment *at, hf_buffer *json, hf_info *info,
                             hf_error *err) {
  hf_error own;
  hf__key k;
  uint64_t revision;
  if (!err) err = &own;
  if (!at || (!at->revision && !at->time)) return hf_persist_read(p, id, json, info, err);
  if (!hf__is_innermost(p)) return read_in_snapshot(p, id, at, json, info, err);
  if (info) *info = (hf_info){0};
  hf_status status = enter(p, id, "history", &k, err);
  if (status) return status;
  status = hf__moment_revision(p->store, at, &revision, err);
  if (status == HF_OK) status = p->backend->get_at(p->impl, p->collection, &k.key, revision, json, info, err);
  return fail(p, status, &k.key, err);
}

hf_status hf_persist_history(hf_persist *p, hf_slice id, hf_change_fn fn, void *arg, uint64_t *from, hf_error *err) {
  hf_error own;
  hf__key k;
  hf_changes_reach reach;
  if (!err) err = &own;
  if (from) *from = 0;
  hf_status status = enter(p, id, "history", &k, err);
  if (status) return status;
  status = p->backend->history(p->impl, p->collection, &k.key, fn, arg, &reach, err);
  if (from) *from = reach.history_from;
  return fail(p, status, &k.key, err);
}

hf_status hf_persist_purge(hf_persist *p, hf_slice id, uint64_t *purged, hf_error *err) {
  hf_error own;
  hf__key k;
  uint64_t unused;
  if (!err) err = &own;
  if (!purged) purged = &unused;
  *purged = 0;
  hf_status status = hf__key_init(p->name, id, &k, err);
  if (status == HF_OK) status = hf_persist_init(p, err);
  if (status == HF_OK) status = check(p, p->backend->changes_purge != NULL, "log of changes", err);
  if (status == HF_OK && p->options.read_only)
    status = hf__fail(err, HF_READONLY, "store %s was opened read-only", p->store->url);
  if (status == HF_OK && hf__txn_is_open())
    status = hf__fail(err, HF_UNSUPPORTED, "purge cannot run inside a transaction");
  if (status) {
    hf__error_entity(err, p->name, id);
    return status;
  }
  status = p->backend->changes_purge(p->impl, p->collection, &k.key, purged, err);
  return status ? hf__persist_fail(p, NULL, status, &k.key, "", err) : HF_OK;
}
