/* SPDX-License-Identifier: MIT
 *
 * What a process knows of the store: see known.h.
 */
#include "known.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "expiry_store.h"
#include "feature.h"
#include "index_defs.h"
#include "locks.h"
#include "log_store.h"
#include "meta.h"
#include "sums.h"

/* What is read, before anything of it is taken for known. */
struct reading {
  hf__lmdb_known *known;
  bool has_changes;           /* the feature of the log */
  char refused[FEATURE_TEXT]; /* by a feature: its name and meaning; "": none */
};

/* "'index' (indexes over members)" */
static void describe(char out[FEATURE_TEXT], hf_slice name, hf_slice record) {
  char meaning[FEATURE_TEXT / 2] = "";
  size_t size = hf_json_member(record, "meaning", meaning, sizeof meaning);
  snprintf(out, FEATURE_TEXT, "'%.*s'%s%.*s%s", (int)(name.size < 64 ? name.size : 64), name.data, size ? " (" : "",
           (int)size, meaning, size ? ")" : "");
}

static int read_feature(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice record, void *arg) {
  struct reading *r = arg;
  char unknown[16];
  (void)env;
  (void)txn;
  const hf__lmdb_feature *feature = hf__lmdb_feature_find(name);
  if (feature) {
    r->known->has_features |= !feature->for_verify;
    r->known->keeps_sums |= strcmp(feature->name, FEATURE_SUMS) == 0;
    r->known->has_indexes |= strcmp(feature->name, FEATURE_INDEX) == 0;
    r->known->has_expiry |= strcmp(feature->name, FEATURE_TTL) == 0;
    r->has_changes |= strcmp(feature->name, FEATURE_CHANGES) == 0;
    r->known->follows |= strcmp(feature->name, FEATURE_FOLLOW) == 0;
    return 0;
  }
  size_t size = hf_json_member(record, "unknown", unknown, sizeof unknown);
  bool may_read = size == sizeof FEATURE_READ - 1 && memcmp(unknown, FEATURE_READ, size) == 0;
  describe(may_read ? r->known->unknown_feature : r->refused, name, record);
  return 0;
}

static int read_setting(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg) {
  (void)env;
  (void)txn;
  hf__lmdb_known *known = arg;
  hf_setting_take(name, value, &known->settings);
  if (hf__lmdb_is_named(name, SETTING_CHANGES))
    known->keeps_log =
        value.size > 2 && hf_changes_kept_parse((hf_slice){value.data + 1, value.size - 2}, &known->kept);
  if (hf__lmdb_is_named(name, SETTING_HISTORY)) known->keeps_history = hf__lmdb_is_named(value, "true");
  return 0;
}

static hf_status read_format(hf__lmdb_env *env, MDB_txn *txn, unsigned *format, hf_error *err) {
  hf_slice record;
  size_t end;
  int rc = hf__lmdb_meta_get(env, txn, META_FORMAT, &record);
  if (rc) return hf__lmdb_fail(env, rc, "read the format", err);
  if (!record.data)
    return hf_error_set(err, HF_CORRUPT, "%s/data.mdb is an LMDB file, but no Holdfast store: give another directory",
                        env->path);
  if (!hf__lmdb_format_of(record, format, &end))
    return hf_error_set(err, HF_CORRUPT, "%s: the format record of the store is damaged", env->path);
  if (*format < FORMAT_FIRST || *format > FORMAT_NEWEST)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s has store format %u, and this Holdfast (%s) reads formats up to %d: upgrade it", env->path,
                        *format, HF_VERSION_STRING, FORMAT_NEWEST);
  return HF_OK;
}

/* Which store it follows, as the note says. */
static int read_followed(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_known *known) {
  hf_slice note;
  int rc = hf__lmdb_meta_get(env, txn, META_NOTE NOTE_FOLLOWS, &note);
  if (rc == 0 && note.data) hf_json_member(note, "source", known->followed, sizeof known->followed);
  return rc;
}

/* Reads format, features and settings into *known. */
static hf_status read_all(hf__lmdb_env *env, MDB_txn *txn, hf__lmdb_known *known, hf_error *err) {
  struct reading r = {.known = known};
  known->format = 0;
  known->has_features = known->keeps_sums = known->has_indexes = known->keeps_log = known->keeps_history = false;
  known->has_expiry = false;
  known->kept = (hf_changes_kept){0};
  known->unknown_feature[0] = known->followed[0] = '\0';
  known->follows = false;
  known->settings = (hf_options)HF_OPTIONS_INIT;
  hf_status status = read_format(env, txn, &known->format, err);
  if (status || known->format < FORMAT_MARKED) return status;
  int rc = hf__lmdb_feature_each(env, txn, read_feature, &r);
  if (rc == 0) rc = hf__lmdb_meta_each(env, txn, META_SETTING, read_setting, known);
  known->keeps_log &= r.has_changes && known->keeps_sums;
  known->keeps_history &= known->keeps_log;
  if (rc == 0 && known->follows) rc = read_followed(env, txn, known);
  if (rc) return hf__lmdb_fail(env, rc, "read the settings", err);
  if (*r.refused)
    return hf_error_set(err, HF_UNSUPPORTED,
                        "%s has the feature %s, which this Holdfast (%s) does not know and cannot open a store with: "
                        "upgrade it",
                        env->path, r.refused, HF_VERSION_STRING);
  return HF_OK;
}

/* With known.lock held. */
static hf_status look_locked(hf__lmdb_env *env, MDB_txn *txn, size_t commit, const hf__lmdb_mark *mark, hf_error *err) {
  hf__lmdb_known *k = &env->known;
  if (hf__lmdb_has_seen(env, commit)) return HF_OK; /* another thread was faster */
  if (!atomic_load(&k->commit) || mark->changed != k->changed) {
    hf__lmdb_known fresh;
    hf_status status = read_all(env, txn, &fresh, err);
    if (status) return status;
    k->format = fresh.format;
    k->has_features = fresh.has_features;
    k->keeps_sums = fresh.keeps_sums;
    k->has_indexes = fresh.has_indexes;
    k->has_expiry = fresh.has_expiry;
    k->keeps_log = fresh.keeps_log;
    k->keeps_history = fresh.keeps_history;
    k->kept = fresh.kept;
    k->version++;
    k->settings = fresh.settings;
    k->changed = mark->changed;
    memcpy(k->unknown_feature, fresh.unknown_feature, sizeof k->unknown_feature);
    memcpy(k->followed, fresh.followed, sizeof k->followed);
    k->follows = fresh.follows;
    atomic_store(&k->readable_only, *k->unknown_feature || k->follows);
    atomic_store(&k->may_have_expiry, k->has_expiry);
    if (k->has_indexes) atomic_store(&k->may_have_indexes, true);
  }
  atomic_store(&k->gap, k->format >= FORMAT_MARKED && mark->commit != commit);
  atomic_store_explicit(&k->commit, commit, memory_order_release);
  return HF_OK;
}

hf_status hf__lmdb_learn(hf__lmdb_env *env, MDB_txn *txn, size_t commit, hf_error *err) {
  hf__lmdb_mark mark;
  if (hf__lmdb_has_seen(env, commit)) return HF_OK;
  int rc = hf__lmdb_mark_get(env, txn, &mark);
  if (rc) return hf__lmdb_fail(env, rc, "read", err);
  hf__lmdb_lock_briefly(&env->known.lock);
  hf_status status = look_locked(env, txn, commit, &mark, err);
  pthread_mutex_unlock(&env->known.lock);
  return status;
}

hf_status hf__lmdb_check_writable(hf__lmdb_env *env, hf_error *err) {
  if (!atomic_load(&env->known.readable_only)) return HF_OK;
  char feature[FEATURE_TEXT], followed[FEATURE_TEXT];
  hf__lmdb_lock_briefly(&env->known.lock);
  memcpy(feature, env->known.unknown_feature, sizeof feature);
  memcpy(followed, env->known.followed, sizeof followed);
  pthread_mutex_unlock(&env->known.lock);
  if (!*feature && atomic_load(&env->is_follower)) return HF_OK;
  if (!*feature)
    return hf_error_set(err, HF_READONLY,
                        "%s follows %s, and takes no other changes: 'holdfast promote' makes it a store of its own",
                        env->path, *followed ? followed : "another store");
  return hf_error_set(err, HF_READONLY,
                      "%s has the feature %s, which this Holdfast (%s) does not know: it may read the store, but what "
                      "it wrote would leave that out of date; upgrade it to write",
                      env->path, feature, HF_VERSION_STRING);
}
