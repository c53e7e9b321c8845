/* SPDX-License-Identifier: MIT
 *
 * The settings of a store: see settings.h.
 */
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "failed_flush.h"
#include "feature.h"
#include "locks.h"
#include "log_settle.h"
#include "log_sweep.h"
#include "map.h"
#include "meta.h"
#include "readers.h"
#include "status.h"
#include "sums.h"
#include "writer.h"

enum { FLUSHES_AHEAD = 2 }; /* what was written during the first is less, and so on */

/* ---- reading */

static int add_entry(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *page) {
  (void)env;
  (void)txn;
  return hf_page_add(page, name, value.data, value.size) ? 0 : ENOMEM;
}

hf_status hf__lmdb_settings_get(void *store, hf_page *page, hf_error *err) {
  hf__lmdb_env *env = store;
  MDB_txn *txn;
  hf_slice record;
  size_t end;
  unsigned format;
  static const char head[] = "{\"format\":";
  hf_status status = hf__lmdb_read_begin(env, &txn, err);
  if (status) return status;
  int rc = hf__lmdb_meta_get(env, txn, META_FORMAT, &record);
  if (rc == 0 && hf__lmdb_format_of(record, &format, &end))
    rc = add_entry(env, txn, hf_text(META_FORMAT), (hf_slice){record.data + sizeof head - 1, end - (sizeof head - 1)},
                   page);
  if (rc == 0) rc = hf__lmdb_meta_each(env, txn, META_SETTING, add_entry, page);
  hf__lmdb_read_end(env, txn);
  if (rc == ENOMEM) return hf_error_no_memory(err);
  return rc ? hf__lmdb_fail(env, rc, "read the settings", err) : HF_OK;
}

void hf__lmdb_settings_options(void *store, hf_options *options) {
  hf__lmdb_env *env = store;
  hf__lmdb_lock_briefly(&env->known.lock);
  options->durability = env->known.settings.durability;
  options->max_size = env->known.settings.max_size;
  pthread_mutex_unlock(&env->known.lock);
}

/* ---- what stat tells */

struct list {
  hf_buffer *json;
  bool names_only;
  bool any;
};

static int add_member(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg) {
  struct list *l = arg;
  (void)env;
  (void)txn;
  bool ok = (!l->any || hf_buffer_add(l->json, ",", 1)) && hf_buffer_quote(l->json, name);
  if (!l->names_only) ok = ok && hf_buffer_add(l->json, ":", 1) && hf_buffer_add(l->json, value.data, value.size);
  l->any = true;
  return ok ? 0 : ENOMEM;
}

/* Adds "name":{...}, or "name":[...] of the names alone, unless there are none. */
static bool add_list(hf__lmdb_env *env, MDB_txn *txn, const char *prefix, const char *name, bool names_only,
                     hf_buffer *json) {
  struct list l = {json, names_only, false};
  size_t before = json->size;
  bool ok = hf_buffer_printf(json, ",\"%s\":%s", name, names_only ? "[" : "{") &&
            hf__lmdb_meta_each(env, txn, prefix, add_member, &l) == 0 && hf_buffer_add(json, names_only ? "]" : "}", 1);
  if (ok && !l.any) json->data[json->size = before] = '\0';
  return ok;
}

bool hf__lmdb_settings_stat(hf__lmdb_env *env, MDB_txn *txn, hf_buffer *json) {
  hf_slice record, gaps;
  size_t end;
  unsigned format;
  if (hf__lmdb_meta_get(env, txn, META_FORMAT, &record) || !hf__lmdb_format_of(record, &format, &end)) return false;
  if (!hf_buffer_printf(json, ",\"formatVersion\":%u", format)) return false;
  if (format < FORMAT_MARKED) return true;
  if (!add_list(env, txn, META_FEATURE, "features", true, json) ||
      !add_list(env, txn, META_SETTING, "settings", false, json) || hf__lmdb_meta_get(env, txn, META_GAPS, &gaps))
    return false;
  return !gaps.data || (hf_buffer_printf(json, ",\"gaps\":") && hf_buffer_add(json, gaps.data, gaps.size));
}

/* ---- changing */

struct put {
  const hf_setting_change *changes;
  size_t count;
  unsigned format;
};

/* The format record of the store, but with another number, and when it was raised. */
static int raise_format(hf__lmdb_env *env, MDB_txn *txn, unsigned format, bool *changed) {
  static const char raised[] = ",\"raisedAt\":";
  hf_slice old;
  size_t end;
  int rc = hf__lmdb_meta_get(env, txn, META_FORMAT, &old);
  if (rc) return rc;
  unsigned present;
  if (!hf__lmdb_format_of(old, &present, &end)) return MDB_CORRUPTED;
  if (present >= format) return 0;
  hf_buffer record = HF_BUFFER_INIT;
  const char *stop = memmem(old.data, old.size, raised, sizeof raised - 1);
  size_t kept = stop ? (size_t)(stop - old.data) : old.size - 1; /* without the brace */
  bool ok = hf_buffer_printf(&record, "{\"format\":%u", format) && hf_buffer_add(&record, old.data + end, kept - end) &&
            hf_buffer_printf(&record, "%s%lld,\"raisedBy\":\"holdfast %s\"}", raised, (long long)hf_now_ms(),
                             HF_VERSION_STRING);
  rc = ok ? hf__lmdb_meta_put(env, txn, META_FORMAT, (hf_slice){NULL, 0}, (hf_slice){record.data, record.size}, changed)
          : ENOMEM;
  hf_buffer_free(&record);
  return rc;
}

/* What every store of format 2 has; one that was raised by a version without it gets it with the next setting. */
static int add_sums(hf__lmdb_env *env, MDB_txn *txn, unsigned format, bool *changed) {
  const hf__lmdb_feature *sums = hf__lmdb_feature_find(hf_text(FEATURE_SUMS));
  bool has_format = format >= FORMAT_MARKED || env->known.format >= FORMAT_MARKED;
  return sums && has_format ? hf__lmdb_feature_add(env, txn, sums, changed) : 0;
}

int hf__lmdb_raise(hf__lmdb_env *env, MDB_txn *txn, unsigned format, bool *changed) {
  int rc = raise_format(env, txn, format, changed);
  return rc ? rc : add_sums(env, txn, format, changed);
}

static int put_all(hf__lmdb_env *env, MDB_txn *txn, const struct put *p, bool *changed) {
  int rc = hf__lmdb_raise(env, txn, p->format, changed);
  for (size_t i = 0; i < p->count && rc == 0; i++) {
    const hf_setting_change *c = &p->changes[i];
    const hf__lmdb_feature *feature = c->feature ? hf__lmdb_feature_find(hf_text(c->feature)) : NULL;
    if (feature) rc = hf__lmdb_feature_add(env, txn, feature, changed);
    if (rc == 0) rc = hf__lmdb_meta_put(env, txn, META_SETTING, c->name, c->json, changed);
  }
  return rc;
}

static hf_status put_settings(hf__lmdb_env *env, hf__lmdb_txn *t, void *arg, bool *changed, hf_error *err) {
  int rc = put_all(env, t->mdb, arg, changed);
  if (rc == MDB_MAP_FULL) t->map_full = true;
  if (rc == ENOMEM) return hf_error_no_memory(err);
  return rc ? hf__lmdb_fail(env, rc, "write", err) : hf__lmdb_log_settle(env, t, err);
}

/* As what frees room: a store that is full must be able to take a larger limit. */
static hf_status resettle_once(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_resettle_fn *fn, void *arg, bool *changed,
                               hf_error *err) {
  *changed = false;
  hf_status status = hf__lmdb_write_begin(env, t, true, err);
  if (status == HF_OK) {
    status = fn(env, t, arg, changed, err);
    if (status == HF_OK && *changed) {
      t->changed = t->resettled = true;
      return hf__lmdb_write_commit(env, t, err);
    }
    hf__lmdb_write_abort(env, t);
  }
  return status;
}

static hf_status flush(hf__lmdb_env *env, hf_error *err) {
  hf__lmdb_txn t;
  hf_status status = hf__lmdb_write_begin(env, &t, true, err);
  if (status) return status;
  int rc = mdb_env_sync(env->mdb, 1);
  if (rc) hf__lmdb_doubt(env);
  hf__lmdb_write_abort(env, &t);
  return rc ? hf__lmdb_fail(env, rc, "flush", err) : HF_OK;
}

/* The transaction has this process obey at once.  Where it fails, others may have seen the change already, and obey. */
hf_status hf__lmdb_flush(hf__lmdb_env *env, const char *doing, hf_error *err) {
  hf_status status = flush(env, err);
  return status ? hf__lmdb_say_uncertain(err, doing) : HF_OK;
}

/* Flushes what unsynced commits have left while others write on, so that little is left for the flush that they wait
 * for: an index of a million entities took that 140 ms. */
static void flush_ahead(hf__lmdb_env *env) {
  if (atomic_load_explicit(&env->flushes, memory_order_relaxed)) return;
  hf__lmdb_lock(&env->write_lock);
  int fd = env->mdb ? fcntl(env->data_fd, F_DUPFD_CLOEXEC, 0) : -1;
  pthread_mutex_unlock(&env->write_lock);
  if (fd < 0) return;
  bool failed = false;
  for (int i = 0; i < FLUSHES_AHEAD; i++) failed |= fdatasync(fd) != 0;
  close(fd);
  if (!failed) return;
  hf__lmdb_lock(&env->write_lock); /* the next flush would say nothing of it */
  hf__lmdb_doubt(env);
  pthread_mutex_unlock(&env->write_lock);
}

hf_status hf__lmdb_resettle(hf__lmdb_env *env, hf__lmdb_resettle_fn *fn, void *arg, hf_error *err) {
  flush_ahead(env);
  for (;;) {
    hf__lmdb_txn t;
    bool changed;
    hf_status status = resettle_once(env, &t, fn, arg, &changed, err);
    if (status == HF_OK) return hf__lmdb_flush(env, "change", err);
    if (status != HF_FULL || !t.map_full) return status;
    status = hf__lmdb_make_room(env, t.map_size, true, err);
    if (status) return status;
  }
}

/* The features that the changes need are those of this backend. */
static hf_status check_features(const hf_setting_change *changes, size_t count, hf_error *err) {
  for (size_t i = 0; i < count; i++)
    if (changes[i].feature && !hf__lmdb_feature_find(hf_text(changes[i].feature)))
      return hf_error_set(err, HF_UNSUPPORTED, "lmdb stores do not have the feature '%s'", changes[i].feature);
  return HF_OK;
}

hf_status hf__lmdb_settings_put(void *store, const hf_setting_change *changes, size_t count, unsigned format,
                                hf_error *err) {
  struct put p = {changes, count, format};
  hf__lmdb_env *env = store;
  hf_status status = check_features(changes, count, err);
  if (status) return status;
  status = hf__lmdb_resettle(env, put_settings, &p, err);
  if (status == HF_OK) hf__lmdb_log_sweep(env);
  return status;
}
