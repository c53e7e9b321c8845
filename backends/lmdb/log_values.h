/* SPDX-License-Identifier: MIT
 *
 * The values of changes that are read out of the log: as of their revision where they are kept, the present ones
 * elsewhere.
 */
#ifndef HF_BACKENDS_LMDB_LOG_VALUES_H
#define HF_BACKENDS_LMDB_LOG_VALUES_H

#include "env.h"
#include "log_store.h"

enum {
  LOG_NAMES_MAX = 64,
  LOG_NAMES_FEW = 8 /* so many databases stay open by themselves */
};

/* A collection whose values are read. */
typedef struct hf__lmdb_log_name {
  hf__lmdb_collection *collection; /* a reference */
  MDB_dbi dbi;                     /* in the transaction; 0: it is not in the store */
  uint32_t number;                 /* in the history; 0: it has none */
  size_t of;                       /* the transaction in which these were looked up, as a number of the caller's */
} hf__lmdb_log_name;

/* What values are read from. */
typedef struct hf__lmdb_log_values {
  hf__lmdb_env *env;
  MDB_txn *txn;
  MDB_dbi history;       /* 0: there is none */
  uint64_t history_from; /* as the head says */
  size_t transactions;   /* how many were begun: names are looked up again in each */
  hf__lmdb_log_name names[LOG_NAMES_MAX];
  size_t count;
  hf__lmdb_txn holder;          /* a brief snapshot, during which no database is closed */
  bool holds;                   /* it has begun, since there are more names than a few */
  hf__lmdb_collection *missing; /* one whose database has to be opened before the next transaction */
  bool lacks_name;              /* or one that has to be put to the names first: */
  char name[HF_ID_MAX];
  size_t name_size;
} hf__lmdb_log_values;

/* Finds the collection; NULL: something is missing, see hf__lmdb_log_values_open(), or *rc is LMDB's failure. */
const hf__lmdb_log_name *hf__lmdb_log_values_find(hf__lmdb_log_values *values, hf_slice name, int *rc);

/* Opens what is missing.  Without a transaction.  *full: there is no more room for names. */
hf_status hf__lmdb_log_values_open(hf__lmdb_log_values *values, bool *full, hf_error *err);

/* Fills in the value that a HF_CHANGE_WRITE had.  *left_out: it had none any more when its commit ended.  LMDB's
 * result. */
int hf__lmdb_log_values_get(const hf__lmdb_log_values *values, const hf__lmdb_log_name *name,
                            const hf__lmdb_log_entry *entry, hf_change *change, bool *left_out);

/* Gives the references back.  Without a transaction. */
void hf__lmdb_log_values_free(hf__lmdb_log_values *values);

#endif
