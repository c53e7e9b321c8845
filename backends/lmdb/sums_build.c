/* SPDX-License-Identifier: MIT
 *
 * Making sums: see sums_build.h.  A walk counts what is in the newest commit, which is what the transaction began with,
 * and whose pages nobody writes to as long as this one has the writer's lock.  So it takes no handle on any database,
 * of which a transaction can have a limited number only, and damage that LMDB would run into ends it.
 */
#include "sums_build.h"

#include <errno.h>
#include <string.h>

#include "page_walk.h"
#include "sums.h"
#include "tally.h"

static void visit(void *arg, const struct hf__lmdb_visit *v) { hf__lmdb_tally_visit(arg, v); }

/* Counts all collections of the newest commit. */
static int count_all(const hf__lmdb_env *env, size_t commit, struct hf__lmdb_tally *tally) {
  struct hf__lmdb_page_file file;
  struct hf__lmdb_header header;
  struct hf__lmdb_totals totals;
  hf_error unused;
  if (hf__lmdb_page_file_open(env->data_fd, &file, &unused)) return EIO;
  if (!hf__lmdb_read_header(&file, commit & 1, &header)) return EIO;
  if (header.commit != commit) return MDB_CORRUPTED;
  struct hf__lmdb_walk walk = {.file = &file, .view = &header, .arg = tally, .visited = visit};
  tally->walk = &walk;
  hf_status status = hf__lmdb_walk_run(&walk, &totals, &unused);
  hf__lmdb_walk_free(&walk);
  tally->walk = NULL;
  hf__lmdb_tally_end(tally);
  if (status == HF_IO) return EIO;
  if (status || tally->out_of_memory) return ENOMEM;
  return totals.problems ? MDB_CORRUPTED : 0;
}

/* Removes those that are records of their own. */
static int remove_records(const hf__lmdb_env *env, MDB_txn *txn) {
  MDB_cursor *c;
  const size_t prefix = sizeof SUM_KEY - 1;
  int rc = mdb_cursor_open(txn, env->main_dbi, &c);
  if (rc) return rc;
  for (;;) {
    char key[sizeof SUM_KEY + HF_ID_MAX];
    MDB_val k = {prefix, (void *)(uintptr_t)SUM_KEY}, v;
    rc = mdb_cursor_get(c, &k, &v, MDB_SET_RANGE);
    if (rc || k.mv_size < prefix || k.mv_size > sizeof key || memcmp(k.mv_data, SUM_KEY, prefix) != 0) break;
    memcpy(key, k.mv_data, k.mv_size); /* deleting may move the page that k points into */
    k.mv_data = key;
    rc = mdb_del(txn, env->main_dbi, &k, NULL);
    if (rc) break;
  }
  mdb_cursor_close(c);
  return rc == MDB_NOTFOUND ? 0 : rc;
}

int hf__lmdb_sums_build(hf__lmdb_env *env, MDB_txn *txn) {
  struct hf__lmdb_tally tally = {.walk = NULL};
  hf__lmdb_sums *sums = &env->sums;
  int rc = count_all(env, mdb_txn_id(txn) - 1, &tally);
  if (rc == 0) rc = remove_records(env, txn);
  sums->count = 0;
  for (size_t i = 0; i < tally.count && rc == 0; i++) {
    const struct hf__lmdb_counted *c = &tally.collections[i];
    if (!c->found.count) continue;
    if (sums->count < SUMS_IN_MARK)
      sums->list[sums->count++] = (struct hf__lmdb_marked_sum){c->name_hash, c->found};
    else
      rc = hf__lmdb_sum_put(env, txn, c->name, &c->found);
  }
  sums->of = rc ? 0 : mdb_txn_id(txn);
  hf__lmdb_tally_free(&tally);
  return rc;
}
