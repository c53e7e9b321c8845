/* SPDX-License-Identifier: MIT
 *
 * The default backend: LMDB.  One environment per base directory, one named
 * database per entity name, key = order key (so the tree is in natural order),
 * value = a record (record.h).  This file holds the slots; those that change and the one that scans have files of
 * their own.  env.h says which file keeps which of LMDB's rules.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "apply_settings.h"
#include "backup.h"
#include "change.h"
#include "collections.h"
#include "compact.h"
#include "create.h"
#include "expiry_read.h"
#include "gap.h"
#include "history_list.h"
#include "history_read.h"
#include "history_scan.h"
#include "index_check.h"
#include "index_make.h"
#include "index_read.h"
#include "locks.h"
#include "log_purge.h"
#include "log_read.h"
#include "map.h"
#include "meta.h"
#include "notes.h"
#include "oldest_reader.h"
#include "open.h"
#include "other_processes.h"
#include "pool.h"
#include "punch.h"
#include "quarantine.h"
#include "readers.h"
#include "record.h"
#include "rescue.h"
#include "restore.h"
#include "scan.h"
#include "settings.h"
#include "snapshot.h"
#include "store_check.h"
#include "writer.h"

/* ---- stores */

static hf_status resolve(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  hf__lmdb_file data;
  if (!*at->path) return hf_error_set(err, HF_INVALID_ARGUMENT, "lmdb: needs a directory, as in lmdb:./data");
  hf_status status = hf__lmdb_create(at, err);
  if (status || (status = hf__lmdb_data_file(at->path, &data, err))) return status;
  snprintf(identity, HF_IDENTITY_MAX, "%llu:%llu", (unsigned long long)data.device, (unsigned long long)data.inode);
  return HF_OK;
}

/* Whether the data file has a commit of which the lock file does not tell, so that readers do not see it.  Its writer
 * is between the two, or was killed there: then it comes to light when somebody next takes the writer's lock. */
static bool has_untold_commit(hf__lmdb_env *env) {
  MDB_envinfo info;
  MDB_txn *txn;
  hf_error unused;
  mdb_env_info(env->mdb, &info);
  if (hf__lmdb_read_begin(env, &txn, &unused)) return false;
  bool untold = mdb_txn_id(txn) < info.me_last_txnid;
  hf__lmdb_read_end(env, txn);
  return untold;
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  hf__lmdb_env *env;
  hf_status status = hf__lmdb_open(at, &env, err);
  if (status) return status;
  if ((status = hf__lmdb_collection_open(env, hf_text(INDEX_DB), &env->index, err)) ||
      (status = hf__lmdb_collection_open(env, hf_text(LOG_DB), &env->log, err)) ||
      (status = hf__lmdb_collection_open(env, hf_text(HISTORY_DB), &env->history, err)) ||
      (status = hf__lmdb_collection_open(env, hf_text(EXPIRY_DB), &env->expiry, err))) {
    hf__lmdb_close(env);
    return status;
  }
  if (env->known.format >= FORMAT_MARKED) hf__lmdb_apply_settings(env);
  *store = env;
  hf__lmdb_txn t;
  hf_error unused; /* reading is possible all the same; the next write will say what is wrong */
  /* What features keep is brought up to date for who reads, though that waits for who writes; else the next write
   * mends the gap. */
  bool stale = hf__lmdb_has_gap(env) && env->known.has_features;
  if (!at->options->read_only && (stale || env->doubtful || has_untold_commit(env)) &&
      hf__lmdb_write_begin(env, &t, false, &unused) == HF_OK)
    hf__lmdb_write_abort(env, &t);
  return HF_OK;
}

static void close_store(void *store) { hf__lmdb_close(store); }

static hf_status collection_open(void *store, hf_slice name, void **collection, hf_error *err) {
  hf__lmdb_collection *e;
  hf_status status = hf__lmdb_collection_open(store, name, &e, err);
  *collection = e;
  return status;
}

static void collection_close(void *store, void *collection) { hf__lmdb_collection_close(store, collection); }

/* ---- transactions */

static hf_status begin(void *store, hf_txn_kind kind, void *parent, void **txn, hf_error *err) {
  hf__lmdb_txn *t = malloc(sizeof *t);
  if (!t) return hf_error_no_memory(err);
  hf_status status = kind == HF_TXN_READ ? hf__lmdb_snapshot_begin(store, t, err)
                     : parent            ? hf__lmdb_nested_begin(store, parent, t, err)
                                         : hf__lmdb_write_begin(store, t, false, err);
  if (status)
    free(t);
  else
    t->held = true;
  *txn = status ? NULL : t;
  return status;
}

static hf_status begin_at(void *store, uint64_t revision, void **txn, hf_error *err) {
  hf__lmdb_txn *t = malloc(sizeof *t);
  if (!t) return hf_error_no_memory(err);
  hf_status status = hf__lmdb_past_txn(store, revision, t, err);
  if (status)
    free(t);
  else
    t->held = true;
  *txn = status ? NULL : t;
  return status;
}

static hf_status begin_brief(void *store, void **txn, hf_error *err) {
  hf__lmdb_txn *t = malloc(sizeof *t);
  if (!t) return hf_error_no_memory(err);
  hf_status status = hf__lmdb_brief_begin(store, t, err);
  if (status)
    free(t);
  else
    t->held = true;
  *txn = status ? NULL : t;
  return status;
}

static hf_status commit(void *store, void *txn, hf_error *err) {
  hf__lmdb_txn *t = txn;
  hf_status status = HF_OK;
  if (t->kind == HF_TXN_READ)
    hf__lmdb_snapshot_end(store, t);
  else
    status = t->parent ? hf__lmdb_nested_commit(store, t, err) : hf__lmdb_write_commit(store, t, err);
  free(t);
  return status;
}

static void abort_txn(void *store, void *txn) {
  hf__lmdb_txn *t = txn;
  if (t->kind == HF_TXN_READ)
    hf__lmdb_snapshot_end(store, t);
  else if (t->parent)
    hf__lmdb_nested_abort(t);
  else
    hf__lmdb_write_abort(store, t);
  free(t);
}

static bool makes_room(void *store, void *txn) {
  const hf__lmdb_txn *t = txn;
  return t->map_full && hf__lmdb_can_grow(store);
}

/* ---- reading */

static hf_status get(void *store, void *txn, void *collection, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  if (hf__lmdb_looks_back(txn)) return hf__lmdb_past_get(store, txn, collection, key, json, info, err);
  hf_status status = hf__lmdb_read_collection(store, txn, collection, &t, &dbi, err);
  if (status) return status;
  MDB_val k = hf__lmdb_val(key->order), v;
  int rc = dbi ? mdb_get(t, dbi, &k, &v) : MDB_NOTFOUND;
  if (__builtin_expect(rc == 0, 1)) {
    hf_slice text;
    hf_info unused;
    if (!info) info = &unused;
    const char *problem = hf__lmdb_record_read(&v, key->id, &text, info);
    json->size = 0;
    if (problem)
      status = hf_error_set(err, HF_CORRUPT, "%s", problem);
    else if (hf__lmdb_is_over(txn, info->expires_at))
      status = HF_NOT_FOUND;
    else if (!hf_buffer_add(json, text.data, text.size))
      status = hf_error_no_memory(err);
  } else if (rc == MDB_NOTFOUND) {
    status = hf__lmdb_quarantine_check(store, t, collection, key, err);
  } else {
    status = hf__lmdb_fail(store, rc, "read", err);
  }
  hf__lmdb_read_collection_end(store, txn, t);
  return status;
}

static hf_status has(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  if (hf__lmdb_looks_back(txn)) return hf__lmdb_past_get(store, txn, collection, key, NULL, NULL, err);
  hf_status status = hf__lmdb_read_collection(store, txn, collection, &t, &dbi, err);
  if (status) return status;
  MDB_val k = hf__lmdb_val(key->order), v;
  int rc = dbi ? mdb_get(t, dbi, &k, &v) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND)
    status = hf__lmdb_quarantine_check(store, t, collection, key, err);
  else if (rc)
    status = hf__lmdb_fail(store, rc, "read", err);
  else if (hf__lmdb_record_is_over(txn, &v))
    status = HF_NOT_FOUND;
  hf__lmdb_read_collection_end(store, txn, t);
  return status;
}

static hf_status get_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count, hf_page *page,
                          hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  if (hf__lmdb_looks_back(txn)) return hf__lmdb_past_get_many(store, txn, collection, keys, count, page, err);
  hf_status status = hf__lmdb_read_collection(store, txn, collection, &t, &dbi, err);
  if (status) return status;
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    MDB_val k = hf__lmdb_val(keys[i].order), v;
    hf_slice text = {NULL, 0};
    hf_info info = {0};
    int rc = dbi ? mdb_get(t, dbi, &k, &v) : MDB_NOTFOUND;
    const char *problem = rc == 0 ? hf__lmdb_record_read(&v, keys[i].id, &text, &info) : NULL;
    hf_status found = HF_OK;
    if (rc == MDB_NOTFOUND)
      found = hf__lmdb_quarantine_check(store, t, collection, &keys[i], err);
    else if (rc)
      found = hf__lmdb_fail(store, rc, "read", err);
    else if (problem)
      found = hf_error_set(err, HF_CORRUPT, "%s", problem);
    else if (hf__lmdb_is_over(txn, info.expires_at))
      found = HF_NOT_FOUND;
    if (found == HF_NOT_FOUND) text = (hf_slice){NULL, 0};
    if (found && found != HF_NOT_FOUND) {
      status = found;
      break;
    }
    hf_entry *e = hf_page_add(page, keys[i].id, text.data, text.size);
    if (!e) {
      status = hf_error_no_memory(err);
      break;
    }
    e->info = info;
    e->status = found;
  }
  hf__lmdb_read_collection_end(store, txn, t);
  return status;
}

static hf_status count(void *store, void *txn, void *collection, uint64_t *n, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  *n = 0;
  if (hf__lmdb_looks_back(txn)) return hf__lmdb_past_count(store, txn, collection, n, err);
  hf_status status = hf__lmdb_may_expire(store, txn) ? hf__lmdb_expiry_open(store, txn, err) : HF_OK;
  if (status == HF_OK) status = hf__lmdb_read_collection(store, txn, collection, &t, &dbi, err);
  if (status) return status;
  MDB_stat stat;
  int rc = dbi ? mdb_stat(t, dbi, &stat) : 0;
  if (rc)
    status = hf__lmdb_fail(store, rc, "count", err);
  else if (dbi)
    *n = stat.ms_entries;
  if (dbi && status == HF_OK && hf__lmdb_may_expire(store, txn))
    status = hf__lmdb_expiry_subtract(store, txn, t, collection, dbi, n, err);
  hf__lmdb_read_collection_end(store, txn, t);
  return status;
}

/* ---- quarantine */

static hf_status scan_damaged(void *store, void *txn, void *collection, const hf_scan *scan, hf_page *page, bool *more,
                              hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi; /* of no use, but a snapshot may have slipped */
  *more = false;
  if (hf__lmdb_looks_back(txn)) return HF_OK; /* what was in quarantine then is not known as a whole */
  hf_status status = hf__lmdb_read_collection(store, txn, collection, &t, &dbi, err);
  if (status) return status;
  int rc = hf__lmdb_quarantine_list(store, t, collection, scan, page, more);
  hf__lmdb_read_collection_end(store, txn, t);
  return rc ? hf__lmdb_fail(store, rc, "look into quarantine", err) : HF_OK;
}

static hf_status quarantined(void *store, void *collection, uint64_t *n, hf_error *err) {
  MDB_txn *t;
  hf_status status = hf__lmdb_read_begin(store, &t, err);
  if (status) return status;
  int rc = hf__lmdb_quarantine_count(store, t, collection, n);
  hf__lmdb_read_end(store, t);
  return rc ? hf__lmdb_fail(store, rc, "look into quarantine", err) : HF_OK;
}

/* ---- the store as a whole */

static hf_status begin_reading(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn **txn, hf_error *err) {
  if (!in) return hf__lmdb_read_begin(env, txn, err);
  *txn = in->mdb;
  return HF_OK;
}

static hf_status all_entities(void *store, void *txn, hf_page *page, hf_error *err) {
  MDB_txn *t;
  MDB_dbi main_dbi;
  MDB_cursor *c = NULL;
  hf_status status = begin_reading(store, txn, &t, err);
  if (status) return status;
  int rc = mdb_dbi_open(t, NULL, 0, &main_dbi); /* always open: no handle is made */
  if (rc == 0) rc = mdb_cursor_open(t, main_dbi, &c);
  MDB_val k, v;
  if (rc == 0)
    for (rc = mdb_cursor_get(c, &k, &v, MDB_FIRST); rc == 0 && status == HF_OK;
         rc = mdb_cursor_get(c, &k, &v, MDB_NEXT))
      if (k.mv_size && *(const char *)k.mv_data != META_DB[0] &&
          !hf_page_add(page, (hf_slice){k.mv_data, k.mv_size}, NULL, 0))
        status = hf_error_no_memory(err);
  if (rc && rc != MDB_NOTFOUND) status = hf__lmdb_fail(store, rc, "list entity names", err);
  if (c) mdb_cursor_close(c);
  hf__lmdb_read_collection_end(store, txn, t);
  return status;
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
  if (!hf__lmdb_looks_back(txn)) return all_entities(store, txn, page, err);
  hf_page *all = hf_page_new();
  if (!all) return hf_error_no_memory(err);
  hf_status status = all_entities(store, txn, all, err);
  if (status == HF_OK) status = hf__lmdb_past_entities(store, txn, all, page, err);
  hf_page_free(all);
  return status;
}

static bool stat_collection(hf__lmdb_env *env, MDB_txn *t, MDB_dbi dbi, hf__lmdb_collection *e, hf_buffer *json) {
  MDB_stat s = {0};
  uint64_t in_quarantine = 0;
  if ((dbi && mdb_stat(t, dbi, &s)) || hf__lmdb_quarantine_count(env, t, e, &in_quarantine)) return false;
  return hf_buffer_printf(json, ",\"entityName\":") && hf_buffer_quote(json, (hf_slice){e->name, e->name_size}) &&
         hf_buffer_printf(json, ",\"entities\":%zu,\"treeBytes\":%zu,\"treeDepth\":%u,\"quarantined\":%llu",
                          s.ms_entries, (s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages) * s.ms_psize,
                          s.ms_depth, (unsigned long long)in_quarantine);
}

/* How many pages of the file are free to be used again: LMDB keeps lists of them, by the commit that freed them, in its
 * first database; each begins with how many it has.  LMDB shows that to readers only. */
static bool count_free(hf__lmdb_env *env, uint64_t *pages) {
  enum { FREE_DBI = 0 };
  MDB_txn *t;
  MDB_cursor *c;
  MDB_val k, v;
  *pages = 0;
  if (hf__lmdb_begin_read_txn(env, &t)) return false;
  int rc = mdb_cursor_open(t, FREE_DBI, &c);
  if (rc == 0) {
    while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
      size_t count = 0;
      if (v.mv_size >= sizeof count) memcpy(&count, v.mv_data, sizeof count);
      *pages += count;
    }
    mdb_cursor_close(c);
  }
  mdb_txn_abort(t);
  return rc == MDB_NOTFOUND;
}

/* A database of our own, if the transaction knows it, as one does that begins after it was opened. */
static MDB_dbi own_dbi(const hf__lmdb_collection *own, MDB_txn *t) {
  MDB_dbi dbi = atomic_load(&own->txn_dbi);
  if (!dbi) dbi = atomic_load(&own->dbi);
  return dbi && hf__lmdb_knows_dbi(t, dbi) ? dbi : 0;
}

/* Has those opened that there are. */
static hf_status open_own(hf__lmdb_env *env, hf__lmdb_txn *in, hf_error *err) {
  hf__lmdb_collection *const own[] = {env->index, env->log, env->history, env->expiry};
  MDB_txn *t;
  MDB_dbi dbi;
  hf_status status = HF_OK;
  for (size_t i = 0; !in && status == HF_OK && i < sizeof own / sizeof *own; i++) {
    status = hf__lmdb_read_collection(env, in, own[i], &t, &dbi, err);
    if (status == HF_OK) hf__lmdb_read_collection_end(env, in, t);
  }
  return status;
}

/* Who keeps pages that were given back from being used again; nothing where nobody does. */
static bool stat_oldest_reader(hf__lmdb_env *env, hf_buffer *json) {
  struct hf__lmdb_reader oldest;
  char who[PROCESS_TEXT];
  if (!hf__lmdb_oldest_reader(env->mdb, &oldest)) return true;
  hf__lmdb_process_text((pid_t)oldest.pid, who);
  return hf_buffer_printf(json, ",\"oldestReader\":{\"pid\":%ld,\"process\":", oldest.pid) &&
         hf_buffer_quote(json, hf_text(who)) &&
         hf_buffer_printf(json, ",\"revision\":%zu,\"commitsSince\":%zu}", oldest.commit, oldest.since);
}

static hf_status stat_store(void *store, void *txn, void *collection, hf_buffer *json, hf_error *err) {
  hf__lmdb_env *env = store;
  MDB_txn *t;
  MDB_dbi dbi = 0;
  json->size = 0;
  hf_status status = open_own(env, txn, err);
  if (status) return status;
  status =
      collection ? hf__lmdb_read_collection(env, txn, collection, &t, &dbi, err) : begin_reading(env, txn, &t, err);
  if (status) return status;
  MDB_envinfo info;
  MDB_stat s;
  struct stat file;
  hf__lmdb_lock_briefly(&env->known.lock);
  const char *durability = hf_durability_name(env->options.durability);
  pthread_mutex_unlock(&env->known.lock);
  uint64_t in_quarantine = 0, free_pages = 0;
  bool ok = mdb_env_info(env->mdb, &info) == 0 && mdb_env_stat(env->mdb, &s) == 0 && fstat(env->data_fd, &file) == 0 &&
            count_free(env, &free_pages);
  if (ok && !collection) ok = hf__lmdb_quarantine_count(env, t, NULL, &in_quarantine) == 0;
  uint64_t taken = ok ? info.me_last_pgno + 1 : 0; /* of a commit after this moment, perhaps */
  if (free_pages > taken) free_pages = taken;
  ok = ok && hf_buffer_printf(json, "{\"backend\":\"lmdb\",\"path\":") && hf_buffer_quote(json, hf_text(env->path)) &&
       hf__lmdb_settings_stat(env, t, json) &&
       hf_buffer_printf(
           json,
           ",\"durability\":\"%s\",\"readOnly\":%s,\"revision\":%zu,\"fileBytes\":%lld,\"diskBytes\":%lld,"
           "\"usedBytes\":%llu,\"freeBytes\":%llu,\"mapBytes\":%zu,\"pageBytes\":%u,\"readers\":%u,\"readersMax\":%u",
           durability, env->options.read_only ? "true" : "false", info.me_last_txnid, (long long)file.st_size,
           (long long)file.st_blocks * 512, (unsigned long long)(taken - free_pages) * s.ms_psize,
           (unsigned long long)free_pages * s.ms_psize, info.me_mapsize, s.ms_psize, info.me_numreaders,
           info.me_maxreaders) &&
       stat_oldest_reader(env, json);
  if (ok && collection) ok = stat_collection(env, t, dbi, collection, json);
  if (ok && collection) ok = hf__lmdb_expiry_stat(env, txn, t, collection, json);
  if (ok && collection) status = hf__lmdb_index_stat(env, t, own_dbi(env->index, t), collection, json, err);
  if (ok && !collection)
    ok = hf_buffer_printf(json, ",\"quarantined\":%llu", (unsigned long long)in_quarantine) &&
         hf__lmdb_index_stat_all(t, own_dbi(env->index, t), json) &&
         hf__lmdb_log_stat(t, own_dbi(env->log, t), own_dbi(env->history, t), json);
  ok = ok && hf_buffer_add(json, "}", 1);
  hf__lmdb_read_collection_end(env, txn, t);
  return ok ? status : hf_error_set(err, HF_NO_MEMORY, "no memory for the statistics of %s", env->path);
}

static hf_status compact(const hf_location *at, const hf_progress *progress, hf_compact_report *report, hf_error *err) {
  void *store;
  hf_status status = hf__lmdb_compact(at, progress, report, err);
  if (status || report->is_exchanged || (status = open_store(at, &store, err))) return status;
  status = hf__lmdb_punch(store, err);
  close_store(store);
  report->after = hf__lmdb_bytes_on_disk(at->path);
  return status;
}

static const char *const parameters[] = {"check", NULL};

const hf_backend hf__backend_lmdb = {
    .abi_version = HF_BACKEND_ABI,
    .parameters = parameters,
    .name = "lmdb",
    .capabilities = HF_CAP_DURABLE | HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT | HF_CAP_NESTED | HF_CAP_REVISION |
                    HF_CAP_IF_ABSENT | HF_CAP_ATOMIC_BATCH | HF_CAP_QUARANTINE | HF_CAP_CHECKSUM | HF_CAP_SETTINGS |
                    HF_CAP_REMOVE_IF | HF_CAP_INDEX | HF_CAP_INDEX_ORDER | HF_CAP_CHANGES | HF_CAP_HISTORY | HF_CAP_TTL,
    .settings = (const char *const[]){"changes", "durability", "format", "history", "maxsize", "note", NULL},
    .is_path = true,
    .resolve = resolve,
    .open = open_store,
    .close = close_store,
    .collection_open = collection_open,
    .collection_close = collection_close,
    .begin = begin,
    .commit = commit,
    .abort = abort_txn,
    .get = get,
    .has = has,
    .put = hf__lmdb_put,
    .remove = hf__lmdb_remove,
    .clear = hf__lmdb_clear,
    .count = count,
    .scan = hf__lmdb_scan,
    .get_many = get_many,
    .put_many = hf__lmdb_put_many,
    .remove_many = hf__lmdb_remove_many,
    .entities = entities,
    .stat = stat_store,
    .quarantine = hf__lmdb_quarantine,
    .quarantined = quarantined,
    .quarantine_scan = scan_damaged,
    .quarantine_put = hf__lmdb_put_damaged,
    .settings_get = hf__lmdb_settings_get,
    .settings_put = hf__lmdb_settings_put,
    .settings_options = hf__lmdb_settings_options,
    .check = hf__lmdb_check_store,
    .rescue = hf__lmdb_rescue,
    .evaluates_conditions = 1,
    .remove_if = hf__lmdb_remove_if,
    .makes_room = makes_room,
    .index_make = hf__lmdb_index_make,
    .index_drop = hf__lmdb_index_drop,
    .index_list = hf__lmdb_index_list,
    .index_set = hf__lmdb_index_set,
    .index_each = hf__lmdb_index_walk,
    .index_check = hf__lmdb_index_check,
    .index_rebuild = hf__lmdb_index_rebuild,
    .begin_brief = begin_brief,
    .get_at = hf__lmdb_get_at,
    .begin_at = begin_at,
    .history = hf__lmdb_history_list,
    .backup = hf__lmdb_backup,
    .restore = hf__lmdb_restore,
    .note_get = hf__lmdb_note_get,
    .note_put = hf__lmdb_note_put,
    .refuses_writers = 1,
    .changes_read = hf__lmdb_changes_read,
    .changes_revision_at = hf__lmdb_changes_revision_at,
    .changes_purge = hf__lmdb_changes_purge,
    .commits_seen = hf__lmdb_commits_seen,
    .commits_file = hf__lmdb_commits_file,
    .compact = compact,
};
