/* SPDX-License-Identifier: MIT
 *
 * The one door for changes of a store.  Each works on one collection in one write transaction:
 *
 *   enter()    finds its database, and makes it for the first write
 *   a body     do_put() ...: changes records, and with each the collection's sum (sums.h)
 *                and with each its entries in indexes (index_keep.h) and in the log of changes (log_keep.h)
 *   after_change()   what each change of a record, and each new name, ends with: settling what is in quarantine
 *
 * Nothing else writes to a database of entities, or settles.  See change.h.
 */
#include "change.h"

#include <errno.h>

#include "collections.h"
#include "expiry_keep.h"
#include "expiry_sweep.h"
#include "group.h"
#include "index_keep.h"
#include "log_keep.h"
#include "map.h"
#include "quarantine.h"
#include "record.h"
#include "sums.h"

/* What can happen. */
enum kind {
  CREATE,    /* the collection was not in the store */
  PUT,       /* a record was written */
  REMOVE,    /* an id was removed, or was not there */
  CLEAR,     /* all records of the type were */
  QUARANTINE /* an id is in quarantine from now on, whether it had a record or not */
};

/* What is done to a collection in a write transaction. */
struct work {
  hf__lmdb_env *env;
  hf__lmdb_txn *t;
  hf__lmdb_collection *collection;
  MDB_dbi dbi;                /* 0: the type is not in the store */
  bool nothing_to_settle;     /* nothing at all is in quarantine, which is nearly always so */
  hf__lmdb_delta *delta;      /* of the collection's sum; NULL: the store keeps none, or there is no collection */
  hf__lmdb_keep keep;         /* its indexes.  Where there are some, there are sums, too */
  hf__lmdb_logging log;       /* likewise */
  hf__lmdb_expiring expiring; /* likewise */
  bool refused;               /* the body has found that the change must not happen, and has written nothing */
};

typedef hf_status (*body_fn)(struct work *w, void *what, hf_error *err);

static hf_status fail(const struct work *w, int rc, hf_error *err) {
  if (rc == MDB_MAP_FULL) hf__lmdb_note_full(w->t);
  return hf__lmdb_fail(w->env, rc, "write", err);
}

/* Every change ends here, in the transaction that made it, and after it.  The id, or with key NULL the whole type, does
 * not wait in quarantine any more; *settled counts what did.  It gets no record: what needs the old one is kept up
 * where that is replaced or deleted.  LMDB's result. */
static int after_change(struct work *w, enum kind kind, const hf_key *key, size_t *settled) {
  *settled = 0;
  w->t->changed |= kind != REMOVE; /* which says itself whether there was a record */
  w->t->certain |= kind == PUT;
  if (w->nothing_to_settle || kind == CREATE || kind == QUARANTINE) return 0;
  int rc = hf__lmdb_quarantine_settle(w->env, w->t->mdb, w->collection, key, settled);
  if (rc == 0 && *settled) rc = hf__lmdb_keep_settled(&w->keep, key);
  w->t->changed |= rc || *settled;
  return rc;
}

/* Ends a body that has written nothing, since the change must not happen. */
static hf_status refuse(struct work *w, hf_status status) {
  w->refused = true;
  return status;
}

/* Whether the id waits in quarantine. */
static bool is_in_quarantine(const struct work *w, const hf_key *key) {
  hf_error unused;
  return !w->nothing_to_settle &&
         hf__lmdb_quarantine_check(w->env, w->t->mdb, w->collection, key, &unused) == HF_CORRUPT;
}

/* Logs a change of an id before it happens.  LMDB's result. */
static int log_change(const struct work *w, hf_change_kind what, const hf_key *key, const MDB_val *old) {
  if (__builtin_expect(!w->log.log, 1)) return 0;
  return hf__lmdb_log_change(&w->log, what, key, old, !old && is_in_quarantine(w, key));
}

/* Finds the database of the type; with `create` makes it where there is none. */
static hf_status find(struct work *w, bool create, hf_error *err) {
  hf_status status = hf__lmdb_write_dbi(w->env, w->t, w->collection, &w->dbi, err);
  w->nothing_to_settle = hf__lmdb_quarantine_is_empty(w->env, w->t->mdb);
  if (status || w->dbi || !create) return status;
  size_t settled;
  status = hf__lmdb_make_dbi(w->env, w->t, w->collection, &w->dbi, err);
  int rc = status ? 0 : after_change(w, CREATE, NULL, &settled);
  return rc ? fail(w, rc, err) : status;
}

/* Finds the database, and room for what is changed of the collection's sum: nothing can fail any more once a record
 * was changed. */
static hf_status enter(struct work *w, bool create, hf_error *err) {
  hf_status status = hf__lmdb_keep_enter(&w->keep, w->env, w->t, w->collection, err);
  if (status == HF_OK) status = hf__lmdb_log_enter(&w->log, w->env, w->t, w->collection, err);
  if (status == HF_OK) status = hf__lmdb_expiry_enter(&w->expiring, w->env, w->t, w->collection, err);
  if (status == HF_OK) status = find(w, create, err);
  w->delta = NULL;
  if (status || !w->dbi || !w->env->known.keeps_sums) return status;
  w->delta = hf__lmdb_sums_delta(w->t, w->collection);
  return w->delta ? HF_OK : hf_error_no_memory(err);
}

/* What is changed, and how. */
struct change {
  hf__lmdb_member member; /* comes first */
  body_fn body;
  void *what;
};

static hf__lmdb_expire_fn expire;

static hf_status run_change(hf__lmdb_member *member, hf__lmdb_env *env, hf__lmdb_txn *t, bool *refused) {
  const struct change *c = (const struct change *)member;
  struct work w = {.env = env, .t = t, .collection = member->collection};
  hf_status status = c->body(&w, c->what, member->err);
  *refused = w.refused;
  if (__builtin_expect(w.expiring.dbi && status == HF_OK, 0)) hf__lmdb_expiry_sweep(env, t, expire);
  return status;
}

/* Makes the change in the transaction, or in one that may be shared with other threads. */
static hf_status make(void *store, void *txn, void *collection, struct change *c, hf_error *err) {
  hf__lmdb_env *env = store;
  hf__lmdb_txn *t = txn;
  bool refused;
  c->member.run = run_change;
  c->member.collection = collection;
  c->member.err = err;
  if (!t) return hf__lmdb_change_shared(env, &c->member);
  hf_status status = run_change(&c->member, env, t, &refused);
  if (status == HF_FULL && t->map_full && hf__lmdb_can_grow(env))
    hf_error_cause(err, "the map has to grow, which cannot happen inside a transaction: run the transaction again");
  return status;
}

/* The ids that it may change.  Without them it does not share a commit. */
static void set_keys(struct change *c, const void *keys, size_t stride, size_t count) {
  c->member.keys = keys;
  c->member.stride = stride;
  c->member.count = count;
}

/* Makes one that frees more than it takes. */
static hf_status make_freeing(void *store, void *txn, void *collection, body_fn body, void *what, const hf_key *keys,
                              size_t count, hf_error *err) {
  struct change c = {.body = body, .what = what, .member.frees = true};
  set_keys(&c, keys, sizeof *keys, count);
  return make(store, txn, collection, &c, err);
}

/* ---- putting */

struct put_one {
  const hf_put *put;
  const hf_write_options *options;
  hf_info *info;
};

/* The revision of a record; with `sound` only if it can be read.  HF_NOT_FOUND: there is none, *revision is 0. */
static hf_status look(struct work *w, const hf_key *key, bool sound, uint64_t *revision, hf_error *err) {
  hf_slice text;
  hf_info present;
  MDB_val k = hf__lmdb_val(key->order), v;
  *revision = 0;
  int rc = w->dbi ? mdb_get(w->t->mdb, w->dbi, &k, &v) : MDB_NOTFOUND;
  if (rc == 0 && hf__lmdb_record_is_over(w->t, &v)) return HF_NOT_FOUND;
  if (rc == MDB_NOTFOUND) { /* what is in quarantine is neither absent nor without a revision */
    hf_status status = hf__lmdb_quarantine_check(w->env, w->t->mdb, w->collection, key, err);
    return status == HF_CORRUPT && err->in_quarantine ? refuse(w, status) : status;
  }
  if (rc) return hf__lmdb_fail(w->env, rc, "read", err);
  const char *problem = sound ? hf__lmdb_record_read(&v, key->id, &text, &present) : NULL;
  if (problem) return refuse(w, hf_error_set(err, HF_CORRUPT, "%s", problem));
  *revision = hf__lmdb_record_revision(&v);
  return HF_OK;
}

/* Whether the write may happen.  HF_CONFLICT as the slot has it. */
static hf_status check_conditions(struct work *w, const struct put_one *p, hf_error *err) {
  hf_status status = look(w, &p->put->key, p->options->if_revision, &p->info->revision, err);
  if (status != HF_OK && status != HF_NOT_FOUND) return status;
  bool found = status == HF_OK;
  bool holds = p->options->if_absent ? !found : found && p->info->revision == p->options->revision;
  return holds ? HF_OK : refuse(w, HF_CONFLICT);
}

/* Logs a write: one over something that has expired is two changes. */
static int log_write(const struct work *w, const hf_key *key, const MDB_val *there) {
  if (__builtin_expect(!w->log.log || !there || !hf__lmdb_record_is_over(w->t, there), 1))
    return log_change(w, HF_CHANGE_WRITE, key, there);
  int rc = log_change(w, HF_CHANGE_EXPIRE, key, there);
  return rc ? rc : log_change(w, HF_CHANGE_WRITE, key, NULL);
}

/* Puts a record in the place of an old one (NULL: there was none), and keeps up the collection's sum.  LMDB's result.
 */
static int replace(struct work *w, MDB_cursor *c, const hf_put *put, const MDB_val *there, const hf_info *info) {
  MDB_val k = hf__lmdb_val(put->key.order), v;
  hf__lmdb_sum old = {there != NULL, there ? hf__lmdb_record_hash(there, put->key.id) : 0};
  v = (MDB_val){hf__lmdb_record_size(put->json.size, put->expires_at), NULL};
  int rc = log_write(w, &put->key, there);
  if (rc == 0) rc = hf__lmdb_expiry_change(&w->expiring, &put->key, there, put->expires_at);
  if (rc == 0) rc = mdb_cursor_put(c, &k, &v, MDB_RESERVE);
  if (rc) return rc;
  hf__lmdb_record_write(v.mv_data, put->key.id, put->json, info);
  w->delta->by.count += 1 - old.count;
  w->delta->by.hash += hf__lmdb_record_hash(&v, put->key.id) - old.hash;
  return 0;
}

/* The same, with what is moved in the indexes. */
static int replace_indexed(struct work *w, MDB_cursor *c, const hf_put *put, const MDB_val *there,
                           const hf_info *info) {
  hf__lmdb_moves moves;
  hf__lmdb_moves_find(&w->keep, &put->key, there, &put->json, &moves);
  int rc = replace(w, c, put, there, info);
  return rc ? rc : hf__lmdb_moves_make(&w->keep, &put->key, &moves);
}

/* Writes a record where a cursor finds its place: the old one is looked at on the way.  LMDB's result. */
static int put_summed(struct work *w, MDB_cursor *c, const hf_put *put, const hf_info *info) {
  MDB_val k = hf__lmdb_val(put->key.order), v;
  int rc = mdb_cursor_get(c, &k, &v, MDB_SET);
  if (rc && rc != MDB_NOTFOUND) return rc;
  return (w->keep.set ? replace_indexed : replace)(w, c, put, rc == 0 ? &v : NULL, info);
}

/* The same by a cursor for this record alone. */
static int put_one_summed(struct work *w, const hf_put *put, const hf_info *info) {
  MDB_cursor *c;
  int rc = mdb_cursor_open(w->t->mdb, w->dbi, &c);
  if (rc) return rc;
  rc = put_summed(w, c, put, info);
  mdb_cursor_close(c);
  return rc;
}

static int put_plain(struct work *w, const hf_put *put, const hf_info *info) {
  MDB_val k = hf__lmdb_val(put->key.order), v = {RECORD_HEADER + put->json.size, NULL}; /* nothing expires */
  int rc = mdb_put(w->t->mdb, w->dbi, &k, &v, MDB_RESERVE);
  if (rc == 0) hf__lmdb_record_write(v.mv_data, put->key.id, put->json, info);
  return rc;
}

/* What unique indexes say.  Nothing was written yet. */
static hf_status check_unique(struct work *w, const hf_put *puts, size_t count, hf_error *err) {
  hf_status status = w->keep.set ? hf__lmdb_keep_check(&w->keep, w->dbi, puts, count, err) : HF_OK;
  return status == HF_DUPLICATE ? refuse(w, status) : status;
}

static hf_status do_put(struct work *w, void *what, hf_error *err) {
  const struct put_one *p = what;
  bool conditional = p->options->if_absent || p->options->if_revision;
  hf_status status = enter(w, false, err);
  if (status == HF_OK && conditional) status = check_conditions(w, p, err);
  if (status == HF_OK) status = check_unique(w, p->put, 1, err);
  if (status == HF_OK && p->put->expires_at) status = hf__lmdb_expiry_need(&w->expiring, err);
  bool again = !w->dbi || (w->expiring.dbi && !w->delta);
  if (status == HF_OK && again) status = enter(w, true, err); /* only now: what is refused makes no collection */
  if (status) return status;
  p->info->revision = mdb_txn_id(w->t->mdb);
  p->info->updated_at = hf_now_ms();
  p->info->expires_at = p->put->expires_at;
  size_t settled;
  int rc = w->delta ? put_one_summed(w, p->put, p->info) : put_plain(w, p->put, p->info);
  if (rc == 0) rc = after_change(w, PUT, &p->put->key, &settled);
  return rc ? fail(w, rc, err) : HF_OK;
}

hf_status hf__lmdb_put(void *store, void *txn, void *collection, const hf_put *put, const hf_write_options *options,
                       hf_info *info, hf_error *err) {
  struct put_one one = {put, options, info};
  struct change c = {.body = do_put, .what = &one};
  set_keys(&c, put, sizeof *put, 1);
  c.member.bytes = put->json.size;
  if (__builtin_expect(put->expires_at && !txn, 0)) {
    hf_status status = hf__lmdb_expiry_turn_on(store, err);
    if (status) return status;
  }
  return make(store, txn, collection, &c, err);
}

struct put_many {
  const hf_put *puts;
  size_t count;
  bool expires; /* some of them do */
};

static int put_at(MDB_cursor *c, const hf_put *put, const hf_info *info) {
  MDB_val k = hf__lmdb_val(put->key.order), v = {RECORD_HEADER + put->json.size, NULL};
  int rc = mdb_cursor_put(c, &k, &v, MDB_RESERVE);
  if (rc == 0) hf__lmdb_record_write(v.mv_data, put->key.id, put->json, info);
  return rc;
}

static hf_status do_put_many(struct work *w, void *what, hf_error *err) {
  const struct put_many *p = what;
  hf_status status = enter(w, false, err);
  if (status == HF_OK) status = check_unique(w, p->puts, p->count, err);
  if (status == HF_OK && p->expires) status = hf__lmdb_expiry_need(&w->expiring, err);
  bool again = !w->dbi || (w->expiring.dbi && !w->delta);
  if (status == HF_OK && again) status = enter(w, true, err);
  if (status) return status;
  hf_info info = {.revision = mdb_txn_id(w->t->mdb), .updated_at = hf_now_ms()};
  size_t settled;
  MDB_cursor *c;
  int rc = mdb_cursor_open(w->t->mdb, w->dbi, &c);
  if (rc) return fail(w, rc, err);
  for (size_t i = 0; i < p->count && rc == 0; i++) {
    info.expires_at = p->puts[i].expires_at;
    rc = w->delta ? put_summed(w, c, &p->puts[i], &info) : put_at(c, &p->puts[i], &info);
    if (rc == 0) rc = after_change(w, PUT, &p->puts[i].key, &settled);
  }
  mdb_cursor_close(c);
  return rc ? fail(w, rc, err) : HF_OK;
}

hf_status hf__lmdb_put_many(void *store, void *txn, void *collection, const hf_put *puts, size_t count, hf_error *err) {
  struct put_many many = {puts, count, false};
  struct change c = {.body = do_put_many, .what = &many};
  set_keys(&c, puts, sizeof *puts, count);
  for (size_t i = 0; i < count; i++) {
    c.member.bytes += puts[i].json.size;
    many.expires |= puts[i].expires_at != 0;
  }
  if (many.expires && !txn) {
    hf_status status = hf__lmdb_expiry_turn_on(store, err);
    if (status) return status;
  }
  return make(store, txn, collection, &c, err);
}

/* ---- removing */

struct remove_many {
  const hf_key *keys;
  size_t count;
  uint64_t removed;
};

/* Deletes the record that a cursor is on, and takes it off the collection's sum and indexes.  LMDB's result. */
static int delete_there(struct work *w, MDB_cursor *c, hf_change_kind what, const hf_key *key, MDB_val v) {
  hf__lmdb_moves moves;
  uint64_t hash = hf__lmdb_record_hash(&v, key->id);
  if (w->keep.set) hf__lmdb_moves_find(&w->keep, key, &v, NULL, &moves);
  int rc = log_change(w, what, key, &v);
  if (rc == 0) rc = hf__lmdb_expiry_change(&w->expiring, key, &v, 0);
  if (rc == 0) rc = mdb_cursor_del(c, 0);
  if (rc) return rc;
  w->delta->by.count--;
  w->delta->by.hash -= hash;
  return w->keep.set ? hf__lmdb_moves_make(&w->keep, key, &moves) : 0;
}

/* Finds it first; what has expired is not there. */
static int delete_summed(struct work *w, MDB_cursor *c, const hf_key *key) {
  MDB_val k = hf__lmdb_val(key->order), v;
  int rc = mdb_cursor_get(c, &k, &v, MDB_SET);
  if (rc == 0 && hf__lmdb_record_is_over(w->t, &v)) rc = MDB_NOTFOUND;
  return rc ? rc : delete_there(w, c, HF_CHANGE_REMOVE, key, v);
}

/* The same in whatever store. */
static int delete_record(struct work *w, const hf_key *key) {
  MDB_val k = hf__lmdb_val(key->order);
  MDB_cursor *c;
  if (!w->dbi) return MDB_NOTFOUND;
  if (!w->delta) return mdb_del(w->t->mdb, w->dbi, &k, NULL);
  int rc = mdb_cursor_open(w->t->mdb, w->dbi, &c);
  if (rc) return rc;
  rc = delete_summed(w, c, key);
  mdb_cursor_close(c);
  return rc;
}

static hf_status remove_each(struct work *w, struct remove_many *r, hf_error *err) {
  for (size_t i = 0; i < r->count; i++) {
    size_t settled = 0;
    int rc = delete_record(w, &r->keys[i]);
    bool deleted = rc == 0;
    w->t->changed |= deleted;
    if (rc == MDB_NOTFOUND && __builtin_expect(w->log.log, 0) && is_in_quarantine(w, &r->keys[i])) {
      rc = hf__lmdb_log_change(&w->log, HF_CHANGE_REMOVE, &r->keys[i], NULL, true);
      if (rc == 0) rc = MDB_NOTFOUND;
    }
    if (deleted || rc == MDB_NOTFOUND) rc = after_change(w, REMOVE, &r->keys[i], &settled);
    if (rc) return fail(w, rc, err);
    r->removed += deleted || settled;
  }
  return HF_OK;
}

static hf_status do_remove_many(struct work *w, void *what, hf_error *err) {
  struct remove_many *r = what;
  r->removed = 0;
  hf_status status = enter(w, false, err);
  return status ? status : remove_each(w, r, err);
}

static hf_status do_remove(struct work *w, void *what, hf_error *err) {
  struct remove_many *r = what;
  hf_status status = do_remove_many(w, what, err);
  return status ? status : r->removed ? HF_OK : refuse(w, HF_NOT_FOUND);
}

hf_status hf__lmdb_remove(void *store, void *txn, void *collection, const hf_key *key, hf_error *err) {
  struct remove_many one = {key, 1, 0};
  return make_freeing(store, txn, collection, do_remove, &one, key, 1, err);
}

/* hf__lmdb_expire_fn.  A damaged record may expire at whatever time: it stays, for quarantine. */
static int expire(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_collection *collection, const hf_key *key, int64_t at) {
  struct work w = {.env = env, .t = t, .collection = collection};
  hf_error unused;
  hf_slice text;
  hf_info info;
  MDB_cursor *c;
  MDB_val k = hf__lmdb_val(key->order), v;
  hf_status status = enter(&w, false, &unused);
  if (status || !w.dbi) return status ? ENOMEM : 0;
  int rc = mdb_cursor_open(t->mdb, w.dbi, &c);
  if (rc) return rc;
  rc = mdb_cursor_get(c, &k, &v, MDB_SET);
  if (rc == 0 && !hf__lmdb_record_read(&v, key->id, &text, &info) && info.expires_at == at)
    rc = delete_there(&w, c, HF_CHANGE_EXPIRE, key, v);
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

struct remove_if {
  const hf_key *key;
  uint64_t revision;
  hf_info *info;
};

static hf_status do_remove_if(struct work *w, void *what, hf_error *err) {
  const struct remove_if *r = what;
  struct remove_many one = {r->key, 1, 0};
  hf_status status = enter(w, false, err);
  if (status == HF_OK) status = look(w, r->key, true, &r->info->revision, err);
  if (status) return status == HF_NOT_FOUND ? refuse(w, status) : status;
  return r->info->revision == r->revision ? remove_each(w, &one, err) : refuse(w, HF_CONFLICT);
}

hf_status hf__lmdb_remove_if(void *store, void *txn, void *collection, const hf_key *key, uint64_t revision,
                             hf_info *info, hf_error *err) {
  struct remove_if one = {key, revision, info};
  return make_freeing(store, txn, collection, do_remove_if, &one, key, 1, err);
}

hf_status hf__lmdb_remove_many(void *store, void *txn, void *collection, const hf_key *keys, size_t count,
                               uint64_t *removed, hf_error *err) {
  struct remove_many many = {keys, count, 0};
  hf_status status = make_freeing(store, txn, collection, do_remove_many, &many, keys, count, err);
  *removed = many.removed;
  return status;
}

static int log_clear(const struct work *w) {
  uint64_t waiting = 0;
  int rc = w->nothing_to_settle ? 0 : hf__lmdb_quarantine_count(w->env, w->t->mdb, w->collection, &waiting);
  return rc ? rc : hf__lmdb_log_clear(&w->log, w->dbi, waiting > 0);
}

static hf_status do_clear(struct work *w, void *what, hf_error *err) {
  (void)what;
  size_t settled;
  hf_status status = enter(w, false, err);
  if (status) return status;
  int rc = w->log.log ? log_clear(w) : 0;
  if (rc == 0 && w->dbi) rc = mdb_drop(w->t->mdb, w->dbi, 0);
  if (rc == 0 && w->delta) hf__lmdb_sums_clear(w->delta);
  if (rc == 0) rc = hf__lmdb_keep_clear(&w->keep);
  if (rc == 0) rc = hf__lmdb_expiry_clear(&w->expiring);
  if (rc == 0) rc = after_change(w, CLEAR, NULL, &settled);
  return rc ? fail(w, rc, err) : HF_OK;
}

hf_status hf__lmdb_clear(void *store, void *txn, void *collection, hf_error *err) {
  return make_freeing(store, txn, collection, do_clear, NULL, NULL, 0, err);
}

/* ---- putting aside */

/* What is wrong with a record, by its key, its checksum or its text; NULL: nothing. */
static const char *problem_of(const MDB_val *k, const MDB_val *v, hf_slice id) {
  hf_slice text;
  hf_info info;
  if (!hf__lmdb_record_key_is_sound(k, id)) return "its key is damaged";
  const char *problem = hf__lmdb_record_read(v, id, &text, &info);
  if (problem) return problem;
  return hf_json_validate(text, NULL) == HF_OK ? NULL : "its text is no JSON";
}

/* Moves an unreadable record to quarantine.  LMDB's result. */
static int put_aside(struct work *w, const hf_key *key, const MDB_val *record, const char *problem) {
  size_t settled;
  MDB_val k = hf__lmdb_val(key->order);
  hf_slice bytes = {record->mv_data, record->mv_size};
  uint64_t hash = hf__lmdb_record_hash(record, hf__lmdb_record_id(&k, record));
  int rc = log_change(w, HF_CHANGE_QUARANTINE, key, record);
  if (rc == 0) rc = hf__lmdb_expiry_change(&w->expiring, key, record, 0);
  if (rc == 0) rc = hf__lmdb_quarantine_keep(w->env, w->t->mdb, w->collection, key, bytes, problem);
  if (rc == 0) rc = mdb_del(w->t->mdb, w->dbi, &k, NULL);
  if (rc == 0 && w->delta) {
    w->delta->by.count--;
    w->delta->by.hash -= hash;
  }
  if (rc == 0) rc = hf__lmdb_keep_aside(&w->keep, w->dbi, key);
  return rc ? rc : after_change(w, QUARANTINE, key, &settled);
}

struct doubt {
  const hf_key *key;
  const char *problem;
};

static hf_status do_quarantine(struct work *w, void *what, hf_error *err) {
  const struct doubt *d = what;
  hf_status status = enter(w, false, err);
  if (status) return status;
  MDB_val k = hf__lmdb_val(d->key->order), v;
  int rc = w->dbi ? mdb_get(w->t->mdb, w->dbi, &k, &v) : MDB_NOTFOUND;
  if (rc == MDB_NOTFOUND) return HF_NOT_FOUND;
  if (rc) return hf__lmdb_fail(w->env, rc, "read", err);
  if (!problem_of(&k, &v, d->key->id)) return HF_NOT_FOUND; /* a good one was written meanwhile */
  rc = put_aside(w, d->key, &v, d->problem);
  return rc ? fail(w, rc, err) : HF_OK;
}

hf_status hf__lmdb_quarantine(void *store, void *collection, const hf_key *key, const char *problem, hf_error *err) {
  struct doubt d = {key, problem};
  hf_status status = make_freeing(store, NULL, collection, do_quarantine, &d, NULL, 0, err);
  if (status != HF_BUSY) return status;
  err->status = HF_IO; /* it is unreadable whatever keeps us from moving it */
  err->retryable = false;
  return HF_IO;
}

struct damaged {
  const hf_key *key;
  const char *problem;
  hf_slice bytes;
};

static hf_status do_put_damaged(struct work *w, void *what, hf_error *err) {
  const struct damaged *d = what;
  hf_status status = enter(w, true, err); /* so that the entity name is in the store */
  if (status) return status;
  size_t settled;
  MDB_val k = hf__lmdb_val(d->key->order), v;
  int rc = mdb_get(w->t->mdb, w->dbi, &k, &v);
  if (rc == 0) {
    const char *problem = problem_of(&k, &v, d->key->id);
    if (!problem) return HF_CONFLICT;
    rc = put_aside(w, d->key, &v, problem);
  }
  if (rc == MDB_NOTFOUND) rc = is_in_quarantine(w, d->key) ? 0 : log_change(w, HF_CHANGE_QUARANTINE, d->key, NULL);
  if (rc == 0) rc = hf__lmdb_quarantine_put(w->env, w->t->mdb, w->collection, d->key, d->bytes, d->problem);
  if (rc == 0) rc = after_change(w, QUARANTINE, d->key, &settled);
  return rc ? fail(w, rc, err) : HF_OK;
}

hf_status hf__lmdb_put_damaged(void *store, void *txn, void *collection, const hf_key *key, const char *problem,
                               hf_slice bytes, hf_error *err) {
  struct damaged d = {key, problem, bytes};
  struct change c = {.body = do_put_damaged, .what = &d};
  return make(store, txn, collection, &c, err);
}
