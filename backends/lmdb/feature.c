/* SPDX-License-Identifier: MIT
 *
 * Features of a store: see feature.h.
 */
#include "feature.h"

#include <errno.h>
#include <string.h>

#include "expiry_store.h"
#include "index_defs.h"
#include "index_restore.h"
#include "log_restore.h"
#include "log_store.h"
#include "meta.h"
#include "sums.h"
#include "sums_build.h"

static const hf__lmdb_feature sums = {FEATURE_SUMS, FEATURE_READ, "counts and hashes of what was written",
                                      hf__lmdb_sums_build, true};
static const hf__lmdb_feature indexes = {FEATURE_INDEX, FEATURE_READ, "indexes over paths", hf__lmdb_index_restore,
                                         false};
static const hf__lmdb_feature changes = {FEATURE_CHANGES, FEATURE_READ, "a log of changes", hf__lmdb_log_restore,
                                         false};
/* Nothing is to be made again of it: who does not know of expiry cannot write anything that expires. */
static const hf__lmdb_feature expiry = {FEATURE_TTL, FEATURE_REFUSE, "entities that expire", NULL, true};
static const hf__lmdb_feature follow = {FEATURE_FOLLOW, FEATURE_READ, "it follows another store", NULL, true};
static const hf__lmdb_feature *const known[] = {&sums, &indexes, &expiry, &changes, &follow, NULL};
const hf__lmdb_feature *const *hf__lmdb_features = known;

const hf__lmdb_feature *hf__lmdb_feature_find(hf_slice name) {
  for (const hf__lmdb_feature *const *f = hf__lmdb_features; *f; f++)
    if (strlen((*f)->name) == name.size && memcmp((*f)->name, name.data, name.size) == 0) return *f;
  return NULL;
}

int hf__lmdb_feature_add(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_feature *feature, bool *changed) {
  hf_buffer record = HF_BUFFER_INIT;
  bool added = false;
  bool ok = hf_buffer_printf(&record, "{\"unknown\":") && hf_buffer_quote(&record, hf_text(feature->unknown)) &&
            hf_buffer_printf(&record, ",\"meaning\":") && hf_buffer_quote(&record, hf_text(feature->meaning)) &&
            hf_buffer_add(&record, "}", 1);
  int rc = ok ? hf__lmdb_meta_put(env, txn, META_FEATURE, hf_text(feature->name), (hf_slice){record.data, record.size},
                                  &added)
              : ENOMEM;
  hf_buffer_free(&record);
  if (rc || !added) return rc;
  *changed = true;
  return feature->build ? feature->build(env, txn) : 0;
}

int hf__lmdb_feature_each(hf__lmdb_env *env, MDB_txn *txn,
                          int (*fn)(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice record, void *arg),
                          void *arg) {
  return hf__lmdb_meta_each(env, txn, META_FEATURE, fn, arg);
}
