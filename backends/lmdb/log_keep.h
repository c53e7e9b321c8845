/* SPDX-License-Identifier: MIT
 *
 * Keeping up the log of changes, and the history: what a change of a record adds to them, in the same transaction.
 * change.c calls this, and nothing else does.
 *
 * Each function comes before the change that it is of, as long as the old record is where it was.  A record that the
 * same transaction has written is no state that anybody else has seen: what replaces it adds nothing, and what removes
 * it keeps nothing of it.
 */
#ifndef HF_BACKENDS_LMDB_LOG_KEEP_H
#define HF_BACKENDS_LMDB_LOG_KEEP_H

#include "env.h"

/* What is kept up in a transaction. */
typedef struct hf__lmdb_logging {
  hf__lmdb_env *env;
  hf__lmdb_txn *t;
  hf__lmdb_collection *collection;
  MDB_dbi log;     /* 0: no log is kept */
  MDB_dbi history; /* 0: no replaced values are */
} hf__lmdb_logging;

/* Begins. */
hf_status hf__lmdb_log_enter(hf__lmdb_logging *logging, hf__lmdb_env *env, hf__lmdb_txn *txn,
                             hf__lmdb_collection *collection, hf_error *err);

/* What follows gives LMDB's results, and needs a log. */

/* A change of an id.
 *   old      the record that it ends; NULL: there is none
 *   settles  there is none, and the id is in quarantine */
int hf__lmdb_log_change(const hf__lmdb_logging *logging, hf_change_kind what, const hf_key *key, const MDB_val *old,
                        bool settles);

/* All records of the database (0: there is none) are removed.
 *   settles  and some ids are taken out of quarantine */
int hf__lmdb_log_clear(const hf__lmdb_logging *logging, MDB_dbi records, bool settles);

/* ---- for commits */

/* A transaction has committed, or not: whether its time is that of the newest change. */
void hf__lmdb_log_committed(hf__lmdb_env *env, const hf__lmdb_txn *txn, uint64_t commit);

#endif
