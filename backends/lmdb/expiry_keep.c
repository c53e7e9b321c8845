/* SPDX-License-Identifier: MIT
 *
 * Keeping up what expires: see expiry_keep.h.
 */
#include "expiry_keep.h"

#include <errno.h>

#include "collections.h"
#include "feature.h"
#include "history_store.h"
#include "locks.h"
#include "meta.h"
#include "other_processes.h"
#include "settings.h"

/* ---- turning it on */

static hf_status fail(hf__lmdb_env *env, hf__lmdb_txn *t, int rc, hf_error *err) {
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(t);
  if (rc == ENOMEM) return hf_error_no_memory(err);
  return rc ? hf__lmdb_fail(env, rc, "write", err) : HF_OK;
}

static hf_status add_feature(hf__lmdb_env *env, hf__lmdb_txn *t, bool *changed, MDB_dbi *dbi, hf_error *err) {
  int rc = hf__lmdb_feature_add(env, t->mdb, hf__lmdb_feature_find(hf_text(FEATURE_TTL)), changed);
  hf_status status = rc ? fail(env, t, rc, err) : hf__lmdb_write_dbi(env, t, env->expiry, dbi, err);
  return status || *dbi ? status : hf__lmdb_make_dbi(env, t, env->expiry, dbi, err);
}

static hf_status turn_on(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  MDB_dbi dbi = 0;
  (void)arg;
  int rc = hf__lmdb_raise(env, t->mdb, FORMAT_MARKED, changed);
  return rc ? fail(env, t, rc, err) : add_feature(env, t, changed, &dbi, err);
}

/* A process of a Holdfast 0.1 that has the store open does not look at the format again, and would take records that
 * expire for damaged ones. */
static hf_status check_alone(hf__lmdb_env *env, hf_error *err) {
  char who[PROCESS_TEXT];
  if (!hf__lmdb_find_other_holder(&env->lock, &env->data, who)) return HF_OK;
  return hf_error_set(
      err, HF_UNSUPPORTED,
      "%s is of store format 1, in which nothing expires, and %s has it open, which might not notice "
      "that the format is raised: end that process, or say `holdfast set %s format=2` and open the store "
      "again in all",
      env->path, who, env->path);
}

hf_status hf__lmdb_expiry_turn_on(hf__lmdb_env *env, hf_error *err) {
  if (atomic_load(&env->known.may_have_expiry)) return HF_OK;
  hf_status status = env->known.format < FORMAT_MARKED ? check_alone(env, err) : HF_OK;
  return status ? status : hf__lmdb_resettle(env, turn_on, NULL, err);
}

/* Raises the format within a transaction that has changed nothing yet: what is counted then is what there is.  This
 * process goes by it at once, and looks again once the transaction has ended. */
static hf_status raise_within(hf__lmdb_env *env, hf__lmdb_txn *t, hf_error *err) {
  bool changed = false;
  if (t->parent || t->changed)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s is of store format 1, in which nothing expires: say `holdfast set %s format=2`, or write "
                        "what expires before anything else in the transaction",
                        env->path, env->path);
  hf_status status = env->known.format < FORMAT_MARKED ? check_alone(env, err) : HF_OK;
  if (status) return status;
  int rc = hf__lmdb_raise(env, t->mdb, FORMAT_MARKED, &changed);
  t->resettled = t->changed = true;
  if (rc) return fail(env, t, rc, err);
  hf__lmdb_lock_briefly(&env->known.lock);
  env->known.keeps_sums = true;
  pthread_mutex_unlock(&env->known.lock);
  return HF_OK;
}

hf_status hf__lmdb_expiry_need(hf__lmdb_expiring *x, hf_error *err) {
  bool changed = false;
  if (x->dbi) return HF_OK;
  hf_status status = x->env->known.keeps_sums ? HF_OK : raise_within(x->env, x->t, err);
  if (status == HF_OK) status = add_feature(x->env, x->t, &changed, &x->dbi, err);
  x->t->gave_expiry = true;
  x->t->resettled |= changed;
  x->t->changed |= changed;
  return status;
}

/* ---- keeping up */

hf_status hf__lmdb_expiry_enter(hf__lmdb_expiring *x, hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *c,
                                hf_error *err) {
  *x = (hf__lmdb_expiring){.env = env, .t = t, .collection = c};
  if (__builtin_expect(!env->known.has_expiry && !t->gave_expiry, 1)) return HF_OK;
  hf_status status = hf__lmdb_write_dbi(env, t, env->expiry, &x->dbi, err);
  return status || x->dbi ? status : hf__lmdb_make_dbi(env, t, env->expiry, &x->dbi, err);
}

int hf__lmdb_expiry_change(const hf__lmdb_expiring *x, const hf_key *key, const MDB_val *old, int64_t expires_at) {
  hf__lmdb_expiry e = {.at = old ? hf__lmdb_record_expires_at(old) : 0, .order = key->order};
  if (e.at == expires_at || !x->dbi) return 0;
  int rc = hf__lmdb_history_give_number(x->env, x->t, x->collection, &e.number);
  if (rc == 0 && e.at > 0) rc = hf__lmdb_expiry_delete(x->t->mdb, x->dbi, &e);
  e.at = expires_at;
  return rc == 0 && expires_at ? hf__lmdb_expiry_put(x->t->mdb, x->dbi, &e) : rc;
}

int hf__lmdb_expiry_clear(const hf__lmdb_expiring *x) {
  uint32_t number;
  if (!x->dbi) return 0;
  hf_slice name = {x->collection->name, x->collection->name_size};
  int rc = hf__lmdb_history_number(x->env, x->t->mdb, name, &number);
  return rc || !number ? rc : hf__lmdb_expiry_delete_all(x->t->mdb, x->dbi, number);
}
