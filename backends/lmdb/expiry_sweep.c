/* SPDX-License-Identifier: MIT
 *
 * Removing what has expired: see expiry_sweep.h.
 */
#include "expiry_sweep.h"

#include <errno.h>

#include "clock_note.h"
#include "collections.h"
#include "history_store.h"
#include "index_store.h"
#include "meta.h"
#include "writer.h"

enum {
  SWEEP_MOST = 64,     /* records that a commit removes */
  SWEEP_NS = 1000000,  /* and for how long */
  REST_NS = 1000000000 /* until it is looked again whether there is something; after some were removed, see writer.c */
};

/* A sweep in a transaction within the one that it belongs to. */
struct sweep {
  hf__lmdb_env *env;
  hf__lmdb_txn t;
  MDB_dbi dbi;
  int64_t limit; /* what expired until then goes */
  uint32_t number;
  hf__lmdb_collection *collection; /* of that number; NULL: there is none */
  hf__lmdb_expire_fn *expire;
};

/* ---- which collection it is */

struct search {
  uint32_t number;
  char name[HF_ID_MAX];
  size_t size;
};

static int compare_number(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice value, void *arg) {
  struct search *s = arg;
  uint32_t number;
  if (name.size > sizeof s->name || hf__lmdb_history_number(env, txn, name, &number) || number != s->number) return 0;
  (void)value;
  memcpy(s->name, name.data, s->size = name.size);
  return 0;
}

static void leave_collection(struct sweep *w) {
  if (w->collection) hf__lmdb_collection_close(w->env, w->collection);
  w->collection = NULL;
}

/* Finds the collection of a number.  LMDB's result. */
static int find_collection(struct sweep *w, uint32_t number) {
  struct search s = {.number = number};
  hf_error unused;
  if (w->number == number) return 0;
  leave_collection(w);
  w->number = number;
  int rc = hf__lmdb_meta_each(w->env, w->t.mdb, META_NUMBER, compare_number, &s);
  if (rc || !s.size) return rc;
  return hf__lmdb_collection_open(w->env, (hf_slice){s.name, s.size}, &w->collection, &unused) ? ENOMEM : 0;
}

/* ---- sweeping */

/* The first entry of what has expired long enough; MDB_NOTFOUND: there is none. */
static int find_due(MDB_txn *txn, MDB_dbi dbi, int64_t limit, unsigned char key[EXPIRY_KEY_MAX], MDB_val *k,
                    hf__lmdb_expiry *e) {
  MDB_cursor *c;
  MDB_val v;
  int rc = mdb_cursor_open(txn, dbi, &c);
  if (rc) return rc;
  rc = mdb_cursor_get(c, k, &v, MDB_FIRST);
  mdb_cursor_close(c);
  if (rc) return rc;
  if (k->mv_size > EXPIRY_KEY_MAX) return MDB_CORRUPTED;
  memcpy(key, k->mv_data, k->mv_size); /* what is deleted may lie in the page that it is in */
  k->mv_data = key;
  if (!hf__lmdb_expiry_read(k, e)) *e = (hf__lmdb_expiry){0}; /* damaged: it goes */
  return e->at > limit ? MDB_NOTFOUND : 0;
}

/* Removes what is due.  MDB_NOTFOUND: that was all. */
static int remove_some(struct sweep *w) {
  unsigned char bytes[EXPIRY_KEY_MAX];
  MDB_val k;
  hf__lmdb_expiry e;
  int rc = 0;
  int64_t end = hf_clock_ns() + SWEEP_NS;
  for (int n = 0; n < SWEEP_MOST && rc == 0 && hf_clock_ns() < end; n++) {
    rc = find_due(w->t.mdb, w->dbi, w->limit, bytes, &k, &e);
    if (rc) return rc;
    if (e.order.size) rc = find_collection(w, e.number);
    if (rc == 0 && e.order.size && w->collection) {
      hf_slice id = hf__lmdb_order_id(e.order);
      if (id.data) rc = w->expire(w->env, &w->t, w->collection, &(hf_key){id, e.order}, e.at);
    }
    if (rc == 0) rc = hf__lmdb_expiry_delete_key(w->t.mdb, w->dbi, &k); /* unless that went with the record */
    w->t.changed = true;
  }
  return rc;
}

static int sweep_within(struct sweep *w) {
  bool agrees = false;
  int rc = hf__lmdb_clock_agrees(w->env, w->t.mdb, &agrees);
  w->t.changed = true; /* it may have left a note */
  if (rc == 0 && !agrees) return MDB_NOTFOUND;
  return rc ? rc : remove_some(w);
}

/* Whether something is due.  Also where that cannot be told. */
static bool is_due(struct sweep *w, hf__lmdb_txn *t) {
  unsigned char bytes[EXPIRY_KEY_MAX];
  MDB_val k;
  hf__lmdb_expiry e;
  hf_error unused;
  if (hf__lmdb_write_dbi(w->env, t, w->env->expiry, &w->dbi, &unused) || !w->dbi) return false;
  return find_due(t->mdb, w->dbi, w->limit, bytes, &k, &e) == 0;
}

void hf__lmdb_expiry_sweep(hf__lmdb_env *env, hf__lmdb_txn *t, hf__lmdb_expire_fn *expire) {
  int64_t began = hf_clock_ns();
  size_t in = mdb_txn_id(t->mdb);
  if (began < env->sweep.next || env->sweep.in == in || !env->known.has_expiry) return;
  struct sweep w = {.env = env, .limit = hf__lmdb_now(t) - HF__CLOCKS_EXPIRY_MARGIN_MS, .expire = expire};
  hf_error unused;
  env->sweep.in = in;
  env->sweep.next = began + REST_NS;
  if (!is_due(&w, t) || hf__lmdb_nested_begin(env, t, &w.t, &unused)) return;
  int rc = sweep_within(&w);
  if (rc && rc != MDB_NOTFOUND)
    hf__lmdb_nested_abort(&w.t);
  else if (hf__lmdb_nested_commit(env, &w.t, &unused) == HF_OK && rc == 0)
    env->sweep.began = began;
  leave_collection(&w);
}
