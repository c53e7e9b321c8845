/* SPDX-License-Identifier: MIT
 *
 * The values of logged changes: see log_values.h.
 */
#include "log_values.h"

#include <string.h>

#include "collections.h"
#include "history_store.h"
#include "record.h"
#include "snapshot.h"

static bool is_of(const hf__lmdb_collection *c, hf_slice name) {
  return c->name_size == name.size && memcmp(c->name, name.data, name.size) == 0;
}

/* Looks up what is of the transaction.  False: the database has to be opened first, or *rc says what has failed. */
static bool look_up(hf__lmdb_log_values *x, hf__lmdb_log_name *n, int *rc) {
  hf__lmdb_collection *c = n->collection;
  hf_slice name = {c->name, c->name_size};
  n->dbi = atomic_load(&c->dbi);
  if (!n->dbi || !hf__lmdb_knows_dbi(x->txn, n->dbi)) {
    n->dbi = 0;
    *rc = hf__lmdb_has_type(x->env, x->txn, c);
    if (*rc == 0) x->missing = c;
    if (*rc != MDB_NOTFOUND) return false;
  }
  *rc = x->history ? hf__lmdb_history_number(x->env, x->txn, name, &n->number) : 0;
  n->of = x->transactions;
  return *rc == 0;
}

const hf__lmdb_log_name *hf__lmdb_log_values_find(hf__lmdb_log_values *x, hf_slice name, int *rc) {
  *rc = 0;
  for (size_t i = 0; i < x->count; i++) {
    hf__lmdb_log_name *n = &x->names[i];
    if (is_of(n->collection, name)) return n->of == x->transactions || look_up(x, n, rc) ? n : NULL;
  }
  x->lacks_name = true;
  memcpy(x->name, name.data, x->name_size = name.size);
  return NULL;
}

hf_status hf__lmdb_log_values_open(hf__lmdb_log_values *x, bool *full, hf_error *err) {
  bool exists;
  hf_status status = HF_OK;
  *full = x->lacks_name && x->count == LOG_NAMES_MAX;
  if (x->count == LOG_NAMES_FEW && !x->holds) {
    status = hf__lmdb_brief_begin(x->env, &x->holder, err);
    x->holds = status == HF_OK;
    if (status) return status;
  }
  if (x->lacks_name && !*full) {
    hf__lmdb_log_name *n = &x->names[x->count];
    *n = (hf__lmdb_log_name){.of = 0};
    status = hf__lmdb_collection_open(x->env, (hf_slice){x->name, x->name_size}, &n->collection, err);
    x->count += status == HF_OK;
    if (status == HF_OK && !atomic_load(&n->collection->dbi)) x->missing = n->collection;
  }
  if (x->missing && status == HF_OK) {
    atomic_store(&x->missing->touched, true);
    status = hf__lmdb_open_dbi(x->env, x->missing, &exists, err);
  }
  x->missing = NULL;
  x->lacks_name = false;
  return status;
}

/* Takes the value out of a record.  One that is damaged is as one that is gone: reading the entity tells of it. */
static void take(hf_change *change, const MDB_val *record, hf_slice id) {
  hf_slice text;
  hf_info info = {0};
  if (hf__lmdb_record_read(record, id, &text, &info)) return;
  change->json = text;
  change->expires_at = info.expires_at;
}

/* The value that a change of the revision left, which a later one has replaced. */
static int get_replaced(const hf__lmdb_log_values *x, const hf__lmdb_log_name *n, const hf__lmdb_log_entry *e,
                        hf_slice order, hf_change *change, bool *left_out) {
  MDB_cursor *c;
  hf__lmdb_replaced r;
  *left_out = true;
  if (!n->number) return 0;
  int rc = mdb_cursor_open(x->txn, x->history, &c);
  if (rc) return rc;
  rc = hf__lmdb_history_seek(c, n->number, order, e->revision + 1, &r);
  if (rc == 0 && hf__lmdb_record_revision(&r.record) == e->revision) {
    *left_out = false;
    take(change, &r.record, e->id);
    change->is_current = !change->json.data;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_log_values_get(const hf__lmdb_log_values *x, const hf__lmdb_log_name *n, const hf__lmdb_log_entry *e,
                            hf_change *change, bool *left_out) {
  unsigned char bytes[HF_ORDER_KEY_MAX];
  hf_slice order = {(const char *)bytes, hf_order_key(e->id, bytes)};
  MDB_val k = hf__lmdb_val(order), v;
  *left_out = false;
  if (!order.size) return MDB_CORRUPTED;
  int rc = n->dbi ? mdb_get(x->txn, n->dbi, &k, &v) : MDB_NOTFOUND;
  if (rc && rc != MDB_NOTFOUND) return rc;
  bool found = rc == 0, is_of_it = found && hf__lmdb_record_revision(&v) == e->revision;
  if (!is_of_it && x->history && e->revision >= x->history_from) return get_replaced(x, n, e, order, change, left_out);
  if (found) take(change, &v, e->id);
  change->is_current = !is_of_it || !change->json.data;
  return 0;
}

void hf__lmdb_log_values_free(hf__lmdb_log_values *x) {
  for (size_t i = 0; i < x->count; i++) hf__lmdb_collection_close(x->env, x->names[i].collection);
  x->count = 0;
  if (x->holds) hf__lmdb_snapshot_end(x->env, &x->holder);
  x->holds = false;
}
