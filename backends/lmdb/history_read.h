/* SPDX-License-Identifier: MIT
 *
 * Entities as they were after a commit.  What an id was after the commit R is the record that the first entry of the
 * history after R tells of, if that record is not newer than R itself; without such an entry it is the present record,
 * likewise.
 *
 * Which of LMDB's snapshots is read does not matter: of a commit that it has, every later one tells the same, as long
 * as the history reaches back so far.  So a transaction of the past goes on from a later one where it must.
 */
#ifndef HF_BACKENDS_LMDB_HISTORY_READ_H
#define HF_BACKENDS_LMDB_HISTORY_READ_H

#include "env.h"

/* A collection as it was. */
typedef struct hf__lmdb_past {
  hf__lmdb_env *env;
  hf__lmdb_txn *in; /* NULL: a reader of the pool */
  hf__lmdb_collection *collection;
  MDB_txn *txn;
  MDB_dbi dbi, history, log; /* 0: the store has none */
  uint32_t number;           /* of the collection in the history; 0: it is not in there */
  uint64_t at;               /* the commit after which it is looked at */
  uint64_t history_from;     /* the oldest commit all of whose entries are there, once that was looked at */
  uint64_t hole;             /* and the one that found a gap; 0: none has */
  bool has_clock;
  int64_t clock; /* when that commit was made, once it was asked for */
  MDB_cursor *c; /* of the history, once it was wanted */
} hf__lmdb_past;

/* What an id was. */
typedef struct hf__lmdb_was {
  hf_status status; /* HF_OK, HF_NOT_FOUND, HF_CORRUPT; or another, when looking has failed: *err is filled in then */
  const char *problem; /* HF_CORRUPT: what is wrong */
  bool in_quarantine;  /* and that it was put aside */
  hf_slice text;       /* valid as long as the transaction */
  hf_info info;
} hf__lmdb_was;

/* Begins to look at a collection as it was after `at`, in a transaction of the past or, with `in` NULL, in a reader of
 * the pool, which is given back soon.
 * HF_COMPACTED, HF_UNSUPPORTED: the history does not reach back so far; HF_INVALID_ARGUMENT: there is no such commit
 * yet. */
hf_status hf__lmdb_past_begin(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *collection, uint64_t at,
                              hf__lmdb_past *past, hf_error *err);
/* The same of whatever it was; the caller sets `at`. */
hf_status hf__lmdb_past_open(hf__lmdb_env *env, hf__lmdb_txn *in, hf__lmdb_collection *collection, hf__lmdb_past *past,
                             hf_error *err);
void hf__lmdb_past_end(hf__lmdb_past *past);

/* How far the history reaches, for the core, in the transaction of `past`. */
hf_status hf__lmdb_past_reach(hf__lmdb_past *past, hf_changes_reach *reach, hf_error *err);

/* The error of who asks for what is not kept.  Returns its status. */
hf_status hf__lmdb_past_fail(const hf__lmdb_past *past, uint64_t at, const hf_changes_reach *reach, hf_error *err);

/* Opens past->c.  False: there is no history of the collection, or *status says what failed. */
bool hf__lmdb_past_has_history(hf__lmdb_past *past, hf_status *status, hf_error *err);

/* What an id was.
 *   present  its present record; NULL: it has none */
void hf__lmdb_past_look(hf__lmdb_past *past, const hf_key *key, const MDB_val *present, hf__lmdb_was *was,
                        hf_error *err);

/* ---- slots */

/* Begins a transaction of the past. */
hf_status hf__lmdb_past_txn(hf__lmdb_env *env, uint64_t at, hf__lmdb_txn *txn, hf_error *err);

/* Whether the transaction (NULL: none) is one. */
static inline bool hf__lmdb_looks_back(const void *txn) {
  return __builtin_expect(txn != NULL, 0) && ((const hf__lmdb_txn *)txn)->at;
}

/* hf_backend.get_at */
hf_status hf__lmdb_get_at(void *store, void *collection, const hf_key *key, uint64_t revision, hf_buffer *json,
                          hf_info *info, hf_error *err);

/* get, has (json NULL) and get_many in such a transaction. */
hf_status hf__lmdb_past_get(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection, const hf_key *key,
                            hf_buffer *json, hf_info *info, hf_error *err);
hf_status hf__lmdb_past_get_many(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection,
                                 const hf_key *keys, size_t count, hf_page *page, hf_error *err);

#endif
