/* SPDX-License-Identifier: MIT
 *
 * The history: values that were replaced, in one database for all collections (README.md has the format).
 *
 *   key    number of the collection, 4 bytes, big-endian; the order key of the id; the revision that replaced it, 6
 *          bytes, big-endian: at most 511 bytes
 *   value  kind of the change that ended it; then the whole record that was replaced
 *
 * The order key of "0" is the beginning of that of "00": whose a key is, its size tells too.  All of one id come before
 * those of ids that go on after it, since no byte of an id is as small as the first one of a revision.
 *
 * A record of no size: there was none.  With HF_CHANGE_QUARANTINE the id came to quarantine without one; with other
 * kinds the change took an id out of quarantine.
 */
#ifndef HF_BACKENDS_LMDB_HISTORY_STORE_H
#define HF_BACKENDS_LMDB_HISTORY_STORE_H

#include "env.h"

enum {
  HISTORY_NUMBER = 4,
  HISTORY_REVISION = 6,
  HISTORY_KEY_MAX = HISTORY_NUMBER + HF_ORDER_KEY_MAX + HISTORY_REVISION
};

/* Beyond all revisions of an id, and before the next id. */
#define HISTORY_BEYOND UINT64_C(0x1FFFFFFFFFFF)

/* Keys of META_DB: the newest number that was given out, and with the entity name after it, the number of that. */
#define META_NUMBERS "numbers"
#define META_NUMBER "number:"

/* A value that was replaced; slices point into the database. */
typedef struct hf__lmdb_replaced {
  uint32_t number;
  hf_slice order;
  uint64_t revision;   /* of the change that ended it */
  hf_change_kind what; /* that one */
  MDB_val record;
} hf__lmdb_replaced;

/* Makes a key in `out`. */
MDB_val hf__lmdb_history_key(unsigned char out[HISTORY_KEY_MAX], uint32_t number, hf_slice order, uint64_t revision);

/* What follows gives LMDB's results. */

/* The number of an entity name, as the transaction sees it; 0: it has none, and so no history. */
int hf__lmdb_history_number(const hf__lmdb_env *env, MDB_txn *txn, hf_slice entity_name, uint32_t *number);
/* The same, and gives it one where it has none.  In a write transaction. */
int hf__lmdb_history_give_number(hf__lmdb_env *env, hf__lmdb_txn *txn, hf__lmdb_collection *collection,
                                 uint32_t *number);

/* Keeps a record (NULL: one of no size), unless one is kept for this revision. */
int hf__lmdb_history_put(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t revision,
                         hf_change_kind what, const MDB_val *record);
/* Has it be another change that ended what is kept for this revision; nothing may be. */
int hf__lmdb_history_end_by(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t revision,
                            hf_change_kind what);
/* Forgets one; it may be gone. */
int hf__lmdb_history_delete(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t revision);

/* Forgets all of an id, and counts them. */
int hf__lmdb_history_purge(MDB_txn *txn, MDB_dbi history, uint32_t number, hf_slice order, uint64_t *count);
/* Forgets all of all. */
int hf__lmdb_history_drop(MDB_txn *txn, MDB_dbi history);

/* Reads one.  False: it is damaged. */
bool hf__lmdb_history_read(const MDB_val *key, const MDB_val *value, hf__lmdb_replaced *out);

/* Puts a cursor on the first one of the id that ended with this revision or a later one: MDB_NOTFOUND where there is
 * none.  The cursor then is where it would be. */
int hf__lmdb_history_seek(MDB_cursor *c, uint32_t number, hf_slice order, uint64_t revision, hf__lmdb_replaced *out);

#endif
