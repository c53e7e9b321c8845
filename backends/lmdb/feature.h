/* SPDX-License-Identifier: MIT
 *
 * Features of a store: what every writer has to keep up beside the records, such as an index.  A store of format 2 has
 * a list of those that were turned on in it, by the settings that need them; each entry says itself what a Holdfast may
 * do that does not know the feature.
 */
#ifndef HF_BACKENDS_LMDB_FEATURE_H
#define HF_BACKENDS_LMDB_FEATURE_H

#include "env.h"

/* What a Holdfast may do with a store that has a feature unknown to it.  The words stand in the store. */
#define FEATURE_READ "read"     /* read, and write nothing */
#define FEATURE_REFUSE "refuse" /* not even open it */

/* Another store's changes are written here, and nothing else: see notes.h.  There as long as that is so. */
#define FEATURE_FOLLOW "follow"

/* A feature that this version knows. */
typedef struct hf__lmdb_feature {
  const char *name;    /* "index" */
  const char *unknown; /* FEATURE_READ or FEATURE_REFUSE */
  const char *meaning; /* what it is, for the sentence of a version that does not know it: "indexes over members" */
  /* Makes what it keeps out of the records, whatever there is of it: when it is turned on, and after commits of a
   * process that does not know it.  Within the write transaction, under the writer's lock; LMDB's result. */
  int (*build)(hf__lmdb_env *env, MDB_txn *txn);
  bool for_verify; /* nothing that reads entities goes by it: opening a store does not wait to bring it up to date */
} hf__lmdb_feature;

/* Those that this version knows; ends in NULL.  A variable, so that tests can have one of their own. */
extern const hf__lmdb_feature *const *hf__lmdb_features;

/* The feature of this name; NULL: not known. */
const hf__lmdb_feature *hf__lmdb_feature_find(hf_slice name);

/* Notes in the transaction that the store has the feature from now on, and builds it; *changed becomes true unless it
 * had.  LMDB's result. */
int hf__lmdb_feature_add(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_feature *feature, bool *changed);

/* Calls the function for each feature that the store has, with its name and its record; ends with the first result that
 * is not 0.  That, or LMDB's. */
int hf__lmdb_feature_each(hf__lmdb_env *env, MDB_txn *txn,
                          int (*fn)(hf__lmdb_env *env, MDB_txn *txn, hf_slice name, hf_slice record, void *arg),
                          void *arg);

#endif
