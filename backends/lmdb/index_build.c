/* SPDX-License-Identifier: MIT
 *
 * Building an index: see index_build.h.
 */
#include "index_build.h"

#include <string.h>

#include "collections.h"
#include "index_defs.h"
#include "index_store.h"
#include "map.h"
#include "record.h"
#include "writer.h"

static int insert_all(hf__lmdb_env *env, hf__lmdb_txn *t, MDB_dbi records, MDB_dbi dbi, const hf_index_set *set,
                      uint32_t number) {
  MDB_cursor *c;
  MDB_val k, v;
  (void)env;
  size_t place = 0;
  while (hf_index_set_at(set, place)->number != number) place++;
  int rc = mdb_cursor_open(t->mdb, records, &c);
  if (rc) return rc;
  while ((rc = mdb_cursor_get(c, &k, &v, MDB_NEXT)) == 0) {
    hf_index_value values[HF_INDEXES_MAX];
    hf_slice text;
    hf_info info;
    if (hf__lmdb_record_read(&v, hf__lmdb_record_id(&k, &v), &text, &info)) continue;
    hf_index_values(set, text, values);
    rc = hf__lmdb_entry_put(t->mdb, dbi, number, (hf_slice){(const char *)values[place].bytes, values[place].size},
                            (hf_slice){k.mv_data, k.mv_size});
    if (rc) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

hf_status hf__lmdb_index_build(hf__lmdb_env *env, hf__lmdb_collection *collection, uint32_t number, hf_error *err) {
  hf__lmdb_txn t;
  MDB_dbi records, dbi;
  const hf_index_set *set;
  hf_status status = hf__lmdb_write_begin(env, &t, false, err);
  if (status) return status;
  status = hf__lmdb_index_kept(env, t.mdb, collection, &set, err);
  if (status == HF_OK) status = hf__lmdb_write_dbi(env, &t, collection, &records, err);
  if (status == HF_OK) status = hf__lmdb_write_dbi(env, &t, env->index, &dbi, err);
  if (status == HF_OK && records) {
    int rc = insert_all(env, &t, records, dbi, set, number);
    if (rc) status = hf__lmdb_fail(env, rc, "write", err);
  }
  t.changed = true;
  if (status == HF_OK) return hf__lmdb_write_commit(env, &t, err);
  hf__lmdb_write_abort(env, &t);
  return status;
}

void hf__lmdb_index_clean(hf__lmdb_env *env) { (void)env; }
