/* SPDX-License-Identifier: MIT
 *
 * The default backend: LMDB.  One environment per base directory, one named
 * database per entity name, key = order key (so the tree is in natural order),
 * value = a record (record.h).  This file holds the slots; env.h says
 * which file keeps which of LMDB's rules.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "create.h"
#include "databases.h"
#include "map.h"
#include "open.h"
#include "pool.h"
#include "quarantine.h"
#include "readers.h"
#include "record.h"
#include "scan.h"
#include "snapshot.h"
#include "writer.h"

/* ---- stores */

static hf_status identify(const hf_location *at, char identity[HF_IDENTITY_MAX], hf_error *err) {
  hf__lmdb_file data;
  if (!*at->path) return hf_error_set(err, HF_INVALID_ARGUMENT, "lmdb: needs a directory, as in lmdb:./data");
  hf_status status = hf__lmdb_create(at, err);
  if (status || (status = hf__lmdb_data_file(at->path, &data, err))) return status;
  snprintf(identity, HF_IDENTITY_MAX, "%llu:%llu", (unsigned long long)data.device, (unsigned long long)data.inode);
  return HF_OK;
}

static hf_status open_store(const hf_location *at, void **store, hf_error *err) {
  hf__lmdb_env *env;
  hf_status status = hf__lmdb_open(at, &env, err);
  *store = env;
  return status;
}

static void close_store(void *store) { hf__lmdb_close(store); }

static hf_status entity_open(void *store, hf_slice name, void **entity, hf_error *err) {
  hf__lmdb_entity *e;
  hf_status status = hf__lmdb_entity_open(store, name, &e, err);
  *entity = e;
  return status;
}

static void entity_close(void *store, void *entity) { hf__lmdb_entity_close(store, entity); }

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

/* ---- reading */

static hf_status get(void *store, void *txn, void *entity, const hf_key *key, hf_buffer *json, hf_info *info,
                     hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_read_entity(store, txn, entity, &t, &dbi, err);
  if (status) return status;
  MDB_val k = hf__lmdb_val(key->order), v;
  int rc = dbi ? mdb_get(t, dbi, &k, &v) : MDB_NOTFOUND;
  if (__builtin_expect(rc == 0, 1)) {
    hf_slice text;
    const char *problem = hf__lmdb_record_read(&v, key->id, &text, info);
    json->size = 0;
    if (problem)
      status = hf_error_set(err, HF_CORRUPT, "%s", problem);
    else if (!hf_buffer_add(json, text.data, text.size))
      status = hf_error_no_memory(err);
  } else if (rc == MDB_NOTFOUND) {
    status = hf__lmdb_quarantine_check(store, t, entity, key, err);
  } else {
    status = hf__lmdb_fail(store, rc, "read", err);
  }
  hf__lmdb_read_entity_end(store, txn, t);
  return status;
}

static hf_status has(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_read_entity(store, txn, entity, &t, &dbi, err);
  if (status) return status;
  MDB_val k = hf__lmdb_val(key->order), v;
  int rc = dbi ? mdb_get(t, dbi, &k, &v) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND)
    status = hf__lmdb_quarantine_check(store, t, entity, key, err);
  else if (rc)
    status = hf__lmdb_fail(store, rc, "read", err);
  hf__lmdb_read_entity_end(store, txn, t);
  return status;
}

static hf_status get_many(void *store, void *txn, void *entity, const hf_key *keys, size_t count, hf_page *page,
                          hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_read_entity(store, txn, entity, &t, &dbi, err);
  if (status) return status;
  for (size_t i = 0; i < count && status == HF_OK; i++) {
    MDB_val k = hf__lmdb_val(keys[i].order), v;
    hf_slice text = {NULL, 0};
    hf_info info = {0};
    int rc = dbi ? mdb_get(t, dbi, &k, &v) : MDB_NOTFOUND;
    const char *problem = rc == 0 ? hf__lmdb_record_read(&v, keys[i].id, &text, &info) : NULL;
    hf_status found = HF_OK;
    if (rc == MDB_NOTFOUND)
      found = hf__lmdb_quarantine_check(store, t, entity, &keys[i], err);
    else if (rc)
      found = hf__lmdb_fail(store, rc, "read", err);
    else if (problem)
      found = hf_error_set(err, HF_CORRUPT, "%s", problem);
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
  hf__lmdb_read_entity_end(store, txn, t);
  return status;
}

static hf_status count(void *store, void *txn, void *entity, uint64_t *n, hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi;
  *n = 0;
  hf_status status = hf__lmdb_read_entity(store, txn, entity, &t, &dbi, err);
  if (status) return status;
  MDB_stat stat;
  int rc = dbi ? mdb_stat(t, dbi, &stat) : 0;
  if (rc)
    status = hf__lmdb_fail(store, rc, "count", err);
  else if (dbi)
    *n = stat.ms_entries;
  hf__lmdb_read_entity_end(store, txn, t);
  return status;
}

/* ---- writing.  Each write without a transaction gets one of its own; when the map is full it is undone, the map
 * grows, and it is done again. */

typedef hf_status (*write_fn)(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what, hf_error *err);

static hf_status write(void *store, void *txn, void *entity, write_fn fn, void *what, bool frees, hf_error *err) {
  hf__lmdb_env *env = store;
  if (txn) {
    hf_status status = fn(env, txn, entity, what, err);
    if (status == HF_FULL && ((hf__lmdb_txn *)txn)->map_full && hf__lmdb_can_grow(env))
      hf_error_cause(err, "the map has to grow, which cannot happen inside a transaction: run the transaction again");
    return status;
  }
  for (;;) {
    hf__lmdb_txn t;
    hf_status status = hf__lmdb_write_begin(env, &t, frees, err);
    if (status) return status;
    status = fn(env, &t, entity, what, err);
    if (status)
      hf__lmdb_write_abort(env, &t);
    else
      status = hf__lmdb_write_commit(env, &t, err);
    if (status != HF_FULL || !t.map_full) return status;
    status = hf__lmdb_make_room(env, t.map_size, frees, err);
    if (status) return status;
  }
}

static hf_status fail_write(hf__lmdb_env *env, hf__lmdb_txn *t, int rc, hf_error *err) {
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(t);
  return hf__lmdb_fail(env, rc, "write", err);
}

static int put_record(MDB_txn *txn, MDB_dbi dbi, const hf_put *put, const hf_info *info) {
  MDB_val k = hf__lmdb_val(put->key.order), v = {RECORD_HEADER + put->json.size, NULL};
  int rc = mdb_put(txn, dbi, &k, &v, MDB_RESERVE);
  if (rc == 0) hf__lmdb_record_write(v.mv_data, put->key.id, put->json, info);
  return rc;
}

struct put_one {
  const hf_put *put;
  const hf_write_options *options;
  hf_info *info;
};

static hf_status do_put(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what, hf_error *err) {
  const struct put_one *p = what;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_write_dbi(env, t, entity, true, &dbi, err);
  if (status) return status;
  if (p->options->if_absent || p->options->if_revision) {
    MDB_val k = hf__lmdb_val(p->put->key.order), v;
    int rc = mdb_get(t->mdb, dbi, &k, &v);
    if (rc && rc != MDB_NOTFOUND) return hf__lmdb_fail(env, rc, "read", err);
    if (rc == MDB_NOTFOUND) { /* what is in quarantine is neither absent nor without a revision */
      status = hf__lmdb_quarantine_check(env, t->mdb, entity, &p->put->key, err);
      if (status != HF_NOT_FOUND) return status;
    }
    hf_slice text;
    hf_info present = {0};
    const char *problem =
        rc == 0 && p->options->if_revision ? hf__lmdb_record_read(&v, p->put->key.id, &text, &present) : NULL;
    if (problem) return hf_error_set(err, HF_CORRUPT, "%s", problem);
    p->info->revision = rc == 0 ? hf__lmdb_record_revision(&v) : 0;
    if (p->options->if_absent ? rc == 0 : rc != 0 || p->info->revision != p->options->revision) return HF_CONFLICT;
  }
  p->info->revision = mdb_txn_id(t->mdb);
  p->info->updated_at = hf_now_ms();
  size_t settled;
  int rc = put_record(t->mdb, dbi, p->put, p->info);
  if (rc == 0) rc = hf__lmdb_quarantine_settle(env, t->mdb, entity, &p->put->key, &settled);
  return rc ? fail_write(env, t, rc, err) : HF_OK;
}

static hf_status put(void *store, void *txn, void *entity, const hf_put *p, const hf_write_options *options,
                     hf_info *info, hf_error *err) {
  struct put_one one = {p, options, info};
  return write(store, txn, entity, do_put, &one, false, err);
}

struct put_many {
  const hf_put *puts;
  size_t count;
};

static hf_status do_put_many(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what, hf_error *err) {
  const struct put_many *p = what;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_write_dbi(env, t, entity, true, &dbi, err);
  if (status) return status;
  hf_info info = {.revision = mdb_txn_id(t->mdb), .updated_at = hf_now_ms()};
  MDB_cursor *c;
  int rc = mdb_cursor_open(t->mdb, dbi, &c);
  if (rc) return fail_write(env, t, rc, err);
  for (size_t i = 0; i < p->count && rc == 0; i++) {
    MDB_val k = hf__lmdb_val(p->puts[i].key.order), v = {RECORD_HEADER + p->puts[i].json.size, NULL};
    rc = mdb_cursor_put(c, &k, &v, MDB_RESERVE);
    if (rc == 0) hf__lmdb_record_write(v.mv_data, p->puts[i].key.id, p->puts[i].json, &info);
  }
  mdb_cursor_close(c);
  size_t settled;
  if (rc == 0 && !hf__lmdb_quarantine_is_empty(env, t->mdb))
    for (size_t i = 0; i < p->count && rc == 0; i++)
      rc = hf__lmdb_quarantine_settle(env, t->mdb, entity, &p->puts[i].key, &settled);
  return rc ? fail_write(env, t, rc, err) : HF_OK;
}

static hf_status put_many(void *store, void *txn, void *entity, const hf_put *puts, size_t n, hf_error *err) {
  struct put_many many = {puts, n};
  return write(store, txn, entity, do_put_many, &many, false, err);
}

struct remove_many {
  const hf_key *keys;
  size_t count;
  uint64_t removed;
};

static hf_status do_remove_many(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what,
                                hf_error *err) {
  struct remove_many *r = what;
  MDB_dbi dbi;
  r->removed = 0;
  hf_status status = hf__lmdb_write_dbi(env, t, entity, false, &dbi, err);
  if (status) return status;
  for (size_t i = 0; i < r->count; i++) {
    MDB_val k = hf__lmdb_val(r->keys[i].order);
    size_t settled = 0;
    int rc = dbi ? mdb_del(t->mdb, dbi, &k, NULL) : MDB_NOTFOUND;
    bool deleted = rc == 0;
    if (deleted || rc == MDB_NOTFOUND) rc = hf__lmdb_quarantine_settle(env, t->mdb, entity, &r->keys[i], &settled);
    if (rc) return fail_write(env, t, rc, err);
    r->removed += deleted || settled;
  }
  return HF_OK;
}

static hf_status do_remove(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what, hf_error *err) {
  struct remove_many *r = what;
  hf_status status = do_remove_many(env, t, entity, what, err);
  return status ? status : r->removed ? HF_OK : HF_NOT_FOUND;
}

static hf_status remove_one(void *store, void *txn, void *entity, const hf_key *key, hf_error *err) {
  struct remove_many one = {key, 1, 0};
  return write(store, txn, entity, do_remove, &one, true, err);
}

static hf_status remove_many(void *store, void *txn, void *entity, const hf_key *keys, size_t n, uint64_t *removed,
                             hf_error *err) {
  struct remove_many many = {keys, n, 0};
  hf_status status = write(store, txn, entity, do_remove_many, &many, true, err);
  *removed = many.removed;
  return status;
}

static hf_status do_clear(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what, hf_error *err) {
  (void)what;
  MDB_dbi dbi;
  size_t settled;
  hf_status status = hf__lmdb_write_dbi(env, t, entity, false, &dbi, err);
  if (status) return status;
  int rc = dbi ? mdb_drop(t->mdb, dbi, 0) : 0;
  if (rc == 0) rc = hf__lmdb_quarantine_settle(env, t->mdb, entity, NULL, &settled);
  return rc ? fail_write(env, t, rc, err) : HF_OK;
}

static hf_status clear(void *store, void *txn, void *entity, hf_error *err) {
  return write(store, txn, entity, do_clear, NULL, true, err);
}

/* ---- quarantine */

/* What is wrong with a record, by its key, its checksum or its text; NULL: nothing. */
static const char *problem_of(const MDB_val *k, const MDB_val *v, hf_slice id) {
  hf_slice text;
  hf_info info;
  if (!hf__lmdb_record_key_is_sound(k, id)) return "its key is damaged";
  const char *problem = hf__lmdb_record_read(v, id, &text, &info);
  if (problem) return problem;
  return hf_json_validate(text, NULL) == HF_OK ? NULL : "its text is no JSON";
}

struct doubt {
  const hf_key *key;
  const char *problem;
};

static hf_status do_quarantine(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what, hf_error *err) {
  const struct doubt *d = what;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_write_dbi(env, t, entity, false, &dbi, err);
  if (status) return status;
  MDB_val k = hf__lmdb_val(d->key->order), v;
  int rc = dbi ? mdb_get(t->mdb, dbi, &k, &v) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND) return HF_NOT_FOUND;
  if (rc) return hf__lmdb_fail(env, rc, "read", err);
  if (!problem_of(&k, &v, d->key->id)) return HF_NOT_FOUND; /* somebody has written a good one meanwhile */
  rc = hf__lmdb_quarantine_add(env, t->mdb, entity, dbi, d->key, &v, d->problem);
  return rc ? fail_write(env, t, rc, err) : HF_OK;
}

static hf_status quarantine(void *store, void *entity, const hf_key *key, const char *problem, hf_error *err) {
  struct doubt d = {key, problem};
  hf_status status = write(store, NULL, entity, do_quarantine, &d, true, err);
  return status == HF_BUSY ? HF_IO : status; /* it is unreadable whatever keeps us from moving it */
}

struct damaged {
  const hf_key *key;
  const char *problem;
  hf_slice bytes;
};

static hf_status do_quarantine_put(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_entity *entity, void *what,
                                   hf_error *err) {
  const struct damaged *d = what;
  MDB_dbi dbi;
  hf_status status = hf__lmdb_write_dbi(env, t, entity, true, &dbi, err); /* so that the entity name is in the store */
  if (status) return status;
  MDB_val k = hf__lmdb_val(d->key->order), v;
  int rc = mdb_get(t->mdb, dbi, &k, &v);
  if (rc == 0) {
    const char *problem = problem_of(&k, &v, d->key->id);
    if (!problem) return HF_CONFLICT;
    rc = hf__lmdb_quarantine_add(env, t->mdb, entity, dbi, d->key, &v, problem);
  }
  if (rc == 0 || rc == MDB_NOTFOUND) rc = hf__lmdb_quarantine_put(env, t->mdb, entity, d->key, d->bytes, d->problem);
  return rc ? fail_write(env, t, rc, err) : HF_OK;
}

static hf_status put_damaged(void *store, void *txn, void *entity, const hf_key *key, const char *problem,
                             hf_slice bytes, hf_error *err) {
  struct damaged d = {key, problem, bytes};
  return write(store, txn, entity, do_quarantine_put, &d, false, err);
}

static hf_status scan_damaged(void *store, void *txn, void *entity, const hf_scan *scan, hf_page *page, bool *more,
                              hf_error *err) {
  MDB_txn *t;
  MDB_dbi dbi; /* of no use, but a snapshot may have slipped */
  *more = false;
  hf_status status = hf__lmdb_read_entity(store, txn, entity, &t, &dbi, err);
  if (status) return status;
  int rc = hf__lmdb_quarantine_list(store, t, entity, scan, page, more);
  hf__lmdb_read_entity_end(store, txn, t);
  return rc ? hf__lmdb_fail(store, rc, "look into quarantine", err) : HF_OK;
}

static hf_status quarantined(void *store, void *entity, uint64_t *n, hf_error *err) {
  MDB_txn *t;
  hf_status status = hf__lmdb_read_begin(store, &t, err);
  if (status) return status;
  int rc = hf__lmdb_quarantine_count(store, t, entity, n);
  hf__lmdb_read_end(store, t);
  return rc ? hf__lmdb_fail(store, rc, "look into quarantine", err) : HF_OK;
}

/* ---- the store as a whole */

static hf_status begin_reading(hf__lmdb_env *env, hf__lmdb_txn *in, MDB_txn **txn, hf_error *err) {
  if (!in) return hf__lmdb_read_begin(env, txn, err);
  *txn = in->mdb;
  return HF_OK;
}

static hf_status entities(void *store, void *txn, hf_page *page, hf_error *err) {
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
  hf__lmdb_read_entity_end(store, txn, t);
  return status;
}

static bool stat_entity(hf__lmdb_env *env, MDB_txn *t, MDB_dbi dbi, hf__lmdb_entity *e, hf_buffer *json) {
  MDB_stat s = {0};
  uint64_t in_quarantine = 0;
  if (dbi && mdb_stat(t, dbi, &s)) return false;
  hf__lmdb_quarantine_count(env, t, e, &in_quarantine);
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

static hf_status stat_store(void *store, void *txn, void *entity, hf_buffer *json, hf_error *err) {
  hf__lmdb_env *env = store;
  MDB_txn *t;
  MDB_dbi dbi = 0;
  json->size = 0;
  hf_status status = entity ? hf__lmdb_read_entity(env, txn, entity, &t, &dbi, err) : begin_reading(env, txn, &t, err);
  if (status) return status;
  MDB_envinfo info;
  MDB_stat s;
  struct stat file;
  uint64_t in_quarantine = 0, free_pages = 0;
  bool ok = mdb_env_info(env->mdb, &info) == 0 && mdb_env_stat(env->mdb, &s) == 0 && fstat(env->data_fd, &file) == 0 &&
            count_free(env, &free_pages);
  if (ok && !entity) hf__lmdb_quarantine_count(env, t, NULL, &in_quarantine);
  uint64_t taken = ok ? info.me_last_pgno + 1 : 0; /* of a commit after this moment, perhaps */
  if (free_pages > taken) free_pages = taken;
  ok = ok && hf_buffer_printf(json, "{\"backend\":\"lmdb\",\"path\":") && hf_buffer_quote(json, hf_text(env->path)) &&
       hf_buffer_printf(
           json,
           ",\"formatVersion\":%d,\"durability\":\"%s\",\"readOnly\":%s,\"revision\":%zu,\"fileBytes\":%lld,"
           "\"usedBytes\":%llu,\"freeBytes\":%llu,\"mapBytes\":%zu,\"pageBytes\":%u,\"readers\":%u,\"readersMax\":%u",
           FORMAT_VERSION, hf_durability_name(env->options.durability), env->options.read_only ? "true" : "false",
           info.me_last_txnid, (long long)file.st_size, (unsigned long long)(taken - free_pages) * s.ms_psize,
           (unsigned long long)free_pages * s.ms_psize, info.me_mapsize, s.ms_psize, info.me_numreaders,
           info.me_maxreaders);
  if (ok && entity) ok = stat_entity(env, t, dbi, entity, json);
  if (ok && !entity) ok = hf_buffer_printf(json, ",\"quarantined\":%llu", (unsigned long long)in_quarantine);
  ok = ok && hf_buffer_add(json, "}", 1);
  hf__lmdb_read_entity_end(env, txn, t);
  return ok ? HF_OK : hf_error_set(err, HF_NO_MEMORY, "no memory for the statistics of %s", env->path);
}

const hf_backend hf__backend_lmdb = {
    .abi_version = HF_BACKEND_ABI,
    .name = "lmdb",
    .capabilities = HF_CAP_DURABLE | HF_CAP_TRANSACTION | HF_CAP_SNAPSHOT | HF_CAP_NESTED | HF_CAP_REVISION |
                    HF_CAP_IF_ABSENT | HF_CAP_ATOMIC_BATCH | HF_CAP_QUARANTINE | HF_CAP_CHECKSUM,
    .is_path = true,
    .identify = identify,
    .open = open_store,
    .close = close_store,
    .entity_open = entity_open,
    .entity_close = entity_close,
    .begin = begin,
    .commit = commit,
    .abort = abort_txn,
    .get = get,
    .has = has,
    .put = put,
    .remove = remove_one,
    .clear = clear,
    .count = count,
    .scan = hf__lmdb_scan,
    .get_many = get_many,
    .put_many = put_many,
    .remove_many = remove_many,
    .entities = entities,
    .stat = stat_store,
    .quarantine = quarantine,
    .quarantined = quarantined,
    .quarantine_scan = scan_damaged,
    .quarantine_put = put_damaged,
};
