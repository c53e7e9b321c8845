/* SPDX-License-Identifier: MIT
 *
 * Quarantine: where unreadable records are kept.  One named database for all
 * collections; key = state, hash of the entity name, order key of the id; value =
 * one line of JSON that says what it is, and the record's bytes as they were found.
 *
 * In state 'q' a record stands in for its entity: reading the id gives
 * `corrupt` instead of `not_found`, so that nobody takes a damaged position for a
 * missing one.  Writing, removing or clearing the id settles it: it moves to state 'r' and
 * is kept, but no longer in the way.  Nothing here is ever deleted.
 */
#ifndef HF_BACKENDS_LMDB_QUARANTINE_H
#define HF_BACKENDS_LMDB_QUARANTINE_H

#include "env.h"

/* The hash by which quarantine tells collections apart. */
uint64_t hf__lmdb_name_hash(hf_slice name);

/* HF_CORRUPT, with the reason as message, if the id is in quarantine; HF_NOT_FOUND if not. */
hf_status hf__lmdb_quarantine_check(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                                    const hf_key *key, hf_error *err);

/* The same of an order key, for who asks of many; true as well where it cannot be told.
 *   arg  hf__lmdb_looking */
typedef struct hf__lmdb_looking {
  hf__lmdb_env *env;
  MDB_txn *txn;
  const hf__lmdb_collection *collection;
} hf__lmdb_looking;
bool hf__lmdb_is_in_quarantine(hf_slice order, void *arg);

/* Keeps an unreadable record's bytes for the id, in front of what is there; the caller removes the record.  LMDB's
 * result. */
int hf__lmdb_quarantine_keep(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, const hf_key *key,
                             hf_slice bytes, const char *problem);

/* Puts bytes there that are damaged in another store, unless these are what came for the id last.  LMDB's result. */
int hf__lmdb_quarantine_put(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, const hf_key *key,
                            hf_slice bytes, const char *problem);

/* Lists what stands in for entities of the type, as the slot quarantine_scan; *more is left alone at the end.  LMDB's
 * result. */
int hf__lmdb_quarantine_list(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                             const hf_scan *scan, hf_page *page, bool *more);

/* Whether nothing at all is in quarantine, which is nearly always so.  In a write transaction, nested or not. */
bool hf__lmdb_quarantine_is_empty(hf__lmdb_env *env, MDB_txn *txn);
/* A commit has happened that has this number: the next transaction need not look where nothing is there. */
void hf__lmdb_quarantine_committed(hf__lmdb_env *env, size_t commit);
/* The environment was opened again: nothing is known of the commits before. */
void hf__lmdb_quarantine_forget(hf__lmdb_env *env);

/* Settles the id (key NULL: all of the collection); *settled counts.  LMDB's result. */
int hf__lmdb_quarantine_settle(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                               const hf_key *key, size_t *settled);

/* Calls the function for the order key of each that stands in for an entity of the type; ends with the first result
 * that is not 0.  That, or LMDB's. */
int hf__lmdb_quarantine_each(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection,
                             int (*fn)(void *arg, hf_slice order), void *arg);

/* Counts what stands in for entities of the type (NULL: of all).  LMDB's result. */
int hf__lmdb_quarantine_count(hf__lmdb_env *env, MDB_txn *txn, const hf__lmdb_collection *collection, uint64_t *count);

/* What stands in for an entity. */
typedef struct hf__lmdb_kept {
  char name[HF_ID_MAX + 1];
  hf_slice entity_name; /* points to it */
  hf_slice id;          /* into the key */
  hf_slice bytes;       /* into the value: those that came last */
} hf__lmdb_kept;

/* Reads it from a key and a value of QUARANTINE_DB, whatever they are.  False: they stand in for no entity. */
bool hf__lmdb_quarantine_read(hf_slice key, hf_slice value, hf__lmdb_kept *out);

/* The hash of the entity name in a key of QUARANTINE_DB, settled or not; 0: it is no such key. */
uint64_t hf__lmdb_quarantine_name(hf_slice key);

#endif
